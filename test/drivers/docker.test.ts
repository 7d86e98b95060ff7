/** The Docker driver against the machine's engine. */
import t from 'tap';
import { createDockerDriver } from '../../src/drivers/runtime/docker.ts';
import { createEnvironment } from '../../src/main/environment.ts';
import { runtimeDriverContract } from '../conformance/runtime-driver.ts';
import type { DriverUnderTest } from '../conformance/runtime-driver-stage.ts';
import { dockerSocket, ensureDocker } from '../support/docker.ts';
import { driverUnderTest } from '../support/driver-under-test.ts';
import { createTestEnvironment } from '../support/test-environment.ts';

const warnings: Error[] = [];
process.on('warning', (warning) => warnings.push(warning));

const environment = createEnvironment(createTestEnvironment().log);

async function dockerUnderTest(): Promise<DriverUnderTest> {
  const docker = await ensureDocker();
  return driverUnderTest({
    docker,
    limits: { tellsSignals: true, explainsExits: true, remembersFailedStart: true, tellsOom: true },
    make: () => createDockerDriver({ socketPath: dockerSocket, hostname: 'test', environment }),
    async killSandbox({ engineId }) {
      await docker.getContainer(engineId ?? '').kill({ signal: 'SIGKILL' });
      await docker.getContainer(engineId ?? '').wait();
    },
    removeSandbox: ({ engineId }) => docker.getContainer(engineId ?? '').remove({ force: true }),
    stop: () => Promise.resolve(),
  });
}

await runtimeDriverContract(t, 'docker', dockerUnderTest);

t.test('Node had nothing to warn of', async (t) => t.same(warnings, []));
