/**
 * Totals are a cache of the actors behind them: a difference is an alarm, and
 * corrected by an event (correctness.md, quota). Each is compared once nothing
 * of it is on its way; so after a start, and after what a store forgot was found.
 */
import { emptyTally } from '../machines/host/claims.ts';
import type { HostContext } from '../machines/host/context.ts';
import type { NetworkContext } from '../machines/network/context.ts';
import type { SandboxContext } from '../machines/sandbox/context.ts';
import { noAmounts } from '../machines/amounts.ts';
import { kindOf, parseAddress, sandboxAddress, type Address } from '../model/address.ts';
import type { Environment } from '../model/environment.ts';
import type { Cause } from '../model/journal.ts';
import type { NetworkDefinition } from '../model/network.ts';
import { comparable, isCountable, sumContainers, type Sums } from './audit.ts';
import type { Cell } from './cell.ts';
import type { Runtime } from './runtime.ts';
import type { TurnEvent } from './turn.ts';
import type { Unreadable } from './unreadable.ts';
import { warmDifference } from './warm-audit.ts';

/** Between looks at actors whose messages were still on their way: the first, and the longest. */
const firstLookMs = 50;
const longestLookMs = 1_000;

/**
 * Resolves once each of these tenants, hosts and networks was compared, and corrected where it was wrong.
 * @param plugged sandboxes that their hosts have, whatever their actors know of it
 */
export type Recount = (
  addresses: Iterable<Address>,
  reason: string,
  plugged?: ReadonlySet<Address>,
) => Promise<void>;

export function createRecount(
  environment: Environment,
  runtime: () => Runtime,
  unreadable: () => readonly Unreadable[],
): Recount {
  const correctHost = ({ address, committed }: Cell, { claims }: Sums, tell: (event: TurnEvent) => void) => {
    if (isCountable(address, unreadable()))
      tell({ type: 'host.recount', ...(claims.get(parseAddress(address).id) ?? emptyTally) });
    const { absent, unlisted } = warmDifference(runtime(), committed!.record.context as HostContext);
    for (const each of absent) tell({ type: 'sandbox.withdrawn', ...each });
    for (const each of unlisted) tell({ type: 'sandbox.ready', ...each });
  };

  return (addresses, reason, plugged = new Set()) =>
    new Promise((resolve) => {
      const cause: Cause = { kind: 'runtime', reason };
      const left = new Set(addresses);
      const tell = (address: Address, event: TurnEvent): void =>
        void runtime().deliver(address, { event, cause, source: { kind: 'fact' } });

      /** Of two that hold one address, the one that is not plugged yet takes another. False: that is to be waited for. */
      const correctNetwork = ({ address, committed }: Cell): boolean => {
        const { id, definition } = committed!.record.context as NetworkContext;
        const held = heldOf(runtime(), id, plugged);
        for (const each of held.displaced)
          tell(each.sandbox, { type: 'sandbox.displaced', networkId: id, address: each.address });
        if (held.displaced.length > 0) return false;
        const known = held.made ?? definition;
        if (known) tell(address, { type: 'network.found', definition: known, addresses: held.addresses });
        return true;
      };

      const correct = (cell: Cell, sums: Sums): boolean => {
        const { address } = cell;
        const kind = kindOf(address);
        if (kind === 'network') return correctNetwork(cell);
        if (kind === 'host') correctHost(cell, sums, (event) => tell(address, event));
        else if (isCountable(address, unreadable()))
          tell(address, {
            type: 'tenant.recount',
            totals: sums.quota.get(parseAddress(address).id) ?? noAmounts,
          });
        return true;
      };

      const look = (pauseMs: number): void => {
        const cells = (['tenant', 'host', 'network'] as const)
          .filter((kind) => [...left].some((address) => kindOf(address) === kind))
          .flatMap((kind) => comparable(runtime(), kind))
          .filter((cell) => left.has(cell.address) && cell.committed);
        const sums = cells.length > 0 ? sumContainers(runtime()) : { quota: new Map(), claims: new Map() };
        for (const cell of cells) if (correct(cell, sums)) left.delete(cell.address);
        // What has ended, or never was, has nothing to be counted.
        for (const address of left) if (!runtime().cell(address)) left.delete(address);
        if (left.size === 0) return resolve();
        environment.schedule(pauseMs, () => look(Math.min(pauseMs * 2, longestLookMs)));
      };
      look(firstLookMs);
    });
}

interface Held {
  readonly addresses: readonly string[];
  /** As its host made it, by the ports of its sandboxes; null where there are none. */
  readonly made: NetworkDefinition | null;
  readonly displaced: readonly { readonly sandbox: Address; readonly address: string }[];
}

/** What sandboxes hold of a network. */
function heldOf(runtime: Runtime, networkId: string, plugged: ReadonlySet<Address>): Held {
  const holders = new Map<string, Address>();
  const displaced: { sandbox: Address; address: string }[] = [];
  let made: NetworkDefinition | null = null;
  const isPlugged = (sandbox: Address): boolean =>
    plugged.has(sandbox) || runtime.cell(sandbox)?.committed?.projection.status !== 'making';
  for (const { committed } of runtime.cellsOf('sandbox').values()) {
    if (!committed) continue;
    const { ports, leaving, tenant, id } = committed.record.context as SandboxContext;
    const sandbox = sandboxAddress(tenant, id);
    for (const { network, address } of [...ports, ...(leaving ? [leaving] : [])]) {
      if (network.networkId !== networkId) continue;
      const other = holders.get(address);
      if (other === undefined || (!isPlugged(other) && isPlugged(sandbox))) holders.set(address, sandbox);
      if (other !== undefined && !isPlugged(sandbox)) displaced.push({ sandbox, address });
      else if (other !== undefined && !isPlugged(other)) displaced.push({ sandbox: other, address });
      if (isPlugged(sandbox)) made = network;
      else made ??= network;
    }
  }
  return { addresses: [...holders.keys()], made, displaced };
}
