/**
 * Which addresses of a subnet are given away: a bitmap small enough for a
 * snapshot (64 hex digits for a /24). Pure; each change gives a new pool.
 *
 * An address that was given back is the last to be given again: neighbours
 * may remember for a while whose it was.
 */
import { addressAt, indexOf, narrowestPrefix, parseSubnet, widestPrefix } from './subnet.ts';

export interface AddressPool {
  readonly subnet: string;
  /** One bit an address, the first address in the highest bit, as hex digits. */
  readonly used: string;
  /** Place of the address given last; the search goes on behind it. */
  readonly last: number;
}

/**
 * A pool of all addresses but the network's, the broadcast's and the gateway's.
 *
 * @throws RangeError for a subnet that is too wide, too narrow or none, or a gateway outside it
 */
export function openPool(subnet: string, gateway: string): AddressPool {
  const { prefix } = parseSubnet(subnet);
  if (prefix < widestPrefix || prefix > narrowestPrefix)
    throw new RangeError(
      `A subnet of a local network is from /${widestPrefix} to /${narrowestPrefix}: "${subnet}"`,
    );
  const size = sizeOf(subnet);
  const place = indexOf(subnet, gateway);
  if (place === null || place === 0 || place === size - 1)
    throw new RangeError(`"${gateway}" can't be the gateway of "${subnet}"`);
  const empty = '0'.repeat(size / 4);
  const used = [0, size - 1, place].reduce((bits, index) => withBit(bits, index, true), empty);
  return { subnet, used, last: 0 };
}

/** The next free address, and the pool without it; null when the subnet is full. */
export function takeNext(pool: AddressPool): { readonly address: string; readonly pool: AddressPool } | null {
  const size = sizeOf(pool.subnet);
  for (let step = 1; step <= size; step++) {
    const index = (pool.last + step) % size;
    if (hasBit(pool.used, index)) continue;
    return {
      address: addressAt(pool.subnet, index),
      pool: { ...pool, used: withBit(pool.used, index, true), last: index },
    };
  }
  return null;
}

/** The pool without `address`, or why it can't be had. */
export function take(pool: AddressPool, address: string): AddressPool | 'in-use' | 'outside' {
  const index = indexOf(pool.subnet, address);
  if (index === null) return 'outside';
  if (hasBit(pool.used, index)) return 'in-use';
  return { ...pool, used: withBit(pool.used, index, true) };
}

/** The pool with `address` free again. What was never taken is free already. */
export function giveBack(pool: AddressPool, address: string): AddressPool {
  const index = indexOf(pool.subnet, address);
  return index === null ? pool : { ...pool, used: withBit(pool.used, index, false) };
}

/** Whether somebody has the address. */
export function isTaken(pool: AddressPool, address: string): boolean {
  const index = indexOf(pool.subnet, address);
  return index !== null && hasBit(pool.used, index);
}

/** How many addresses are left. */
export function countFree(pool: AddressPool): number {
  let free = 0;
  for (const digit of pool.used) free += 4 - [8, 4, 2, 1].filter((bit) => parseInt(digit, 16) & bit).length;
  return free;
}

function sizeOf(subnet: string): number {
  return 2 ** (32 - parseSubnet(subnet).prefix);
}

function hasBit(bits: string, index: number): boolean {
  return (parseInt(bits.charAt(index >> 2), 16) & (8 >> (index & 3))) !== 0;
}

function withBit(bits: string, index: number, value: boolean): string {
  const digit = parseInt(bits.charAt(index >> 2), 16);
  const bit = 8 >> (index & 3);
  const changed = value ? digit | bit : digit & ~bit;
  return bits.slice(0, index >> 2) + changed.toString(16) + bits.slice((index >> 2) + 1);
}
