/** An Environment for a real process whose timers fire only when a test moves its clock. */
import type { Environment, Logger } from '../../src/model/environment.ts';
import { turn } from './until.ts';

export interface StillClock extends Environment {
  /** Moves both clocks, running what falls due in order. What that leads to over sockets and disks is waited for by the test. */
  advance(ms: number): Promise<void>;
  /** Timers that wait. */
  readonly scheduled: number;
}

export function createStillClock(log: Logger, startMs = Date.UTC(2026, 0, 1)): StillClock {
  let elapsed = 0;
  let ids = 0;
  let order = 0;
  const timers = new Set<{ due: number; order: number; task: () => void }>();
  const first = () => [...timers].sort((a, b) => a.due - b.due || a.order - b.order)[0];
  return {
    now: () => startMs + elapsed,
    monotonic: () => elapsed,
    id: () => `00000000-0000-4000-8000-${String((ids += 1)).padStart(12, '0')}`,
    random: () => 0.5,
    schedule(delayMs, task) {
      const timer = { due: elapsed + Math.max(0, delayMs), order: (order += 1), task };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    defer: (task) => void setImmediate(task),
    log,
    async advance(ms) {
      const until = elapsed + ms;
      await turn();
      for (let next = first(); next && next.due <= until; next = first()) {
        timers.delete(next);
        elapsed = Math.max(elapsed, next.due);
        next.task();
        // Frames in memory and group commits need a few turns of the event loop.
        for (let turns = 0; turns < 4; turns += 1) await turn();
      }
      elapsed = until;
    },
    get scheduled() {
      return timers.size;
    },
  };
}
