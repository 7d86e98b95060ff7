/**
 * A process that kills itself at a chosen point: `CRASH_AT=commit:before:12`,
 * before the store has heard of its twelfth commit, or `after`, when the store
 * has it and nobody was told; `CRASH_AT=call:after:2` the same around its second call of the engine.
 */
import type { RuntimeDriver } from '../../src/drivers/runtime/runtime-driver.ts';
import type { Store } from '../../src/actors/stores/store.ts';

const [where, when, number] = (process.env['CRASH_AT'] ?? 'never').split(':');
/** Calls that change something at the engine. */
const changing = new Set([
  'pullImage',
  'ensureSandbox',
  'removeSandbox',
  'createContainer',
  'startContainer',
  'stopContainer',
  'removeContainer',
]);
const counts = { commit: 0, call: 0 };
const calls: string[] = [];

/** Does `work` as point number so and so of `kind`, if we live to see it. */
async function pass<T>(kind: 'commit' | 'call', work: () => Promise<T>): Promise<T> {
  counts[kind] += 1;
  const isPoint = where === kind && counts[kind] === Number(number);
  if (isPoint && when === 'before') process.kill(process.pid, 'SIGKILL');
  const result = await work();
  if (isPoint && when === 'after') process.kill(process.pid, 'SIGKILL');
  return result;
}

export const crashingStore = (store: Store): Store => ({
  ...store,
  commit: (writes, acknowledged) =>
    // Acknowledgements alone decide nothing.
    writes.length === 0
      ? store.commit(writes, acknowledged)
      : pass('commit', () => store.commit(writes, acknowledged)),
});

export const crashingDriver = (driver: RuntimeDriver): RuntimeDriver =>
  new Proxy(driver, {
    get(target, property) {
      const method = (target as unknown as Record<PropertyKey, unknown>)[property];
      if (typeof method !== 'function' || !changing.has(String(property))) return method;
      return (...args: unknown[]) => {
        calls.push(String(property));
        return pass('call', () =>
          Promise.resolve((method as (...all: unknown[]) => unknown).apply(target, args)),
        );
      };
    },
  });

/** What was passed so far: how many commits, and which calls. */
export interface Passed {
  readonly commits: number;
  readonly calls: readonly string[];
}

export const passed = (): Passed => ({ commits: counts.commit, calls });
