/**
 * Published ports: an element each of a map that DNAT looks up, with the
 * port's id as its comment. There is no state beside it.
 */
import { TroupeError } from '../../errors/errors.ts';
import { checkPublish } from './check-specs.ts';
import { forgetEarlier, forgetTranslated } from './connections.ts';
import * as firewall from './firewall.ts';
import { type Publication, toPublication } from './firewall-contents.ts';
import type { AddressedLink } from './ip.ts';
import * as names from './link-names.ts';
import { listenersOn } from './listeners.ts';
import type { NetworkDriver, PortIdentity, PublishedPort, PublishSpec } from './network-driver.ts';
import type { Parts } from './parts.ts';

export function publications(parts: Parts): Pick<NetworkDriver, 'publish' | 'unpublish' | 'listPublished'> {
  return {
    async publish(spec, signal) {
      checkPublish(spec);
      if (spec.ports.length === 0) await removePublications(parts, spec, signal);
      else await parts.queue(names.tableName(spec.worldId), () => publish(parts, spec, signal));
    },
    unpublish: (identity, signal) => removePublications(parts, identity, signal),
    async listPublished(worldId, signal) {
      const published = await publishedIn(parts, names.tableName(worldId), signal);
      return published.map((publication) => ({ ...publication, worldId }));
    },
  };
}

/** Those of one port, if there are any. */
export async function removePublications(
  parts: Parts,
  { worldId, portId }: PortIdentity,
  signal: AbortSignal,
): Promise<void> {
  const table = names.tableName(worldId);
  await parts.queue(table, async () => {
    const own = (await publishedIn(parts, table, signal)).filter((other) => other.portId === portId);
    if (own.length === 0) return;
    await parts.nft.apply(
      `The ports of "${portId}" could not be taken back`,
      own.map((port) => firewall.removePublication(worldId, port)).join(''),
      signal,
    );
    await forgetTranslated(parts.host, own, signal);
  });
}

async function publish(parts: Parts, spec: PublishSpec, signal: AbortSignal): Promise<void> {
  const { host, ip, nft } = parts;
  const attempt = `The ports of "${spec.portId}" could not be published`;
  const table = names.tableName(spec.worldId);
  const [links, published] = await Promise.all([ip.addresses(signal), publishedByTable(parts, signal)]);
  const bridge = bridgeOf(links, spec);
  const own = (published.get(table) ?? []).filter(({ portId }) => portId === spec.portId);
  const others = [...published.values()].flat().filter((other) => !own.includes(other));
  const isSame = (port: PublishedPort, other: Publication): boolean =>
    isSameKey(port, other) && other.containerPort === port.containerPort && other.address === spec.address;
  const added = spec.ports.filter((port) => !own.some((other) => isSame(port, other)));
  const removed = own.filter((other) => !spec.ports.some((port) => isSame(port, other)));

  for (const port of added) refusePublished(port, others);
  const local = localAddresses(links);
  for (const port of added) refuseAddress(port, local);
  // What was published already is not looked at again: a process may listen behind it and never hear of it.
  const fresh = added.filter((port) => !own.some((other) => isSameKey(port, other)));
  await refuseListeners(parts, fresh, signal);

  await nft.apply(
    attempt,
    firewall.skeleton(spec.worldId) +
      removed.map((port) => firewall.removePublication(spec.worldId, port)).join('') +
      added.map((port) => firewall.addPublication(spec, port)).join(''),
    signal,
  );
  // Where br_netfilter is loaded, what DNAT sends back to the sender leaves by the port it came by.
  const link = names.portName(spec.portId);
  await ip.batch(attempt, [`link set dev ${link} type bridge_slave hairpin on`], signal);
  if (spec.ports.some(({ hostAddress }) => hostAddress === null || isLoopback(hostAddress)))
    await host.writeSetting(`net/ipv4/conf/${bridge}/route_localnet`, '1');
  await forgetTranslated(host, removed, signal);
  await forgetEarlier(host, added, local, signal);
}

async function publishedIn(
  { nft }: Parts,
  table: string,
  signal: AbortSignal,
): Promise<readonly Publication[]> {
  const contents = await nft.contents('inet', table, signal);
  return [firewall.held.anywhere, firewall.held.somewhere].flatMap((map) =>
    (contents?.get(map) ?? []).flatMap((element) => toPublication(element) ?? []),
  );
}

/** Of all worlds on this host. */
async function publishedByTable(
  parts: Parts,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly Publication[]>> {
  const tables = (await parts.nft.tables('inet', signal)).filter(names.isTableName);
  return new Map(
    await Promise.all(tables.map(async (table) => [table, await publishedIn(parts, table, signal)] as const)),
  );
}

function bridgeOf(links: readonly AddressedLink[], { worldId, portId }: PublishSpec): string {
  const link = links.find(({ ifname }) => ifname === names.portName(portId));
  const owner = names.parsePortAlias(link?.ifalias);
  if (owner?.worldId !== worldId || owner.portId !== portId || link?.master === undefined)
    throw new TroupeError(
      'SANDBOX_GONE',
      `The ports of "${portId}" could not be published: it is not plugged on this host`,
    );
  return link.master;
}

function localAddresses(links: readonly AddressedLink[]): readonly string[] {
  return links.flatMap(({ addr_info }) =>
    addr_info.filter(({ family }) => family === 'inet').map(({ local }) => local),
  );
}

const isLoopback = (address: string): boolean => address.startsWith('127.');

const isSameKey = (one: PublishedPort, other: PublishedPort): boolean =>
  one.protocol === other.protocol && one.hostPort === other.hostPort && one.hostAddress === other.hostAddress;

/** As sockets: an address and all addresses don't go together. */
function isConflict(one: PublishedPort, other: PublishedPort): boolean {
  return (
    one.protocol === other.protocol &&
    one.hostPort === other.hostPort &&
    (one.hostAddress === null || other.hostAddress === null || one.hostAddress === other.hostAddress)
  );
}

function refusePublished(port: PublishedPort, others: readonly Publication[]): void {
  const other = others.find((published) => isConflict(port, published));
  if (other) throw portInUse(port, `published for the port "${other.portId}"`, { portId: other.portId });
}

function refuseAddress({ hostAddress }: PublishedPort, local: readonly string[]): void {
  if (hostAddress !== null && !isLoopback(hostAddress) && !local.includes(hostAddress))
    throw new TroupeError(
      'INVALID_PARAMETER',
      `"${hostAddress}" is not an address of this host; publish at one of: ${local.join(', ')}`,
    );
}

async function refuseListeners(
  { host }: Parts,
  ports: readonly PublishedPort[],
  signal: AbortSignal,
): Promise<void> {
  const listeners = ports.length > 0 ? await listenersOn(host, ports, signal) : [];
  for (const port of ports) {
    const listener = listeners.find(
      ({ protocol, address, number }) =>
        protocol === port.protocol &&
        number === port.hostPort &&
        (port.hostAddress === null || address === null || address === port.hostAddress),
    );
    if (listener) throw portInUse(port, `used by ${listener.owner}`, { owner: listener.owner });
  }
}

function portInUse(port: PublishedPort, use: string, details: Record<string, unknown>): TroupeError {
  const { protocol, hostPort } = port;
  return new TroupeError(
    'HOST_PORT_IN_USE',
    `Port ${hostPort}/${protocol} of this host is ${use}; choose another`,
    { details: { hostPort, protocol, ...details } },
  );
}
