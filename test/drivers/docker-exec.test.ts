/** Commands that can't be ended, or whose engine goes away. */
import t, { type Test } from 'tap';
import { createDockerDriver } from '../../src/drivers/runtime/docker.ts';
import { containerLabels } from '../../src/drivers/runtime/docker-labels.ts';
import { createEnvironment } from '../../src/main/environment.ts';
import { answer, startScriptedEngine } from '../support/scripted-engine.ts';
import { createTestEnvironment } from '../support/test-environment.ts';

const environment = createEnvironment(createTestEnvironment().log);
const operation = { opId: 'op-1', worldId: 'w1', containerId: 'c1', tenant: 'p1', generation: 1, epoch: 1 };
const containerId = 'c'.repeat(64);
const execId = 'e'.repeat(64);
const labels = containerLabels(operation, 1, null, {});

/** An engine with one running container, in which a command runs for ever as this process. */
async function withCommand(t: Test, pid: number) {
  let looks = 0;
  const engine = await startScriptedEngine({
    'GET /containers/troupe-c1/json': answer(200, {
      Id: containerId,
      State: { Running: true, Paused: false },
      Config: { Labels: labels },
    }),
    [`POST /containers/${containerId}/exec`]: answer(201, { Id: execId }),
    [`GET /exec/${execId}/json`]: (response) =>
      answer(200, {
        ContainerID: containerId,
        Running: looks++ > 0,
        ExitCode: null,
        Pid: pid,
        ProcessConfig: { tty: false },
      })(response),
  });
  const driver = createDockerDriver({ socketPath: engine.socketPath, hostname: 'test', environment });
  t.teardown(() => driver.close());
  return { engine, driver, signal: AbortSignal.timeout(20_000) };
}

const options = { command: ['sleep', '1000'], timeLimitMs: 50, maxOutputBytes: 100 };
const abandoned = { end: 'abandoned', exitCode: null, output: '', truncated: false };

t.test('a process the engine does not name is given up', async (t) => {
  const { engine, driver, signal } = await withCommand(t, 0);
  t.same(await driver.exec.run(operation, options, signal), abandoned);
  await engine.stop();
});

t.test('a process that is not of the container is not touched', async (t) => {
  // Were it, this test would end here.
  const { engine, driver, signal } = await withCommand(t, process.pid);
  t.same(await driver.exec.run(operation, options, signal), abandoned);
  await engine.stop();
});

t.test('an engine that goes away while a command runs', async (t) => {
  const { engine, driver, signal } = await withCommand(t, 0);
  const running = driver.exec.run(operation, { ...options, timeLimitMs: 60_000 }, signal);
  const ended = t.rejects(running, { name: 'TroupeError', code: 'ENGINE_UNAVAILABLE', retryable: true });
  while (!engine.requests.some((request) => request.endsWith('/start')))
    await new Promise((resolve) => setImmediate(resolve));
  await engine.stop();
  await ended;
});
