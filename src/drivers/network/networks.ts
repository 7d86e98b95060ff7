/** Networks: a bridge each, with the gateway's address, behind rules that were there before it. */
import { TroupeError } from '../../errors/errors.ts';
import { overlap } from '../../model/subnet.ts';
import type { Host } from '../host.ts';
import { checkNetwork } from './check-specs.ts';
import { letPassDocker } from './docker-forwarding.ts';
import * as firewall from './firewall.ts';
import type { AddressedLink, Link } from './ip.ts';
import * as names from './link-names.ts';
import type { NetworkDriver, NetworkIdentity, NetworkSpec } from './network-driver.ts';
import { belongsTo, guardedNames, hasIpv6, isBridge, type Parts, removeWorld, subnetsOf } from './parts.ts';
import { destinationsOf, notForwarding, switchForwarding, uplinksOf } from './uplinks.ts';

export function networks(
  parts: Parts,
): Pick<NetworkDriver, 'ensureNetwork' | 'removeNetwork' | 'listNetworks'> {
  const { ip, queue } = parts;
  return {
    async ensureNetwork(spec, signal) {
      checkNetwork(spec);
      await queue(names.tableName(spec.worldId), () => ensure(parts, spec, signal));
    },
    async removeNetwork(identity, signal) {
      await queue(names.tableName(identity.worldId), () => remove(parts, identity, signal));
    },
    async listNetworks(signal) {
      const links = (await ip.links(signal)).filter(isBridge);
      const guarded = await guardedNames(parts, 'inet', firewall.held.bridges, signal);
      return links.map(({ ifname, ifalias }) => {
        const { worldId, networkId, tenant } = names.parseNetworkAlias(ifalias) ?? unknownNetwork;
        return { linkName: ifname, worldId, networkId, tenant, guarded: guarded.has(ifname) };
      });
    },
  };
}

const unknownNetwork = { worldId: null, networkId: null, tenant: null };

async function ensure(parts: Parts, spec: NetworkSpec, signal: AbortSignal): Promise<void> {
  const { host, ip, nft } = parts;
  const bridge = names.bridgeName(spec.networkId);
  const attempt = `The network "${spec.networkId}" could not be made`;
  const [links, routes, routes6, contents] = await Promise.all([
    ip.addresses(signal),
    ip.routes(4, signal),
    spec.ipv6 ? ip.routes(6, signal) : [],
    nft.contents('inet', names.tableName(spec.worldId), signal),
  ]);
  const present = links.find(({ ifname }) => ifname === bridge);
  if (present) refuseForeign(present, spec);
  refuseOverlap(spec, [...destinationsOf(routes, bridge), ...destinationsOf(routes6, bridge)]);
  await refuseWithoutIpv6(host, spec);

  // The rules come first: there is no moment in which the network is open.
  const uplinks = parts.uplinks ?? uplinksOf(routes);
  const closed = await notForwarding(host, uplinks);
  const staleSubnets = subnetsOf(contents, spec.networkId).filter((subnet) => subnet !== spec.subnet);
  await nft.apply(
    attempt,
    firewall.skeleton(spec.worldId) +
      firewall.setUplinks(spec.worldId, uplinks, closed) +
      firewall.addNetwork(spec, staleSubnets),
    signal,
  );
  await letPassDocker(host, spec.worldId, signal);
  if (!present)
    await ip.batch(
      attempt,
      [`link add name ${bridge} group ${names.linkGroup(spec.worldId)} type bridge`],
      signal,
    );
  if (spec.ipv6) await switchIpv6On(host, bridge);
  await ip.batch(attempt, await bridgeLines(host, spec, present), signal);
  await switchForwarding(host, [bridge, ...closed], true);
}

async function bridgeLines(
  host: Host,
  spec: NetworkSpec,
  present: AddressedLink | undefined,
): Promise<readonly string[]> {
  const bridge = names.bridgeName(spec.networkId);
  const wanted = [addressOf(spec.subnet, spec.gateway)];
  if (spec.ipv6) wanted.push(addressOf(spec.ipv6.subnet, spec.ipv6.gateway));
  const stale = (present?.addr_info ?? [])
    .filter(({ scope }) => scope === 'global')
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`)
    .filter((address) => !wanted.includes(address));
  return [
    `link set dev ${bridge} type bridge stp_state 0 forward_delay 0`,
    `link set dev ${bridge} address ${names.bridgeMac(spec.networkId)} mtu ${spec.mtu}`,
    ...((await hasIpv6(host)) ? [`link set dev ${bridge} addrgenmode ${spec.ipv6 ? 'eui64' : 'none'}`] : []),
    ...stale.map((address) => `address delete ${address} dev ${bridge}`),
    ...wanted.map(
      (address) => `address replace ${address} dev ${bridge}${address.includes(':') ? ' nodad' : ''}`,
    ),
    `link set dev ${bridge} alias "${names.networkAlias(spec)}"`,
    `link set dev ${bridge} up`,
  ];
}

/** For this link, whatever the host's default is; and no container tells the host by what router to go. */
async function switchIpv6On(host: Host, bridge: string): Promise<void> {
  await host.writeSetting(`net/ipv6/conf/${bridge}/disable_ipv6`, '0');
  await host.writeSetting(`net/ipv6/conf/${bridge}/accept_ra`, '0');
}

function addressOf(subnet: string, gateway: string): string {
  return `${gateway}/${subnet.split('/')[1]}`;
}

function refuseForeign(link: Link, spec: NetworkSpec): void {
  const owner = names.parseNetworkAlias(link.ifalias);
  const isOurs = owner
    ? owner.worldId === spec.worldId && owner.networkId === spec.networkId
    : link.group === String(names.linkGroup(spec.worldId));
  if (!isOurs)
    throw new TroupeError(
      'NAME_IN_USE',
      `The network "${spec.networkId}" could not be made: this host has a link "${link.ifname}" that isn't its; remove that`,
    );
}

function refuseOverlap(spec: NetworkSpec, destinations: readonly string[]): void {
  for (const subnet of [spec.subnet, ...(spec.ipv6 ? [spec.ipv6.subnet] : [])]) {
    const route = destinations.find((destination) => overlap(subnet, destination));
    if (route !== undefined)
      throw new TroupeError(
        'SUBNET_IN_USE',
        `The subnet "${subnet}" overlaps "${route}", which this host has a route to; choose another`,
        { details: { subnet, route } },
      );
  }
}

async function refuseWithoutIpv6(host: Host, spec: NetworkSpec): Promise<void> {
  if (spec.ipv6 && !(await hasIpv6(host)))
    throw new TroupeError(
      'HOST_INCAPABLE',
      `The kernel of this host has no IPv6; make the network without "${spec.ipv6.subnet}"`,
    );
}

async function remove(parts: Parts, identity: NetworkIdentity, signal: AbortSignal): Promise<void> {
  const { ip, nft } = parts;
  const { worldId, networkId } = identity;
  const bridge = names.bridgeName(networkId);
  const attempt = `The network "${networkId}" could not be removed`;
  const [links, contents] = await Promise.all([
    ip.links(signal),
    nft.contents('inet', names.tableName(worldId), signal),
  ]);
  const present = links.find(({ ifname }) => ifname === bridge);
  // Another world's is not ours to remove, and ours is not there.
  if (present && belongsTo(present, worldId)) {
    const plugged = links.filter(({ master }) => master === bridge).length;
    if (plugged > 0)
      throw new TroupeError(
        'NETWORK_IN_USE',
        `The network "${networkId}" has ${plugged === 1 ? 'a port' : `${plugged} ports`} plugged on this host; unplug first`,
        { details: { ports: plugged } },
      );
    await ip.batch(attempt, [`link delete dev ${bridge}`], signal);
  }
  if (!contents) return;
  const others = links.filter((link) => isBridge(link) && link.ifname !== bridge);
  if (others.some((link) => belongsTo(link, worldId))) {
    const script = firewall.removeNetwork(identity, subnetsOf(contents, networkId));
    await nft.apply(attempt, script, signal);
  } else await removeWorld(parts, worldId, { isAlone: others.length === 0 }, signal);
}
