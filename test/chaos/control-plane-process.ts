/**
 * A control plane in a process of its own that kills itself at a chosen commit:
 * before the store has heard of it, or after the store has it and before
 * anyone was told. `CRASH_AT=before:12`. With `LEAK=1` it is broken on purpose:
 * it takes every turn for committed before the store has answered.
 */
import pino from 'pino';
import type { Outcome, Store } from '../../src/actors/stores/store.ts';
import { loadConfig } from '../../src/config/load.ts';
import { runControlPlane } from '../../src/main/control-plane.ts';
import { createEnvironment } from '../../src/main/environment.ts';
import { storeOf } from '../../src/main/stores.ts';

const [when, number] = (process.env['CRASH_AT'] ?? 'never:0').split(':');
const flags = Object.fromEntries(
  process.argv.slice(2).map((pair) => pair.split(/=(.*)/s).slice(0, 2) as [string, string]),
);
const { config } = loadConfig({ flags, environment: {}, file: null, usualFiles: [] });
const log = pino({ level: 'silent' });
const environment = createEnvironment(log);
const real = storeOf(config, environment);
let commits = 0;
let leaked = 0;
/** Positions that no store of a test has reached. */
const leakedFrom = 1_000_000;

const store: Store = new Proxy(real, {
  get(target, property) {
    if (property !== 'commit') return (target as unknown as Record<PropertyKey, unknown>)[property];
    return async (...args: Parameters<Store['commit']>) => {
      if (args[0].length > 0) commits += 1;
      const strikes = commits === Number(number) && args[0].length > 0;
      if (strikes && when === 'before') process.kill(process.pid, 'SIGKILL');
      const answer = target.commit(...args);
      if (process.env['LEAK'] === '1') {
        leaked += args[0].length;
        return args[0].map((_, at): Outcome => ({ kind: 'committed', position: leakedFrom + leaked + at }));
      }
      const outcomes = await answer;
      if (strikes && when === 'after') process.kill(process.pid, 'SIGKILL');
      return outcomes;
    };
  },
});

const running = await runControlPlane(config, environment, store, log);
process.on('message', (message) => {
  if (message === 'token')
    void running.controlPlane.createJoinToken().then((token) => process.send!({ token }));
  if (message === 'commits') process.send!({ commits });
  if (message === 'memory') process.send!({ memory: memory() });
});
process.send!({ ready: true });

/** The committed record of each living actor; null while anything is on its way. */
function memory(): Readonly<Record<string, unknown>> | null {
  const { runtime } = running.controlPlane;
  const cells = (['container', 'host', 'tenant'] as const).flatMap((kind) => [
    ...runtime.cellsOf(kind).values(),
  ]);
  if (cells.some(({ depth }) => depth > 0) || [...runtime.courier.undelivered()].length > 0) return null;
  return Object.fromEntries(cells.map(({ address, committed }) => [address, committed?.record]));
}
