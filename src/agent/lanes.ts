/**
 * Operations of each container, in order.
 *
 * N1. Within a slot, operations run one after another; an older (epoch,
 *     revision) is refused, an equal operation id is answered from its record.
 * N2. An operation is on disk before it runs, and its outcome is on disk,
 *     together with the record that tells it, before it is told.
 * N3. A deadline that passes is told as ENGINE_HUNG. The engine's call may
 *     still end: until then the slot takes removals only, and runs them after it.
 */
import { TroupeError, toFailure } from '../errors/errors.ts';
import type { OperationIdentity, RuntimeDriver } from '../drivers/runtime/runtime-driver.ts';
import {
  slotOf,
  type DesiredState,
  type OperateParams,
  type OperationOutcome,
  type Slot,
} from '../link/protocol.ts';
import type { Environment } from '../model/environment.ts';
import type { Failure } from '../model/failure.ts';
import type { Outbox } from './outbox.ts';
import type { AgentState, Lane, LaneEntry } from './state.ts';

export interface LanesOptions {
  readonly environment: Environment;
  readonly driver: RuntimeDriver;
  readonly state: AgentState;
  readonly outbox: Outbox;
  readonly worldId: () => string;
  /** Engine calls at once, over all containers. */
  readonly concurrency: number;
  /** An operation that may have changed what is on the host has ended. */
  readonly ended: (params: OperateParams, outcome: OperationOutcome) => void;
}

export interface Lanes {
  /** Takes an operation or says why not. Resolves once it is on disk. */
  operate(params: OperateParams): Promise<{ readonly accepted: boolean; readonly failure: Failure | null }>;
  /** Ours that runs now and may have caused what the engine reports. */
  running(containerId: string): OperateParams | null;
  lane(containerId: string): Lane | null;
  all(): Iterable<Lane>;
  /** Keeps what the agent did alone. */
  setDesired(containerId: string, desired: DesiredState): Promise<void>;
  /** Removes a container that must not be, in its lane, after what runs there. */
  purge(containerId: string, tenant: string, generation: number, epoch: number): Promise<void>;
  identity(
    containerId: string,
    tenant: string,
    generation: number,
    opId: string,
    epoch: number,
  ): OperationIdentity;
}

interface SlotWork {
  /** Ends when all that was given to the slot has. */
  tail: Promise<void>;
  current: OperateParams | null;
  hung: boolean;
}

export function createLanes(options: LanesOptions, stored: readonly Lane[]): Lanes {
  const { environment, driver, state, outbox } = options;
  const lanes = new Map<string, Lane>(stored.map((lane) => [lane.containerId, lane]));
  const work = new Map<string, Map<Slot, SlotWork>>();
  const waiting: (() => void)[] = [];
  /** Given to a slot and not ended. */
  const queued = new Set<string>();
  let busy = 0;

  const slotWork = (containerId: string, slot: Slot): SlotWork => {
    let slots = work.get(containerId);
    if (!slots) work.set(containerId, (slots = new Map()));
    let one = slots.get(slot);
    if (!one) slots.set(slot, (one = { tail: Promise.resolve(), current: null, hung: false }));
    return one;
  };

  const place = async <T>(task: () => Promise<T>): Promise<T> => {
    if (busy >= options.concurrency) await new Promise<void>((resolve) => waiting.push(resolve));
    busy += 1;
    try {
      return await task();
    } finally {
      busy -= 1;
      waiting.shift()?.();
    }
  };

  const withEntry = (params: OperateParams, entry: LaneEntry, desired: DesiredState | null): Lane => {
    const before = lanes.get(params.containerId);
    const lane: Lane = {
      containerId: params.containerId,
      tenant: params.tenant,
      generation: params.generation,
      slots: { ...before?.slots, [slotOf[params.args.kind]]: entry },
      desired: desired ?? before?.desired ?? null,
    };
    lanes.set(params.containerId, lane);
    return lane;
  };

  const identityOf = ({ containerId, tenant, generation, opId, epoch }: OperateParams): OperationIdentity =>
    lanesApi.identity(containerId, tenant, generation, opId, epoch);

  const perform = (params: OperateParams, signal: AbortSignal): Promise<unknown> => {
    const { args } = params;
    const identity = identityOf(params);
    switch (args.kind) {
      case 'pullImage':
        return driver.pullImage(identity, args.image, args.policy, signal);
      case 'ensureSandbox':
        return driver.ensureSandbox(identity, args.hostname, signal);
      case 'removeSandbox':
        return driver.removeSandbox(identity, signal).then(() => null);
      case 'createContainer':
        return driver.createContainer(identity, args, signal).then((observation) => ({ observation }));
      case 'startContainer':
        return driver.startContainer(identity, args, signal).then((observation) => ({ observation }));
      case 'stopContainer':
        return driver.stopContainer(identity, args, signal).then((observation) => ({ observation }));
      case 'removeContainer':
        return driver.removeContainer(identity, signal).then(() => null);
    }
  };

  const tell = async (params: OperateParams, outcome: OperationOutcome): Promise<void> => {
    const { opId, containerId, tenant, epoch, revision, args } = params;
    const entry: LaneEntry = { opId, kind: args.kind, epoch, revision, outcome };
    const removed = args.kind === 'removeContainer' && outcome.ok;
    const current = lanes.get(containerId)?.slots[slotOf[args.kind]];
    // A newer operation of the slot has been taken meanwhile: this one's result is told, not kept.
    const isLast = current === undefined || current.opId === opId;
    const lane = isLast ? withEntry(params, entry, desiredAfter(params, outcome)) : lanes.get(containerId);
    await outbox.tell(
      { kind: 'result', opId, containerId, tenant, outcome, at: environment.now() },
      isLast && lane ? { lane: removed ? { ...lane, desired: null } : lane } : {},
    );
    options.ended(params, outcome);
  };

  /** Starts the operation in its slot, behind what runs there. */
  const run = (params: OperateParams): void => {
    const slot = slotWork(params.containerId, slotOf[params.args.kind]);
    const abort = new AbortController();
    let told = false;
    const finish = async (outcome: OperationOutcome): Promise<void> => {
      if (told) return;
      told = true;
      await tell(params, outcome);
    };
    const cancel = environment.schedule(params.deadlineMs, () => {
      slot.hung = true;
      const what = `The container engine did not finish "${params.args.kind}" within ${params.deadlineMs} ms; it may still be running`;
      void finish({ ok: false, failure: toFailure(new TroupeError('ENGINE_HUNG', what)) });
    });
    slot.tail = slot.tail.then(async () => {
      slot.current = params;
      let outcome: OperationOutcome;
      try {
        outcome = { ok: true, output: await place(() => perform(params, abort.signal)) };
      } catch (error) {
        outcome = { ok: false, failure: toFailure(error) };
      }
      cancel();
      slot.hung = false;
      await finish(outcome);
      queued.delete(params.opId);
      slot.current = null;
    });
  };

  const lanesApi: Lanes = {
    async operate(params) {
      const kind = params.args.kind;
      const slotName = slotOf[kind];
      const slot = slotWork(params.containerId, slotName);
      const last = lanes.get(params.containerId)?.slots[slotName];
      if (last?.opId === params.opId) {
        if (last.outcome) {
          const { opId, containerId, tenant } = params;
          await outbox.tell({
            kind: 'result',
            opId,
            containerId,
            tenant,
            outcome: last.outcome,
            at: environment.now(),
          });
        } else if (!queued.has(params.opId)) {
          // The agent had ended before it did: an ensure may run again.
          queued.add(params.opId);
          run(params);
        }
        return { accepted: true, failure: null };
      }
      if (
        last &&
        (params.epoch < last.epoch || (params.epoch === last.epoch && params.revision < last.revision))
      ) {
        return {
          accepted: false,
          failure: toFailure(new TroupeError('STALE_COMMAND', `A newer "${last.kind}" has been taken`)),
        };
      }
      if (slot.hung && kind !== 'removeContainer' && kind !== 'removeSandbox') {
        return {
          accepted: false,
          failure: toFailure(
            new TroupeError(
              'ENGINE_HUNG',
              'The container engine has not finished the last operation on this container',
            ),
          ),
        };
      }
      queued.add(params.opId);
      const lane = withEntry(
        params,
        { opId: params.opId, kind, epoch: params.epoch, revision: params.revision, outcome: null },
        null,
      );
      await state.write({ lane });
      run(params);
      return { accepted: true, failure: null };
    },
    running(containerId) {
      return work.get(containerId)?.get('runtime')?.current ?? null;
    },
    lane: (containerId) => lanes.get(containerId) ?? null,
    all: () => lanes.values(),
    async setDesired(containerId, desired) {
      const lane = lanes.get(containerId);
      if (!lane) return;
      const next = { ...lane, desired };
      lanes.set(containerId, next);
      await state.write({ lane: next });
    },
    async purge(containerId, tenant, generation, epoch) {
      const slot = slotWork(containerId, 'runtime');
      const identity = lanesApi.identity(containerId, tenant, generation, environment.id(), epoch);
      const done = slot.tail.then(async () => {
        const { signal } = new AbortController();
        await place(() => driver.removeContainer(identity, signal));
        await place(() => driver.removeSandbox(identity, signal));
      });
      slot.tail = done.catch(() => {});
      await done;
      lanes.delete(containerId);
      work.delete(containerId);
      await state.write({ removeLane: containerId });
    },
    identity: (containerId, tenant, generation, opId, epoch) => ({
      opId,
      worldId: options.worldId(),
      containerId,
      tenant,
      generation,
      epoch,
    }),
  };
  return lanesApi;
}

/** What the agent may keep up alone after this: a start that worked, until a stop or a removal. Null = as before. */
function desiredAfter({ args, desired }: OperateParams, outcome: OperationOutcome): DesiredState | null {
  if (args.kind === 'startContainer' && outcome.ok) return { ...desired, running: true, run: args.run };
  if (args.kind === 'stopContainer' || args.kind === 'removeContainer') return { ...desired, running: false };
  return null;
}
