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

/** The level is looked for to this part of what one placement makes of the best host, in so many halvings at most. */
const precision = 1 / 16;
const steps = 24;

/** @param ranked best first, at least one @returns the index of the one to ask first */
export function choose(ranked: readonly Ranked[], question: Question): number {
  const wanted = question.inFlight + 1;
  const { taken, total, level } = fillsUp(question)
    ? inOrder(ranked, question, wanted)
    : sideBySide(ranked, question, wanted);
  let left = fractionOf(mixed(question.seed)) * total;
  for (let index = 0; index < ranked.length; index += 1) {
    if (ranked[index]!.score <= level) left -= taken(index);
    if (left < 0) return index;
  }
  return 0;
}

/** Where `wanted` placements go: to hosts that score up to `level`. */
interface Filling {
  readonly level: number;
  /** Of them, those that go to this host. */
  taken(index: number): number;
  /** Of those that the seed picks among. */
  readonly total: number;
}

/** One host after the other is filled up: the first is asked while it has room for all in flight. */
function inOrder(ranked: readonly Ranked[], { amounts }: Question, wanted: number): Filling {
  const taken = (index: number): number => Math.min(roomFor(ranked[index]!.host, amounts), wanted);
  let total = 0;
  let index = 0;
  for (; index < ranked.length && total < wanted; index += 1) total += taken(index);
  return { level: ranked[index - 1]!.score, taken, total: Math.min(wanted, total) };
}

/** Each placement makes its host worse, until another is better. */
function sideBySide(ranked: readonly Ranked[], { amounts }: Question, wanted: number): Filling {
  // Gone through for each level that is tried: numbers in one piece of memory, and a plain loop.
  const scores = new Float64Array(ranked.length);
  const rooms = new Float64Array(ranked.length);
  const growths = new Float64Array(ranked.length);
  for (let index = 0; index < ranked.length; index += 1) {
    const { host, score } = ranked[index]!;
    scores[index] = score;
    rooms[index] = Math.min(roomFor(host, amounts), wanted);
    growths[index] = loadOf(host, amounts, 1) - loadOf(host);
  }
  const totalAt = (level: number): number => {
    let sum = 0;
    for (let index = 0; index < scores.length && scores[index]! <= level; index += 1)
      sum += Math.min(rooms[index]!, Math.floor((level - scores[index]!) / growths[index]!) + 1);
    return sum;
  };

  let below = scores[0]!;
  let level = below;
  let total = totalAt(level);
  const highest = scores.at(-1)! + 1;
  for (let width = growths[0]!; total < wanted && level < highest; width *= 2) {
    below = level;
    level = Math.min(scores[0]! + width, highest);
    total = totalAt(level);
  }
  for (let step = 0; step < steps && level - below > growths[0]! * precision; step += 1) {
    const middle = (below + level) / 2;
    const there = totalAt(middle);
    if (there < wanted) below = middle;
    else {
      level = middle;
      total = there;
    }
  }
  const taken = (index: number): number =>
    Math.min(rooms[index]!, Math.floor((level - scores[index]!) / growths[index]!) + 1);
  return { level, taken, total };
}

/** Whether a host stays the best until it is full. */
const fillsUp = ({ strategy, terms }: Question): boolean => strategy === 'pack' || terms.neighbours !== 'off';

/** How many containers of this size the host has room for. */
function roomFor({ allocatable, used }: HostView, asked: Room): number {
  let most = Infinity;
  for (const resource of resources) {
    if (asked[resource] > 0)
      most = Math.min(most, Math.floor((allocatable[resource] - used[resource]) / asked[resource]));
  }
  return Math.max(1, most);
}
