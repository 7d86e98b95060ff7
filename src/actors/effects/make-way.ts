/**
 * Sandboxes made ahead give way to one whose port Neutron refuses for want of
 * quota, or of addresses. Asked again, it looks for what is left of them.
 */
import type { PoolContext } from '../../machines/pool/context.ts';
import type { SandboxContext } from '../../machines/sandbox/context.ts';
import type { Environment } from '../../model/environment.ts';
import type { NetworkRequest } from '../../model/network.ts';
import type { Cell } from '../cell.ts';
import type { Runtime } from '../runtime.ts';
import { promised, type Effect } from './effect.ts';

export interface MakeWayOptions {
  readonly environment: Environment;
  readonly runtime: () => Runtime;
}

/** Between looks, and for the first to be gone. */
const lookMs = 100;
const longestMs = 15_000;

interface OnNetworks {
  readonly tenant: string;
  readonly networks: readonly NetworkRequest[];
}

export const makeWayEffect = ({ environment, runtime }: MakeWayOptions): Effect =>
  promised(async ({ address, operation, context }, isWanted) => {
    const { tenant, failure, portIntent } = context as SandboxContext;
    const networkId = portIntent?.request.networkId;
    /** Addresses are of the network, whoever has them; the quota is the project's. */
    const holdsIt = (other: OnNetworks): boolean =>
      failure?.code === 'ADDRESSES_EXHAUSTED'
        ? other.networks.some((each) => each.networkId === networkId)
        : other.tenant === tenant && other.networks.some(({ neutron }) => neutron);
    const of = <T extends OnNetworks>(kind: 'pool' | 'sandbox', isMeant: (each: T) => boolean) =>
      [...runtime().cellsOf(kind).values()].filter(({ committed }) => {
        const each = committed?.record.context as T | undefined;
        return each !== undefined && holdsIt(each) && isMeant(each);
      });
    const isAhead = ({ claimedBy, pool }: SandboxContext): boolean => claimedBy === null && pool !== null;
    const isGone = (cell: Cell): boolean => runtime().cell(cell.address) === undefined;
    const end = environment.monotonic() + longestMs;
    const giving = of<SandboxContext>('sandbox', isAhead);
    const cause = {
      kind: 'actor',
      address,
      revision: operation.revision,
      requestId: operation.requestId,
    } as const;
    const pools = of<PoolContext>('pool', ({ ready, making }) => ready + making > 0);
    await Promise.all(
      pools.map((pool) => runtime().ask(pool.address, { type: 'pool.flush' }, cause, 'command')),
    );
    for (;;) {
      const gone = giving.filter(isGone).length;
      const isOver = !isWanted() || environment.monotonic() > end;
      // One of them may have got its container meanwhile.
      const left = of<SandboxContext>('sandbox', isAhead).length;
      if (gone > 0 || left === 0 || isOver) return { gone };
      await new Promise<void>((resolve) => void environment.schedule(lookMs, () => resolve()));
    }
  });
