import { familyOf, isAddress } from './subnet.ts';

/**
 * The MAC address of a port, the same each time: locally administered,
 * unicast, from the first 40 bits of the port's UUID.
 *
 * @throws RangeError when `portId` is no UUID
 * @see IEEE 802c: the two low bits of the first octet
 */
export function macOfPort(portId: string): string {
  const digits = /^[0-9a-f]{8}-[0-9a-f]{2}/.exec(portId)?.[0].replace('-', '');
  if (digits === undefined) throw new RangeError(`Not a UUID: "${portId}"`);
  return ['02', ...(digits.match(/../g) ?? [])].join(':');
}

/**
 * The MAC address that goes with an IPv4 address on a network of the host's own: whoever has the address after another
 * is found where neighbours remember it. Locally administered, unicast.
 *
 * @throws RangeError when `address` is none of IPv4
 */
export function macOfAddress(address: string): string {
  if (!isAddress(address) || familyOf(address) !== 4)
    throw new RangeError(`Not an IPv4 address: "${address}"`);
  return ['02', '54', ...address.split('.').map((octet) => Number(octet).toString(16).padStart(2, '0'))].join(
    ':',
  );
}

export function isMac(text: string): boolean {
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(text);
}

/** The IPv6 address a kernel gives an interface of this MAC by itself. @see RFC 4291 appendix A: modified EUI-64 */
export function linkLocalOfMac(mac: string): string {
  const octets = mac.split(':').map((octet) => parseInt(octet, 16));
  const [first = 0, ...rest] = octets;
  const identifier = [first ^ 2, ...rest.slice(0, 2), 0xff, 0xfe, ...rest.slice(2)];
  const hex = identifier.map((octet) => octet.toString(16).padStart(2, '0')).join('');
  return `fe80::${(hex.match(/..../g) ?? []).join(':')}`;
}
