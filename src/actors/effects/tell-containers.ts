/** Tells the containers, sandboxes, networks and volumes of a lost host. */
import type { Runtime } from '../runtime.ts';
import type { Effect } from './effect.ts';
import { tellPlaced } from './tell-placed.ts';

export const tellContainersEffect =
  (runtime: () => Runtime): Effect =>
  (run) => {
    let stopped = false;
    void tellPlaced(runtime(), run, 'host.lost').then((told) => stopped || run.done({ told }));
    return () => {
      stopped = true;
    };
  };
