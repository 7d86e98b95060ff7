/** Every chart that is run, by the kind of actor. */
import type { ActorKind } from '../model/address.ts';
import type { Chart } from './chart.ts';
import { capsuleChart } from './capsule.machine.ts';
import { containerChart } from './container.machine.ts';
import { hostChart } from './host.machine.ts';
import { imageChart } from './image.machine.ts';
import { networkChart } from './network.machine.ts';
import { poolChart } from './pool.machine.ts';
import { registryChart } from './registry.machine.ts';
import { sandboxChart } from './sandbox.machine.ts';
import { tenantChart } from './tenant.machine.ts';
import { volumeChart } from './volume.machine.ts';

export const charts: Readonly<Record<ActorKind, Chart>> = {
  container: containerChart,
  capsule: capsuleChart,
  host: hostChart,
  tenant: tenantChart,
  sandbox: sandboxChart,
  pool: poolChart,
  network: networkChart,
  volume: volumeChart,
  image: imageChart,
  registry: registryChart,
};
