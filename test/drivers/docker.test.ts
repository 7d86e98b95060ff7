/** The Docker driver against the machine's engine. */
import t from 'tap';
import { createDockerDriver } from '../../src/drivers/runtime/docker.ts';
import { createEnvironment } from '../../src/main/environment.ts';
import { runtimeDriverContract } from '../conformance/runtime-driver.ts';
import type { DriverUnderTest } from '../conformance/runtime-driver-stage.ts';
import { dockerSocket, ensureDocker, newWorldId, removeWorld, testSpec } from '../support/docker.ts';
import { createTestEnvironment } from '../support/test-environment.ts';

const warnings: Error[] = [];
process.on('warning', (warning) => warnings.push(warning));

const environment = createEnvironment(createTestEnvironment().log);

async function dockerUnderTest(): Promise<DriverUnderTest> {
  const docker = await ensureDocker();
  const worldId = newWorldId();
  const make = () => createDockerDriver({ socketPath: dockerSocket, hostname: 'test', environment });
  const driver = make();
  const others = [driver];
  return {
    driver,
    engine: { tellsSignals: true, remembersFailedStart: true, tellsOom: true, runsHealthChecks: true },
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
            labels: Config.Labels,
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
      killSandbox: async ({ engineId }) => {
        await docker.getContainer(engineId ?? '').kill({ signal: 'SIGKILL' });
        await docker.getContainer(engineId ?? '').wait();
      },
      removeSandbox: ({ engineId }) => docker.getContainer(engineId ?? '').remove({ force: true }),
    },
    async stop() {
      for (const other of others) await other.close();
      await removeWorld(docker, worldId);
    },
  };
}

await runtimeDriverContract(t, 'docker', dockerUnderTest);

t.test('Node had nothing to warn of', async (t) => t.same(warnings, []));
