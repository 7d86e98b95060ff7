/**
 * Placements: the scheduler ranks by what it sees, the host's own chart decides
 * on the claim, and the host is seen anew. No store and no link: what a whole
 * start costs is measured elsewhere.
 *
 * A fifth of the tenants has hosts of its own and another fifth would rather,
 * a third of the containers is in groups of ten, by any policy; hosts fill up
 * to two thirds while it runs.
 */
import { createDecider } from '../src/actors/decide.ts';
import { hostChart } from '../src/machines/host.machine.ts';
import type { HostContext } from '../src/machines/host/context.ts';
import { hostViewOf } from '../src/machines/host/view.ts';
import type { Claim, EffectResults, HostInput } from '../src/model/events.ts';
import type { Fingerprint, HostView } from '../src/model/host.ts';
import {
  groupPolicies,
  type GroupMembership,
  type Neighbours,
  type PlacementTerms,
} from '../src/model/placement.ts';
import { rankHosts } from '../src/scheduler/rank.ts';
import type { PlacementRequest } from '../src/scheduler/request.ts';
import { seedOf } from '../src/scheduler/seed.ts';

/** Tells one figure; as `bench/run.ts` has it. */
type Tell = (name: string, value: number, unit: string, aim?: string) => void;

const perHost = 20;
const images: ReadonlySet<string> = new Set(['busybox:latest']);
const amounts = { containers: 1, cpuMillis: 500, memoryMib: 512, diskGib: 1 };

const fingerprint: Fingerprint = {
  hostname: '', engine: 'docker', engineVersion: '1', engineApiVersion: '1.41', cpus: 16, memoryMib: 15_360, diskGib: 200,
  architecture: 'x86_64', os: 'linux', kernelVersion: '6', runtimes: ['runc'], labels: {}, engineUp: true, engineProblem: null,
}; // prettier-ignore

const input = (at: number): HostInput => ({
  id: `host-${at}`,
  hostname: `h${at}`,
  policy: {
    availabilityZone: 'nova',
    ratios: { cpu: 1, memory: 1, disk: 1 },
    reserved: { cpu: 0, memory: 0, disk: 0 },
    warmMemoryMib: 0,
  },
  suspectMs: 0,
  lostMs: 8_000,
  syncMs: 30_000,
});

/** Containers of a tenant, which come one after the other. */
const perTenant = 90;

/** Those that want hosts of their own come first, while there are empty ones. */
const neighboursOf = (tenant: number, tenants: number): Neighbours => {
  if (tenant < tenants / 5) return 'enforced';
  return tenant < (2 * tenants) / 5 ? 'preferred' : 'off';
};

const groupOf = (number: number): GroupMembership | null => {
  const group = Math.floor(number / 30);
  return number % 3 === 0 ? { name: `group${group}`, policy: groupPolicies[group % 4]! } : null;
};

/** Hosts on their charts, with the views that a directory would keep. */
function cluster(hosts: number) {
  const decider = createDecider(hostChart);
  const snapshots = Array.from({ length: hosts }, (_, at) => {
    const { snapshot } = decider.initial(input(at));
    const connected = decider.next(snapshot, {
      type: 'link.connected',
      session: 's',
      fingerprint: { ...fingerprint, hostname: `h${at}` },
    } as never);
    return decider.next(connected.snapshot, { type: 'link.synced', session: 's' } as never).snapshot;
  });
  const look = (at: number): HostView =>
    hostViewOf(snapshots[at]!.context as HostContext, decider.paths(snapshots[at]!), images);
  const views = snapshots.map((_, at) => look(at));
  const indexOf = new Map(views.map(({ id }, at) => [id, at] as const));
  return {
    views,
    /** Whether the host granted it. */
    claim(hostId: string, claim: Claim): boolean {
      const at = indexOf.get(hostId)!;
      const { snapshot, emitted } = decider.next(snapshots[at]!, { type: 'host.claim', ...claim } as never);
      snapshots[at] = snapshot;
      views[at] = look(at);
      return emitted[0]?.type === 'message' && emitted[0].event.type === 'claim.granted';
    },
  };
}

/** @param hostCounts e.g. 100 and 5,000 */
export function measurePlacements(tell: Tell, hostCounts: readonly number[]): void {
  // What runs for the first time is slow, and no cluster's scheduler does.
  fill(100);
  for (const hosts of hostCounts) {
    const { cpuMs, ranks, placed, refused, unplaced, explanations } = fill(hosts);
    const name = `6. placements, ${hosts} hosts, isolation and affinity on`;
    tell(`${name}: ranked and claimed`, (placed / cpuMs) * 1_000, '/s/core', '>= 5,000');
    tell(`${name}: ranking one, p50`, percentile(ranks, 0.5) * 1_000, 'us');
    tell(`${name}: ranking one, p99`, percentile(ranks, 0.99) * 1_000, 'us');
    tell(`${name}: claims that hosts refused`, (refused / placed) * 100, '%');
    tell(`${name}: containers no host took`, (unplaced / (placed + unplaced)) * 100, '%');
    tell(`${name}: saying why no host takes one, p50`, percentile(explanations, 0.5) * 1_000, 'us');
  }
}

const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? 0;

const requestOf = (id: string, tenant: string, terms: PlacementTerms): PlacementRequest => ({
  tenant, amounts, image: 'busybox:latest', runtime: null, needsNetworks: false, bound: [], availabilityZone: null, requestedHost: null, labels: [], sameHost: [],
  differentHost: [], terms, exclude: new Set(), strategy: 'spread', seed: seedOf(id), inFlight: 0,
}); // prettier-ignore

function fill(hosts: number) {
  const { views, claim } = cluster(hosts);
  const count = hosts * perHost;
  const tenants = Math.ceil(count / perTenant);
  const ranks: number[] = [];
  const explanations: number[] = [];
  let placed = 0;
  let refused = 0;
  let unplaced = 0;
  const timed = (times: number[], request: PlacementRequest): EffectResults['rankHosts'] => {
    const began = performance.now();
    const ranking = rankHosts(views, request);
    times.push(performance.now() - began);
    return ranking;
  };
  const began = process.cpuUsage();
  for (let number = 0; number < count; number += 1) {
    const containerId = `container-${number}`;
    const at = Math.floor(number / perTenant);
    const tenant = `tenant${at}`;
    const terms = { neighbours: neighboursOf(at, tenants), group: groupOf(number) };
    const { candidates } = timed(ranks, requestOf(containerId, tenant, terms));
    const taker = candidates.find(({ hostId }) => {
      const granted = claim(hostId, { containerId, tenant, generation: 1, amounts, terms });
      if (!granted) refused += 1;
      return granted;
    });
    if (taker) placed += 1;
    else unplaced += 1;
  }
  const { user, system } = process.cpuUsage(began);
  for (let number = 0; number < 200; number += 1) {
    const alone = { neighbours: 'enforced', group: null } as const;
    timed(explanations, requestOf(`late-${number}`, `late${number}`, alone));
  }
  return { cpuMs: (user + system) / 1_000, ranks, placed, refused, unplaced, explanations };
}
