/** A laid-out chart as a tree of SVG elements, for whoever draws: the console into the page, `svg.ts` into a file. */
import type { ElkEdgeSection, ElkExtendedEdge, ElkNode, ElkPoint } from 'elkjs';
import { pathOf } from './definition.ts';
import { sizes, smallPrint, type Box, type ChartGraph } from './graph.ts';

export interface Shape {
  readonly tag: string;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly children: readonly (Shape | string)[];
}

/** What is said of states beside the chart itself; by their ids. */
export interface Marks {
  readonly active: ReadonlySet<string>;
  /** Where an event that is possible now would lead. */
  readonly next: ReadonlySet<string>;
  /** How many actors are there. */
  readonly counts?: ReadonlyMap<string, number>;
}

const shape = (
  tag: string,
  attributes: Shape['attributes'],
  ...children: Shape['children'][number][]
): Shape => ({
  tag,
  attributes,
  children,
});

/** @param laid `graph.elk` as ELK gave it back */
export function pictureOf(graph: ChartGraph, laid: ElkNode, marks: Marks): Shape {
  const boxes: Shape[] = [];
  const starts: Shape[] = [];
  const walk = (nodes: readonly ElkNode[]): void => {
    for (const node of nodes) {
      const box = graph.boxes.get(node.id);
      if (box) boxes.push(boxShape(node, box, marks));
      else starts.push(startShape(node));
      walk(node.children ?? []);
    }
  };
  walk(laid.children ?? []);
  const lines = (laid.edges ?? []).map((edge) => lineShape(edge, graph, marks));
  const { width = 0, height = 0 } = laid;
  return shape(
    'svg',
    {
      xmlns: 'http://www.w3.org/2000/svg',
      class: 'chart',
      width: Math.ceil(width),
      height: Math.ceil(height),
      viewBox: `0 0 ${Math.ceil(width)} ${Math.ceil(height)}`,
      role: 'group',
      'aria-label': `Statechart of a ${laid.id}`,
    },
    shape('g', { class: 'boxes' }, ...boxes),
    shape('g', { class: 'lines' }, ...lines, ...starts),
  );
}

function boxShape({ id, x = 0, y = 0, width = 0, height = 0 }: ElkNode, box: Box, marks: Marks): Shape {
  const { node, isOpen } = box;
  const isActive = marks.active.has(id);
  const isNext = marks.next.has(id);
  const count = marks.counts?.get(id) ?? 0;
  const hasInside = Object.keys(node.states).length > 0;
  const classes = [
    'state',
    node.type,
    ...(node.tags ?? []).map((tag) => `tag-${tag}`),
    ...(isOpen ? ['open'] : []),
    ...(isActive ? ['active'] : []),
    ...(isNext ? ['next'] : []),
    ...(count > 0 ? ['counted'] : []),
  ];
  const spoken = [
    pathOf(node),
    ...(isActive ? ['active now'] : []),
    ...(isNext ? ['possible next'] : []),
    ...(count > 0 ? [`${count} here`] : []),
    ...(node.description === undefined ? [] : [node.description]),
  ].join(', ');
  const left = x + sizes.padding;
  const title = hasInside ? `${isOpen ? '▾' : '▸'} ${node.key}` : node.key;
  return shape(
    'g',
    {
      class: classes.join(' '),
      'data-state': id,
      // A button goes by what is written on it.
      ...(hasInside
        ? { role: 'button', tabindex: 0, 'aria-expanded': String(isOpen), 'aria-description': spoken }
        : { role: 'img', 'aria-label': spoken }),
    },
    shape(
      'title',
      {},
      node.description === undefined ? pathOf(node) : `${pathOf(node)}: ${node.description}`,
    ),
    shape('rect', { x, y, width, height, rx: 8 }),
    ...(node.type === 'final'
      ? [shape('rect', { class: 'inner', x: x + 3, y: y + 3, width: width - 6, height: height - 6, rx: 6 })]
      : []),
    shape('text', { class: 'title', x: left, y: y + 19 }, title),
    ...smallPrint(box).map((text, line) =>
      shape(
        'text',
        {
          class: text.startsWith('←') ? 'note' : 'small',
          x: left,
          y: y + sizes.title + 8 + line * sizes.line,
        },
        text,
      ),
    ),
    ...(count > 0
      ? [
          shape('circle', { class: 'badge', cx: x + width, cy: y, r: 9 + String(count).length * 3 }),
          shape('text', { class: 'badge', x: x + width, y: y + 4, 'text-anchor': 'middle' }, String(count)),
        ]
      : []),
  );
}

const startShape = ({ x = 0, y = 0 }: ElkNode): Shape =>
  shape('circle', { class: 'start', cx: x + 5, cy: y + 5, r: 5 });

function lineShape(edge: ElkExtendedEdge, { lines, boxes }: ChartGraph, marks: Marks): Shape {
  const line = lines.get(edge.id)!;
  const isLive = marks.active.has(line.from) && boxes.has(line.from);
  const sections = edge.sections ?? [];
  return shape(
    'g',
    { class: isLive ? 'line live' : 'line', 'data-from': line.from, 'data-to': line.to },
    ...(line.labels.length > 0 ? [shape('title', {}, line.labels.join('\n'))] : []),
    ...sections.map((section) => shape('path', { class: 'way', d: wayOf(section) })),
    ...sections.map((section) => shape('path', { class: 'head', d: headOf(section) })),
    ...(edge.labels ?? []).map(({ text = '', x = 0, y = 0 }) =>
      shape('text', { class: 'label', x: x + 3, y: y + 11 }, text),
    ),
  );
}

const bend = 6;

/** Straight pieces with rounded corners. */
function wayOf({ startPoint, bendPoints = [], endPoint }: ElkEdgeSection): string {
  const points = [startPoint, ...bendPoints, endPoint];
  const parts = points.map((point, index) => {
    const before = points[index - 1];
    const after = points[index + 1];
    if (!before) return `M${at(point)}`;
    if (!after) return `L${at(point)}`;
    const radius = Math.min(bend, distance(before, point) / 2, distance(point, after) / 2);
    return `L${at(towards(point, before, radius))}Q${at(point)} ${at(towards(point, after, radius))}`;
  });
  return parts.join('');
}

/** A triangle whose tip is the line's end. */
function headOf({ startPoint, bendPoints = [], endPoint }: ElkEdgeSection): string {
  const before = bendPoints.at(-1) ?? startPoint;
  const base = towards(endPoint, before, 8);
  const [dx, dy] = [(endPoint.x - base.x) / 2, (endPoint.y - base.y) / 2];
  return `M${at(endPoint)}L${at({ x: base.x - dy, y: base.y + dx })}L${at({ x: base.x + dy, y: base.y - dx })}Z`;
}

const at = ({ x, y }: ElkPoint): string => `${round(x)} ${round(y)}`;
const round = (value: number): number => Math.round(value * 10) / 10;
const distance = (a: ElkPoint, b: ElkPoint): number => Math.hypot(a.x - b.x, a.y - b.y);

function towards(from: ElkPoint, to: ElkPoint, length: number): ElkPoint {
  const whole = distance(from, to) || 1;
  return { x: from.x + ((to.x - from.x) * length) / whole, y: from.y + ((to.y - from.y) * length) / whole };
}
