/**
 * Who an actor is. An address is stable for the actor's whole life and names
 * its shard: everything an actor writes lives in one Redis Cluster slot.
 *
 * Forms: `<kind>/<tenant>/<id>` for what a project owns, `tenant/<tenant>`, `host/<uuid>`.
 */

/** Kinds that a project owns, beside the tenant itself. */
export const ownedKinds = [
  'container',
  'capsule',
  'sandbox',
  'pool',
  'network',
  'volume',
  'image',
  'registry',
] as const;

export type OwnedKind = (typeof ownedKinds)[number];

export type ActorKind = OwnedKind | 'host' | 'tenant';

export const actorKinds: readonly ActorKind[] = [...ownedKinds, 'host', 'tenant'];

/** As paths of the API name a kind. */
export const pluralOf = (kind: ActorKind): string => plurals[kind] ?? `${kind}s`;

const plurals: Readonly<Partial<Record<ActorKind, string>>> = {
  sandbox: 'sandboxes',
  registry: 'registries',
};

export type Address = `${OwnedKind}/${string}/${string}` | `tenant/${string}` | `host/${string}`;

/** One of something for each kind of actor. */
export const perKind = <T>(make: (kind: ActorKind) => T): Readonly<Record<ActorKind, T>> =>
  Object.fromEntries(actorKinds.map((kind) => [kind, make(kind)])) as Record<ActorKind, T>;

/** The unit of atomic writing: `t:<tenant>` or `hosts`; the Redis Cluster hash tag. */
export type Shard = `t:${string}` | 'hosts';

export interface ParsedAddress {
  readonly kind: ActorKind;
  readonly id: string;
  /** The Keystone project; null for hosts, which belong to the site. */
  readonly tenant: string | null;
}

export const ownedAddress = (kind: OwnedKind, tenant: string, id: string): Address =>
  `${kind}/${tenant}/${id}`;
export const containerAddress = (tenant: string, id: string): Address => `container/${tenant}/${id}`;
export const capsuleAddress = (tenant: string, id: string): Address => `capsule/${tenant}/${id}`;
export const sandboxAddress = (tenant: string, id: string): Address => `sandbox/${tenant}/${id}`;
export const poolAddress = (tenant: string, id: string): Address => `pool/${tenant}/${id}`;
export const networkAddress = (tenant: string, id: string): Address => `network/${tenant}/${id}`;
export const volumeAddress = (tenant: string, id: string): Address => `volume/${tenant}/${id}`;
export const imageAddress = (tenant: string, id: string): Address => `image/${tenant}/${id}`;
export const registryAddress = (tenant: string, id: string): Address => `registry/${tenant}/${id}`;
export const tenantAddress = (tenant: string): Address => `tenant/${tenant}`;
export const hostAddress = (id: string): Address => `host/${id}`;

/** @throws RangeError when `address` has none of the forms. */
export function parseAddress(address: string): ParsedAddress {
  const [kind, first, second] = address.split('/');
  if (ownedKinds.includes(kind as OwnedKind) && first && second)
    return { kind: kind as OwnedKind, id: second, tenant: first };
  if (kind === 'tenant' && first) return { kind, id: first, tenant: first };
  if (kind === 'host' && first) return { kind, id: first, tenant: null };
  throw new RangeError(`Not an actor address: "${address}"`);
}

/** The same for what may be no address: null then. */
export function addressParts(text: string): ParsedAddress | null {
  try {
    return parseAddress(text);
  } catch {
    return null;
  }
}

/** Asked several times in each turn, so that it takes nothing apart. */
export const kindOf = (address: Address): ActorKind => address.slice(0, address.indexOf('/')) as ActorKind;

export function shardOf(address: Address): Shard {
  if (address.startsWith('host/')) return 'hosts';
  const start = address.indexOf('/') + 1;
  const end = address.indexOf('/', start);
  return `t:${end < 0 ? address.slice(start) : address.slice(start, end)}`;
}
