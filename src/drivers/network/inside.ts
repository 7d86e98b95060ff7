/** The end of a port that is in its namespace: MAC, addresses and routes, whoever has brought it there. */
import { familyOf } from '../../model/subnet.ts';
import type { Namespace } from './namespace.ts';
import { commandFailure } from './network-errors.ts';
import type { PlugSpec } from './network-driver.ts';
import { hasIpv6, type Parts } from './parts.ts';
import { attemptOf, type Stale } from './port-pair.ts';

/** All but to tell the neighbours. @param stale what it has and shall not have */
export async function setUpInside(
  parts: Parts,
  spec: PlugSpec,
  namespace: Namespace,
  stale: Stale,
  signal: AbortSignal,
): Promise<void> {
  const { interfaceName: dev } = spec;
  // Engines switch it off in the namespaces they make.
  if (wantsIpv6(spec)) await writeInside(spec, namespace, [`ipv6/conf/${dev}/disable_ipv6`], '0', signal);
  const lines = await insideLines(parts, spec, stale);
  await parts.ip.batch(attemptOf(spec), lines, signal, { inside: namespace });
}

async function insideLines({ host }: Parts, spec: PlugSpec, stale: Stale): Promise<readonly string[]> {
  const { interfaceName: dev, addresses, gateway, routes } = spec;
  return [
    'link set dev lo up',
    `link set dev ${dev} mtu ${spec.mtu} address ${spec.mac}`,
    ...((await hasIpv6(host))
      ? [`link set dev ${dev} addrgenmode ${wantsIpv6(spec) ? 'eui64' : 'none'}`]
      : []),
    // Some of them would go with their address.
    ...stale.routes.map(({ dst }) => `route delete ${dst} dev ${dev}`),
    ...stale.addresses.map((address) => `address delete ${address} dev ${dev}`),
    // The network's actor has seen to it that nobody else has the address.
    ...addresses.map(
      (address) => `address replace ${address} dev ${dev}${familyOf(address) === 6 ? ' nodad' : ''}`,
    ),
    `link set dev ${dev} up`,
    ...(gateway === null ? [] : [`route replace default via ${gateway} dev ${dev}`]),
    ...routes.map(({ destination, via }) => `route replace ${destination} via ${via} dev ${dev}`),
  ];
}

/**
 * Lets the neighbours know whose the addresses are now: the kernel tells them
 * when the MAC is set, if it was told to.
 *
 * @see Documentation/networking/ip-sysctl.rst: arp_notify, ndisc_notify
 */
export async function announce(
  { ip }: Parts,
  spec: PlugSpec,
  namespace: Namespace,
  signal: AbortSignal,
): Promise<void> {
  const { interfaceName: dev, mac } = spec;
  const notify = [
    `ipv4/conf/${dev}/arp_notify`,
    ...(wantsIpv6(spec) ? [`ipv6/conf/${dev}/ndisc_notify`] : []),
  ];
  await writeInside(spec, namespace, notify, '1', signal);
  await ip.batch(attemptOf(spec), [`link set dev ${dev} address ${mac}`], signal, { inside: namespace });
}

const wantsIpv6 = ({ addresses }: PlugSpec): boolean => addresses.some((address) => familyOf(address) === 6);

/** Kernel settings of the namespace: /proc/sys/net is that of who opens it. */
async function writeInside(
  spec: PlugSpec,
  namespace: Namespace,
  settings: readonly string[],
  value: string,
  signal: AbortSignal,
): Promise<void> {
  const files = settings.map((setting) => `/proc/sys/net/${setting}`);
  const result = await namespace.run('tee', files, { input: value, signal });
  if (result.status !== 0) throw commandFailure(attemptOf(spec), 'tee', result);
}
