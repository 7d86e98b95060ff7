/** The names a container knows without asking anybody: hosts(5). Pure. */
import { TroupeError } from '../../errors/errors.ts';
import { familyOf, isAddress } from '../../model/subnet.ts';

export interface HostEntry {
  readonly address: string;
  /** Container's name, hostname and id; the first is what an address is called. */
  readonly names: readonly string[];
}

/** As Debian's, so that what looks for `localhost` or all nodes finds it. */
const common = [
  '127.0.0.1 localhost',
  '::1 localhost ip6-localhost ip6-loopback',
  'ff02::1 ip6-allnodes',
  'ff02::2 ip6-allrouters',
];

/**
 * @param own the container's addresses, the first the one its hostname means
 * @param neighbours the other containers of its networks
 * @throws TroupeError INVALID_INPUT for what would be more than an address or a name
 */
export function renderHosts(
  hostname: string,
  own: readonly string[],
  neighbours: readonly HostEntry[],
): string {
  const names = hostname.includes('.') ? [hostname, hostname.replace(/\..*/, '')] : [hostname];
  const entries = [...own.map((address) => ({ address, names })), ...neighbours];
  return [...common, ...entries.map(renderEntry)].map((line) => `${line}\n`).join('');
}

function renderEntry({ address, names }: HostEntry): string {
  if (!isAddress(address)) throw new TroupeError('INVALID_INPUT', `"${address}" is not an address`);
  if (names.length === 0) throw new TroupeError('INVALID_INPUT', `The address "${address}" has no name`);
  names.forEach(checkName);
  return [address, ...new Set(names)].join(' ');
}

/** Container names may hold underscores and dots; a name of digits and dots would pass for an address. */
export function isHostname(name: string): boolean {
  return /^[a-z0-9]([a-z0-9_.-]{0,251}[a-z0-9])?$/i.test(name) && !isAddressLike(name);
}

/** @throws TroupeError INVALID_INPUT */
export function checkName(name: string): void {
  if (!isHostname(name)) throw new TroupeError('INVALID_INPUT', `"${name}" is not a name for a host`);
}

function isAddressLike(name: string): boolean {
  return isAddress(name) && familyOf(name) === 4;
}
