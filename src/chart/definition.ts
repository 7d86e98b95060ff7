/** A chart as the API gives it: its states, and what leads from which to which, in words. */

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

/** Every state of the chart, parents before children, without the chart itself. */
export function statesOf(chart: ChartNode): readonly ChartNode[] {
  return Object.values(chart.states).flatMap((node) => [node, ...statesOf(node)]);
}

/** `container.acquiring.image` → `acquiring.image`, as the API writes state paths. */
export const pathOf = ({ id }: Pick<ChartNode, 'id'>): string => id.slice(id.indexOf('.') + 1);

/** All that leads from one state that is shown to another. */
export interface Arrow {
  readonly from: string;
  readonly to: string;
  readonly moves: readonly ChartTransition[];
}

/**
 * One for each pair of states.
 * @param shown the state that stands for one, given by its id: itself, or one around it
 */
export function arrowsOf(chart: ChartNode, shown: (id: string) => string): readonly Arrow[] {
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
  return [...found.values()];
}

const invoked = /^xstate\.(done|error)\.(actor|state)\.(.+)$/;

/** Each event in words, and under which guard; what leads there done or failed alike goes by its name alone. */
export function labelsOf(moves: readonly ChartTransition[]): readonly string[] {
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

/** The event in words, as people read it: an effect's end by its name. */
export const eventInWords = (eventType: string): string =>
  labelsOf([{ eventType: eventType.replace(/^xstate\.after\..*$/, 'a delay') }])[0] ?? eventType;
