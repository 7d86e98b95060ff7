/** A driver for an engine that speaks Docker's API, as the contract of runtime drivers wants it. */
import type Docker from 'dockerode';
import type { RuntimeDriver, Sandbox } from '../../src/drivers/runtime/runtime-driver.ts';
import type { RuntimePowers } from '../../src/drivers/runtime/runtime-powers.ts';
import type { DriverUnderTest, EngineLimits } from '../conformance/runtime-driver-stage.ts';
import { newWorldId, removeWorld, testSpec } from './docker.ts';

export interface EngineUnderTest {
  /** Asks the engine behind the driver's back. */
  readonly docker: Docker;
  readonly limits: EngineLimits;
  make(): RuntimeDriver & RuntimePowers;
  killSandbox(sandbox: Sandbox): Promise<void>;
  removeSandbox(sandbox: Sandbox): Promise<void>;
  stop(): Promise<void>;
}

export function driverUnderTest(engine: EngineUnderTest): DriverUnderTest {
  const { docker, limits, make, killSandbox, removeSandbox } = engine;
  const worldId = newWorldId();
  const driver = make();
  const others = [driver];
  return {
    driver,
    engine: limits,
    worldId,
    spec: testSpec,
    again() {
      const other = make();
      others.push(other);
      return other;
    },
    byHand: {
      async view(engineId) {
        try {
          const { Config, HostConfig, State } = await docker.getContainer(engineId).inspect();
          return {
            labels: Object.fromEntries(Object.entries(Config.Labels).filter(([, value]) => value !== '')),
            nanoCpus: HostConfig.NanoCpus ?? 0,
            cpuShares: HostConfig.CpuShares ?? 0,
            memoryBytes: HostConfig.Memory ?? 0,
            memoryAndSwapBytes: HostConfig.MemorySwap ?? 0,
            pidsLimit: HostConfig.PidsLimit ?? null,
            restartPolicy: HostConfig.RestartPolicy?.Name ?? '',
            privileged: HostConfig.Privileged ?? false,
            runs: State.Running,
          };
        } catch (error) {
          if ((error as { statusCode?: number }).statusCode === 404) return null;
          throw error;
        }
      },
      kill: async (engineId, signal) => {
        await docker.getContainer(engineId).kill({ signal });
        await docker.getContainer(engineId).wait();
      },
      remove: (engineId) => docker.getContainer(engineId).remove({ force: true }),
      rename: (engineId) =>
        docker.getContainer(engineId).rename({ name: `renamed-${engineId.slice(0, 12)}` }),
      create: async (Image) => (await docker.createContainer({ Image })).id,
      mounts: async (engineId) =>
        (await docker.getContainer(engineId).inspect()).Mounts.map(({ Source, Destination }) => ({
          source: Source,
          destination: Destination,
        })),
      killSandbox,
      removeSandbox,
    },
    async stop() {
      const identity = { opId: 'end', worldId, tenant: 'p1', generation: 1_000, epoch: 1_000 };
      const signal = AbortSignal.timeout(60_000);
      for (const { sandboxId, worldId: world } of await driver.listSandboxes(signal))
        if (world === worldId) await driver.removeSandbox(identity, sandboxId, signal);
      for (const other of others) await other.close();
      await removeWorld(docker, worldId);
      await engine.stop();
    },
  };
}
