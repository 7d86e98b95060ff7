/** Tells the containers, sandboxes, networks and volumes of a lost host. */
import type { Runtime } from '../runtime.ts';
import { promised, type Effect } from './effect.ts';
import { tellPlaced } from './tell-placed.ts';

export const tellContainersEffect = (runtime: () => Runtime): Effect =>
  promised(async (run) => ({ told: await tellPlaced(runtime(), run, 'host.lost') }));
