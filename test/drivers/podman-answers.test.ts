/** What the Podman driver makes of answers that a Podman can't be made to give, or not at the right moment. */
import type { ServerResponse } from 'node:http';
import t, { type Test } from 'tap';
import { containerLabels } from '../../src/drivers/runtime/docker-labels.ts';
import { createPodmanDriver } from '../../src/drivers/runtime/podman.ts';
import { createEnvironment } from '../../src/main/environment.ts';
import { creation } from '../conformance/runtime-driver-stage.ts';
import { testSpec } from '../support/docker.ts';
import { answer, type Answer, startScriptedEngine } from '../support/scripted-engine.ts';
import { createTestEnvironment } from '../support/test-environment.ts';

const environment = createEnvironment(createTestEnvironment().log);
const operation = { opId: 'op-1', worldId: 'w1', containerId: 'c1', tenant: 'p1', generation: 1, epoch: 1 };
const labels = containerLabels(operation, 1, null, {});
const id = 'e'.repeat(64);

const inspection = (state: object): Answer =>
  answer(200, {
    Id: id,
    State: {
      Status: 'running',
      Running: false,
      Paused: false,
      ExitCode: 0,
      OOMKilled: false,
      Error: '',
      StartedAt: '2026-01-01T00:00:00Z',
      FinishedAt: '0001-01-01T00:00:00Z',
      Health: { Status: '' },
      ...state,
    },
    Config: { Labels: labels, Hostname: 'h', Cmd: ['sleep'], Entrypoint: [] },
    HostConfig: {},
    NetworkSettings: { Networks: {} },
  });

async function withEngine(t: Test, answers: Record<string, Answer>) {
  const engine = await startScriptedEngine(
    { 'GET /containers/json': answer(200, []), ...answers },
    { Version: '4.3.1', ApiVersion: '1.41', MinAPIVersion: '1.24', Arch: 'amd64' },
  );
  const { socketPath } = engine;
  const driver = createPodmanDriver({
    socketPath,
    hostname: 'test',
    environment,
    sandboxFolder: t.testdir(),
  });
  t.teardown(async () => {
    await driver.close();
    await engine.stop();
  });
  return { engine, driver, signal: AbortSignal.timeout(20_000) };
}

t.test('states of its own', async (t) => {
  for (const [status, state] of [
    ['configured', 'created'],
    ['initialized', 'created'],
    ['stopping', 'running'],
    ['stopped', 'exited'],
    ['exited', 'exited'],
    ['paused', 'paused'],
    ['unknown', 'dead'],
  ] as const) {
    const { driver, signal } = await withEngine(t, {
      'GET /containers/troupe-c1/json': inspection({ Status: status }),
    });
    t.match(await driver.observe('c1', signal), { state, entrypoint: null, health: 'none' }, status);
  }
});

t.test('a container that is stopping is stopped again, and waited for', async (t) => {
  let stops = 0;
  const { driver, signal } = await withEngine(t, {
    'GET /containers/troupe-c1/json': inspection({ Status: 'stopping' }),
    [`POST /containers/${id}/stop`]: (response) => {
      stops++;
      answer(204, '')(response);
    },
    [`GET /containers/${id}/json`]: inspection({ Status: 'exited', ExitCode: 5 }),
  });
  t.match(await driver.stopContainer(operation, { graceMs: 0 }, signal), { state: 'exited', exitCode: 5 });
  t.equal(stops, 1);
});

t.test('errors it tells with a 500', async (t) => {
  const say = (message: string) => answer(500, { cause: 'x', message, response: 500 });
  const { driver, signal } = await withEngine(t, {
    'POST /containers/create': say(
      'container create: creating container storage: the container name "troupe-c1" is already in use by 1234. You have to remove that container to be able to reuse that name: that name is already in use',
    ),
    'GET /containers/troupe-c1/json': inspection({ Status: 'running', Running: true }),
    [`POST /containers/${id}/kill`]: say('invalid signal: NOPE'),
    [`GET /containers/${id}/json`]: inspection({ Status: 'running', Running: true }),
  });
  const taken = { ...operation, worldId: 'w2' };
  await t.rejects(driver.createContainer(taken, creation(testSpec()), signal), { code: 'NAME_IN_USE' });
  await t.rejects(driver.killContainer(operation, { signal: 'NOPE' }, signal), { code: 'INVALID_SPEC' });
});

t.test('events are listened to before the first one comes', async (t) => {
  let begin: (response: ServerResponse) => void = () => {};
  const asked = new Promise<ServerResponse>((resolve) => (begin = resolve));
  const { driver, signal } = await withEngine(t, { 'GET /events': (response) => begin(response) });
  const ended = new AbortController();
  const events = driver.events(AbortSignal.any([signal, ended.signal]))[Symbol.asyncIterator]();
  t.same(await events.next(), { done: false, value: { kind: 'gap' } });
  const response = await asked;
  response.writeHead(200, { 'content-type': 'application/json' });
  for (const Action of ['init', 'start', 'cleanup', 'remove'])
    response.write(`${JSON.stringify({ Action, Actor: { ID: id, Attributes: labels }, time: 1 })}\n`);
  const event = { kind: 'container', containerId: 'c1', engineId: id };
  t.match((await events.next()).value, { ...event, action: 'start' });
  t.match((await events.next()).value, { ...event, action: 'destroy' });
  ended.abort();
  await events.return?.();
});
