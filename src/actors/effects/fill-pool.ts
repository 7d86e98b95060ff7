/**
 * Begins sandboxes ahead for a pool. Asked again by the same operation, it finds those that it began.
 *
 * Ports of Neutron that wait are bounded over all pools of a project, and of the site: pools with such are filled one
 * after the other, so that each sees what the one before began.
 */
import type { PoolContext } from '../../machines/pool/context.ts';
import type { SandboxContext } from '../../machines/sandbox/context.ts';
import { parseAddress, sandboxAddress } from '../../model/address.ts';
import { namedUuid } from '../../model/named-uuid.ts';
import type { NetworkEffectResults, SandboxInput } from '../../model/network-events.ts';
import type { NetworkRequest } from '../../model/network.ts';
import { oneAtATime } from '../../model/one-at-a-time.ts';
import type { Runtime } from '../runtime.ts';
import { promised, type Effect } from './effect.ts';

/** Ports of Neutron that sandboxes made ahead may have. */
export interface ReadyPortBounds {
  readonly perProject: number;
  readonly perSite: number;
}

export function fillPoolEffect(runtime: () => Runtime, bounds: ReadyPortBounds): Effect {
  const inTurn = oneAtATime();
  return promised(async ({ address, operation, context }): Promise<NetworkEffectResults['fillPool']> => {
    const { tenant } = parseAddress(address);
    const { hostId, networks, id, ceiling, windowMs, deadlines } = context as PoolContext;
    const { count } = operation.input as { readonly count: number };
    const addressOf = (index: number) => {
      const sandboxId = namedUuid(`ahead/${operation.opId}/${index}`);
      return { sandboxId, to: sandboxAddress(tenant ?? '', sandboxId) };
    };
    const isBegun = (index: number): boolean => {
      const { to } = addressOf(index);
      return runtime().cell(to) !== undefined || runtime().tombstones.has(to);
    };
    const begin = async (index: number): Promise<void> => {
      const { sandboxId, to } = addressOf(index);
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
    const left = Array.from({ length: count }, (_, index) => index).filter((index) => !isBegun(index));
    if (portsOn(networks) === 0) {
      await Promise.all(left.map(begin));
      return { begun: count, short: null };
    }
    return inTurn('pools', async () => {
      for (const index of left) {
        const short = shortOf(runtime(), bounds, tenant ?? '', networks);
        if (short !== null) return { begun: index, short };
        await begin(index);
      }
      return { begun: count, short: null };
    });
  });
}

const portsOn = (networks: readonly NetworkRequest[]): number =>
  networks.filter(({ neutron }) => neutron).length;

/** Whose ports are used up by what waits, or is being made to: a further one would be above its bound. */
function shortOf(
  runtime: Runtime,
  { perProject, perSite }: ReadyPortBounds,
  tenant: string,
  networks: readonly NetworkRequest[],
): 'project' | 'site' | null {
  const asked = portsOn(networks);
  let [ofProject, ofSite] = [asked, asked];
  for (const { committed } of runtime.cellsOf('sandbox').values()) {
    const each = committed?.record.context as SandboxContext | undefined;
    if (!each || each.claimedBy !== null || each.pool === null) continue;
    ofSite += portsOn(each.networks);
    if (each.tenant === tenant) ofProject += portsOn(each.networks);
  }
  if (ofProject > perProject) return 'project';
  return ofSite > perSite ? 'site' : null;
}
