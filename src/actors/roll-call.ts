/**
 * Containers and capsules that were restored without a place: a store that lost its tail may
 * have forgotten where they are. None of them is placed anew while a host that
 * may have it has yet to speak.
 */
import type { CapsuleContext } from '../machines/capsule/context.ts';
import type { ContainerContext } from '../machines/container/context.ts';
import type { Address } from '../model/address.ts';
import type { EffectResults } from '../model/events.ts';
import type { HostView } from '../model/host.ts';
import type { Cell } from './cell.ts';

export interface RollCall {
  /** At the start. A host that was lost already could be given nothing that was forgotten since. */
  restored(placed: Iterable<Cell>): void;
  /** This host has told all it has. */
  heard(hostId: string): void;
  placed(address: Address): void;
  /** Why it is not ranked for yet, as a ranking that may change; null when nobody is waited for. */
  before(address: Address): EffectResults['rankHosts'] | null;
}

/** Of the hosts that are waited for, as many are named. */
const namedMost = 3;

export function createRollCall(hosts: () => readonly HostView[]): RollCall {
  const unplaced = new Set<Address>();
  /** Not heard since the start, whatever became of them meanwhile. */
  const silent = new Set<string>();
  return {
    restored(placed) {
      for (const { address, committed } of placed)
        if ((committed!.record.context as ContainerContext | CapsuleContext).hostId === null)
          unplaced.add(address);
      for (const { id, online, expected } of hosts()) if (online || expected) silent.add(id);
    },
    heard: (hostId) => void silent.delete(hostId),
    placed: (address) => void unplaced.delete(address),
    before(address) {
      if (!unplaced.has(address)) return null;
      const awaited = hosts().filter(({ id, online, expected }) => !online && (expected || silent.has(id)));
      if (awaited.length === 0) return null;
      const names = awaited.slice(0, namedMost).map(({ hostname }) => `"${hostname}"`);
      const reason = `${names.join(', ')} has yet to tell whether it is there, since the control plane was restarted`;
      return {
        candidates: [],
        refusals: [{ filter: 'restart', hosts: awaited.length, reason }],
        mayChange: true,
      };
    },
  };
}
