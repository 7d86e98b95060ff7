/**
 * Which actors are placed on which host, as committed: a host keeps no list of
 * them, and looking through all actors for those of one host would make what
 * each of many hosts asks quadratic.
 */
import type { Cell } from './cell.ts';
import type { ActorState } from './turn.ts';

export interface Placements {
  /** Of all kinds. */
  on(hostId: string): Iterable<Cell>;
  /** @param after null once it has ended */
  moved(cell: Cell, before: ActorState | null, after: ActorState | null): void;
}

export function createPlacements(): Placements {
  const byHost = new Map<string, Set<Cell>>();
  return {
    on: (hostId) => byHost.get(hostId) ?? [],
    moved(cell, before, after) {
      const was = hostOf(before);
      const is = hostOf(after);
      if (was === is) return;
      if (was !== null) {
        const left = byHost.get(was);
        left?.delete(cell);
        if (left?.size === 0) byHost.delete(was);
      }
      if (is === null) return;
      const entered = byHost.get(is);
      if (entered) entered.add(cell);
      else byHost.set(is, new Set([cell]));
    },
  };
}

const hostOf = (state: ActorState | null): string | null =>
  (state?.record.context as { readonly hostId?: string | null } | undefined)?.hostId ?? null;
