/** Waiting for what sockets, disks and agents bring, without a clock. */
import { setImmediate as turn } from 'node:timers/promises';

export { turn };

/** Resolves with what `look` finds, once it finds something. */
export async function until<T>(look: () => T | Promise<T>): Promise<NonNullable<T>> {
  for (;;) {
    const found = await look();
    if (found !== null && found !== undefined && found !== false) return found as NonNullable<T>;
    await turn();
  }
}
