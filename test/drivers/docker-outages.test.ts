/** The Docker driver when the engine goes away, comes back, cuts connections or hangs: a proxy stands between them. */
import t from 'tap';
import { createDockerDriver } from '../../src/drivers/runtime/docker.ts';
import type { EngineEvent } from '../../src/drivers/runtime/runtime-driver.ts';
import { creation } from '../conformance/runtime-driver-stage.ts';
import { createEnvironment } from '../../src/main/environment.ts';
import { dockerSocket, ensureDocker, newWorldId, removeWorld, testSpec } from '../support/docker.ts';
import { type EngineProxy, startEngineProxy } from '../support/engine-proxy.ts';
import { createTestEnvironment } from '../support/test-environment.ts';

const docker = await ensureDocker();
const worldId = newWorldId();
t.teardown(() => removeWorld(docker, worldId));
const environment = createEnvironment(createTestEnvironment().log);

let containers = 0;
const newOperation = () => ({
  opId: 'op-1',
  worldId,
  containerId: `c${(containers += 1)}-${worldId}`,
  tenant: 'p1',
  generation: 1,
  epoch: 1,
});
const create = creation(testSpec());

async function behindProxy(t: Tap) {
  const proxy: EngineProxy = await startEngineProxy(dockerSocket);
  const driver = createDockerDriver({ socketPath: proxy.socketPath, hostname: 'test', environment });
  const ended = new AbortController();
  t.teardown(async () => {
    ended.abort();
    await driver.close();
    await proxy.stop();
  });
  const events = driver.events(ended.signal)[Symbol.asyncIterator]();
  const next = async (): Promise<EngineEvent> => {
    const result = await events.next();
    if (result.done) throw new Error('The events ended');
    return result.value;
  };
  /** The next of these kinds; events of containers of other tests are passed over. */
  const nextOf = async (containerId: string): Promise<EngineEvent> => {
    for (;;) {
      const event = await next();
      if (event.kind !== 'container' || event.containerId === containerId) return event;
    }
  };
  return { proxy, driver, nextOf, signal: AbortSignal.timeout(30_000) };
}
type Tap = Pick<typeof t, 'teardown'>;

t.test('events lost while the connection was cut are covered by a gap', async (t) => {
  const { proxy, driver, nextOf, signal } = await behindProxy(t);
  const operation = newOperation();
  t.same(await nextOf(operation.containerId), { kind: 'gap' });
  proxy.cut();
  // Straight at the engine, while nobody listens.
  const direct = createDockerDriver({ socketPath: dockerSocket, hostname: 'test', environment });
  await direct.createContainer(operation, create, signal);
  await direct.close();
  t.same(await nextOf(operation.containerId), { kind: 'gap' }, 'no outage: it was there at once');
  t.match(await driver.observe(operation.containerId, signal), { state: 'created' });
  await driver.startContainer(operation, { run: 1, limits: null }, signal);
  let event = await nextOf(operation.containerId);
  if (event.kind === 'container' && event.action === 'create') event = await nextOf(operation.containerId);
  t.match(event, { kind: 'container', action: 'start' }, 'and the stream goes on');
});

t.test('an outage is told once, and ended by a gap', async (t) => {
  const { proxy, driver, nextOf, signal } = await behindProxy(t);
  const operation = newOperation();
  t.same(await nextOf(operation.containerId), { kind: 'gap' });
  await proxy.close();
  t.match(await nextOf(operation.containerId), { kind: 'down', reason: /No container engine listens at/ });
  await t.rejects(driver.createContainer(operation, create, signal), {
    name: 'TroupeError',
    code: 'ENGINE_UNAVAILABLE',
    retryable: true,
    message: /No container engine listens at .*; start it/,
  });
  await new Promise((resolve) => setTimeout(resolve, 500));
  await proxy.open();
  t.same(await nextOf(operation.containerId), { kind: 'gap' }, 'several failed attempts, one "down"');
  await driver.createContainer(operation, create, signal);
  let event = await nextOf(operation.containerId);
  t.match(event, { kind: 'container', action: 'create' });
});

t.test('an engine that was never there', async (t) => {
  const driver = createDockerDriver({
    socketPath: '/nonexistent/engine.sock',
    hostname: 'test',
    environment,
  });
  t.teardown(() => driver.close());
  const signal = AbortSignal.timeout(30_000);
  const unavailable = { code: 'ENGINE_UNAVAILABLE', retryable: true };
  await t.rejects(driver.fingerprint(signal), unavailable);
  await t.rejects(driver.list(signal), unavailable);
  await t.rejects(driver.removeContainer(newOperation(), signal), unavailable);
  for await (const event of driver.events(signal)) {
    t.match(event, { kind: 'down', reason: /"\/nonexistent\/engine.sock"/ });
    break;
  }
});

t.test('while connected nothing is asked of the engine', async (t) => {
  const { proxy, nextOf } = await behindProxy(t);
  t.same(await nextOf('nobody'), { kind: 'gap' });
  const asked = proxy.requests.length;
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  t.same(proxy.requests.slice(asked), []);
  t.match(proxy.requests.at(-1), /^GET \/v1\.\d+\/events\?/);
});

t.test('a hung engine is waited for as long as the caller says, and only by that caller', async (t) => {
  const { proxy, driver, nextOf, signal } = await behindProxy(t);
  const operation = newOperation();
  t.same(await nextOf(operation.containerId), { kind: 'gap' });
  proxy.hold();
  const asked = performance.now();
  await t.rejects(driver.createContainer(operation, create, AbortSignal.timeout(300)), {
    name: 'TroupeError',
    code: 'TIMED_OUT',
    retryable: true,
  });
  t.ok(performance.now() - asked < 3_000);
  proxy.release();
  const created = await driver.createContainer(operation, create, signal);
  t.equal(created.state, 'created', 'what the engine did meanwhile is adopted');
  const mine = (await driver.list(signal)).filter(
    ({ observation }) => observation.containerId === operation.containerId,
  );
  t.equal(mine.length, 1);
});

t.test('a connection cut while an answer is awaited', async (t) => {
  const { proxy, driver, signal } = await behindProxy(t);
  const operation = newOperation();
  const trap = ['sh', '-c', 'trap "" TERM; while :; do sleep 0.05; done'];
  await driver.createContainer(operation, { ...create, spec: testSpec({ command: trap }) }, signal);
  await driver.startContainer(operation, { run: 1, limits: null }, signal);
  const stopping = driver.stopContainer(operation, { graceMs: 1_000 }, signal);
  const stopped = t.rejects(stopping, { code: 'ENGINE_UNAVAILABLE', retryable: true });
  setTimeout(() => proxy.cut(), 300);
  await stopped;
  t.match(await driver.stopContainer(operation, { graceMs: 1_000 }, signal), {
    state: 'exited',
    exitCode: 137,
  });
});

t.test('the output of a container ends with an error when the engine goes away', async (t) => {
  const { proxy, driver, signal } = await behindProxy(t);
  const operation = newOperation();
  const ticks = testSpec({ command: ['sh', '-c', 'while :; do echo tick; sleep 0.05; done'] });
  await driver.createContainer(operation, { ...create, spec: ticks }, signal);
  await driver.startContainer(operation, { run: 1, limits: null }, signal);
  const output = await driver.logs(
    operation.containerId,
    { stdout: true, stderr: true, timestamps: false, tail: 'all', sinceSeconds: 0, follow: true },
    signal,
  );
  setTimeout(() => proxy.cut(), 200);
  await t.rejects(output.toArray());
});
