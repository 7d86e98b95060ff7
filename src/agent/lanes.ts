/**
 * Operations of each container, in order.
 *
 * N1. Within a slot, operations run one after another; an older (epoch,
 *     revision) is refused, an equal operation id is answered from its record.
 * N2. An operation is on disk before it runs, and its outcome is on disk,
 *     together with the record that tells it, before it is told.
 * N3. A deadline that passes is told as ENGINE_HUNG. The engine's call may
 *     still end: until then the lane takes stops of nothing and starts of
 *     nothing, only removals, and runs them after it.
 * N4. A lane is forgotten when its container is gone and that is known.
 * N5. What is to be kept of a subject is on disk before the operation that
 *     makes it runs, so that nothing is there of which nothing is kept.
 */
import type { HotVolumes } from './hot-volumes.ts';
import type { Sandboxes } from './sandboxes.ts';
import type { Volumes } from './volumes.ts';
import type { OperationIdentity } from '../drivers/runtime/operation-identity.ts';
import type { RuntimeDriver } from '../drivers/runtime/runtime-driver.ts';
import { TroupeError, toFailure } from '../errors/errors.ts';
import {
  removals,
  slotOf,
  type DesiredState,
  type HostEffectName,
  type OperateParams,
  type OperationOutcome,
  type Slot,
  type SubjectKind,
  type UpRecord,
} from '../link/protocol.ts';
import type { HotMount, Observation } from '../model/container.ts';
import type { Environment } from '../model/environment.ts';
import type { Failure } from '../model/failure.ts';
import { perform, removeSubject } from './operations.ts';
import type { Outbox } from './outbox.ts';
import { createSlots, type CurrentTask } from './slots.ts';
import type { StoredImages } from './stored-images.ts';
import type { AgentState, HealthRecord, Lane, LaneEntry } from './state.ts';

export interface LanesOptions {
  readonly environment: Environment;
  readonly driver: RuntimeDriver;
  readonly sandboxes: Sandboxes | null;
  readonly volumes: Volumes | null;
  readonly hotVolumes: HotVolumes;
  readonly storedImages: StoredImages;
  readonly state: AgentState;
  readonly outbox: Outbox;
  readonly worldId: () => string;
  /** Engine calls at once, over all containers. */
  readonly concurrency: number;
  /** An operation has ended; told before its result is. */
  readonly ended: (params: OperateParams, outcome: OperationOutcome) => void;
  /** One that had ended long ago was asked for again, and has been answered as then. */
  readonly repeated: (params: OperateParams, outcome: OperationOutcome) => void;
  /** A container that must not be is gone. */
  readonly purged: (containerId: string) => void;
}

export interface Verdict {
  readonly accepted: boolean;
  readonly failure: Failure | null;
}

export interface Lanes {
  /** Takes an operation or says why not. Resolves once it is on disk. */
  operate(params: OperateParams): Promise<Verdict>;
  /** What we do now to the container's runtime, and may have caused what the engine reports. */
  current(containerId: string): CurrentTask | null;
  /** Resolves when no start of ours is under way, so that its result is told before what followed. */
  settled(containerId: string): Promise<void>;
  lane(containerId: string): Lane | null;
  /** Somebody wants the container to be, as far as this process was told: not by an operation that ended with an earlier one. */
  isAsked(containerId: string, slot?: Slot): boolean;
  all(): readonly Lane[];
  /** Keeps what the agent did alone. */
  setDesired(containerId: string, desired: DesiredState): Promise<void>;
  /** Keeps what is said of a container's health, and by what check; nothing of a container that has no lane. */
  setHealth(containerId: string, health: HealthRecord | null): Promise<void>;
  /** From now on the agent does not keep this generation up alone. */
  letGo(containerId: string, generation: number): Promise<void>;
  /** Starts a container on the agent's own account, in its lane. Resolves when `start` has ended or may not begin. */
  startAlone(containerId: string, start: (signal: AbortSignal) => Promise<void>): Promise<void>;
  /** Removes a container that must not be, in its lane, after what runs there. @throws TroupeError of the driver, ENGINE_HUNG */
  purge(
    subject: SubjectKind,
    containerId: string,
    tenant: string,
    generation: number,
    epoch: number,
  ): Promise<void>;
  /** The control plane has these records: what is gone by them is forgotten. */
  acknowledged(records: readonly UpRecord[]): void;
  /** Forgets those of `before` that nothing works on, nothing waits for, and the engine does not have. */
  sweep(before: readonly Lane[], present: ReadonlySet<string>): void;
  identity(
    containerId: string,
    tenant: string,
    generation: number,
    opId: string,
    epoch: number,
  ): OperationIdentity;
  /** Abandons all waits; containers and lanes stay as they are. */
  stop(): void;
}

/** For what the agent does on its own account. */
const aloneMs = 120_000;
const purgeMs = 30_000;

const accepted: Verdict = { accepted: true, failure: null };
const refused = (error: unknown): Verdict => ({ accepted: false, failure: toFailure(error) });

export function createLanes(options: LanesOptions, stored: readonly Lane[]): Lanes {
  const { environment, state, outbox } = options;
  const lanes = new Map<string, Lane>(stored.map((lane) => [lane.containerId, lane]));
  const slots = createSlots(environment, options.concurrency);
  /** Taken and not ended. */
  const underway = new Set<string>();
  let stopped = false;

  const put = (params: OperateParams, entry: LaneEntry, desired: DesiredState | null): Lane => {
    const before = lanes.get(params.containerId);
    const keepsake = keepsakeAfter(params, entry) ?? before?.keepsake;
    const hot = hotAfter(params, entry) ?? before?.hot;
    const lane: Lane = {
      containerId: params.containerId,
      tenant: params.tenant,
      generation: Math.max(before?.generation ?? 0, params.generation),
      slots: { ...before?.slots, [slotOf[params.args.kind]]: entry },
      desired: desired ?? before?.desired ?? null,
      health: before?.health ?? null,
      ...(hot !== undefined && { hot }),
      ...(keepsake !== undefined && { keepsake }),
    };
    lanes.set(params.containerId, lane);
    return lane;
  };

  /** In memory at once; resolves when it is on disk. Nothing of what has no lane. */
  const change = async (
    containerId: string,
    changes: Partial<Pick<Lane, 'desired' | 'health'>>,
  ): Promise<void> => {
    const before = lanes.get(containerId);
    if (!before) return;
    const lane = { ...before, ...changes };
    lanes.set(containerId, lane);
    await state.write({ lane });
  };

  const tell = async (params: OperateParams, outcome: OperationOutcome): Promise<void> => {
    const { opId, subject, containerId, tenant, epoch, revision, args } = params;
    const isLast = lanes.get(containerId)?.slots[slotOf[args.kind]]?.opId === opId;
    // A newer operation of the slot has been taken meanwhile: this one's result is told, not kept.
    const changes = isLast
      ? {
          lane: put(
            params,
            { opId, kind: args.kind, epoch, revision, outcome },
            desiredAfter(params, outcome),
          ),
        }
      : {};
    await outbox.tell(
      { kind: 'result', opId, subject, containerId, tenant, outcome, at: environment.now() },
      changes,
    );
  };

  const run = (params: OperateParams, isFirst: boolean): void => {
    const { opId, containerId, args, deadlineMs } = params;
    let told = false;
    const finish = async (outcome: OperationOutcome): Promise<void> => {
      if (told || stopped) return;
      told = true;
      options.ended(params, outcome);
      await tell(params, outcome);
    };
    const work = slots.add({
      containerId,
      slot: slotOf[args.kind],
      kind: args.kind,
      opId,
      deadlineMs,
      async perform(signal) {
        const { tenant, generation, epoch } = params;
        const identity = api.identity(containerId, tenant, generation, opId, epoch);
        try {
          await finish({ ok: true, output: await perform(options, identity, args, isFirst, signal) });
        } catch (error) {
          await finish({ ok: false, failure: toFailure(error) });
        }
      },
      overdue(begun) {
        const failure = begun
          ? hung(`did not finish "${args.kind}" within ${deadlineMs} ms; it may still be running`)
          : new TroupeError(
              'TIMED_OUT',
              `"${args.kind}" was not begun within ${deadlineMs} ms: the host was busy with other work`,
            );
        void finish({ ok: false, failure: toFailure(failure) });
      },
    });
    void work.then(() => underway.delete(opId));
  };

  const isOlder = ({ epoch, revision }: OperateParams, last: LaneEntry): boolean =>
    epoch < last.epoch || (epoch === last.epoch && revision < last.revision);

  const forget = (containerId: string): void => {
    lanes.delete(containerId);
    state.write({ removeLane: containerId }).catch((error: unknown) => {
      environment.log.warn(
        { container_id: containerId, err: error },
        'a lane could not be forgotten on disk',
      );
    });
  };

  const repeat = async (params: OperateParams, { outcome }: LaneEntry): Promise<Verdict> => {
    const { opId, subject, containerId, tenant } = params;
    if (underway.has(opId) || outbox.holdsResult(opId)) return accepted;
    if (outcome) {
      await outbox.tell({
        kind: 'result',
        opId,
        subject,
        containerId,
        tenant,
        outcome,
        at: environment.now(),
      });
      options.repeated(params, outcome);
    } else {
      // The agent had ended before it did: an ensure may run again.
      underway.add(opId);
      run(params, false);
    }
    return accepted;
  };

  const api: Lanes = {
    async operate(params) {
      const { opId, containerId, args, epoch, revision } = params;
      const isRemoval = removals.has(args.kind);
      const before = lanes.get(containerId);
      const last = before?.slots[slotOf[args.kind]];
      if (last?.opId === opId) return repeat(params, last);
      if (last && isOlder(params, last))
        return refused(new TroupeError('STALE_COMMAND', `A newer "${last.kind}" has been taken`));
      if (slots.isHung(containerId) && !isRemoval)
        return refused(hung('has not finished the last operation on this container'));
      const entry: LaneEntry = { opId, kind: args.kind, epoch, revision, outcome: null };
      // From now on it is not to run, whether or not ending it works.
      const ends = args.kind === 'stopContainer' || args.kind === 'removeContainer';
      const lane = put(params, entry, ends ? { ...params.desired, running: false } : null);
      underway.add(opId);
      try {
        await state.write({ lane });
      } catch (error) {
        // Not taken: it may be sent again. Nothing newer can have come in between unnoticed: only ours is undone.
        underway.delete(opId);
        if (lanes.get(containerId) === lane) {
          if (before) lanes.set(containerId, before);
          else lanes.delete(containerId);
        }
        return refused(
          new TroupeError(
            'DISK_FULL',
            `The host agent could not keep the operation: ${toFailure(error).message}`,
            {
              cause: error,
              retryable: true,
            },
          ),
        );
      }
      // Nobody waits for the image any more.
      if (args.kind === 'removeContainer' || args.kind === 'removeImage')
        slots.abort(containerId, 'pullImage');
      run(params, last === undefined);
      return accepted;
    },
    current: slots.current,
    settled: slots.settled,
    lane: (containerId) => lanes.get(containerId) ?? null,
    isAsked(containerId, slot = 'runtime') {
      const last = lanes.get(containerId)?.slots[slot];
      if (!last) return false;
      return last.outcome === null ? underway.has(last.opId) : !removals.has(last.kind);
    },
    all: () => [...lanes.values()],
    setDesired: (containerId, desired) => change(containerId, { desired }),
    setHealth: (containerId, health) => change(containerId, { health }),
    async letGo(containerId, generation) {
      const lane = lanes.get(containerId);
      if (!lane?.desired?.running || lane.generation > generation) return;
      // In memory at once; a disk that is full must not keep it from being removed.
      await api.setDesired(containerId, { ...lane.desired, running: false }).catch((error: unknown) => {
        environment.log.warn({ container_id: containerId, err: error }, 'a lane could not be kept on disk');
      });
    },
    async startAlone(containerId, start) {
      if (slots.isHung(containerId)) throw hung('has not finished the last operation on this container');
      let failure: unknown = null;
      await slots.add({
        containerId,
        slot: 'runtime',
        kind: 'startContainer',
        opId: null,
        deadlineMs: aloneMs,
        perform: (signal) => start(signal).catch((error: unknown) => void (failure = error)),
        overdue: () => {},
      });
      if (failure !== null) throw failure;
    },
    purge(subject, containerId, tenant, generation, epoch) {
      const identity = api.identity(containerId, tenant, generation, environment.id(), epoch);
      return new Promise((resolve, reject) => {
        void slots.add({
          containerId,
          slot: slotOf[removalOf[subject]],
          kind: removalOf[subject],
          opId: null,
          deadlineMs: purgeMs,
          async perform(signal) {
            try {
              await removeSubject(options, subject, identity, signal);
              options.purged(containerId);
              const lane = lanes.get(containerId);
              if (lane && lane.generation <= generation) forget(containerId);
              resolve();
            } catch (error) {
              reject(error as Error);
            }
          },
          overdue: () => reject(hung(`did not remove ${subject} "${containerId}" within ${purgeMs} ms`)),
        });
      });
    },
    acknowledged(records) {
      for (const record of records) {
        const lane = record.kind === 'result' ? lanes.get(record.containerId) : undefined;
        if (!lane || !slots.isIdle(lane.containerId)) continue;
        const { image } = lane.slots;
        const entries = Object.values(lane.slots).filter(({ kind }) => kind !== 'pullImage');
        const isGone = ({ kind, opId, outcome }: LaneEntry): boolean =>
          removals.has(kind) && outcome?.ok === true && !outbox.holdsResult(opId);
        if (entries.length === 0 || image?.outcome === null) continue;
        if (entries.every(isGone)) forget(lane.containerId);
      }
    },
    sweep(before, present) {
      for (const lane of before) {
        const { containerId, desired } = lane;
        const entries = Object.values(lane.slots);
        if (lanes.get(containerId) !== lane || present.has(containerId) || !slots.isIdle(containerId))
          continue;
        // A network outlives its bridge, which a reboot takes and the next plug makes again.
        if (lane.slots.network?.kind === 'ensureNetwork') continue;
        if (desired?.running || entries.some(({ opId }) => underway.has(opId) || outbox.holdsResult(opId)))
          continue;
        forget(containerId);
      }
    },
    identity: (containerId, tenant, generation, opId, epoch) => ({
      opId,
      worldId: options.worldId(),
      containerId,
      tenant,
      generation,
      epoch,
    }),
    stop() {
      stopped = true;
      slots.abortAll();
    },
  };
  return api;
}

const removalOf = {
  container: 'removeContainer',
  sandbox: 'removeSandbox',
  network: 'removeNetwork',
  volume: 'removeVolume',
  image: 'removeImage',
} as const satisfies Record<SubjectKind, HostEffectName>;

const hung = (what: string): TroupeError => new TroupeError('ENGINE_HUNG', `The container engine ${what}`);

/** Limits that the engine did not take are not its limits. */
const keepsakeAfter = (
  { args, keepsake }: OperateParams,
  { outcome }: LaneEntry,
): OperateParams['keepsake'] => (args.kind === 'updateContainer' && !outcome?.ok ? undefined : keepsake);

/** What is to be unmounted is until it was. Undefined = as before. */
function hotAfter({ args }: OperateParams, { outcome }: LaneEntry): readonly HotMount[] | undefined {
  if (args.kind === 'remountContainer') return outcome?.ok ? args.hot : [...args.hot, ...args.leaving];
  if (args.kind === 'startContainer' || args.kind === 'createContainer') return args.hot ?? [];
  return undefined;
}

/** What the agent may keep up alone after this: a start that worked, until a stop or a removal. Null = as before. */
function desiredAfter({ args, desired }: OperateParams, outcome: OperationOutcome): DesiredState | null {
  if (args.kind === 'startContainer' || (args.kind === 'createContainer' && args.start))
    return hasRun(outcome) ? { ...desired, running: true, run: args.run } : null;
  if (args.kind === 'stopContainer' || args.kind === 'removeContainer') return { ...desired, running: false };
  return null;
}

/** Whether what the operation left has been started. */
function hasRun(outcome: OperationOutcome): boolean {
  const { observation } = ((outcome.ok ? outcome.output : null) ?? {}) as { observation?: Observation };
  return (observation?.startedAt ?? null) !== null;
}
