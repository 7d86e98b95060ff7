/**
 * The vocabulary of placement, and the rules that the scheduler (by what it
 * has heard) and the host's actor (by what is true) must not read differently.
 */
import type { Amounts } from './container.ts';

/** Whether a tenant's containers stand beside other tenants': never mind, rather not, never. */
export type Neighbours = 'off' | 'preferred' | 'enforced';

/** Loosest first. */
export const neighboursModes: readonly Neighbours[] = ['off', 'preferred', 'enforced'];

export const isLooser = (one: Neighbours, other: Neighbours): boolean =>
  neighboursModes.indexOf(one) < neighboursModes.indexOf(other);

export const stricter = (one: Neighbours, other: Neighbours): Neighbours =>
  isLooser(one, other) ? other : one;

/** As Nova's server groups. @see nova-api: /os-server-groups */
export type GroupPolicy = 'affinity' | 'anti-affinity' | 'soft-affinity' | 'soft-anti-affinity';

export const groupPolicies: readonly GroupPolicy[] = [
  'affinity',
  'anti-affinity',
  'soft-affinity',
  'soft-anti-affinity',
];

/** Of a group of one tenant's containers, by its name. */
export interface GroupMembership {
  readonly name: string;
  readonly policy: GroupPolicy;
}

/** Beside amounts, what a host decides a claim by. */
export interface PlacementTerms {
  readonly neighbours: Neighbours;
  readonly group: GroupMembership | null;
}

/** A group's containers on one host. */
export interface GroupCount {
  readonly members: number;
  /** Of them, those that want no other member beside them. */
  readonly apart: number;
}

/** Who is on a host. Bounded by what is there. */
export interface Occupancy {
  /** Containers by tenant. */
  readonly tenants: Readonly<Record<string, number>>;
  readonly tenantCount: number;
  /** Of these tenants, those that want the host for themselves: as a rule none, or the only one. */
  readonly enforcing: readonly string[];
  /** By {@link groupKey}. */
  readonly groups: Readonly<Record<string, GroupCount>>;
}

/** Group names are a tenant's own. */
export const groupKey = (tenant: string, name: string): string => `${tenant}/${name}`;

/** Who keeps a container of `tenant` off the host: those on it, or its own tenant's wish. Null = nobody. */
export function neighbourConflict(
  { tenants, tenantCount, enforcing }: Occupancy,
  tenant: string,
  neighbours: Neighbours,
): 'theirs' | 'ours' | null {
  for (const each of enforcing) if (each !== tenant) return 'theirs';
  if (neighbours !== 'enforced') return null;
  return tenantCount > (Object.hasOwn(tenants, tenant) ? 1 : 0) ? 'ours' : null;
}

/** Whether the container or a member of its group on the host wants to be apart from the other. */
export function groupConflict({ groups }: Occupancy, key: string, policy: GroupPolicy): boolean {
  const there = Object.hasOwn(groups, key) ? groups[key] : undefined;
  return there !== undefined && (policy === 'anti-affinity' || there.apart > 0);
}

/** What of a host can be promised, and what is asked of it. */
export type Room = Pick<Amounts, 'cpuMillis' | 'memoryMib' | 'diskGib'>;

export const resources = ['cpuMillis', 'memoryMib', 'diskGib'] as const satisfies readonly (keyof Room)[];

export const isShort = (resource: keyof Room, allocatable: Room, used: Room, asked: Room): boolean =>
  used[resource] + asked[resource] > allocatable[resource];

/** Short of nothing. In so many words, since each placement asks it of many hosts. */
export const hasRoom = (allocatable: Room, used: Room, asked: Room): boolean =>
  used.cpuMillis + asked.cpuMillis <= allocatable.cpuMillis &&
  used.memoryMib + asked.memoryMib <= allocatable.memoryMib &&
  used.diskGib + asked.diskGib <= allocatable.diskGib;

/** `amount` in people's units, e.g. `1.5 CPU`, `512 MiB memory`. */
export function inWords(resource: keyof Room, amount: number): string {
  if (resource === 'cpuMillis') return `${amount / 1000} CPU`;
  return resource === 'memoryMib' ? `${amount} MiB memory` : `${amount} GiB disk`;
}
