/**
 * Where a container could go, best first, and in words why not elsewhere.
 * Pure: the host actor has the last word when the claim reaches it.
 */
import type { Amounts } from '../model/container.ts';
import type { Candidate, Refusal } from '../model/events.ts';
import type { HostView } from '../model/host.ts';

/** What a placement asks for. */
export interface Demand {
  readonly amounts: Amounts;
  readonly image: string;
  readonly runtime: string | null;
  readonly availabilityZone: string | null;
  /** Hostname or id. */
  readonly requestedHost: string | null;
  /** Hosts that refused the claim already. */
  readonly exclude: ReadonlySet<string>;
}

interface Filter {
  readonly name: string;
  fits(host: HostView, demand: Demand): boolean;
  /** Of `refused` hosts, in words, with what would make it fit. */
  explain(refused: readonly HostView[], demand: Demand): string;
}

const names = (hosts: readonly HostView[]): string =>
  hosts
    .slice(0, 3)
    .map(({ hostname }) => `"${hostname}"`)
    .join(', ') + (hosts.length > 3 ? ` and ${hosts.length - 3} more` : '');

const most = (hosts: readonly HostView[], free: (host: HostView) => number): number =>
  Math.max(0, ...hosts.map(free));

/** In the order in which their refusals are told. */
const filters: readonly Filter[] = [
  {
    name: 'requested host',
    fits: ({ id, hostname }, { requestedHost }) =>
      requestedHost === null || requestedHost === id || requestedHost === hostname,
    explain: (_, { requestedHost }) => `only host "${requestedHost}" was asked for`,
  },
  {
    name: 'availability zone',
    fits: (host, { availabilityZone }) =>
      availabilityZone === null || availabilityZone === host.availabilityZone,
    explain: (hosts, { availabilityZone }) =>
      `not in zone "${availabilityZone}" (they are in ${[...new Set(hosts.map((host) => `"${host.availabilityZone}"`))].join(', ')})`,
  },
  {
    name: 'link',
    fits: ({ online }) => online,
    explain: (hosts) => `${names(hosts)} not connected; start the agent there`,
  },
  {
    name: 'admission',
    fits: ({ open }) => open,
    explain: (hosts) => `${names(hosts)} cordoned; uncordon to take new containers`,
  },
  {
    name: 'engine',
    fits: ({ engineUp }) => engineUp,
    explain: (hosts) => `the container engine does not answer on ${names(hosts)}`,
  },
  {
    name: 'refused',
    fits: ({ id }, { exclude }) => !exclude.has(id),
    explain: (hosts) => `${names(hosts)} refused the claim`,
  },
  {
    name: 'runtime',
    fits: ({ runtimes }, { runtime }) => runtime === null || runtimes.includes(runtime),
    explain: (_, { runtime }) => `runtime "${runtime}" is not there`,
  },
  {
    name: 'cpu',
    fits: ({ capacity, used }, { amounts }) => used.cpuMillis + amounts.cpuMillis <= capacity.cpuMillis,
    explain: (hosts, { amounts }) =>
      `${amounts.cpuMillis / 1000} CPU asked, at most ${most(hosts, ({ capacity, used }) => capacity.cpuMillis - used.cpuMillis) / 1000} free`,
  },
  {
    name: 'memory',
    fits: ({ capacity, used }, { amounts }) => used.memoryMib + amounts.memoryMib <= capacity.memoryMib,
    explain: (hosts, { amounts }) =>
      `${amounts.memoryMib} MiB memory asked, at most ${most(hosts, ({ capacity, used }) => capacity.memoryMib - used.memoryMib)} MiB free`,
  },
  {
    name: 'disk',
    fits: ({ capacity, used }, { amounts }) => used.diskGib + amounts.diskGib <= capacity.diskGib,
    explain: (hosts, { amounts }) =>
      `${amounts.diskGib} GiB disk asked, at most ${most(hosts, ({ capacity, used }) => capacity.diskGib - used.diskGib)} GiB free`,
  },
];

/** Hosts asked before a container goes to Error (correctness.md: at most 5 tried). */
const candidatesMost = 5;

/** How much fuller a host may be and still win because it has the image already: a tenth of its capacity. */
const imageBonus = 0.1;

/**
 * Ranks hosts that fit: the emptiest first (spread), with a bonus for the image already there.
 * Each refused host counts for the first filter that refused it.
 */
export function rankHosts(
  hosts: readonly HostView[],
  demand: Demand,
): {
  readonly candidates: readonly Candidate[];
  readonly refusals: readonly Refusal[];
  readonly mayChange: boolean;
} {
  const refused = new Map<Filter, HostView[]>();
  const fitting = hosts.filter((host) => {
    const filter = filters.find((each) => !each.fits(host, demand));
    if (!filter) return true;
    refused.set(filter, [...(refused.get(filter) ?? []), host]);
    return false;
  });
  const ranked = fitting
    .map((host) => {
      const imagePresent = host.images.has(demand.image);
      return { host, imagePresent, score: load(host) - (imagePresent ? imageBonus : 0) };
    })
    .sort((a, b) => a.score - b.score || (a.host.id < b.host.id ? -1 : 1));
  const refusals = filters.flatMap((filter) => {
    const of = refused.get(filter);
    return of ? [{ filter: filter.name, hosts: of.length, reason: filter.explain(of, demand) }] : [];
  });
  if (hosts.length === 0) {
    refusals.push({ filter: 'hosts', hosts: 0, reason: 'no host has joined; run "troupe agent" on one' });
  }
  return {
    candidates: ranked
      .slice(0, candidatesMost)
      .map(({ host: { id, hostname }, imagePresent }) => ({ hostId: id, hostname, imagePresent })),
    refusals,
    mayChange: [...refused].some(
      ([{ name }, of]) => name === 'engine' || (name === 'link' && of.some(({ expected }) => expected)),
    ),
  };
}

/** Share of the scarcest resource in use, so that one full dimension counts as full; containers break ties. */
function load({ used, capacity }: HostView): number {
  const share = (part: number, whole: number): number => (whole > 0 ? part / whole : 0);
  return (
    Math.max(
      share(used.cpuMillis, capacity.cpuMillis),
      share(used.memoryMib, capacity.memoryMib),
      share(used.diskGib, capacity.diskGib),
    ) +
    used.containers / 1e6
  );
}
