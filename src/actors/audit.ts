/**
 * The leak ledger: everything that has no owner, and every total that does not
 * equal what it counts. Empty when all is well. What is on the hosts is
 * `host-audit.ts`.
 */
import type { CapsuleContext } from '../machines/capsule/context.ts';
import type { ContainerContext } from '../machines/container/context.ts';
import { emptyTally, isSameTally, withClaim } from '../machines/host/claims.ts';
import type { HostContext } from '../machines/host/context.ts';
import { neighboursOf, type TenantContext } from '../machines/tenant/context.ts';
import { equal, noAmounts, plus } from '../machines/amounts.ts';
import { actorKinds, addressParts, parseAddress, tenantAddress, type Address } from '../model/address.ts';
import type { AuditEntry } from '../model/audit-entry.ts';
import type { Amounts } from '../model/container.ts';
import type { HostTally } from '../model/events.ts';
import type { PlacementTerms } from '../model/placement.ts';
import { auditWarm } from './warm-audit.ts';
import type { Cell } from './cell.ts';
import type { Runtime } from './runtime.ts';
import type { Unreadable } from './unreadable.ts';

export interface Sums {
  /** By tenant: what its containers hold of the quota. */
  readonly quota: ReadonlyMap<string, Amounts>;
  /** By host: what containers there have claimed, and whose they are. */
  readonly claims: ReadonlyMap<string, HostTally>;
}

/** What the actors themselves say, as the truth behind all totals; a capsule says it for its members. */
export function sumContainers(runtime: Runtime): Sums {
  const quota = new Map<string, Amounts>();
  const claims = new Map<string, HostTally>();
  const holders = [...runtime.cellsOf('container').values(), ...runtime.cellsOf('capsule').values()];
  for (const cell of holders) {
    const context = cell.committed?.record.context as ContainerContext | CapsuleContext | undefined;
    const tenant = parseAddress(cell.address).tenant;
    if (!context || tenant === null) continue;
    if (context.reservationHeld) quota.set(tenant, plus(quota.get(tenant) ?? noAmounts, context.amounts));
    if (!context.claimHeld || context.hostId === null) continue;
    const tally = claims.get(context.hostId) ?? emptyTally;
    claims.set(context.hostId, withClaim(tally, { ...context, terms: termsNow(runtime, context) }));
  }
  return { quota, claims };
}

/** A tenant that has changed its mind about neighbours has done so for what it had already, too. */
function termsNow(
  runtime: Runtime,
  { tenant, terms }: Pick<ContainerContext, 'tenant' | 'terms'>,
): PlacementTerms {
  const context = runtime.cell(tenantAddress(tenant))?.committed?.record.context as TenantContext | undefined;
  return context ? { ...terms, neighbours: neighboursOf(context) } : terms;
}

/** Actors whose totals can be compared now: nothing of theirs is on its way. */
export function comparable(runtime: Runtime, kind: 'tenant' | 'host' | 'network'): readonly Cell[] {
  const unsettled = new Set<string>();
  for (const { from, message } of runtime.courier.undelivered()) unsettled.add(from).add(message.to);
  return [...runtime.cellsOf(kind).values()].filter(
    (cell) => cell.depth === 0 && !unsettled.has(cell.address),
  );
}

/** What can't be read can't be counted: its tenant's total and the hosts' are taken as they are. */
export function isCountable(address: Address, unreadable: readonly Unreadable[]): boolean {
  const { kind, id } = parseAddress(address);
  return !unreadable.some((each) => {
    const parts = addressParts(each.address);
    return (
      (parts?.kind === 'container' || parts?.kind === 'capsule') && (kind === 'host' || parts.tenant === id)
    );
  });
}

/** Messages on their way longer than this are told. */
const undeliveredMs = 30_000;

export function audit(
  runtime: Runtime,
  now: number,
  unreadable: readonly Unreadable[],
): readonly AuditEntry[] {
  const entries: AuditEntry[] = [];
  const { quota, claims } = sumContainers(runtime);

  for (const { address, reason } of unreadable)
    entries.push({ problem: 'quarantined', address, hostId: null, detail: reason });
  for (const kind of actorKinds) {
    for (const { address, quarantined } of runtime.cellsOf(kind).values()) {
      if (quarantined)
        entries.push({ problem: 'quarantined', address, hostId: null, detail: quarantined.reason });
    }
  }
  for (const cell of comparable(runtime, 'tenant')) {
    const context = cell.committed?.record.context as TenantContext | undefined;
    if (!context) continue;
    const confirmed = quota.get(parseAddress(cell.address).id) ?? noAmounts;
    const inFlight = Object.values(context.reservations).reduce(
      (sum, { amounts }) => plus(sum, amounts),
      noAmounts,
    );
    const expected = plus(confirmed, inFlight);
    if (isCountable(cell.address, unreadable) && !equal(context.totals, expected)) {
      entries.push({
        problem: 'quota-differs',
        address: cell.address,
        hostId: null,
        detail: `counted ${JSON.stringify(context.totals)}, its containers and reservations hold ${JSON.stringify(expected)}`,
      });
    }
  }
  for (const cell of comparable(runtime, 'host')) {
    const context = cell.committed?.record.context as HostContext | undefined;
    if (!context) continue;
    const hostId = parseAddress(cell.address).id;
    const expected = claims.get(hostId) ?? emptyTally;
    // Whether a tenant bears neighbours may still be on its way to the host, and is no leak.
    const isRight = isSameTally(context, { ...expected, enforcing: context.enforcing });
    if (isCountable(cell.address, unreadable) && !isRight) {
      entries.push({
        problem: 'claims-differ',
        address: cell.address,
        hostId,
        detail: `counted ${counts(context)}, containers there have claimed ${counts(expected)}`,
      });
    }
  }
  entries.push(...auditWarm(runtime, comparable(runtime, 'host')));
  for (const { from, message, since } of runtime.courier.undelivered()) {
    if (now - since < undeliveredMs) continue;
    entries.push({
      problem: 'undelivered-message',
      address: from,
      hostId: null,
      detail: `"${message.event.type}" to "${message.to}" waits since ${new Date(since).toISOString()}`,
    });
  }
  return entries;
}

const counts = ({ totals, tenants, groups }: HostTally): string =>
  JSON.stringify({ ...totals, tenants, groups });
