/** The two ends of a port: made together, or found again after a crash. */
import { TroupeError } from '../../errors/errors.ts';
import type { Host } from '../host.ts';
import * as firewall from './firewall.ts';
import type { AddressedLink, KernelRoute, Link } from './ip.ts';
import * as names from './link-names.ts';
import { handedNamespace, type Namespace } from './namespace.ts';
import type { PlugSpec } from './network-driver.ts';
import { hasIpv6, type Parts, removePortOf } from './parts.ts';

/** What an interface that was there has and shall not have. */
export interface Stale {
  readonly addresses: readonly string[];
  readonly routes: readonly KernelRoute[];
}

const nothingStale: Stale = { addresses: [], routes: [] };

export const attemptOf = ({ portId }: PlugSpec): string => `The port "${portId}" could not be plugged`;

/**
 * A pair for the port, its host's end at the bridge and up. Most often there
 * is none yet: looked at is only what could not be made.
 */
export async function ensurePair(
  parts: Parts,
  spec: PlugSpec,
  namespace: Namespace,
  signal: AbortSignal,
): Promise<Stale> {
  try {
    await makePair(parts, spec, namespace, signal);
    return nothingStale;
  } catch (error) {
    if (signal.aborted) throw error;
    return await adopt(parts, spec, namespace, error, signal);
  }
}

async function makePair(
  { ip, host }: Parts,
  spec: PlugSpec,
  namespace: Namespace,
  signal: AbortSignal,
): Promise<void> {
  const lines = [pairLine(spec), ...(await hostLines(host, spec))];
  await ip.batch(attemptOf(spec), lines, signal, { naming: namespace });
}

/** One message to the kernel: there is never a pair with an end in the wrong namespace. */
function pairLine(spec: PlugSpec): string {
  const { worldId, mtu, mac, interfaceName } = spec;
  const own = `name ${names.linkOf(spec)} group ${names.linkGroup(worldId)} mtu ${mtu}`;
  const peer = `name ${interfaceName} address ${mac} mtu ${mtu} netns ${handedNamespace}`;
  return `link add ${own} type veth peer ${peer}`;
}

async function hostLines(host: Host, spec: PlugSpec): Promise<readonly string[]> {
  const link = names.linkOf(spec);
  return [
    `link set dev ${link} alias "${names.portAlias(spec)}"`,
    // To the kernel a bridge of Open vSwitch is none.
    `link set dev ${link} mtu ${spec.mtu}${spec.ovs ? '' : ` master ${names.bridgeOf(spec)}`}`,
    // The host itself says nothing on this end.
    ...((await hasIpv6(host)) ? [`link set dev ${link} addrgenmode none`] : []),
    `link set dev ${link} up`,
  ];
}

/** The pair could not be made: because it is there, or for a reason that is told. */
async function adopt(
  parts: Parts,
  spec: PlugSpec,
  namespace: Namespace,
  failure: unknown,
  signal: AbortSignal,
): Promise<Stale> {
  const { ip } = parts;
  const link = names.linkOf(spec);
  const [present, bridge, inside] = await Promise.all([
    ip.link(link, signal),
    spec.ovs ?? ip.link(names.bridgeOf(spec), signal),
    ip.addresses(signal, namespace),
  ]);
  if (!bridge) {
    await forgetRules(parts, spec, signal);
    throw new TroupeError(
      'NETWORK_NOT_FOUND',
      `${attemptOf(spec)}: the network "${spec.networkId}" is not on this host`,
    );
  }
  if (present) refuseForeign(present, spec);
  const end = inside.find(({ ifname }) => ifname === spec.interfaceName);
  if (present && end && isPair(present, end)) {
    await ip.batch(attemptOf(spec), await hostLines(parts.host, spec), signal);
    return staleOf(spec, end, await ip.routes(4, signal, namespace), await ip.routes(6, signal, namespace));
  }
  if (end)
    throw new TroupeError(
      'NAME_IN_USE',
      `${attemptOf(spec)}: its namespace has an interface "${spec.interfaceName}" already`,
    );
  if (!present) throw failure;
  // Its other end is in a namespace that was, or has another name.
  await ip.batch(attemptOf(spec), [`link delete dev ${link}`], signal);
  await makePair(parts, spec, namespace, signal);
  return nothingStale;
}

/** Two ends of one veth know each other's index. */
function isPair(one: Link, other: Link): boolean {
  return one.link_index === other.ifindex && other.link_index === one.ifindex;
}

export function staleOf(
  spec: PlugSpec,
  end: AddressedLink,
  routes4: readonly KernelRoute[],
  routes6: readonly KernelRoute[],
): Stale {
  const wanted = new Set([
    ...spec.routes.map(({ destination }) =>
      destination === '::/0' ? 'default' : destination.replace(/\/(32|128)$/, ''),
    ),
    ...(spec.gateway === null ? [] : ['default']),
  ]);
  return {
    addresses: end.addr_info
      .filter(({ scope }) => scope === 'global')
      .map(({ local, prefixlen }) => `${local}/${prefixlen}`)
      .filter((address) => !spec.addresses.includes(address)),
    routes: [...routes4, ...routes6].filter(
      ({ dst, dev, protocol }) => dev === spec.interfaceName && protocol !== 'kernel' && !wanted.has(dst),
    ),
  };
}

function refuseForeign(link: Link, spec: PlugSpec): void {
  const owner = names.parsePortAlias(link.ifalias);
  const isOurs = owner
    ? owner.worldId === spec.worldId && owner.portId === spec.portId
    : link.group === String(names.linkGroup(spec.worldId));
  if (!isOurs)
    throw new TroupeError(
      'NAME_IN_USE',
      `${attemptOf(spec)}: this host has a link "${link.ifname}" that isn't its; remove that`,
    );
}

/** Rules of a port that can't be; without a network of the world, its table as well. */
async function forgetRules(parts: Parts, spec: PlugSpec, signal: AbortSignal): Promise<void> {
  const { nft, queue } = parts;
  const { worldId } = spec;
  const table = names.tableName(worldId);
  await removePortOf(parts, worldId, names.linkOf(spec), signal);
  await queue(table, async () => {
    if (await nft.contents('inet', table, signal)) return;
    await nft.apply("The port's rules could not be removed", firewall.removeTables(worldId), signal);
  });
}
