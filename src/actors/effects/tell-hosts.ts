/**
 * Tells the hosts that have containers of a tenant how it bears neighbours
 * from now on. The tenant keeps no list of them; who has some is read from the
 * hosts. Told again after a crash, which a host that knows already ignores.
 */
import type { HostContext } from '../../machines/host/context.ts';
import { parseAddress } from '../../model/address.ts';
import type { Neighbours } from '../../model/placement.ts';
import type { Runtime } from '../runtime.ts';
import { promised, type Effect } from './effect.ts';

export const tellHostsEffect = (runtime: () => Runtime): Effect =>
  promised(async ({ address, operation }) => {
    const tenant = parseAddress(address).id;
    const { neighbours } = operation.input as { neighbours: Neighbours };
    const asked: Promise<unknown>[] = [];
    for (const cell of runtime().cellsOf('host').values()) {
      if (!cell.committed) continue;
      if (!Object.hasOwn((cell.committed.record.context as HostContext).tenants, tenant)) continue;
      asked.push(
        new Promise<void>((resolve) => {
          cell.deliver({
            event: { type: 'tenant.isolated', tenant, neighbours },
            cause: { kind: 'actor', address, revision: operation.revision, requestId: operation.requestId },
            source: { kind: 'fact' },
            settled: () => resolve(),
            failed: () => resolve(),
          });
        }),
      );
    }
    await Promise.all(asked);
    return { told: asked.length };
  });
