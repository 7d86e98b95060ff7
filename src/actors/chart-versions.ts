/** Charts are kept by version, so that an old journal can be read on the chart that wrote it. */
import { TroupeError } from '../errors/errors.ts';
import type { Chart } from '../machines/chart.ts';
import { definitionOf } from '../machines/definition.ts';
import type { ActorKind } from '../model/address.ts';
import type { ControlPlane } from './index.ts';
import type { Store } from './stores/store.ts';

export interface ChartVersions {
  /** Keeps those that run now. */
  record(): Promise<void>;
  readonly find: ControlPlane['chart'];
}

const keyOf = (kind: ActorKind, version: number): string => `chart/${kind}/${version}`;

export function createChartVersions(store: Store, charts: Readonly<Record<ActorKind, Chart>>): ChartVersions {
  return {
    async record() {
      for (const { kind, version, machine } of Object.values(charts))
        await store.putSetting(keyOf(kind, version), JSON.stringify(definitionOf(machine)));
    },
    async find(kind, version) {
      const wanted = version ?? charts[kind].version;
      if (wanted === charts[kind].version)
        return { kind, version: wanted, definition: definitionOf(charts[kind].machine) };
      const key = keyOf(kind, wanted);
      const stored = (await store.settings(key))[key];
      if (stored === undefined)
        throw new TroupeError('NOT_FOUND', `Version ${wanted} of the ${kind} chart was never run here`);
      return { kind, version: wanted, definition: JSON.parse(stored) as unknown };
    },
  };
}
