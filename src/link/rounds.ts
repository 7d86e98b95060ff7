/**
 * What is due for each of many members once per round, by one timer for all:
 * a timer per member would wake the process for each of them.
 */
import type { Cancel, Environment } from '../model/environment.ts';

export interface Rounds<T> {
  /** Its first turn comes within a round. */
  add(member: T): Cancel;
}

/** Members take turns in this many groups, so that not all of them are due at one moment. */
const groupCount = 8;

/** @param roundMs between two turns of one member */
export function createRounds<T>(
  { schedule }: Pick<Environment, 'schedule'>,
  roundMs: number,
  turn: (member: T) => void,
): Rounds<T> {
  const groups = Array.from({ length: groupCount }, () => new Set<T>());
  let next = 0;
  let members = 0;
  let cancel: Cancel = () => {};

  const go = (): void => {
    cancel = schedule(roundMs / groupCount, () => {
      const due = groups[next]!;
      next = (next + 1) % groupCount;
      go();
      for (const member of due) turn(member);
    });
  };

  return {
    add(member) {
      // Into the smallest, the one that was due last first, so that a lone member waits for a whole round.
      let group = groups[(next + groupCount - 1) % groupCount]!;
      for (const each of groups) if (each.size < group.size) group = each;
      group.add(member);
      members += 1;
      if (members === 1) go();
      return () => {
        if (!group.delete(member)) return;
        members -= 1;
        if (members === 0) cancel();
      };
    },
  };
}
