/**
 * What claims take of a host, and whether one more may. Pure. These run in the
 * host's own turns, one after the other, so that placements made in parallel
 * on old views can neither overcommit it nor break what tenants and groups want.
 *
 * C1. A claim is held until its container is deleted.
 * C2. What is counted depends on claims and releases alone, never on their order.
 */
import type { Claim, HostTally } from '../../model/events.ts';
import {
  groupConflict,
  groupKey,
  inWords,
  isShort,
  neighbourConflict,
  resources,
  type Neighbours,
  type Occupancy,
} from '../../model/placement.ts';
import { equal, minus, noAmounts, plus } from '../amounts.ts';
import type { HostContext } from './context.ts';
import { allocatableOf } from './offer.ts';

export const emptyTally: HostTally = { totals: noAmounts, tenants: {}, enforcing: [], groups: {} };

type Counted = Pick<Claim, 'tenant' | 'amounts' | 'terms'>;

export function withClaim(tally: HostTally, { tenant, amounts, terms }: Counted): HostTally {
  const count = amounts.containers;
  const { group } = terms;
  return {
    totals: plus(tally.totals, amounts),
    tenants: count > 0 ? { ...tally.tenants, [tenant]: countOf(tally, tenant) + count } : tally.tenants,
    enforcing: count > 0 ? withWish(tally.enforcing, tenant, terms.neighbours, false) : tally.enforcing,
    groups:
      count > 0 && group
        ? changed(tally.groups, groupKey(tenant, group.name), count, apart(group.policy, count))
        : tally.groups,
  };
}

export function withoutClaim(tally: HostTally, { tenant, amounts, terms }: Counted): HostTally {
  const count = amounts.containers;
  const { group } = terms;
  const left = countOf(tally, tenant) - count;
  return {
    totals: minus(tally.totals, amounts),
    tenants:
      count === 0
        ? tally.tenants
        : left > 0
          ? { ...tally.tenants, [tenant]: left }
          : without(tally.tenants, tenant),
    enforcing: left > 0 ? tally.enforcing : tally.enforcing.filter((each) => each !== tenant),
    groups:
      count > 0 && group
        ? changed(tally.groups, groupKey(tenant, group.name), -count, -apart(group.policy, count))
        : tally.groups,
  };
}

/**
 * After a tenant's claim or change of mind. A claim never loosens: it may have
 * been admitted before the tenant asked for more, and be told only now.
 */
export function withWish(
  enforcing: readonly string[],
  tenant: string,
  neighbours: Neighbours,
  loosens: boolean,
): readonly string[] {
  const does = enforcing.includes(tenant);
  if (neighbours === 'enforced') return does ? enforcing : [...enforcing, tenant];
  return does && loosens ? enforcing.filter((each) => each !== tenant) : enforcing;
}

export const occupancyOf = ({ tenants, enforcing, groups }: HostTally): Occupancy => ({
  tenants,
  tenantCount: Object.keys(tenants).length,
  enforcing,
  groups,
});

/** Why there is no room for `amounts`, in words; null when there is. */
export function shortageOf(context: HostContext, amounts: Claim['amounts']): string | null {
  const { fingerprint, hostname, totals } = context;
  if (!fingerprint) return `"${hostname}" has not said yet what it has`;
  const allocatable = allocatableOf(context);
  const short = resources.find((resource) => isShort(resource, allocatable, totals, amounts));
  if (!short) return null;
  const free = Math.max(0, allocatable[short] - totals[short]);
  return `${inWords(short, amounts[short])} asked, ${inWords(short, free)} free`;
}

/** Why the host does not take the container, in words; null when it does. */
export function refusalOf(context: HostContext, { tenant, amounts, terms }: Claim): string | null {
  if (context.fingerprint?.engineUp === false) return 'its container engine does not answer';
  const occupancy = occupancyOf(context);
  const whose = neighbourConflict(occupancy, tenant, terms.neighbours);
  if (whose === 'theirs') return 'it is kept for the one tenant that is on it';
  if (whose === 'ours') return 'it holds containers of other tenants, and yours wants none beside it';
  if (terms.group && groupConflict(occupancy, groupKey(tenant, terms.group.name), terms.group.policy))
    return `a member of the group "${terms.group.name}" is on it, and they want to be apart`;
  return shortageOf(context, amounts);
}

export const isSameTally = (one: HostTally, other: HostTally): boolean =>
  equal(one.totals, other.totals) &&
  isSameMap(one.tenants, other.tenants, (a, b) => a === b) &&
  isSameMap(one.groups, other.groups, (a, b) => a.members === b.members && a.apart === b.apart) &&
  one.enforcing.length === other.enforcing.length &&
  one.enforcing.every((each) => other.enforcing.includes(each));

function isSameMap<T>(
  one: Readonly<Record<string, T>>,
  other: Readonly<Record<string, T>>,
  isSame: (a: T, b: T) => boolean,
): boolean {
  const entries = Object.entries(one);
  return (
    entries.length === Object.keys(other).length &&
    entries.every(([key, value]) => Object.hasOwn(other, key) && isSame(value, other[key]!))
  );
}

const countOf = ({ tenants }: HostTally, tenant: string): number =>
  Object.hasOwn(tenants, tenant) ? tenants[tenant]! : 0;

const apart = (policy: string, count: number): number => (policy === 'anti-affinity' ? count : 0);

function changed(
  groups: HostTally['groups'],
  key: string,
  members: number,
  those: number,
): HostTally['groups'] {
  const was = Object.hasOwn(groups, key) ? groups[key]! : { members: 0, apart: 0 };
  const is = { members: was.members + members, apart: Math.max(0, was.apart + those) };
  return is.members > 0 ? { ...groups, [key]: is } : without(groups, key);
}

const without = <T>(map: Readonly<Record<string, T>>, key: string): Readonly<Record<string, T>> =>
  Object.fromEntries(Object.entries(map).filter(([each]) => each !== key));
