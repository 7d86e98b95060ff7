/**
 * Which of the ranked hosts is asked first.
 *
 * The best one, if views were always true. They are not: placements made side
 * by side see the same views, and would all go to the same host. So as many
 * hosts are taken into account as the placements in flight would fill up, and
 * each placement picks its own among them by its seed.
 */
import type { HostView } from '../model/host.ts';
import { resources, type Room } from '../model/placement.ts';
import type { Question } from './request.ts';
import { fractionOf, mixed } from './seed.ts';
import { loadOf } from './weighers/load.ts';

export interface Ranked {
  readonly host: HostView;
  /** Less is better. */
  readonly score: number;
}

/** Halvings of the range in which the level is looked for. */
const steps = 24;

/** @param ranked best first, at least one @returns the index of the one to ask first */
export function choose(ranked: readonly Ranked[], question: Question): number {
  const wanted = question.inFlight + 1;
  const room = ranked.map(({ host }) => roomFor(host, question.amounts));
  const isInOrder = fillsUp(question);
  const fill = isInOrder ? () => Infinity : fillBySpread(ranked, question);
  /** Of `wanted` placements, those that go to host `index` before one does to a host that scores above `level`. */
  const taken = (index: number, level: number): number =>
    ranked[index]!.score > level ? 0 : Math.min(room[index]!, fill(index, level), wanted);
  const total = (level: number): number => {
    let sum = 0;
    for (let index = 0; index < ranked.length && ranked[index]!.score <= level; index += 1)
      sum += taken(index, level);
    return sum;
  };

  let level = ranked[0]!.score;
  if (total(level) < wanted) {
    let below = level;
    level = ranked.at(-1)!.score + 1;
    for (let step = 0; step < steps; step += 1) {
      const middle = (below + level) / 2;
      if (total(middle) < wanted) below = middle;
      else level = middle;
    }
  }
  // Among equals, any when they are to be spread, the first when they are to be filled.
  const among = isInOrder ? Math.min(wanted, total(level)) : total(level);
  let left = fractionOf(mixed(question.seed)) * among;
  for (const index of ranked.keys()) {
    left -= taken(index, level);
    if (left < 0) return index;
  }
  return 0;
}

/** Whether a host stays the best until it is full. */
const fillsUp = ({ strategy, terms }: Question): boolean => strategy === 'pack' || terms.neighbours !== 'off';

/** Each placement makes its host worse, until another is better. */
function fillBySpread(
  ranked: readonly Ranked[],
  { amounts }: Question,
): (index: number, level: number) => number {
  const growth = ranked.map(({ host }) => loadOf(host, amounts, 1) - loadOf(host));
  return (index, level) => Math.floor((level - ranked[index]!.score) / growth[index]!) + 1;
}

/** How many containers of this size the host has room for. */
function roomFor({ allocatable, used }: HostView, asked: Room): number {
  let most = Infinity;
  for (const resource of resources) {
    if (asked[resource] > 0)
      most = Math.min(most, Math.floor((allocatable[resource] - used[resource]) / asked[resource]));
  }
  return Math.max(1, most);
}
