/**
 * What is due for each of many members once per round, by one timer for all:
 * a timer per member would wake the process for each of them.
 */
import type { Cancel, Environment } from '../model/environment.ts';

export interface Rounds<T> {
  /** Its first turn comes within a round. */
  add(member: T): Cancel;
}

/** Members that have their turn before others may go on. */
const atOnce = 100;

/** @param roundMs between two turns of one member */
export function createRounds<T>(
  { schedule, defer }: Pick<Environment, 'schedule' | 'defer'>,
  roundMs: number,
  turn: (member: T) => void,
): Rounds<T> {
  const members = new Set<T>();
  let cancel: Cancel = () => {};

  const go = (): void => {
    cancel = schedule(roundMs, () => {
      go();
      slice([...members], 0);
    });
  };

  const slice = (all: readonly T[], from: number): void => {
    for (const member of all.slice(from, from + atOnce)) if (members.has(member)) turn(member);
    if (from + atOnce < all.length) defer(() => slice(all, from + atOnce));
  };

  return {
    add(member) {
      members.add(member);
      if (members.size === 1) go();
      return () => {
        if (members.delete(member) && members.size === 0) cancel();
      };
    },
  };
}
