/**
 * A control plane in a process of its own, with crash points at its store. With
 * `LEAK=1` it is broken on purpose: it takes every turn for committed before
 * the store has answered.
 */
import { actorKinds } from '../../src/model/address.ts';
import type { Outcome, Store } from '../../src/actors/stores/store.ts';
import { runControlPlane } from '../../src/main/control-plane.ts';
import { createEnvironment } from '../../src/main/environment.ts';
import { storeOf } from '../../src/main/stores.ts';
import { crashingStore, passed } from './crash-points.ts';
import { config, log } from './process-settings.ts';

/** Positions that no store of a test has reached. */
const leakedFrom = 1_000_000;

function leakingStore(store: Store): Store {
  let leaked = leakedFrom;
  return {
    ...store,
    async commit(writes, acknowledged) {
      void store.commit(writes, acknowledged);
      return writes.map((): Outcome => ({ kind: 'committed', position: (leaked += 1) }));
    },
  };
}

/** The committed record of each living actor; null while anything is on its way. */
function memory(): Readonly<Record<string, unknown>> | null {
  const { runtime } = running.controlPlane;
  const cells = actorKinds.flatMap((kind) => [...runtime.cellsOf(kind).values()]);
  if (cells.some(({ depth }) => depth > 0) || [...runtime.courier.undelivered()].length > 0) return null;
  return Object.fromEntries(cells.map(({ address, committed }) => [address, committed?.record]));
}

const environment = createEnvironment(log);
const wrap = process.env['LEAK'] === '1' ? leakingStore : crashingStore;
const running = await runControlPlane(config, environment, wrap(storeOf(config, environment)), log);
process.on('message', (message) => {
  if (message === 'passed') process.send!({ passed: passed() });
  if (message === 'memory') process.send!({ memory: memory() });
});
process.send!({ ready: true });
