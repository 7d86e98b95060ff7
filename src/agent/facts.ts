/**
 * From engine events to facts: each event makes us look at the container, and
 * what we see, if it is news, is told in full. After a hole everything is
 * looked at, so nothing that happened in it is missed.
 */
import type { EngineEvent, RuntimeDriver } from '../drivers/runtime/runtime-driver.ts';
import type { AgentFact } from '../link/protocol.ts';
import type { Observation } from '../model/container.ts';
import type { Environment } from '../model/environment.ts';
import type { Lanes } from './lanes.ts';

export interface FactsOptions {
  readonly environment: Environment;
  readonly driver: RuntimeDriver;
  readonly lanes: Lanes;
  readonly tell: (fact: AgentFact) => Promise<void>;
  /** A container of ours has ended; whoever may restart it decides. */
  readonly exited: (observation: Observation) => void;
  readonly engineChanged: () => void;
  /** A container of ours has come into being though nothing asked for it now, such as by a call of an agent that died. */
  readonly unexpected: (containerId: string) => void;
}

export interface Facts {
  /** Follows the engine until `signal` aborts. */
  follow(signal: AbortSignal): Promise<void>;
  /** Told or reported otherwise already, so that it is no news. */
  note(observation: Observation): void;
  /** Forgets what we know, so that everything is news again. */
  reset(): void;
}

/** Not stoppable by SIGKILL means: someone asked it to end. @see signal(7) */
const sigkill = 9;
/** Before a look that failed is tried again. */
const lookAgainMs = 1_000;

export function createFacts(options: FactsOptions): Facts {
  const { environment, driver, lanes, tell, exited, engineChanged, unexpected } = options;
  const known = new Map<string, Observation>();
  /** Containers that somebody else has sent a stop signal since their last start. */
  const signalled = new Set<string>();
  let owed = false;

  const look = async (observation: Observation, byAgent = false): Promise<void> => {
    const { containerId } = observation;
    const before = known.get(containerId);
    known.set(containerId, observation);
    const ours = lanes.running(containerId);
    const opId = ours?.opId ?? null;
    const isRunning = observation.state === 'running';
    const hasEnded = observation.state === 'exited' || observation.state === 'dead';
    if (isRunning && (before?.state !== 'running' || before.startedAt !== observation.startedAt)) {
      signalled.delete(containerId);
      // Our own start is answered by its result.
      if (ours?.args.kind !== 'startContainer')
        await tell({ type: 'runtime.started', observation, opId, byAgent });
    } else if (
      hasEnded &&
      observation.startedAt !== null &&
      !(sameEnd(before, observation) && before?.startedAt === observation.startedAt)
    ) {
      const stoppedOutside = opId === null && signalled.delete(containerId);
      await tell({ type: 'runtime.exited', observation, opId, stoppedOutside });
      if (opId === null && !stoppedOutside) exited(observation);
      if (stoppedOutside) await stayStopped(containerId);
    } else if (isRunning && before && before.health !== observation.health) {
      await tell({ type: 'runtime.health', observation, opId });
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
    signalled.delete(containerId);
    const ours = lanes.running(containerId);
    // Our own removal is answered by its result.
    if (ours?.args.kind === 'removeContainer' || lane?.slots.runtime?.kind === 'removeContainer') return;
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
    const listed = await driver.list(signal);
    const present = new Set(listed.map(({ observation }) => observation.containerId));
    for (const { observation } of listed) await look(observation);
    for (const containerId of known.keys()) if (!present.has(containerId)) await miss(containerId);
  };

  const take = async (event: EngineEvent, signal: AbortSignal): Promise<void> => {
    if (event.kind === 'down') {
      environment.log.warn({ reason: event.reason }, 'the container engine does not answer');
      return engineChanged();
    }
    if (event.kind === 'gap') {
      engineChanged();
      return takeAll(signal);
    }
    if (event.action === 'kill' && event.signal !== sigkill && lanes.running(event.containerId) === null) {
      signalled.add(event.containerId);
      return;
    }
    if (event.action === 'destroy') return miss(event.containerId);
    if (event.action === 'create') {
      const last = lanes.lane(event.containerId)?.slots.runtime;
      if (!last || (last.kind === 'removeContainer' && last.outcome !== null))
        return unexpected(event.containerId);
    }
    const observation = await driver.observe(event.containerId, signal);
    if (observation) await look(observation);
  };

  /** What we failed to look at is looked at again, with everything else, until that works. */
  const lookAgain = (signal: AbortSignal): void => {
    if (owed) return;
    owed = true;
    environment.schedule(lookAgainMs, () => {
      owed = false;
      if (signal.aborted) return;
      takeAll(signal).catch(() => lookAgain(signal));
    });
  };

  return {
    async follow(signal) {
      for await (const event of driver.events(signal)) {
        try {
          await take(event, signal);
        } catch (error) {
          if (signal.aborted) return;
          environment.log.warn({ err: error }, 'an engine event could not be followed up');
          lookAgain(signal);
        }
      }
    },
    note: (observation) => void known.set(observation.containerId, observation),
    reset: () => known.clear(),
  };
}

const sameEnd = (before: Observation | undefined, now: Observation): boolean =>
  before?.state === now.state && before.finishedAt === now.finishedAt;
