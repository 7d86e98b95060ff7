/** Every chart that is run, by the kind of actor. */
import type { ActorKind } from '../model/address.ts';
import type { Chart } from './chart.ts';
import { containerChart } from './container.machine.ts';
import { hostChart } from './host.machine.ts';
import { tenantChart } from './tenant.machine.ts';

export const charts: Readonly<Record<ActorKind, Chart>> = {
  container: containerChart,
  host: hostChart,
  tenant: tenantChart,
};
