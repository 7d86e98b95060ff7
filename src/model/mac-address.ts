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
