/** A chart as the API gives it, as Mermaid text. A projection: nothing is drawn, and nothing left out that moves. */

export interface ChartTransition {
  readonly eventType: string;
  readonly guard?: string;
  /** Ids of states, each with `#` before it; none for what is answered without moving. */
  readonly target?: readonly string[];
}

export interface ChartNode {
  /** The path from the chart's name, e.g. `container.acquiring.image`. */
  readonly id: string;
  readonly key: string;
  readonly type: 'atomic' | 'compound' | 'parallel' | 'final' | 'history';
  readonly description?: string;
  readonly initial?: { readonly target: readonly string[] };
  readonly states: Readonly<Record<string, ChartNode>>;
  readonly on: Readonly<Record<string, readonly ChartTransition[]>>;
  readonly always: readonly ChartTransition[];
  readonly invoke: readonly { readonly id: string; readonly src: string }[];
  readonly tags?: readonly string[];
  readonly meta?: { readonly status?: string; readonly taskState?: string | null };
}

/** @see https://mermaid.js.org/syntax/stateDiagram.html */
export function toMermaid(chart: ChartNode): string {
  const lines = ['stateDiagram-v2'];
  const write = (depth: number, text: string): void => void lines.push(`${'  '.repeat(depth)}${text}`);

  const declare = (node: ChartNode, depth: number): void => {
    const children = Object.values(node.states);
    if (children.length === 0) return write(depth, `state "${node.key}" as ${name(node.id)}`);
    write(depth, `state "${node.key}" as ${name(node.id)} {`);
    body(node, depth + 1);
    write(depth, '}');
  };
  const body = (node: ChartNode, depth: number): void => {
    const children = Object.values(node.states);
    children.forEach((child, index) => {
      declare(child, depth);
      // Regions stand side by side.
      if (node.type === 'parallel' && index < children.length - 1) write(depth, '--');
    });
    for (const target of node.initial?.target ?? [])
      if (node.type === 'compound') write(depth, `[*] --> ${name(target)}`);
    for (const child of children) if (child.type === 'final') write(depth, `${name(child.id)} --> [*]`);
  };

  body(chart, 1);
  for (const { from, to, labels } of arrows(chart)) {
    if (from === chart.id) {
      write(1, `note right of ${name(to)}`);
      for (const label of labels) write(2, `from anywhere: ${label}`);
      write(1, 'end note');
    } else {
      write(1, `${name(from)} --> ${name(to)} : ${labels.join('<br>')}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** Every state of the chart, parents before children, without the chart itself. */
export function statesOf(chart: ChartNode): readonly ChartNode[] {
  return Object.values(chart.states).flatMap((node) => [node, ...statesOf(node)]);
}

/** `container.acquiring.image` → `acquiring.image`, as the API writes state paths. */
export const pathOf = ({ id }: ChartNode): string => id.slice(id.indexOf('.') + 1);

interface Arrow {
  readonly from: string;
  readonly to: string;
  readonly labels: readonly string[];
}

/** One for each pair of states, with all that leads from the one to the other. */
function arrows(chart: ChartNode): readonly Arrow[] {
  const found = new Map<string, { from: string; to: string; labels: string[] }>();
  for (const node of [chart, ...statesOf(chart)]) {
    const list = [...Object.values(node.on).flat(), ...node.always];
    for (const transition of list) {
      for (const target of transition.target ?? []) {
        const to = target.slice(1);
        const arrow = found.get(`${node.id} ${to}`) ?? { from: node.id, to, labels: [] };
        found.set(`${node.id} ${to}`, arrow);
        const label = labelOf(transition);
        if (!arrow.labels.includes(label)) arrow.labels.push(label);
      }
    }
  }
  return [...found.values()];
}

const invoked = /^xstate\.(done|error)\.(actor|state)\.(.+)$/;

/** The event in words, and under which guard. */
function labelOf({ eventType, guard }: ChartTransition): string {
  const [, outcome, of, id = ''] = invoked.exec(eventType) ?? [];
  const event =
    of === 'state'
      ? 'all done'
      : of === 'actor'
        ? `${id} ${outcome === 'done' ? 'done' : 'failed'}`
        : eventType;
  const condition = guard === undefined ? '' : `[${guard}]`;
  return [event, condition].filter((part) => part !== '').join(' ') || 'otherwise';
}

/** Mermaid's names have no dots. */
const name = (id: string): string => id.replace(/^#/, '').replaceAll('.', '_');
