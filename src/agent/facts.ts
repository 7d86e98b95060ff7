/**
 * From engine events to facts: each event makes us look at the container, and
 * what we see, if it is news, is told in full. An exit whose event tells all
 * there is to see is not waited for (`told-exits.ts`). After a hole everything
 * is looked at, so nothing that happened in it is missed.
 *
 * F1. Containers don't wait for each other: one that the engine can't inspect
 *     delays the facts of no other.
 * F2. What we see is news only if it is not older than what we know.
 * F3. The result of our own start is told before what followed it.
 * F4. What an inventory will tell anyway is not told before the first one.
 * F5. An old answer that is given again, which only a store that lost its tail asks
 *     for, is followed by what has happened since.
 */
import type { EngineEvent, RuntimeDriver } from '../drivers/runtime/runtime-driver.ts';
import type { AgentFact, HostEffectName } from '../link/protocol.ts';
import type { Observation } from '../model/container.ts';
import type { Environment } from '../model/environment.ts';
import type { Lanes } from './lanes.ts';
import { createStopSignals } from './stop-signals.ts';
import { createToldExits } from './told-exits.ts';

export interface FactsOptions {
  readonly environment: Environment;
  readonly driver: RuntimeDriver;
  readonly lanes: Lanes;
  readonly tell: (fact: AgentFact) => Promise<void>;
  /** A container of ours has ended; whoever may restart it decides. */
  readonly exited: (observation: Observation) => void;
  /** A run of a container of ours has begun, or is seen for the first time. */
  readonly started: (observation: Observation) => void;
  readonly engineChanged: () => void;
  /** A container or sandbox of ours has come into being though nothing asked for it now, such as by a call of an agent that died. */
  readonly unexpected: (containerId: string) => void;
  /** Of this world. Others may use the same engine. */
  readonly isOurs: (worldId: string) => boolean;
  /** Whether an inventory has been, or is being, taken since this agent began. */
  readonly inventoried: () => boolean;
}

export interface Facts {
  /** Follows the engine until `signal` aborts. */
  follow(signal: AbortSignal): Promise<void>;
  /** Told or reported otherwise already, so that it is no news. */
  note(observation: Observation): void;
  /** Something about it is another now, such as its health: it is looked at. */
  changed(containerId: string, signal: AbortSignal): void;
  /**
   * Its operation was answered once more as it was answered then.
   * @param told the container in that answer; null where it had none
   */
  toldAgain(containerId: string, told: Observation | null, signal: AbortSignal): void;
  /** The same of a sandbox. */
  sandboxToldAgain(signal: AbortSignal): void;
  /** Removed by us: its absence is no news. */
  forget(containerId: string): void;
}

/** Before a look that failed is tried again. */
const lookAgainMs = 1_000;

type ContainerEvent = Extract<EngineEvent, { kind: 'container' }>;

export function createFacts(options: FactsOptions): Facts {
  const { environment, driver, lanes, tell, exited, engineChanged, unexpected } = options;
  const known = new Map<string, Observation>();
  const stopSignals = createStopSignals(environment);
  const toldExits = createToldExits();
  /** What is to be done about each container, one behind the other. */
  const steps = new Map<string, { done: Promise<void>; isWaitingLook: boolean }>();
  /** When we last learned of a container otherwise than by listing, counted. */
  const learned = new Map<string, number>();
  /** Answered as they were long ago: should one not be there, that is news, too. */
  const repeated = new Set<string>();
  let tick = 0;
  let isLookAgainDue = false;

  const learn = (containerId: string): void => {
    tick += 1;
    learned.set(containerId, tick);
  };

  const take = async (observation: Observation, silently: boolean): Promise<void> => {
    const { containerId } = observation;
    const before = known.get(containerId);
    if (before && isOlder(observation, before)) return;
    known.set(containerId, observation);
    const ours = lanes.current(containerId);
    const isSameRun = before?.startedAt === observation.startedAt;
    // Our own start sees to that.
    if (observation.state === 'running' && !isSameRun && !ours) options.started(observation);
    if (silently) return;
    const opId = ours?.opId ?? null;
    if (observation.state === 'running') {
      if (!isSameRun || before.state !== 'running') {
        // Our own start is answered by its result.
        if (ours?.kind !== 'startContainer' && ours?.kind !== 'createContainer')
          await tell({ type: 'runtime.started', observation, opId, byAgent: false });
      } else if (before.health !== observation.health) {
        await tell({ type: 'runtime.health', observation, opId });
      }
    } else if (hasEnded(observation) && observation.startedAt !== null) {
      if (isSameRun && hasEnded(before)) return;
      const stoppedOutside = opId === null && stopSignals.endedBySignal(observation);
      const told = tell({ type: 'runtime.exited', observation, opId, stoppedOutside });
      if (stoppedOutside) await stayStopped(containerId);
      else if (opId === null) exited(observation);
      await told;
    }
  };

  /** Somebody stopped it by hand: the agent must not start it alone. */
  const stayStopped = async (containerId: string): Promise<void> => {
    const desired = lanes.lane(containerId)?.desired;
    if (desired) await lanes.setDesired(containerId, { ...desired, running: false });
  };

  const miss = async (containerId: string): Promise<void> => {
    const before = known.get(containerId);
    const lane = lanes.lane(containerId);
    known.delete(containerId);
    stopSignals.forget(containerId);
    toldExits.forget(containerId);
    const ours = lanes.current(containerId);
    // Our own removal is answered by its result.
    if (ours?.kind === 'removeContainer' || lane?.slots.runtime?.kind === 'removeContainer') return;
    const was = before ?? lane;
    if (!was) return;
    await tell({
      type: 'runtime.gone',
      containerId,
      tenant: was.tenant,
      generation: was.generation,
      opId: ours?.opId ?? null,
    });
  };

  const takeAll = async (signal: AbortSignal): Promise<void> => {
    const since = tick;
    const isFirst = !options.inventoried();
    const listed = await driver.list(signal);
    // A listing that an inventory overtook may know more than that.
    const silently = isFirst && !options.inventoried();
    const isNewer = (containerId: string): boolean => (learned.get(containerId) ?? 0) > since;
    const present = new Set(listed.map(({ observation }) => observation.containerId));
    for (const { observation } of listed) {
      if (!isNewer(observation.containerId)) await take(observation, silently);
    }
    const missing = Array.from(known.keys()).filter((each) => !present.has(each) && !isNewer(each));
    for (const containerId of missing) await miss(containerId);
    for (const [containerId, at] of learned) if (at <= since) learned.delete(containerId);
  };

  /** Sandboxes that were made here and are not alive any more. */
  const takeSandboxes = async (signal: AbortSignal): Promise<void> => {
    const made = lanes.all().filter(({ slots: { network } }) => network && isOfSandbox(network.kind));
    if (made.length === 0) return;
    const listed = await driver.listSandboxes(signal);
    const alive = new Set(
      listed.flatMap(({ sandboxId, netnsPath }) => (netnsPath === null ? [] : [sandboxId])),
    );
    for (const { containerId: sandboxId, tenant, slots } of made) {
      if (alive.has(sandboxId) || lanes.lane(sandboxId)?.slots.network !== slots.network) continue;
      // One that is being made is answered by its result, and looked at after that.
      if (slots.network?.outcome === null) lookAgain(signal);
      else if (slots.network?.outcome.ok)
        await tell({ type: 'sandbox.died', sandboxId, tenant, reason: 'Its network namespace is gone' });
    }
  };

  const look = async (containerId: string, signal: AbortSignal): Promise<void> => {
    await lanes.settled(containerId);
    const observation = await driver.observe(containerId, signal);
    const isRepeated = repeated.delete(containerId);
    // Otherwise an event tells of its end.
    if (!observation) return isRepeated ? miss(containerId) : undefined;
    learn(containerId);
    await take(observation, false);
  };

  const owe = (containerId: string, error: unknown, signal: AbortSignal): void => {
    if (signal.aborted) return;
    environment.log.warn(
      { container_id: containerId, err: error },
      'an engine event could not be followed up',
    );
    lookAgain(signal);
  };

  /** Queues a step of a container behind its others; a failed one is owed. */
  const follow = (containerId: string, signal: AbortSignal, kind: 'look' | 'miss'): void => {
    const before = steps.get(containerId);
    // One look that has not begun sees what this event is about.
    if (kind === 'look' && before?.isWaitingLook) return;
    const entry = { done: Promise.resolve(), isWaitingLook: kind === 'look' };
    entry.done = (before?.done ?? Promise.resolve())
      .then(() => {
        entry.isWaitingLook = false;
        return kind === 'look' ? look(containerId, signal) : miss(containerId);
      })
      .catch((error: unknown) => owe(containerId, error, signal))
      .then(() => {
        if (steps.get(containerId) === entry) steps.delete(containerId);
      });
    steps.set(containerId, entry);
  };

  const takeEvent = (event: ContainerEvent, signal: AbortSignal): void => {
    const { containerId, action } = event;
    toldExits.seen(event, known.get(containerId));
    if (action === 'kill') {
      const ours = lanes.current(containerId)?.kind;
      const isOurs = ours === 'stopContainer' || ours === 'removeContainer';
      if (!isOurs) stopSignals.seen(containerId, event.signal, known.get(containerId));
      return;
    }
    learn(containerId);
    if (action === 'destroy') return follow(containerId, signal, 'miss');
    if (action === 'create') {
      if (!lanes.isAsked(containerId)) return unexpected(containerId);
    }
    if (action === 'die') {
      const end = toldExits.endOf(event, known.get(containerId));
      // What we do to it now is answered by its result, which an exit must not overtake (F3).
      if (end && !lanes.current(containerId)) {
        take(end, false).catch((error: unknown) => owe(containerId, error, signal));
        return;
      }
    }
    follow(containerId, signal, 'look');
  };

  /** A sandbox that ends, or comes into being, without our having asked for it. */
  const takeSandboxEvent = async (
    { sandboxId, action }: Extract<EngineEvent, { kind: 'sandbox' }>,
    signal: AbortSignal,
  ): Promise<void> => {
    const lane = lanes.lane(sandboxId);
    if (action === 'start') return lanes.isAsked(sandboxId, 'network') ? undefined : unexpected(sandboxId);
    if (!lane || lane.slots.network?.kind === 'removeSandbox') return;
    // Its result, which is told behind this, would hide it.
    if (lane.slots.network?.outcome === null) lookAgain(signal);
    await tell({
      type: 'sandbox.died',
      sandboxId,
      tenant: lane.tenant,
      reason: action === 'die' ? 'Its process has ended' : 'It was removed outside Troupe',
    });
  };

  /** What we failed to look at is looked at again, with everything else, until that works. */
  const lookAgain = (signal: AbortSignal): void => {
    if (isLookAgainDue) return;
    isLookAgainDue = true;
    environment.schedule(lookAgainMs, () => {
      isLookAgainDue = false;
      if (signal.aborted) return;
      takeAll(signal)
        .then(() => takeSandboxes(signal))
        .catch(() => lookAgain(signal));
    });
  };

  return {
    async follow(signal) {
      for await (const event of driver.events(signal)) {
        if ('worldId' in event && event.worldId !== null && !options.isOurs(event.worldId)) continue;
        if (event.kind === 'container') {
          takeEvent(event, signal);
        } else if (event.kind === 'sandbox') {
          await takeSandboxEvent(event, signal);
        } else if (event.kind === 'down') {
          environment.log.warn({ reason: event.reason }, 'the container engine does not answer');
          engineChanged();
        } else if (event.kind === 'gap') {
          engineChanged();
          const isFirst = !options.inventoried();
          await takeAll(signal)
            // What an inventory tells is not told before it.
            .then(() => (isFirst ? undefined : takeSandboxes(signal)))
            .catch((error: unknown) => {
              if (signal.aborted) return;
              environment.log.warn({ err: error }, 'the containers could not be listed');
              lookAgain(signal);
            });
        }
      }
    },
    note(observation) {
      learn(observation.containerId);
      const before = known.get(observation.containerId);
      if (!before || !isOlder(observation, before)) known.set(observation.containerId, observation);
    },
    changed: (containerId, signal) => follow(containerId, signal, 'look'),
    toldAgain(containerId, told, signal) {
      if (told) known.set(containerId, told);
      repeated.add(containerId);
      follow(containerId, signal, 'look');
    },
    sandboxToldAgain: lookAgain,
    forget(containerId) {
      learn(containerId);
      known.delete(containerId);
      stopSignals.forget(containerId);
      toldExits.forget(containerId);
    },
  };
}

const isOfSandbox = (kind: HostEffectName): boolean => kind === 'makeSandbox' || kind === 'unplugPort';

const hasEnded = ({ state }: Observation): boolean => state === 'exited' || state === 'dead';

/** Of an earlier incarnation or run, or of the same run before its end. */
function isOlder(observation: Observation, known: Observation): boolean {
  if (observation.generation !== known.generation) return observation.generation < known.generation;
  if (observation.engineId !== known.engineId) return false;
  const started = observation.startedAt ?? 0;
  const knownStart = known.startedAt ?? 0;
  if (started !== knownStart) return started < knownStart;
  return hasEnded(known) && !hasEnded(observation);
}
