/** Sockets of this host's processes that a published port would take the packets from. */
import type { Host } from '../host.ts';
import { commandFailure } from './network-errors.ts';
import type { Protocol, PublishedPort } from './network-driver.ts';

export interface Listener {
  readonly protocol: Protocol;
  /** IPv4; null = all addresses. */
  readonly address: string | null;
  readonly number: number;
  /** In words, e.g. `"nginx" (process 12)`. */
  readonly owner: string;
}

/** The listening sockets at any of these ports. */
export async function listenersOn(
  host: Host,
  ports: readonly PublishedPort[],
  signal: AbortSignal,
): Promise<readonly Listener[]> {
  const filter = [...new Set(ports.map(({ hostPort }) => hostPort))].flatMap((port, index) => [
    ...(index === 0 ? [] : ['or']),
    'sport',
    '=',
    `:${port}`,
  ]);
  const options = ['--no-header', '--listening', '--numeric', '--tcp', '--udp', '--processes'];
  const result = await host.run('ss', [...options, ...filter], { signal });
  if (result.status !== 0) throw commandFailure('The sockets of this host could not be read', 'ss', result);
  return result.output.split('\n').flatMap((line) => parseListener(line) ?? []);
}

/**
 * A line of `ss`: protocol, state, two queue lengths, own address:port, other
 * address:port, process. Null for IPv6 addresses but the one that takes IPv4
 * as well: published is for IPv4.
 */
export function parseListener(line: string): Listener | null {
  const [protocol = '', , , , local = '', , process = ''] = line.trim().split(/\s+/);
  const found = /^(.*):(\d+)$/.exec(local);
  if (!found || (protocol !== 'tcp' && protocol !== 'udp')) return null;
  const address = (found[1] ?? '').replace(/%.*$/, '');
  const isWild = address === '0.0.0.0' || address === '*' || address === '[::]';
  if (!isWild && !/^\d/.test(address)) return null;
  const [, name, pid] = /\("([^"]*)",pid=(\d+)/.exec(process) ?? [];
  return {
    protocol,
    address: isWild ? null : address,
    number: Number(found[2]),
    owner: name === undefined ? 'another program' : `"${name}" (process ${pid})`,
  };
}
