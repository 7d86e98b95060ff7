/**
 * Tells all that is placed on a host what became of it. The host keeps no list
 * of them; who is placed there is read from the actors. Told again after a
 * crash, which one that knows already ignores.
 */
import { parseAddress } from '../../model/address.ts';
import type { Runtime } from '../runtime.ts';
import type { EffectRun } from './effect.ts';

/** Resolves with how many they were, once all of them have noted it. */
export async function tellPlaced(
  runtime: Runtime,
  { address, operation }: Pick<EffectRun, 'address' | 'operation'>,
  type: 'host.lost' | 'host.removed',
): Promise<number> {
  const hostId = parseAddress(address).id;
  const asked = [...runtime.placedOn(hostId)].map(
    (cell) =>
      new Promise<void>((resolve) => {
        cell.deliver({
          event: { type, hostId },
          cause: { kind: 'actor', address, revision: operation.revision, requestId: operation.requestId },
          source: { kind: 'fact' },
          settled: () => resolve(),
          failed: () => resolve(),
        });
      }),
  );
  await Promise.all(asked);
  return asked.length;
}
