/**
 * Restarts by the agent alone: only while the control plane's lease is gone,
 * by the same pure policy, on the last desired state it was told. Each run has
 * a number and is told as a fact.
 */
import type { RuntimeDriver } from '../drivers/runtime/runtime-driver.ts';
import type { AgentFact } from '../link/protocol.ts';
import type { Observation } from '../model/container.ts';
import type { Environment } from '../model/environment.ts';
import type { DecideRestart } from '../model/restart.ts';
import type { Lanes } from './lanes.ts';

export interface RestartsOptions {
  readonly environment: Environment;
  readonly driver: RuntimeDriver;
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
  takeOver(): Promise<void>;
}

export function createRestarts(options: RestartsOptions): Restarts {
  const { environment, driver, lanes, decide } = options;
  const scheduled = new Set<string>();

  const restart = async (observation: Observation): Promise<void> => {
    const { containerId, tenant, generation } = observation;
    scheduled.delete(containerId);
    const desired = lanes.lane(containerId)?.desired;
    if (!desired?.running || options.isLeased()) return;
    const run = desired.run + 1;
    const { signal } = new AbortController();
    const identity = lanes.identity(containerId, tenant, generation, environment.id(), options.epoch());
    const started = await driver.startContainer(identity, { run }, signal);
    options.note(started);
    await lanes.setDesired(containerId, { ...desired, run, restarts: desired.restarts + 1 });
    await options.tell({ type: 'runtime.started', observation: started, opId: null, byAgent: true });
  };

  const consider = (observation: Observation): void => {
    const { containerId } = observation;
    const desired = lanes.lane(containerId)?.desired;
    if (!desired?.running || options.isLeased() || scheduled.has(containerId)) return;
    const decision = decide(desired.restartPolicy, observation, desired.restarts);
    if (!decision.restart) return;
    scheduled.add(containerId);
    environment.schedule(decision.backoffMs, () => {
      restart(observation).catch((error: unknown) => {
        environment.log.error(
          { container_id: containerId, err: error },
          'could not restart a container alone',
        );
      });
    });
  };

  return {
    exited: consider,
    async takeOver() {
      const { signal } = new AbortController();
      for (const { observation } of await driver.list(signal)) {
        if (observation.state === 'exited' || observation.state === 'dead') consider(observation);
      }
    },
  };
}
