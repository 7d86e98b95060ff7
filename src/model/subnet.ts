/**
 * Subnets of local networks: which is free, which overlap, what is in one.
 * Pure; addresses and CIDRs are strings in their canonical form.
 */
import { Address4, Address6 } from 'ip-address';

/** The widest and the narrowest subnet a local network may have: what is kept of a subnet stays small. */
export const widestPrefix = 20;
export const narrowestPrefix = 29;

/** Where subnets are taken from when none is asked for. */
export interface SubnetPool {
  /** IPv4, e.g. `10.64.0.0/10`. */
  readonly cidr: string;
  /** Length of the prefix of each subnet, e.g. 24. */
  readonly prefix: number;
}

export interface Subnet {
  /** With the host's bits cleared: `10.64.3.0/24`. */
  readonly cidr: string;
  readonly prefix: number;
  readonly network: string;
  readonly broadcast: string;
}

/** @throws RangeError when `text` is no IPv4 subnet in canonical form */
export function parseSubnet(text: string): Subnet {
  const parsed = text.includes('/') ? parse4(text) : null;
  if (!parsed || parsed.networkForm() !== text) throw new RangeError(`Not an IPv4 subnet: "${text}"`);
  return {
    cidr: text,
    prefix: parsed.subnetMask,
    network: parsed.startAddress().correctForm(),
    broadcast: parsed.endAddress().correctForm(),
  };
}

/** Whether it is an IPv4 or IPv6 address without a prefix. */
export function isAddress(text: string): boolean {
  return !text.includes('/') && parse(text) !== null;
}

/** 4 or 6. @throws RangeError when `text` is neither an address nor a CIDR */
export function familyOf(text: string): 4 | 6 {
  const parsed = parse(text);
  if (!parsed) throw new RangeError(`Not an address: "${text}"`);
  return parsed instanceof Address4 ? 4 : 6;
}

/** The length of the prefix of a CIDR of either family. @throws RangeError when `text` is neither an address nor a CIDR */
export function prefixOf(text: string): number {
  const parsed = parse(text);
  if (!parsed) throw new RangeError(`Not a subnet: "${text}"`);
  return parsed.subnetMask;
}

/** Whether `address`, with or without a prefix, lies in `cidr`. Addresses of another family don't. */
export function contains(cidr: string, address: string): boolean {
  const [outer, inner] = [parse(cidr), parse(address)];
  return outer !== null && inner !== null && inner.isHostInSubnet(outer);
}

/** Whether two CIDRs share an address. */
export function overlap(one: string, other: string): boolean {
  return contains(one, other) || contains(other, one);
}

/** The address at this place of a subnet; 0 is the network's own. @throws RangeError outside */
export function addressAt(cidr: string, index: number): string {
  const subnet = parse4(cidr);
  const last = subnet ? subnet.endAddress().bigInt() - subnet.startAddress().bigInt() : -1n;
  if (!subnet || index < 0 || BigInt(index) > last)
    throw new RangeError(`There is no address ${index} in "${cidr}"`);
  return Address4.fromBigInt(subnet.startAddress().bigInt() + BigInt(index)).correctForm();
}

/** The place of an address in a subnet; null outside. */
export function indexOf(cidr: string, address: string): number | null {
  const [subnet, one] = [parse4(cidr), parse4(address)];
  if (!subnet || !one?.isHostInSubnet(subnet)) return null;
  return Number(one.bigInt() - subnet.startAddress().bigInt());
}

/** The 128 bits of an IPv6 address as hex digits, leading zeros left out. @throws RangeError when it is none */
export function hexDigits6(address: string): string {
  const parsed = parse(address);
  if (!(parsed instanceof Address6)) throw new RangeError(`Not an IPv6 address: "${address}"`);
  return parsed.bigInt().toString(16);
}

/** An IPv4 or IPv6 subnet with the host's bits cleared. */
export function isSubnet(text: string): boolean {
  const parsed = text.includes('/') ? parse(text) : null;
  if (!parsed) return false;
  return parsed.startAddress().bigInt() === parsed.bigInt();
}

/**
 * The first subnet of the pool that overlaps none of `taken` (CIDRs of either
 * family: other networks, the host's routes); null when all do.
 */
export function chooseSubnet(pool: SubnetPool, taken: readonly string[]): string | null {
  const whole = parse4(pool.cidr);
  if (!whole || pool.prefix < whole.subnetMask || pool.prefix > 32) return null;
  const step = 1n << BigInt(32 - pool.prefix);
  const end = whole.endAddress().bigInt();
  const ranges = taken
    .flatMap((cidr) => {
      const parsed = parse4(cidr);
      return parsed ? [{ from: parsed.startAddress().bigInt(), to: parsed.endAddress().bigInt() }] : [];
    })
    .toSorted((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
  let candidate = whole.startAddress().bigInt();
  for (const { from, to } of ranges) {
    if (from >= candidate + step) break;
    // Behind what is taken, at the next whole step.
    if (to >= candidate) candidate = (to / step + 1n) * step;
  }
  if (candidate + step - 1n > end) return null;
  return `${Address4.fromBigInt(candidate).correctForm()}/${pool.prefix}`;
}

function parse(text: string): Address4 | Address6 | null {
  return parse4(text) ?? (text.includes(':') && Address6.isValid(text) ? new Address6(text) : null);
}

function parse4(text: string): Address4 | null {
  // The library takes what follows a line's end.
  return /^[\d./]+$/.test(text) && Address4.isValid(text) ? new Address4(text) : null;
}
