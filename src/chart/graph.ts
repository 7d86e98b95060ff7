/**
 * A chart as a graph for ELK: a box for each state that is shown, a line for
 * all that leads from one to another. What many states do alike is no line but
 * a note in the box it leads to, so that what is left can be read.
 */
import type { ElkExtendedEdge, ElkNode } from 'elkjs';
import { arrowsOf, labelsOf, type Arrow, type ChartNode, type ChartTransition } from './definition.ts';

export interface Box {
  readonly node: ChartNode;
  /** Its states are shown inside. */
  readonly isOpen: boolean;
  /** What leads here from many states, or from anywhere around it. */
  readonly notes: readonly string[];
}

export interface Line {
  readonly from: string;
  readonly to: string;
  readonly labels: readonly string[];
}

export interface ChartGraph {
  readonly elk: ElkNode;
  readonly boxes: ReadonlyMap<string, Box>;
  /** By the edge's id. Those that begin at no box begin a state. */
  readonly lines: ReadonlyMap<string, Line>;
}

export interface GraphOptions {
  /** Whether a state's own states are shown inside it. */
  readonly isOpen: (node: ChartNode) => boolean;
  readonly direction: 'RIGHT' | 'DOWN';
}

/** Sizes in px of what `picture.ts` draws, at its font sizes. */
export const sizes = {
  /** Of one line of small print. */
  line: 15,
  title: 28,
  padding: 12,
  label: 14,
} as const;

/** Average advance of a letter in px: of titles in 13 px, and of small print in 11 px. */
const [titleLetter, smallLetter] = [7.8, 6.3];
const labelLinesMost = 3;
/** What leads to one state in the same way from this many is a note. */
const manyFrom = 3;

export const startId = (id: string): string => `${id}#start`;

export function graphOf(chart: ChartNode, { isOpen, direction }: GraphOptions): ChartGraph {
  const open = (node: ChartNode): boolean =>
    node === chart || (Object.keys(node.states).length > 0 && isOpen(node));
  const shown = shownIn(chart, open);
  const { lines: arrows, notes } = thinned(chart, arrowsOf(chart, shown));
  const boxes = new Map<string, Box>();
  const lines = new Map<string, Line>();
  const edges: ElkExtendedEdge[] = [];

  const join = (from: string, to: string, labels: readonly string[]): void => {
    const id = `${from}→${to}`;
    lines.set(id, { from, to, labels });
    edges.push({
      id,
      sources: [from],
      targets: [to],
      labels: shortened(labels).map((text, index) => ({
        id: `${id}:${index}`,
        text,
        width: text.length * smallLetter + 6,
        height: sizes.label,
      })),
    });
  };

  const boxOf = (node: ChartNode): ElkNode => {
    const box: Box = { node, isOpen: open(node), notes: notes.get(node.id) ?? [] };
    boxes.set(node.id, box);
    const small = smallPrint(box);
    const width = Math.max(
      node.key.length * titleLetter + (Object.keys(node.states).length > 0 ? 16 : 0),
      ...small.map((text) => text.length * smallLetter),
    );
    const [boxWidth, boxHeight] = [
      width + 2 * sizes.padding,
      sizes.title + small.length * sizes.line + (small.length > 0 ? 6 : 0),
    ];
    if (!box.isOpen) return { id: node.id, width: boxWidth, height: boxHeight };
    return {
      id: node.id,
      children: insideOf(node),
      layoutOptions: {
        'elk.padding': `[top=${boxHeight + 10},left=${sizes.padding},bottom=${sizes.padding},right=${sizes.padding}]`,
        'elk.nodeSize.constraints': 'MINIMUM_SIZE',
        'elk.nodeSize.minimum': `(${boxWidth},${boxHeight})`,
      },
    };
  };
  const insideOf = (node: ChartNode): ElkNode[] => {
    const children = Object.values(node.states).map(boxOf);
    if (node.type !== 'compound' || node.initial === undefined) return children;
    for (const target of node.initial.target) join(startId(node.id), shown(target.slice(1)), []);
    return [{ id: startId(node.id), width: 10, height: 10 }, ...children];
  };

  const children = insideOf(chart);
  for (const { from, to, moves } of arrows) join(from, to, labelsOf(moves));
  return {
    boxes,
    lines,
    elk: {
      id: chart.id,
      children,
      edges,
      layoutOptions: {
        'elk.algorithm': 'layered',
        'elk.direction': direction,
        'elk.hierarchyHandling': 'INCLUDE_CHILDREN',
        'elk.edgeRouting': 'ORTHOGONAL',
        'elk.json.edgeCoords': 'ROOT',
        'elk.json.shapeCoords': 'ROOT',
        // The order in which a chart is written is the order in which it is lived.
        'elk.layered.cycleBreaking.strategy': 'MODEL_ORDER',
        'elk.layered.nodePlacement.strategy': 'NETWORK_SIMPLEX',
        'elk.layered.spacing.nodeNodeBetweenLayers': '26',
        'elk.layered.spacing.edgeNodeBetweenLayers': '12',
        'elk.layered.spacing.edgeEdgeBetweenLayers': '8',
        'elk.spacing.nodeNode': '26',
        'elk.spacing.edgeNode': '16',
        'elk.spacing.edgeEdge': '10',
        'elk.spacing.edgeLabel': '4',
        'elk.padding': '[top=12,left=12,bottom=12,right=12]',
      },
    },
  };
}

/** What stands under the title of a box. */
export function smallPrint({ node, isOpen, notes }: Box): readonly string[] {
  const { status, taskState } = node.meta ?? {};
  const projected = [status, taskState].filter((each) => each).join(' · ');
  const inside = Object.keys(node.states).length;
  return [
    ...(projected === '' ? [] : [projected]),
    ...(inside > 0 && !isOpen ? [`${inside} states inside`] : []),
    ...notes,
  ];
}

function shownIn(chart: ChartNode, open: (node: ChartNode) => boolean): (id: string) => string {
  const standsFor = new Map<string, string>();
  const walk = (node: ChartNode, instead: string | null): void => {
    standsFor.set(node.id, instead ?? node.id);
    const within = instead ?? (open(node) ? null : node.id);
    for (const child of Object.values(node.states)) walk(child, within);
  };
  walk(chart, null);
  return (id) => standsFor.get(id) ?? id;
}

interface Thinned {
  readonly lines: readonly Arrow[];
  readonly notes: ReadonlyMap<string, readonly string[]>;
}

/** Takes out what would be drawn alike from many states, and what leads from a state into itself. */
function thinned(chart: ChartNode, arrows: readonly Arrow[]): Thinned {
  const notes = new Map<string, string[]>();
  const note = (id: string, text: string): void => void notes.set(id, [...(notes.get(id) ?? []), text]);
  const sources = new Map<string, { to: string; words: string; from: Set<string> }>();
  for (const { from, to, moves } of arrows) {
    if (isAround(from, to)) continue;
    for (const move of moves) {
      const words = sameness(chart, move);
      if (words === null) continue;
      const key = `${to} ${words}`;
      const found = sources.get(key) ?? { to, words, from: new Set() };
      sources.set(key, found);
      found.from.add(from);
    }
  }
  const many = new Map([...sources].filter(([, { from }]) => from.size >= manyFrom));
  for (const { to, words, from } of many.values()) note(to, `← ${words}, from ${from.size} states`);

  const lines = arrows.flatMap((arrow): Arrow[] => {
    const { from, to, moves } = arrow;
    if (isAround(from, to)) {
      const where = from === chart.id ? 'anywhere' : `anywhere in ${from.split('.').at(-1)}`;
      for (const label of labelsOf(moves)) note(to, `← ${label}, from ${where}`);
      return [];
    }
    const left = moves.filter((move) => !many.has(`${to} ${sameness(chart, move)}`));
    return left.length === 0 ? [] : [{ from, to, moves: left }];
  });
  return { lines, notes };
}

const isAround = (outer: string, inner: string): boolean => inner === outer || inner.startsWith(`${outer}.`);

const ended = /^xstate\.(done|error)\.actor\.(.+)$/;

/** What a move has in common with others, in words; null for what is of its state alone. */
function sameness(chart: ChartNode, { eventType }: ChartTransition): string | null {
  if (!eventType.startsWith('xstate.')) return eventType === '' ? null : eventType;
  const [, outcome, invokeId = ''] = ended.exec(eventType) ?? [];
  if (outcome === 'error' || (outcome === 'done' && isDeadline(chart, invokeId))) return 'failed or too late';
  return null;
}

function isDeadline(node: ChartNode, invokeId: string): boolean {
  return (
    node.invoke.some(({ id, src }) => id === invokeId && src === 'deadline') ||
    Object.values(node.states).some((child) => isDeadline(child, invokeId))
  );
}

/** Without the guards of events, and without the last resort: what is not written here is told of the line. */
function shortened(labels: readonly string[]): readonly string[] {
  const words = labels
    .map((label) => label.replace(/(?<=.) \[.*\]$/, ''))
    .filter((label) => label !== 'otherwise');
  const lines = [...new Set(words)];
  return lines.length <= labelLinesMost
    ? lines
    : [...lines.slice(0, labelLinesMost - 1), `+ ${lines.length - labelLinesMost + 1} more`];
}
