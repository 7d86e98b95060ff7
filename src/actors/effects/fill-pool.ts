/** Begins sandboxes ahead for a pool. Asked again by the same operation, it finds those that it began. */
import type { PoolContext } from '../../machines/pool/context.ts';
import { parseAddress, sandboxAddress } from '../../model/address.ts';
import { namedUuid } from '../../model/named-uuid.ts';
import type { SandboxInput } from '../../model/network-events.ts';
import type { Runtime } from '../runtime.ts';
import { promised, type Effect } from './effect.ts';

export const fillPoolEffect = (runtime: () => Runtime): Effect =>
  promised(async ({ address, operation, context }) => {
    const { tenant } = parseAddress(address);
    const { hostId, networks, id, ceiling, windowMs, deadlines } = context as PoolContext;
    const { count } = operation.input as { readonly count: number };
    const begin = async (index: number): Promise<void> => {
      const sandboxId = namedUuid(`ahead/${operation.opId}/${index}`);
      const to = sandboxAddress(tenant ?? '', sandboxId);
      if (runtime().cell(to) || runtime().tombstones.has(to)) return;
      const input: SandboxInput = {
        id: sandboxId,
        tenant: tenant ?? '',
        hostId,
        hostname: null,
        networks,
        published: [],
        claimedBy: null,
        isOfCapsule: false,
        pool: { id, ceiling, windowMs },
        deadlines,
      };
      const cause = { kind: 'actor', address, revision: operation.revision, requestId: null } as const;
      await runtime().begin(to, input, cause, null);
    };
    await Promise.all(Array.from({ length: count }, (_, index) => begin(index)));
    return { begun: count };
  });
