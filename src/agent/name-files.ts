/**
 * What containers see as /etc/hosts, /etc/resolv.conf and /etc/hostname: the
 * names of all that share a network with them. Who is plugged into what, and
 * what it is called, is kept in a file beside these, so that it is known after
 * the agent was restarted, and sandboxes can be made again by the agent alone.
 *
 * So is the subnet of each network: a bridge that a reboot took away comes back
 * with it, and no other network may take it meanwhile.
 *
 * A file is written only once a container has it: what waits in a pool has no name.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isHostname } from '../drivers/network/hosts-file.ts';
import type { SandboxFiles } from '../drivers/network/sandbox-files.ts';
import { oneAtATime } from '../model/one-at-a-time.ts';
import type { ContainerFiles } from '../drivers/runtime/runtime-driver.ts';
import { TroupeError } from '../errors/errors.ts';
import { addressesOf, type Port, type PublishedPort } from '../model/network.ts';

/** A sandbox as it was plugged last. */
export interface Plugged {
  readonly tenant: string;
  readonly hostname: string;
  readonly ports: readonly Port[];
  readonly published: readonly PublishedPort[];
  /** Which namespace its ports were plugged into (`NetworkDriver.identify`); a release before said nothing of it. */
  readonly namespace?: string | null;
  /** The same with the host's ports as they were chosen; absent in what earlier releases kept. */
  readonly bound?: readonly PublishedPort[];
}

export interface NameFiles {
  plugged(sandboxId: string, seen: Plugged): Promise<void>;
  unplugged(sandboxId: string, portId: string): Promise<void>;
  /** A container of it and what that is called from now on; gives the files to show inside. @throws TroupeError SANDBOX_GONE */
  named(sandboxId: string, containerId: string, names: readonly string[]): Promise<ContainerFiles>;
  removed(sandboxId: string): Promise<void>;
  networkMade(networkId: string, subnet: string): Promise<void>;
  networkRemoved(networkId: string): Promise<void>;
  /** Of the networks that were made here and not removed, whether or not their bridge is there. */
  subnets(): Promise<readonly string[]>;
  /** Null for one that was never plugged here. */
  find(sandboxId: string): Promise<Plugged | null>;
  /** The sandbox that a container was given; null when it has none. */
  ofContainer(containerId: string): Promise<{ readonly sandboxId: string; readonly seen: Plugged } | null>;
}

interface Known extends Plugged {
  readonly sandboxId: string;
  /** What its containers are called, by their ids; several are members of one capsule. */
  readonly containers: Readonly<Record<string, readonly string[]>>;
}

/** As releases before capsules kept it. */
type Kept = Known | (Plugged & Pick<Known, 'sandboxId'> & { readonly containerId: string | null; readonly names: readonly string[] }); // prettier-ignore

const isLivedIn = ({ containers }: Known): boolean => Object.keys(containers).length > 0;

const suffix = '.json';
const networkSuffix = '.network';

/** @param directory where records lie, and the files themselves by `files`; ours alone */
export function createNameFiles(directory: string, files: SandboxFiles): NameFiles {
  const turns = oneAtATime();
  let loading: Promise<Map<string, Known>> | null = null;
  /** Networks of which somebody has not been told yet who is in them. */
  let untold = new Set<string>();
  const all = (): Promise<Map<string, Known>> => (loading ??= load());
  const load = async (): Promise<Map<string, Known>> => {
    const known = await readAll(directory);
    // What a crash kept from being told comes with the next change.
    for (const each of known.values()) changed(each);
    return known;
  };
  const changed = (each: Known): void => {
    for (const id of networksOf(each)) untold.add(id);
  };
  const inTurn = <T>(work: (known: Map<string, Known>) => Promise<T>): Promise<T> =>
    turns('names', async () => work(await all()));

  const write = (each: Known, known: Map<string, Known>) =>
    files.ensure({
      sandboxId: each.sandboxId,
      hostname: each.hostname,
      addresses: each.ports.flatMap(addressesOf),
      neighbours: neighboursOf(each, known.values()),
      dns: dnsOf(each),
    });

  /** A turn of its own, behind the changes that wait: all that came meanwhile is told with one rewrite of each file. */
  const tell = (): Promise<void> =>
    inTurn(async (known) => {
      const due = untold;
      untold = new Set();
      if (due.size === 0) return;
      try {
        for (const each of known.values()) {
          if (!isLivedIn(each) || !networksOf(each).some((id) => due.has(id))) continue;
          await files.tell({
            sandboxId: each.sandboxId,
            hostname: each.hostname,
            addresses: each.ports.flatMap(addressesOf),
            neighbours: neighboursOf(each, known.values()),
          });
        }
      } catch (error) {
        for (const id of due) untold.add(id);
        throw error;
      }
    });

  /** Gives the files of one that has a container. */
  const put = async (known: Map<string, Known>, next: Known): Promise<ContainerFiles | null> => {
    const before = known.get(next.sandboxId);
    await keep(directory, next.sandboxId + suffix, next);
    known.set(next.sandboxId, next);
    if (!isLivedIn(next)) return null;
    if (before) changed(before);
    changed(next);
    const { hosts, resolvConf, hostname } = await write(next, known);
    return { hosts, resolvConf, hostname };
  };

  return {
    async plugged(sandboxId, seen) {
      const given = await inTurn((known) =>
        put(known, { ...seen, sandboxId, containers: known.get(sandboxId)?.containers ?? {} }),
      );
      if (given) await tell();
    },
    async unplugged(sandboxId, portId) {
      const given = await inTurn(async (known) => {
        const before = known.get(sandboxId);
        if (!before) return null;
        return put(known, { ...before, ports: before.ports.filter((port) => port.portId !== portId) });
      });
      if (given) await tell();
    },
    async named(sandboxId, containerId, names) {
      const given = await inTurn(async (known) => {
        const before = known.get(sandboxId);
        if (!before) return null;
        return put(known, { ...before, containers: { ...before.containers, [containerId]: names } });
      });
      if (!given)
        throw new TroupeError('SANDBOX_GONE', `Sandbox "${sandboxId}" was not plugged on this host`);
      await tell();
      return given;
    },
    async removed(sandboxId) {
      const had = await inTurn(async (known) => {
        const before = known.get(sandboxId);
        known.delete(sandboxId);
        await rm(join(directory, sandboxId + suffix), { force: true });
        await files.remove(sandboxId);
        if (!before || !isLivedIn(before)) return false;
        changed(before);
        return true;
      });
      if (had) await tell();
    },
    networkMade: (networkId, subnet) => inTurn(() => keep(directory, networkId + networkSuffix, { subnet })),
    networkRemoved: (networkId) =>
      inTurn(() => rm(join(directory, networkId + networkSuffix), { force: true })),
    subnets: () =>
      inTurn(async () => {
        const kept = await readKept<{ readonly subnet: string }>(directory, networkSuffix);
        return kept.map(({ subnet }) => subnet);
      }),
    find: (sandboxId) => inTurn(async (known) => known.get(sandboxId) ?? null),
    ofContainer: (containerId) =>
      inTurn(async (known) => {
        for (const seen of known.values())
          if (Object.hasOwn(seen.containers, containerId)) return { sandboxId: seen.sandboxId, seen };
        return null;
      }),
  };
}

/** Whom its networks say to ask for names; null = whom this host asks. */
function dnsOf({ ports }: Known) {
  const nameservers = [...new Set(ports.flatMap(({ neutron }) => neutron?.nameservers ?? []))];
  return nameservers.length > 0 ? { nameservers, search: [], options: [] } : null;
}

const networksOf = ({ ports }: Known): readonly string[] => ports.map(({ network }) => network.networkId);

/** Its own names, and those of all on its networks, each by its address there. */
function neighboursOf(each: Known, known: Iterable<Known>) {
  const networks = new Set(networksOf(each));
  const entries = [];
  for (const lived of known) {
    if (!isLivedIn(lived)) continue;
    const { containers, hostname, ports } = lived;
    const ids = Object.keys(containers).map(shortId);
    const called = [...Object.values(containers).flat(), hostname, ...ids].filter(isHostname);
    for (const port of ports)
      if (networks.has(port.network.networkId))
        for (const address of addressesOf(port)) entries.push({ address, names: called });
  }
  return entries;
}

/** The first 12 digits, as engines shorten ids. */
export const shortId = (id: string): string => id.replaceAll('-', '').slice(0, 12);

/** Whole or not at all, also when the agent dies meanwhile. */
async function keep(directory: string, name: string, content: object): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, name);
  await writeFile(`${path}.new`, JSON.stringify(content), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

async function readKept<T>(directory: string, ending: string): Promise<readonly T[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const texts = names
    .filter((each) => each.endsWith(ending))
    .map((name) => readFile(join(directory, name), 'utf8'));
  return (await Promise.all(texts)).map((text) => JSON.parse(text) as T);
}

const readAll = async (directory: string): Promise<Map<string, Known>> =>
  new Map(
    (await readKept<Kept>(directory, suffix)).map((kept) => {
      if ('containers' in kept) return [kept.sandboxId, kept];
      const { containerId, names, ...seen } = kept;
      return [kept.sandboxId, { ...seen, containers: containerId === null ? {} : { [containerId]: names } }];
    }),
  );
