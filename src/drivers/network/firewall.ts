/**
 * What a world has in the host's firewall: two nftables tables of its own
 * name, never anything in another's. Scripts as text; each is one transaction,
 * so a crash leaves all of it or nothing.
 *
 * - `inet troupe_<world>`: isolation (filter), the way outside (masquerade),
 *   published ports (DNAT by map).
 * - `bridge troupe_<world>`: what each port may send, a chain a port. The
 *   bridge family sees frames before they are switched, whether or not
 *   br_netfilter shows them to iptables as well; a host that lacks it is
 *   refused by `probe`, for without it a container could take its neighbour's
 *   address.
 *
 * Rules are flushed and written anew with each network: what a newer release
 * changes in them holds from its first operation.
 */
import { linkLocalOfMac } from '../../model/mac-address.ts';
import { familyOf, hexDigits6 } from '../../model/subnet.ts';
import { bridgeName, portName, tableName } from './link-names.ts';
import type { NetworkIdentity, NetworkSpec, PlugSpec, PublishedPort, PublishSpec } from './network-driver.ts';

/** Sets and maps by name: what is read back. */
export const held = {
  bridges: 'bridges',
  subnets: 'subnets',
  uplinks: 'uplinks',
  opened: 'opened',
  anywhere: 'published',
  somewhere: 'published_at',
  ports: 'ports',
} as const;

/**
 * The tables without any network, as an idempotent script.
 *
 * `from_network` ends in a drop: what is not another port of the same network,
 * an answer, a published port or outside is not reached. Link-local addresses
 * are not outside: the metadata service of the cloud this host may live in
 * answers there, with this host's credentials.
 */
export function skeleton(worldId: string): string {
  const table = tableName(worldId);
  const dnat = [
    `fib daddr type local dnat ip to ip daddr . meta l4proto . th dport map @${held.somewhere}`,
    `fib daddr type local dnat ip to meta l4proto . th dport map @${held.anywhere}`,
  ];
  return lines(
    `add table inet ${table} { comment "Troupe world ${worldId}" ; }`,
    `add set inet ${table} ${held.bridges} { type ifname ; }`,
    `add set inet ${table} same { type ifname . ifname ; }`,
    `add set inet ${table} ${held.subnets} { type ipv4_addr ; flags interval ; }`,
    `add set inet ${table} ${held.uplinks} { type ifname ; }`,
    `add set inet ${table} ${held.opened} { type ifname ; }`,
    `add map inet ${table} ${held.anywhere} { type inet_proto . inet_service : ipv4_addr . inet_service ; }`,
    `add map inet ${table} ${held.somewhere} { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service ; }`,
    ...['from_network', 'to_network', 'to_host'].map((name) => `add chain inet ${table} ${name}`),
    ...chain('inet', table, 'guard', 'type filter hook prerouting priority raw', [
      // `localhost` of the host is published through route_localnet, which would let containers in, too.
      `iifname @${held.bridges} ip daddr 127.0.0.0/8 counter drop`,
    ]),
    ...chain('inet', table, 'input', 'type filter hook input priority filter', [
      `iifname @${held.bridges} goto to_host`,
    ]),
    ...chain('inet', table, 'forward', 'type filter hook forward priority filter', [
      'iifname . oifname @same accept',
      `iifname @${held.bridges} goto from_network`,
      `oifname @${held.bridges} goto to_network`,
      // Forwarding was switched on here for networks, not for everybody.
      `iifname @${held.opened} counter drop`,
    ]),
    ...chain('inet', table, 'prerouting', 'type nat hook prerouting priority dstnat', dnat),
    ...chain('inet', table, 'output', 'type nat hook output priority -100', dnat),
    ...chain('inet', table, 'postrouting', 'type nat hook postrouting priority srcnat', [
      `ip saddr @${held.subnets} oifname @${held.uplinks} masquerade`,
      // Answers must come back this way to be translated back.
      `ip saddr @${held.subnets} oifname @${held.bridges} ct status dnat masquerade`,
      `ip saddr 127.0.0.0/8 oifname @${held.bridges} masquerade`,
    ]),
    ...chain('inet', table, 'from_network', null, [
      'ct state established,related accept',
      'ct status dnat accept',
      'ct state invalid counter drop',
      'ip daddr 169.254.0.0/16 counter drop',
      `meta nfproto ipv4 oifname @${held.uplinks} accept`,
      'counter drop',
    ]),
    ...chain('inet', table, 'to_network', null, [
      'ct state established,related accept',
      'ct status dnat accept',
      'counter drop',
    ]),
    ...chain('inet', table, 'to_host', null, [
      'ct state established,related accept',
      'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept',
      'counter drop',
    ]),
    portSkeleton(worldId),
  );
}

function portSkeleton(worldId: string): string {
  const table = tableName(worldId);
  return lines(
    `add table bridge ${table}`,
    `add map bridge ${table} ${held.ports} { type ifname : verdict ; }`,
    ...chain('bridge', table, 'prerouting', 'type filter hook prerouting priority -300', [
      `iifname vmap @${held.ports}`,
    ]),
  );
}

export function addNetwork(spec: NetworkSpec, staleSubnets: readonly string[]): string {
  const [table, bridge] = [tableName(spec.worldId), bridgeName(spec.networkId)];
  return lines(
    `add element inet ${table} ${held.bridges} { "${bridge}" }`,
    `add element inet ${table} same { "${bridge}" . "${bridge}" }`,
    ...staleSubnets.map((subnet) => `delete element inet ${table} ${held.subnets} { ${subnet} }`),
    `add element inet ${table} ${held.subnets} { ${spec.subnet} comment "${spec.networkId}" }`,
  );
}

/** The way outside. `opened` grows only: it says where forwarding was off before us. */
export function setUplinks(worldId: string, uplinks: readonly string[], opened: readonly string[]): string {
  const table = tableName(worldId);
  return lines(
    `flush set inet ${table} ${held.uplinks}`,
    ...uplinks.map((name) => `add element inet ${table} ${held.uplinks} { "${name}" }`),
    ...opened.map((name) => `add element inet ${table} ${held.opened} { "${name}" }`),
  );
}

export function removeNetwork({ worldId, networkId }: NetworkIdentity, subnets: readonly string[]): string {
  const [table, bridge] = [tableName(worldId), bridgeName(networkId)];
  return lines(
    `add element inet ${table} ${held.bridges} { "${bridge}" }`,
    `delete element inet ${table} ${held.bridges} { "${bridge}" }`,
    `add element inet ${table} same { "${bridge}" . "${bridge}" }`,
    `delete element inet ${table} same { "${bridge}" . "${bridge}" }`,
    ...subnets.map((subnet) => `delete element inet ${table} ${held.subnets} { ${subnet} }`),
  );
}

export function removeTables(worldId: string): string {
  const table = tableName(worldId);
  // Adding first makes it right for what is gone already.
  return lines(
    ...(['inet', 'bridge'] as const).flatMap((family) => [
      `add table ${family} ${table}`,
      `delete table ${family} ${table}`,
    ]),
  );
}

/**
 * What a port may send: frames from its MAC that carry ARP for, or packets
 * from, its own addresses. Router advertisements and redirects are the
 * network's, not a container's; a neighbour's IPv6 address may not be claimed.
 */
export function addPort(spec: PlugSpec): string {
  const [table, link] = [tableName(spec.worldId), portName(spec.portId)];
  const name = portChain(link);
  const own = spec.addresses.map(withoutPrefix);
  const own4 = own.filter((address) => familyOf(address) === 4);
  const own6 = own.filter((address) => familyOf(address) === 6);
  const any6 = [...own6, linkLocalOfMac(spec.mac)];
  const rules = [
    `ether saddr != ${spec.mac} counter drop`,
    // 0.0.0.0 asks whether an address is free.
    `arp saddr ether ${spec.mac} arp saddr ip { ${['0.0.0.0', ...own4].join(', ')} } accept`,
    ...(own4.length > 0 ? [`ip saddr { ${own4.join(', ')} } accept`] : []),
    ...(own6.length > 0
      ? [
          'icmpv6 type { nd-router-advert, nd-redirect } counter drop',
          `icmpv6 type nd-neighbor-advert @th,64,128 != { ${any6.map((address) => `0x${hexDigits6(address)}`).join(', ')} } counter drop`,
          // :: asks whether an address is free.
          `ip6 saddr { ${['::', ...any6].join(', ')} } accept`,
        ]
      : []),
    'counter drop',
  ];
  return lines(
    portSkeleton(spec.worldId),
    ...chain('bridge', table, name, null, rules),
    `add element bridge ${table} ${held.ports} { "${link}" : goto ${name} }`,
  );
}

/** @param link one that `ports` holds */
export function removePort(worldId: string, link: string): string {
  const table = tableName(worldId);
  return lines(
    `delete element bridge ${table} ${held.ports} { "${link}" }`,
    `delete chain bridge ${table} ${portChain(link)}`,
  );
}

export function addPublication({ worldId, portId, address }: PublishSpec, port: PublishedPort): string {
  const value = `${address} . ${port.containerPort}`;
  return lines(
    `add element inet ${tableName(worldId)} ${mapOf(port)} { ${keyOf(port)} comment "${portId}" : ${value} }`,
  );
}

export function removePublication(worldId: string, port: PublishedPort): string {
  return lines(`delete element inet ${tableName(worldId)} ${mapOf(port)} { ${keyOf(port)} }`);
}

function mapOf({ hostAddress }: PublishedPort): string {
  return hostAddress === null ? held.anywhere : held.somewhere;
}

function keyOf({ hostAddress, protocol, hostPort }: PublishedPort): string {
  return [...(hostAddress === null ? [] : [hostAddress]), protocol, hostPort].join(' . ');
}

/** A chain of exactly these rules. */
function chain(
  family: string,
  table: string,
  name: string,
  hook: string | null,
  rules: readonly string[],
): readonly string[] {
  const declaration = hook === null ? '' : ` { ${hook} ; policy accept ; }`;
  return [
    `add chain ${family} ${table} ${name}${declaration}`,
    `flush chain ${family} ${table} ${name}`,
    ...rules.map((rule) => `add rule ${family} ${table} ${name} ${rule}`),
  ];
}

function portChain(link: string): string {
  return link.replace('tp-', 'port_');
}

function withoutPrefix(cidr: string): string {
  return cidr.split('/')[0] ?? cidr;
}

function lines(...parts: readonly string[]): string {
  return parts.map((part) => (part.endsWith('\n') ? part : `${part}\n`)).join('');
}
