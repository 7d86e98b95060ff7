/** The Podman driver against a Podman of the test's own. */
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { createPodmanDriver } from '../../src/drivers/runtime/podman.ts';
import { createEnvironment } from '../../src/main/environment.ts';
import { runtimeDriverContract } from '../conformance/runtime-driver.ts';
import type { DriverUnderTest } from '../conformance/runtime-driver-stage.ts';
import { driverUnderTest } from '../support/driver-under-test.ts';
import { startPodman } from '../support/podman.ts';
import { createTestEnvironment } from '../support/test-environment.ts';

const execute = promisify(execFile);
const warnings: Error[] = [];
process.on('warning', (warning) => warnings.push(warning));

const environment = createEnvironment(createTestEnvironment().log);

async function podmanUnderTest(): Promise<DriverUnderTest> {
  const { docker, folder, socketPath, stop } = await startPodman();
  const sandboxFolder = join(folder, 'sandboxes');
  const killSandbox = async (netnsPath: string): Promise<void> =>
    void (await execute('ip', ['netns', 'delete', basename(netnsPath)]));
  return driverUnderTest({
    docker,
    limits: { tellsSignals: false, explainsExits: false, remembersFailedStart: false, tellsOom: false },
    make: () => createPodmanDriver({ socketPath, hostname: 'test', environment, sandboxFolder }),
    killSandbox: ({ netnsPath }) => killSandbox(netnsPath),
    async removeSandbox({ sandboxId, netnsPath }) {
      await killSandbox(netnsPath);
      await rm(join(sandboxFolder, `${sandboxId}.json`));
    },
    stop,
  });
}

await runtimeDriverContract(t, 'podman', podmanUnderTest);

t.test('Node had nothing to warn of', async (t) => t.same(warnings, []));
