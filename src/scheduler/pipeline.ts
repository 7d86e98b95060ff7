/** The filters in a row: which hosts fit, and when none does, why. */
import type { Refusal } from '../model/events.ts';
import type { HostView } from '../model/host.ts';
import type { Filter } from './filter.ts';
import { admission } from './filters/admission.ts';
import { affinity } from './filters/affinity.ts';
import { antiAffinity } from './filters/anti-affinity.ts';
import { availabilityZone } from './filters/availability-zone.ts';
import { capacity } from './filters/capacity.ts';
import { differentHost } from './filters/different-host.ts';
import { engine } from './filters/engine.ts';
import { labels } from './filters/labels.ts';
import { link } from './filters/link.ts';
import { bound } from './filters/bound.ts';
import { neighbours } from './filters/neighbours.ts';
import { networks } from './filters/networks.ts';
import { refused } from './filters/refused.ts';
import { requestedHost } from './filters/requested-host.ts';
import { runtime } from './filters/runtime.ts';
import { sameHost } from './filters/same-host.ts';
import type { PlacementRequest, Question } from './request.ts';

/** In the order in which their refusals count and are told. */
export const filters: readonly Filter[] = [
  requestedHost,
  bound,
  sameHost,
  availabilityZone,
  link,
  admission,
  engine,
  refused,
  runtime,
  networks,
  labels,
  differentHost,
  neighbours,
  affinity,
  antiAffinity,
  capacity,
];

export const filtersFor = (request: PlacementRequest): readonly Filter[] =>
  filters.filter((filter) => filter.applies(request));

/**
 * Hosts that fit, from `offset` on and around, until there are `enough`.
 * Looking at all of many hosts for each placement buys little: what fits is
 * sampled, from another place each time.
 *
 * @see kubernetes: percentageOfNodesToScore; nomad: scheduler/stack.go, the limit iterator
 */
export function fitting(
  views: readonly HostView[],
  question: Question,
  offset: number,
  enough: number,
): HostView[] {
  const active = filtersFor(question);
  const found: HostView[] = [];
  for (let seen = 0, at = offset; seen < views.length && found.length < enough; seen += 1) {
    const host = views[at]!;
    at = at + 1 === views.length ? 0 : at + 1;
    if (fits(active, host, question)) found.push(host);
  }
  return found;
}

function fits(active: readonly Filter[], host: HostView, question: Question): boolean {
  for (const filter of active) if (!filter.check(host, question)) return false;
  return true;
}

/**
 * Why no host fits: each counts for the first filter that refuses it.
 * `mayChange`: one would fit, were it not for what may soon pass by itself.
 *
 * @see moby/swarmkit:manager/scheduler/pipeline.go
 */
export function explain(
  views: readonly HostView[],
  question: Question,
): { readonly refusals: readonly Refusal[]; readonly mayChange: boolean } {
  if (views.length === 0) {
    const reason = 'no host has joined; run "troupe agent" on one';
    return { refusals: [{ filter: 'hosts', hosts: 0, reason }], mayChange: false };
  }
  const active = filtersFor(question);
  const counted = new Map<Filter, HostView[]>();
  let mayChange = false;
  for (const host of views) {
    const first = active.find((filter) => !filter.check(host, question));
    if (!first) continue;
    const of = counted.get(first);
    if (of) of.push(host);
    else counted.set(first, [host]);
    mayChange ||= isPassing(active, host, question);
  }
  return {
    refusals: active.flatMap((filter) => {
      const of = counted.get(filter);
      return of ? [{ filter: filter.name, hosts: of.length, reason: filter.explain(of, question) }] : [];
    }),
    mayChange,
  };
}

/** Nothing but what passes by itself keeps the container from the host. */
function isPassing(active: readonly Filter[], host: HostView, question: Question): boolean {
  let passing = false;
  for (const filter of active) {
    // That it refused before is no reason not to ask again, once what it refused for has passed.
    if (filter === refused || filter.check(host, question)) continue;
    if (!filter.mayPass?.(host, question)) return false;
    passing = true;
  }
  return passing;
}
