/** What the parts of the driver share: its programs, whose a link is, and what is removed the same way from several sides. */
import type { Host } from '../host.ts';
import { forgetAtDocker } from './docker-forwarding.ts';
import * as firewall from './firewall.ts';
import { elementKey, elementText } from './firewall-contents.ts';
import type { Ip, Link } from './ip.ts';
import * as names from './link-names.ts';
import type { Contents, Family, Nft } from './nft.ts';
import type { OpenVSwitch } from './open-vswitch.ts';
import type { OneAtATime } from '../../model/one-at-a-time.ts';
import { switchForwarding } from './uplinks.ts';

export interface Parts {
  readonly host: Host;
  readonly ip: Ip;
  readonly nft: Nft;
  readonly ovs: OpenVSwitch;
  readonly queue: OneAtATime;
  /** Links that lead outside; null = those with a route by way of a router. */
  readonly uplinks: readonly string[] | null;
}

export const isBridge = ({ ifname }: Link): boolean => /^tr-[0-9a-f]{12}$/.test(ifname);
export const isPort = ({ ifname }: Pick<Link, 'ifname'>): boolean => /^tp-[0-9a-f]{12}$/.test(ifname);

/** The host's end of a port of Neutron that was plugged here by us; others have such links, too. */
export const isOurTap = ({ ifname, ifalias }: Link): boolean =>
  /^tap[0-9a-f]{8}-[0-9a-f]{2}$/.test(ifname) && names.parsePortAlias(ifalias) !== null;

/** Whether the kernel has it at all; where it is only switched off, it is switched on for links that need it. */
export async function hasIpv6(host: Host): Promise<boolean> {
  return (await host.readSetting('net/ipv6/conf/all/disable_ipv6')) !== null;
}

/** Whether a bridge or a port is this world's, half made or whole. */
export function belongsTo({ ifalias, group }: Pick<Link, 'ifalias' | 'group'>, worldId: string): boolean {
  const owner = names.parseNetworkAlias(ifalias) ?? names.parsePortAlias(ifalias);
  return owner ? owner.worldId === worldId : group === String(names.linkGroup(worldId));
}

/** The subnets the firewall holds for a network. */
export function subnetsOf(contents: Contents | null, networkId: string): readonly string[] {
  return (contents?.get(firewall.held.subnets) ?? [])
    .filter((element) => elementText(element) === networkId)
    .flatMap(elementKey);
}

/** The host's end of a port with its namespace's end, and the rules. */
export async function removePortOf(
  parts: Parts,
  worldId: string,
  link: string,
  signal: AbortSignal,
): Promise<void> {
  const { nft } = parts;
  const [, contents] = await Promise.all([
    removeEnd(parts, worldId, link, signal),
    nft.contents('bridge', names.tableName(worldId), signal),
  ]);
  const guarded = (contents?.get(firewall.held.ports) ?? []).flatMap(elementKey);
  if (guarded.includes(link)) await nft.apply(unpluggingOf(link), firewall.removePort(worldId, link), signal);
}

/** The same of what has no rules of ours. */
export async function removeEnd(
  { host, ip }: Parts,
  worldId: string,
  link: string,
  signal: AbortSignal,
): Promise<void> {
  const [ifalias, group] = await Promise.all([
    host.readLinkFile(link, 'ifalias'),
    host.readLinkFile(link, 'netdev_group'),
  ]);
  if (ifalias === null || group === null || !belongsTo({ ifalias, group }, worldId)) return;
  try {
    await ip.batch(unpluggingOf(link), [`link delete dev ${link}`], signal);
  } catch (error) {
    // It went with its namespace in this moment.
    if (await ip.link(link, signal)) throw error;
  }
}

export const unpluggingOf = (link: string): string => `The port at "${link}" could not be unplugged`;

/** Leaves the host as it was before the world's first network. */
export async function removeWorld(
  { host, nft }: Parts,
  worldId: string,
  { isAlone }: { readonly isAlone: boolean },
  signal: AbortSignal,
): Promise<void> {
  const contents = await nft.contents('inet', names.tableName(worldId), signal);
  const opened = (contents?.get(firewall.held.opened) ?? []).flatMap(elementKey);
  // Where forwarding is on for the whole host by now, somebody else relies on it.
  if (isAlone && (await host.readSetting('net/ipv4/ip_forward')) === '0')
    await switchForwarding(host, await stillThere(host, opened), false);
  await forgetAtDocker(host, worldId, signal);
  await nft.apply("The world's firewall could not be removed", firewall.removeTables(worldId), signal);
}

async function stillThere(host: Host, links: readonly string[]): Promise<readonly string[]> {
  const values = await Promise.all(links.map((link) => host.readSetting(`net/ipv4/conf/${link}/forwarding`)));
  return links.filter((_, index) => values[index] !== null);
}

/** The links of a set or map, over the tables of all worlds. */
export async function guardedNames(
  { nft }: Parts,
  family: Family,
  set: string,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const tables = (await nft.tables(family, signal)).filter(names.isTableName);
  const contents = await Promise.all(tables.map((table) => nft.contents(family, table, signal)));
  return new Set(contents.flatMap((held) => (held?.get(set) ?? []).flatMap(elementKey)));
}
