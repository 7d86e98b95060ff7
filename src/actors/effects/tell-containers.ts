/**
 * Tells the containers, sandboxes, networks and volumes of a lost host. The
 * host keeps no list of them; who is placed there is read from the actors. Told
 * again after a crash, which one that knows already ignores.
 */
import { parseAddress } from '../../model/address.ts';
import type { Runtime } from '../runtime.ts';
import type { Effect } from './effect.ts';

export const tellContainersEffect =
  (runtime: () => Runtime): Effect =>
  ({ address, operation, done }) => {
    const hostId = parseAddress(address).id;
    let stopped = false;
    const asked: Promise<unknown>[] = [];
    for (const cell of runtime().placedOn(hostId)) {
      asked.push(
        new Promise<void>((resolve) => {
          cell.deliver({
            event: { type: 'host.lost', hostId },
            cause: { kind: 'actor', address, revision: operation.revision, requestId: null },
            source: { kind: 'fact' },
            settled: () => resolve(),
            failed: () => resolve(),
          });
        }),
      );
    }
    void Promise.all(asked).then(() => {
      if (!stopped) done({ told: asked.length });
    });
    return () => {
      stopped = true;
    };
  };
