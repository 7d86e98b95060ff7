/**
 * Where a container could go, best first; and when nowhere, in words why.
 * Pure: the host's actor has the last word when the claim reaches it.
 */
import type { EffectResults } from '../model/events.ts';
import type { HostView } from '../model/host.ts';
import { choose, type Ranked } from './choose.ts';
import { explain, fitting } from './pipeline.ts';
import { keyOf, type PlacementRequest, type Question } from './request.ts';
import { seedOf } from './seed.ts';
import type { Weigher } from './weigher.ts';
import { group } from './weighers/group.ts';
import { image } from './weighers/image.ts';
import { loadOf, pack, spread } from './weighers/load.ts';
import { neighbours } from './weighers/neighbours.ts';

/** Hosts asked before the scheduler looks anew (correctness.md: at most 5 tried). */
const candidatesMost = 5;
/** Hosts that fit, among which the best are looked for. @see kubernetes: minFeasibleNodesToFind */
const enough = 100;

const weighers: readonly Weigher[] = [spread, pack, image, neighbours, group];

/** Same views and same request (its seed too) = same answer. Ties go by host id. */
export function rankHosts(views: readonly HostView[], request: PlacementRequest): EffectResults['rankHosts'] {
  const offset = views.length === 0 ? 0 : startOf(request) % views.length;
  const question = ask(views, request, offset);
  // The nearest host that has members of the group is as good as another that has.
  const found = fitting(views, question, offset, question.groupStarted ? 1 : enough);
  if (found.length === 0) return { candidates: [], ...explain(views, question) };
  if (request.terms.group?.policy === 'affinity' && !question.groupStarted)
    return ranking([meeting(found)], request);
  const ranked = rank(found, question);
  const first = choose(ranked, question);
  const best = [...ranked.splice(first, 1), ...ranked.slice(0, candidatesMost - 1)];
  return ranking(
    best.map(({ host }) => host),
    request,
  );
}

const ranking = (hosts: readonly HostView[], { image }: PlacementRequest): EffectResults['rankHosts'] => ({
  candidates: hosts.map(({ id, hostname, images, networks }) => ({
    hostId: id,
    hostname,
    imagePresent: images.has(image),
    makesNetworks: networks.able,
  })),
  refusals: [],
  mayChange: false,
});

/**
 * Where a group that wants to be together begins. Its first members may be
 * placed side by side on views that differ a little, and must come to the same
 * host all the same: so load counts by quarters, then who is nearest.
 */
const meeting = (found: readonly HostView[]): HostView =>
  found.reduce((one, other) => (quarterOf(other) < quarterOf(one) ? other : one));

const quarterOf = (host: HostView): number => Math.floor(loadOf(host) * 4);

/**
 * Where the look around begins: for containers that want to be together at a
 * place of their own, so that those before them are found first; for all
 * others anywhere, so that no two look at the same hosts.
 */
function startOf(request: PlacementRequest): number {
  const { tenant, terms, seed } = request;
  if (terms.neighbours !== 'off') return seedOf(tenant);
  const policy = terms.group?.policy;
  return policy === 'affinity' || policy === 'soft-affinity' ? seedOf(keyOf(request) ?? '') : seed;
}

function ask(views: readonly HostView[], request: PlacementRequest, offset: number): Question {
  const groupKey = keyOf(request);
  const asks = groupKey !== null && request.terms.group?.policy === 'affinity';
  return { ...request, groupKey, groupStarted: asks && isStarted(views, groupKey, offset) };
}

function isStarted(views: readonly HostView[], groupKey: string, offset: number): boolean {
  for (let seen = 0; seen < views.length; seen += 1) {
    const { groups } = views[(offset + seen) % views.length]!;
    if (Object.hasOwn(groups, groupKey)) return true;
  }
  return false;
}

/** Best first. Tenants that want no neighbours keep the order of their look around, lest they all begin on the same empty host. */
function rank(found: readonly HostView[], question: Question): Ranked[] {
  const active = weighers.filter((weigher) => weigher.applies(question));
  const ranked = found.map((host): Ranked => {
    let score = 0;
    for (const weigher of active) score += weigher.weigh(host, question);
    return { host, score };
  });
  const inOrder = question.terms.neighbours !== 'off';
  return ranked.sort((a, b) => a.score - b.score || (inOrder ? 0 : a.host.id < b.host.id ? -1 : 1));
}
