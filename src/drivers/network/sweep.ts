/** What crashes left of a world: links that were never finished, rules of links that are gone. */
import * as firewall from './firewall.ts';
import { elementKey, elementText } from './firewall-contents.ts';
import * as names from './link-names.ts';
import {
  belongsTo,
  isBridge,
  isPort,
  type Parts,
  removePortOf,
  removeWorld,
  subnetsOf,
  unpluggingOf,
} from './parts.ts';
import { removePublications } from './publications.ts';

export async function sweep(parts: Parts, worldId: string, signal: AbortSignal): Promise<readonly string[]> {
  const removed = new Set<string>();
  await sweepPorts(parts, worldId, removed, signal);
  await sweepPublications(parts, worldId, removed, signal);
  await parts.queue(names.tableName(worldId), () => sweepNetworks(parts, worldId, removed, signal));
  await sweepSwitch(parts, worldId, removed, signal);
  return [...removed].toSorted();
}

async function sweepPorts(
  parts: Parts,
  worldId: string,
  removed: Set<string>,
  signal: AbortSignal,
): Promise<void> {
  const { ip, nft, queue } = parts;
  // A port of Neutron's that was never finished has our group and no alias.
  const links = (await ip.links(signal)).filter(
    (link) => (isPort(link) || /^tap[0-9a-f]{8}-[0-9a-f]{2}$/.test(link.ifname)) && belongsTo(link, worldId),
  );
  const contents = await nft.contents('bridge', names.tableName(worldId), signal);
  const guarded = (contents?.get(firewall.held.ports) ?? []).flatMap(elementKey);
  for (const link of new Set([...links.map(({ ifname }) => ifname), ...guarded]))
    await queue(link, async () => {
      if (await isWhole(parts, link, signal)) return;
      await removePortOf(parts, worldId, link, signal);
      removed.add(link);
    });
}

const isWhole = async ({ ip }: Parts, link: string, signal: AbortSignal): Promise<boolean> =>
  names.parsePortAlias((await ip.link(link, signal))?.ifalias) !== null;

/** What is left at bridges of Open vSwitch when the link has gone, with its namespace or with a reboot. */
async function sweepSwitch(
  parts: Parts,
  worldId: string,
  removed: Set<string>,
  signal: AbortSignal,
): Promise<void> {
  const { ovs, queue } = parts;
  for (const { linkName, worldId: of } of await ovs.ports(signal)) {
    if (of !== worldId) continue;
    await queue(linkName, async () => {
      if (await isWhole(parts, linkName, signal)) return;
      await ovs.removePort(unpluggingOf(linkName), linkName, signal);
      removed.add(linkName);
    });
  }
}

async function sweepPublications(
  parts: Parts,
  worldId: string,
  removed: Set<string>,
  signal: AbortSignal,
): Promise<void> {
  const contents = await parts.nft.contents('inet', names.tableName(worldId), signal);
  const ids = [firewall.held.anywhere, firewall.held.somewhere]
    .flatMap((map) => contents?.get(map) ?? [])
    .flatMap((element) => elementText(element) ?? []);
  for (const portId of new Set(ids)) {
    const link = names.portName(portId);
    if (await parts.ip.link(link, signal)) continue;
    await removePublications(parts, { worldId, portId }, signal);
    removed.add(link);
  }
}

async function sweepNetworks(
  parts: Parts,
  worldId: string,
  removed: Set<string>,
  signal: AbortSignal,
): Promise<void> {
  const { ip, nft } = parts;
  const attempt = 'What a crash left could not be removed';
  const bridges = (await ip.links(signal)).filter(isBridge);
  const own = bridges.filter((link) => belongsTo(link, worldId));
  const whole = own.filter(({ ifalias }) => names.parseNetworkAlias(ifalias));
  for (const { ifname } of own)
    if (!whole.some((link) => link.ifname === ifname)) {
      await ip.batch(attempt, [`link delete dev ${ifname}`], signal);
      removed.add(ifname);
    }
  const contents = await nft.contents('inet', names.tableName(worldId), signal);
  if (!contents) return;
  if (whole.length === 0) {
    await removeWorld(parts, worldId, { isAlone: bridges.length === own.length }, signal);
    return;
  }
  const ids = (contents.get(firewall.held.subnets) ?? []).flatMap((element) => elementText(element) ?? []);
  for (const networkId of new Set(ids)) {
    const bridge = names.bridgeName(networkId);
    if (whole.some(({ ifname }) => ifname === bridge)) continue;
    const script = firewall.removeNetwork({ worldId, networkId }, subnetsOf(contents, networkId));
    await nft.apply(attempt, script, signal);
    removed.add(bridge);
  }
}
