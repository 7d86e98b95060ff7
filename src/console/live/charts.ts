/** Charts as the control plane runs them, and where ELK puts their states. */
import type { ELK, ElkNode } from 'elkjs';
import workerUrl from 'elkjs/lib/elk-worker.min.js?url';
import { statesOf, type ChartNode } from '../../chart/definition.ts';
import { graphOf, type ChartGraph } from '../../chart/graph.ts';
import type { ChartDocument } from './api.ts';
import { call } from './session.ts';

const documents = new Map<string, Promise<ChartNode>>();

/** Asked once for each version; a chart that was run never changes. */
export function chartOf(kind: string, version: number): Promise<ChartNode> {
  const key = `${kind} ${version}`;
  let found = documents.get(key);
  if (!found) {
    found = call<ChartDocument>('GET', `/v1/statecharts/${kind}?version=${version}`).then(
      ({ definition }) => definition,
    );
    found.catch(() => documents.delete(key));
    documents.set(key, found);
  }
  return found;
}

/** Of a kind, as it is run now. */
export const currentChart = (kind: string): Promise<ChartDocument> =>
  call<ChartDocument>('GET', `/v1/statecharts/${kind}`);

export interface LaidOut {
  readonly graph: ChartGraph;
  readonly laid: ElkNode;
}

let elk: Promise<ELK> | null = null;

/** Loaded when the first chart is shown, and run beside the page. */
const layouter = (): Promise<ELK> =>
  (elk ??= import('elkjs/lib/elk-api.js').then(({ default: Elk }) => new Elk({ workerUrl })));

const layouts = new WeakMap<ChartNode, Map<string, Promise<LaidOut>>>();

/** @param open ids of the states whose own states are shown */
export function layOut(
  chart: ChartNode,
  open: ReadonlySet<string>,
  direction: 'DOWN' | 'RIGHT',
): Promise<LaidOut> {
  const known = layouts.get(chart) ?? new Map<string, Promise<LaidOut>>();
  layouts.set(chart, known);
  const key = `${direction} ${[...open].sort().join(' ')}`;
  let found = known.get(key);
  if (!found) {
    const graph = graphOf(chart, { isOpen: ({ id }) => open.has(id), direction });
    found = layouter().then(async (each) => ({ graph, laid: await each.layout(graph.elk) }));
    known.set(key, found);
  }
  return found;
}

/** States that have states of their own. */
export const openable = (chart: ChartNode): readonly string[] =>
  statesOf(chart)
    .filter(({ states }) => Object.keys(states).length > 0)
    .map(({ id }) => id);

/** A state's path as its id, and those of all states around it. */
export const idsOf = (kind: string, paths: readonly string[]): ReadonlySet<string> =>
  new Set(
    paths.flatMap((path) => {
      const keys = path.split('.');
      return keys.map((_, index) => [kind, ...keys.slice(0, index + 1)].join('.'));
    }),
  );
