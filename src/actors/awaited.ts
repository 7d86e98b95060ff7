/** Callers that wait for what their request leads to, some turns later. */
import type { Address } from '../model/address.ts';
import type { Environment } from '../model/environment.ts';

export interface Awaited {
  /** Resolves once it is so after a turn of the actor, or the caller has waited long enough. */
  until(address: Address, isSo: () => boolean): Promise<void>;
  /** The actor has had a durable turn. */
  moved(address: Address): void;
}

/** @param mostMs how long a caller waits */
export function createAwaited(environment: Pick<Environment, 'schedule'>, mostMs: number): Awaited {
  const waiting = new Map<Address, Set<() => void>>();
  return {
    until: (address, isSo) =>
      new Promise((resolve) => {
        if (isSo()) return resolve();
        const end = (): void => {
          waiting.get(address)?.delete(look);
          if (waiting.get(address)?.size === 0) waiting.delete(address);
          cancel();
          resolve();
        };
        const look = (): void => void (isSo() && end());
        const cancel = environment.schedule(mostMs, end);
        waiting.set(address, (waiting.get(address) ?? new Set()).add(look));
      }),
    moved(address) {
      for (const look of waiting.get(address) ?? []) look();
    },
  };
}
