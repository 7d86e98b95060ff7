/** The real world: the only clock, randomness and timers of the product. */
import { randomUUID } from 'node:crypto';
import type { Environment, Logger } from '../model/environment.ts';

/** `setTimeout` fires at once for more than 2^31 - 1 ms. */
const longestTimerMs = 2 ** 31 - 1;

export function createEnvironment(log: Logger): Environment {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    id: () => randomUUID(),
    random: () => Math.random(),
    schedule(delayMs, task) {
      const due = performance.now() + delayMs;
      let timer: NodeJS.Timeout;
      const wait = (): void => {
        const left = due - performance.now();
        timer =
          left > longestTimerMs ? setTimeout(wait, longestTimerMs) : setTimeout(task, Math.max(0, left));
      };
      wait();
      return () => clearTimeout(timer);
    },
    defer: (task) => void setImmediate(task),
    log,
  };
}
