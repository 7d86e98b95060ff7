/** What the engine of this host may be able to do, or the words that it can't. */
import type { RuntimeDriver } from '../drivers/runtime/runtime-driver.ts';
import type { RuntimePowers } from '../drivers/runtime/runtime-powers.ts';
import { TroupeError } from '../errors/errors.ts';

/** @throws TroupeError HOST_INCAPABLE */
export function power<K extends keyof RuntimePowers>(driver: RuntimeDriver, name: K): RuntimePowers[K] {
  const found = (driver as Partial<RuntimePowers>)[name];
  if (found) return found;
  throw new TroupeError('HOST_INCAPABLE', `The engine "${driver.name}" of this host can't "${name}"`);
}
