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

/**
 * @param depth states below it are drawn into those that hold them; all of them by default
 * @see https://mermaid.js.org/syntax/stateDiagram.html
 */
export function toMermaid(chart: ChartNode, depth = Infinity): string {
  const lines = ['stateDiagram-v2'];
  const write = (indent: number, text: string): void => void lines.push(`${'  '.repeat(indent)}${text}`);

  const declare = (node: ChartNode, level: number): void => {
    const children = Object.values(node.states);
    const title = `state "${node.key}" as ${name(node.id)}`;
    if (children.length === 0 || level === depth) return write(level, title);
    write(level, `${title} {`);
    body(node, level + 1);
    write(level, '}');
  };
  const body = (node: ChartNode, level: number): void => {
    const children = Object.values(node.states);
    children.forEach((child, index) => {
      declare(child, level);
      // Regions stand side by side; the whole chart's need no line between them, and Mermaid has none there.
      if (node.type === 'parallel' && node !== chart && index < children.length - 1) write(level, '--');
    });
    if (node.type === 'compound')
      for (const target of node.initial?.target ?? []) write(level, `[*] --> ${name(target)}`);
    for (const child of children) if (child.type === 'final') write(level, `${name(child.id)} --> [*]`);
  };

  body(chart, 1);
  for (const { from, to, labels } of arrows(chart, depth)) {
    if (to.startsWith(`${from}.`)) {
      // An arrow from a state into itself can't be seen.
      const where = from === chart.id ? 'anywhere' : `anywhere in ${from.slice(chart.id.length + 1)}`;
      write(1, `note right of ${name(to)}`);
      for (const label of labels) write(2, `from ${where}: ${label}`);
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
function arrows(chart: ChartNode, depth: number): readonly Arrow[] {
  const shown = (id: string): string =>
    id
      .split('.')
      .slice(0, depth + 1)
      .join('.');
  const found = new Map<
    string,
    { readonly from: string; readonly to: string; readonly moves: ChartTransition[] }
  >();
  for (const node of [chart, ...statesOf(chart)]) {
    for (const transition of [...Object.values(node.on).flat(), ...node.always]) {
      for (const target of transition.target ?? []) {
        const [from, to] = [shown(node.id), shown(target.slice(1))];
        if (from === to && target.slice(1) !== node.id) continue;
        const arrow = found.get(`${from} ${to}`) ?? { from, to, moves: [] };
        found.set(`${from} ${to}`, arrow);
        arrow.moves.push(transition);
      }
    }
  }
  return [...found.values()].map(({ from, to, moves }) => ({ from, to, labels: labelsOf(moves) }));
}

const invoked = /^xstate\.(done|error)\.(actor|state)\.(.+)$/;

/** Each event in words, and under which guard; what leads there done or failed alike goes by its name alone. */
function labelsOf(moves: readonly ChartTransition[]): readonly string[] {
  const seen = new Set(moves.map(({ eventType, guard }) => `${eventType} ${guard ?? ''}`));
  const labels = moves.map(({ eventType, guard }) => {
    const [, outcome, of, id = ''] = invoked.exec(eventType) ?? [];
    const condition = guard === undefined ? '' : `[${guard}]`;
    if (of === undefined) return `${eventType} ${condition}`.trim() || 'otherwise';
    if (of === 'state') return `all done ${condition}`.trim();
    const otherwise = `xstate.${outcome === 'done' ? 'error' : 'done'}.actor.${id} ${guard ?? ''}`;
    if (seen.has(otherwise)) return `${id} ${condition}`.trim();
    return `${id} ${outcome === 'done' ? 'done' : 'failed'} ${condition}`.trim();
  });
  return [...new Set(labels)];
}

/** Mermaid's names have no dots. */
const name = (id: string): string => id.replace(/^#/, '').replaceAll('.', '_');
