/**
 * Restarts by the agent alone: only while the control plane's lease is gone,
 * by the same pure policy, on the last desired state it was told. Each run has
 * a number and is told as a fact, before another operation of its container.
 */
import type { RuntimeDriver } from '../drivers/runtime/runtime-driver.ts';
import { toFailure } from '../errors/errors.ts';
import type { AgentFact, DesiredState } from '../link/protocol.ts';
import type { Observation } from '../model/container.ts';
import type { Cancel, Environment } from '../model/environment.ts';
import type { DecideRestart } from '../model/restart.ts';
import type { Lanes } from './lanes.ts';
import type { Sandboxes } from './sandboxes.ts';

export interface RestartsOptions {
  readonly environment: Environment;
  readonly driver: RuntimeDriver;
  readonly sandboxes: Sandboxes | null;
  readonly lanes: Lanes;
  readonly decide: DecideRestart;
  /** While true, only the chart restarts. */
  readonly isLeased: () => boolean;
  readonly epoch: () => number;
  readonly tell: (fact: AgentFact) => Promise<void>;
  readonly note: (observation: Observation) => void;
}

export interface Restarts {
  exited(observation: Observation): void;
  /** The lease has just gone: what ended while it held and was not restarted is ours now. */
  takeOver(signal: AbortSignal): Promise<void>;
  stop(): void;
}

/** Before a start that the engine could not do now is tried how. */
const firstRetryMs = 500;
const longestRetryMs = 60_000;

export function createRestarts(options: RestartsOptions): Restarts {
  const { environment, driver, sandboxes, lanes, decide } = options;
  const scheduled = new Map<string, Cancel>();

  /** @param desired what it is to be after this restart */
  const start = async (exit: Observation, desired: DesiredState, signal: AbortSignal): Promise<void> => {
    const { containerId, tenant, generation } = exit;
    // What was true when it was decided need not be true any more.
    if (!lanes.lane(containerId)?.desired?.running || options.isLeased()) return;
    const identity = lanes.identity(containerId, tenant, generation, environment.id(), options.epoch());
    // On disk first: no two runs get the same number.
    await lanes.setDesired(containerId, desired);
    const how = { run: desired.run, limits: null };
    const observation = await driver.startContainer(identity, how, signal).catch(async (error: unknown) => {
      // Its namespace ended with it, as when the machine was started anew: first that, then its container.
      if (toFailure(error).code !== 'SANDBOX_GONE') throw error;
      if (!(await sandboxes?.mend(identity, containerId, signal))) throw error;
      return driver.startContainer(identity, how, signal);
    });
    options.note(observation);
    await options.tell({ type: 'runtime.started', observation, opId: null, byAgent: true });
  };

  const schedule = (exit: Observation, desired: DesiredState, backoffMs: number): void => {
    const { containerId } = exit;
    const cancel = environment.schedule(backoffMs, () => {
      scheduled.delete(containerId);
      lanes
        .startAlone(containerId, (signal) => start(exit, desired, signal))
        .catch((error: unknown) => {
          const { retryable, message } = toFailure(error);
          environment.log.error(
            { container_id: containerId, reason: message, retryable },
            'could not restart a container alone',
          );
          if (retryable)
            schedule(exit, desired, Math.min(Math.max(backoffMs, firstRetryMs) * 2, longestRetryMs));
        });
    });
    scheduled.set(containerId, cancel);
  };

  const consider = (exit: Observation): void => {
    const { containerId } = exit;
    const desired = lanes.lane(containerId)?.desired;
    if (!desired?.running || options.isLeased() || scheduled.has(containerId)) return;
    const { restart, restarts, backoffMs, reason } = decide(desired.restartPolicy, exit, desired.restarts);
    if (!restart) return;
    environment.log.info(
      { container_id: containerId, reason, ms: backoffMs },
      'restarting a container alone',
    );
    schedule(exit, { ...desired, run: desired.run + 1, restarts }, backoffMs);
  };

  return {
    exited: consider,
    async takeOver(signal) {
      for (const { observation } of await driver.list(signal)) {
        if (observation.startedAt === null) continue;
        if (observation.state === 'exited' || observation.state === 'dead') consider(observation);
      }
    },
    stop() {
      for (const cancel of scheduled.values()) cancel();
      scheduled.clear();
    },
  };
}
