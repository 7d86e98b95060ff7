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
import { kindOf, parseAddress, type Address } from '../model/address.ts';
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

      /** Of two that hold one address, one gives it up. False: that is to be waited for. */
      const correctNetwork = ({ address, committed }: Cell): boolean => {
        const { id, definition } = committed!.record.context as NetworkContext;
        const held = heldOf(runtime(), id, definition, plugged);
        for (const each of held.displaced)
          tell(each.sandbox, { type: 'sandbox.displaced', networkId: id, address: each.address });
        if (held.displaced.length > 0) return false;
        if (held.made)
          tell(address, { type: 'network.found', definition: held.made, addresses: held.addresses });
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
        // What has ended, never was, or is quarantined is not counted.
        for (const address of left) if (runtime().cell(address)?.quarantined !== null) left.delete(address);
        if (left.size === 0) return resolve();
        environment.schedule(pauseMs, () => look(Math.min(pauseMs * 2, longestLookMs)));
      };
      look(firstLookMs);
    });
}

/** What a sandbox has to do with its addresses: of two that hold the same one, the later in this order keeps it. */
const holds = ['to be plugged', 'left soon', 'waits', 'lived in'] as const;

function holdOf({ committed, quarantined }: Cell, isPlugged: boolean): number {
  const lasting = holds.indexOf('lived in');
  const status = committed?.projection.status;
  // It takes nothing else.
  if (quarantined !== null) return lasting;
  if (status === 'making') return isPlugged ? lasting : holds.indexOf('to be plugged');
  if (status === 'draining' || status === 'broken') return holds.indexOf('left soon');
  return status === 'ready' ? holds.indexOf('waits') : lasting;
}

interface Held {
  readonly addresses: readonly string[];
  /** As its host made it, by the ports of its sandboxes; null where there are none. */
  readonly made: NetworkDefinition | null;
  readonly displaced: readonly { readonly sandbox: Address; readonly address: string }[];
}

/** What sandboxes hold of a network. @param own as its actor knows it */
function heldOf(
  runtime: Runtime,
  networkId: string,
  own: NetworkDefinition | null,
  plugged: ReadonlySet<Address>,
): Held {
  const holders = new Map<string, { readonly sandbox: Address; readonly hold: number }>();
  const displaced: { sandbox: Address; address: string }[] = [];
  let made: { readonly network: NetworkDefinition; readonly hold: number } | null = null;
  for (const cell of runtime.cellsOf('sandbox').values()) {
    if (!cell.committed) continue;
    const { address: sandbox } = cell;
    const { ports, leaving } = cell.committed.record.context as SandboxContext;
    const hold = holdOf(cell, plugged.has(sandbox));
    for (const { network, address } of [...ports, ...(leaving ? [leaving] : [])]) {
      if (network.networkId !== networkId) continue;
      const other = holders.get(address);
      if (!other || other.hold < hold) holders.set(address, { sandbox, hold });
      const weaker = other && other.hold < hold ? other : { sandbox, hold };
      // Two that live with one address can't be parted here.
      if (other && weaker.hold < holds.indexOf('lived in'))
        displaced.push({ sandbox: weaker.sandbox, address });
      if (!made || made.hold < hold || (made.hold === hold && network.subnet === own?.subnet))
        made = { network, hold };
    }
  }
  const isPlugged = made !== null && made.hold >= holds.indexOf('waits');
  return {
    addresses: [...holders.keys()],
    made: isPlugged || own === null ? (made?.network ?? null) : own,
    displaced,
  };
}
