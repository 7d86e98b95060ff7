/** An Environment whose time stands still until a test moves it, and whose ids count. */
import type { Environment, Logger } from '../../src/model/environment.ts';

export interface LoggedLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: object;
  readonly message: string;
}

export interface TestEnvironment extends Environment {
  /** Moves both clocks, running what falls due in order, and settling promises after each. */
  advance(ms: number): Promise<void>;
  /** Time passes in which the process runs nothing, as in a long pause of its own. */
  stall(ms: number): void;
  /** Runs deferred tasks and promises until nothing is left to do now. */
  settle(): Promise<void>;
  /** Jumps the wall clock only. */
  setWallClock(epochMs: number): void;
  readonly logged: LoggedLine[];
  readonly scheduled: number;
}

export function createTestEnvironment(startMs = Date.UTC(2026, 0, 1)): TestEnvironment {
  let elapsed = 0;
  let wallOffset = startMs;
  let ids = 0;
  let order = 0;
  const timers: { due: number; order: number; task: () => void }[] = [];
  let deferred: (() => void)[] = [];
  const logged: LoggedLine[] = [];

  const logger = (bound: object): Logger => ({
    debug: (fields, message) =>
      void logged.push({ level: 'debug', fields: { ...bound, ...fields }, message }),
    info: (fields, message) => void logged.push({ level: 'info', fields: { ...bound, ...fields }, message }),
    warn: (fields, message) => void logged.push({ level: 'warn', fields: { ...bound, ...fields }, message }),
    error: (fields, message) =>
      void logged.push({ level: 'error', fields: { ...bound, ...fields }, message }),
    child: (fields) => logger({ ...bound, ...fields }),
  });

  const settle = async (): Promise<void> => {
    // A macrotask of the real loop runs only when all promises have settled.
    const promises = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    await promises();
    while (deferred.length > 0) {
      const tasks = deferred;
      deferred = [];
      for (const task of tasks) task();
      await promises();
    }
  };

  return {
    now: () => wallOffset + elapsed,
    monotonic: () => elapsed,
    id: () => `00000000-0000-4000-8000-${String((ids += 1)).padStart(12, '0')}`,
    random: () => 0.5,
    schedule(delayMs, task) {
      const timer = { due: elapsed + Math.max(0, delayMs), order: (order += 1), task };
      timers.push(timer);
      return () => {
        const index = timers.indexOf(timer);
        if (index >= 0) timers.splice(index, 1);
      };
    },
    defer: (task) => void deferred.push(task),
    log: logger({}),
    async advance(ms) {
      const until = elapsed + ms;
      await settle();
      for (;;) {
        timers.sort((a, b) => a.due - b.due || a.order - b.order);
        const next = timers[0];
        if (!next || next.due > until) break;
        timers.shift();
        elapsed = Math.max(elapsed, next.due);
        next.task();
        await settle();
      }
      elapsed = Math.max(elapsed, until);
    },
    stall: (ms) => void (elapsed += ms),
    settle,
    setWallClock: (epochMs) => void (wallOffset = epochMs - elapsed),
    logged,
    get scheduled() {
      return timers.length;
    },
  };
}
