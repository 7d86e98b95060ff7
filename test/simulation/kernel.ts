/**
 * One virtual world in one process: a clock that jumps from event to event, a
 * seeded source of randomness, and processes that can be killed at any moment.
 * One seed is one run, byte for byte.
 */
import { createHash } from 'node:crypto';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { Environment, Logger } from '../../src/model/environment.ts';

export interface Kernel {
  readonly now: number;
  /** Uniform in [0, 1). */
  random(): number;
  between(least: number, most: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
  id(): string;
  at(delayMs: number, task: () => void): () => void;
  /** Runs events until the virtual time `untilMs`, or until `stop` says so between two of them. */
  run(untilMs: number, stop?: () => boolean): Promise<void>;
  trace(line: string): void;
  readonly lines: readonly string[];
  /** Of the whole trace so far. */
  hash(): string;
  /** A process: its environment dies with it. */
  process(name: string): SimulatedProcess;
}

export interface SimulatedProcess {
  readonly name: string;
  readonly environment: Environment;
  readonly alive: boolean;
  kill(): void;
  /** Settles as `work` does while the process lives; never after its death, as nothing would. */
  guard<T>(work: Promise<T>): Promise<T>;
}

const wallClockStart = Date.UTC(2026, 0, 1);

interface Event {
  readonly at: number;
  readonly order: number;
  task: (() => void) | null;
}

export function createKernel(seed: number, keepLines: boolean): Kernel {
  const generator = xoroshiro128plus(seed);
  let now = 0;
  let order = 0;
  const heap: Event[] = [];
  const lines: string[] = [];
  const digest = createHash('sha256');

  const before = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
  const push = (event: Event): void => {
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  };
  const pop = (): Event | undefined => {
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || first === last) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  };

  const random = (): number => (generator.next() >>> 0) / 2 ** 32;
  const hex = (digits: number): string => {
    let text = '';
    while (text.length < digits) text += (generator.next() >>> 0).toString(16).padStart(8, '0');
    return text.slice(0, digits);
  };

  const kernel: Kernel = {
    get now() {
      return now;
    },
    random,
    between: (least, most) => least + random() * (most - least),
    chance: (probability) => random() < probability,
    pick: (items) => items[Math.floor(random() * items.length)]!,
    id: () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}`,
    at(delayMs, task) {
      const event: Event = { at: now + Math.max(0, delayMs), order: (order += 1), task };
      push(event);
      return () => void (event.task = null);
    },
    async run(untilMs, stop) {
      // A macrotask of the real loop comes only after every promise has settled.
      const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
      await settle();
      while (heap.length > 0 && heap[0]!.at <= untilMs && !stop?.()) {
        const event = pop()!;
        if (!event.task) continue;
        now = event.at;
        event.task();
        await settle();
      }
      if (!stop?.()) now = Math.max(now, untilMs);
    },
    trace(line) {
      const stamped = `${now.toFixed(3)} ${line}`;
      digest.update(stamped).update('\n');
      if (keepLines) lines.push(stamped);
    },
    lines,
    hash: () => digest.copy().digest('hex').slice(0, 16),
    process(name) {
      let alive = true;
      const say =
        (verb: string): Logger['info'] =>
        (fields, message) =>
          kernel.trace(`${name} ${verb}: ${message} ${JSON.stringify(fields, errorsAsWords)}`);
      const logger: Logger = {
        debug: () => {},
        info: say('says'),
        warn: say('warns'),
        error: say('errs'),
        child: () => logger,
      };
      return {
        name,
        get alive() {
          return alive;
        },
        kill: () => void (alive = false),
        guard: (work) =>
          new Promise((resolve, reject) => {
            work.then(
              (value) => alive && resolve(value),
              (error: Error) => alive && reject(error),
            );
          }),
        environment: {
          now: () => wallClockStart + Math.floor(now),
          monotonic: () => now,
          id: () => kernel.id(),
          random,
          schedule: (delayMs, task) => (alive ? kernel.at(delayMs, () => alive && task()) : () => {}),
          defer: (task) => void (alive && kernel.at(0, () => alive && task())),
          log: logger,
        },
      };
    },
  };
  return kernel;
}

const errorsAsWords = (_: string, value: unknown): unknown =>
  value instanceof Error ? value.message : value;
