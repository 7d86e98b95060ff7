/**
 * What becomes part of a command or a rule is checked here first: ids, names,
 * addresses and numbers, and nothing that could be read as more than one of
 * these.
 */
import { TroupeError } from '../../errors/errors.ts';
import { isMac } from '../../model/mac-address.ts';
import { contains, familyOf, isAddress, isSubnet } from '../../model/subnet.ts';
import { hexOf } from './link-names.ts';
import type { NetworkSpec, PlugSpec, PublishSpec } from './network-driver.ts';

/** @throws TroupeError INVALID_INPUT */
export function checkNetwork(spec: NetworkSpec): void {
  hexOf(spec.worldId);
  hexOf(spec.networkId);
  demand(/^[\w.-]{1,64}$/.test(spec.tenant), `"${spec.tenant}" is not a tenant's id`);
  checkSubnet(spec.subnet, spec.gateway, 4);
  if (spec.ipv6) checkSubnet(spec.ipv6.subnet, spec.ipv6.gateway, 6);
  checkMtu(spec.mtu, spec.ipv6 !== null);
}

/** @throws TroupeError INVALID_INPUT */
export function checkPlug(spec: PlugSpec): void {
  [spec.worldId, spec.portId, spec.networkId].forEach(hexOf);
  // A multicast MAC is nobody's.
  demand(isMac(spec.mac) && !/^.[13579bdf]/.test(spec.mac), `"${spec.mac}" is not the MAC of a port`);
  demand(
    /^[a-z][a-z0-9]{0,14}$/.test(spec.interfaceName) && spec.interfaceName !== 'lo',
    `"${spec.interfaceName}" is not the name of an interface`,
  );
  demand(spec.addresses.length > 0, 'A port needs an address');
  for (const address of spec.addresses) {
    const isCidr = /\/\d+$/.test(address) && isAddress(address.replace(/\/\d+$/, ''));
    demand(isCidr && familyOfOrNull(address) !== null, `"${address}" is not an address with a prefix`);
  }
  if (spec.gateway !== null)
    demand(isAddress(spec.gateway) && familyOf(spec.gateway) === 4, `"${spec.gateway}" is not a gateway`);
  for (const { destination, via } of spec.routes) {
    demand(isSubnet(destination), `"${destination}" is not the destination of a route`);
    demand(isAddress(via), `"${via}" is not an address to route by`);
    demand(familyOf(destination) === familyOf(via), `"${destination}" can't be reached by "${via}"`);
  }
  if (spec.ovs)
    demand(
      /^[a-zA-Z0-9][\w.-]{0,14}$/.test(spec.ovs.bridge),
      `"${spec.ovs.bridge}" is not the name of a bridge`,
    );
  checkMtu(
    spec.mtu,
    spec.addresses.some((address) => familyOf(address) === 6),
  );
}

/** @throws TroupeError INVALID_INPUT */
export function checkPublish(spec: PublishSpec): void {
  [spec.worldId, spec.portId].forEach(hexOf);
  demand(
    isAddress(spec.address) && familyOf(spec.address) === 4,
    `"${spec.address}" is not an IPv4 address to publish`,
  );
  const seen = new Set<string>();
  for (const { protocol, hostPort, containerPort, hostAddress } of spec.ports) {
    demand(['tcp', 'udp'].includes(protocol), `"${protocol}" is not a protocol that can be published`);
    for (const port of [hostPort, containerPort])
      demand(Number.isInteger(port) && port > 0 && port < 65_536, `${port} is not a port`);
    if (hostAddress !== null)
      demand(
        isAddress(hostAddress) && familyOf(hostAddress) === 4,
        `"${hostAddress}" is not an IPv4 address of the host`,
      );
    const key = `${hostAddress} ${protocol} ${hostPort}`;
    demand(!seen.has(key), `Port ${hostPort}/${protocol} of the host is asked for twice`);
    seen.add(key);
  }
}

function checkSubnet(subnet: string, gateway: string, family: 4 | 6): void {
  demand(isSubnet(subnet) && familyOf(subnet) === family, `"${subnet}" is not an IPv${family} subnet`);
  demand(
    isAddress(gateway) && contains(subnet, gateway),
    `The gateway "${gateway}" is not an address in "${subnet}"`,
  );
}

/** IPv6 needs 1280 (RFC 8200 §5); 576 is what every IPv4 host takes (RFC 791). */
function checkMtu(mtu: number, hasIpv6: boolean): void {
  const least = hasIpv6 ? 1280 : 576;
  demand(Number.isInteger(mtu) && mtu >= least && mtu <= 65_521, `An MTU of ${mtu} is not possible`);
}

function familyOfOrNull(text: string): 4 | 6 | null {
  try {
    return familyOf(text);
  } catch {
    return null;
  }
}

function demand(holds: boolean, message: string): void {
  if (!holds) throw new TroupeError('INVALID_INPUT', message);
}
