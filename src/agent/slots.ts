/**
 * Who works on what now: per container and slot one task after another, and
 * over all containers no more engine calls at once than the host can take.
 */
import { slotOf, type HostEffectName, type Slot } from '../link/protocol.ts';
import type { Cancel, Environment } from '../model/environment.ts';

export interface Task {
  readonly containerId: string;
  readonly slot: Slot;
  readonly kind: HostEffectName;
  /** Null for what the agent does on its own account. */
  readonly opId: string | null;
  /** From now; then `overdue` is called once, and what has not begun never does. */
  readonly deadlineMs: number;
  /** Never rejects. */
  perform(signal: AbortSignal): Promise<void>;
  /** @param begun false when it was still waiting for others */
  overdue(begun: boolean): void;
}

export interface CurrentTask {
  readonly kind: HostEffectName;
  readonly opId: string | null;
}

export interface Slots {
  /** Puts the task behind what its slot has to do. Resolves when it has ended, or never begins. */
  add(task: Task): Promise<void>;
  /** What works on the container's runtime now. */
  current(containerId: string): CurrentTask | null;
  /** The container has a task that should have ended and has not. */
  isHung(containerId: string): boolean;
  isIdle(containerId: string): boolean;
  /** Gives up waiting for the work of this kind: only for what leaves nothing behind. */
  abort(containerId: string, kind: HostEffectName): void;
  /** Resolves at once, or when what may start it and is under way has ended or is overdue. */
  settled(containerId: string): Promise<void>;
  abortAll(): void;
}

/** Kinds by what they wait for, so that slow pulls and uploads delay no stop. */
const poolOf = (kind: HostEffectName): 'pull' | 'acquire' | 'release' =>
  kind === 'pullImage' || kind === 'storeImage'
    ? 'pull'
    : kind === 'stopContainer' ||
        kind === 'removeContainer' ||
        kind === 'removeSandbox' ||
        kind === 'removeImage'
      ? 'release'
      : 'acquire';

/** What may start a container. */
const startingKinds: ReadonlySet<HostEffectName> = new Set(['createContainer', 'startContainer']);

/** Stops mostly wait for the process, not for the engine. */
const releasesPerCall = 4;

interface Running {
  readonly task: Task;
  readonly abort: AbortController;
  readonly settled: Promise<void>;
  overdue: boolean;
}

interface SlotWork {
  /** Ends when all that was given to the slot has. */
  tail: Promise<void>;
  waiting: number;
  running: Running | null;
}

export function createSlots(environment: Pick<Environment, 'schedule'>, concurrency: number): Slots {
  const work = new Map<string, Map<Slot, SlotWork>>();
  const pools = {
    pull: createPool(concurrency),
    acquire: createPool(concurrency),
    release: createPool(concurrency * releasesPerCall),
  };

  const slotWork = ({ containerId, slot }: Task): SlotWork => {
    let slots = work.get(containerId);
    if (!slots) work.set(containerId, (slots = new Map()));
    let one = slots.get(slot);
    if (!one) slots.set(slot, (one = { tail: Promise.resolve(), waiting: 0, running: null }));
    return one;
  };

  const leave = (task: Task, slot: SlotWork): void => {
    slot.waiting -= 1;
    if (slot.waiting > 0) return;
    const slots = work.get(task.containerId);
    slots?.delete(task.slot);
    if (slots?.size === 0) work.delete(task.containerId);
  };

  const each = (containerId: string): Iterable<SlotWork> => work.get(containerId)?.values() ?? [];

  return {
    add(task) {
      const slot = slotWork(task);
      slot.waiting += 1;
      let skip = false;
      let running: Running | null = null;
      let settle: () => void = () => {};
      let free: Cancel = () => {};
      const cancel = environment.schedule(task.deadlineMs, () => {
        if (running) running.overdue = true;
        else skip = true;
        // An engine that hangs on one container must not use up the places of the others.
        free();
        settle();
        task.overdue(running !== null);
      });
      const done = slot.tail.then(async () => {
        if (!skip) free = await pools[poolOf(task.kind)]();
        if (!skip) {
          const settled = new Promise<void>((resolve) => (settle = resolve));
          running = { task, abort: new AbortController(), settled, overdue: false };
          slot.running = running;
          await task.perform(running.abort.signal);
          slot.running = null;
        }
        cancel();
        settle();
        free();
        leave(task, slot);
      });
      slot.tail = done;
      return done;
    },
    current(containerId) {
      const task = work.get(containerId)?.get('runtime')?.running?.task;
      return task ? { kind: task.kind, opId: task.opId } : null;
    },
    isHung: (containerId) => [...each(containerId)].some(({ running }) => running?.overdue),
    isIdle: (containerId) => !work.has(containerId),
    abort(containerId, kind) {
      const running = work.get(containerId)?.get(slotOf[kind])?.running;
      if (running?.task.kind === kind) running.abort.abort();
    },
    settled(containerId) {
      const running = work.get(containerId)?.get('runtime')?.running;
      return running && startingKinds.has(running.task.kind) && !running.overdue
        ? running.settled
        : Promise.resolve();
    },
    abortAll() {
      for (const slots of work.values()) for (const { running } of slots.values()) running?.abort.abort();
    },
  };
}

/** Resolves with what gives the place back, once. */
function createPool(places: number): () => Promise<Cancel> {
  const waiting: (() => void)[] = [];
  let free = places;
  return async () => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    };
  };
}
