/** What the Docker driver makes of answers that the machine's engine can't be made to give. */
import t from 'tap';
import { containerLabels } from '../../src/drivers/runtime/docker-labels.ts';
import { createDockerDriver } from '../../src/drivers/runtime/docker.ts';
import { creation } from '../conformance/runtime-driver-stage.ts';
import { createEnvironment } from '../../src/main/environment.ts';
import { newWorldId, testSpec } from '../support/docker.ts';
import { answer, type Answer, startScriptedEngine } from '../support/scripted-engine.ts';
import { createTestEnvironment } from '../support/test-environment.ts';

const environment = createEnvironment(createTestEnvironment().log);
const operation = {
  opId: 'op-1',
  worldId: newWorldId(),
  containerId: 'c1',
  tenant: 'p1',
  generation: 1,
  epoch: 1,
};
const create = creation(testSpec());
const none: Record<string, Answer> = { 'GET /containers/json': answer(200, []) };

async function withEngine(
  t: { teardown(end: () => Promise<void>): void },
  answers: Record<string, Answer>,
  version?: object,
) {
  const engine = await startScriptedEngine({ ...none, ...answers }, version);
  const driver = createDockerDriver({ socketPath: engine.socketPath, hostname: 'test', environment });
  t.teardown(async () => {
    await driver.close();
    await engine.stop();
  });
  return { engine, driver, signal: AbortSignal.timeout(20_000) };
}

t.test('a full disk is told as such', async (t) => {
  const message = 'mkdir /var/lib/docker/overlay2/x: no space left on device';
  const { driver, signal } = await withEngine(t, {
    'POST /containers/create': answer(500, { message }),
    'POST /images/create': answer(200, JSON.stringify({ error: `write /x: ${message}` })),
  });
  const full = { code: 'DISK_FULL', retryable: false, message: /disk of this host is full/ };
  await t.rejects(driver.createContainer(operation, create, signal), full);
  await t.rejects(driver.pullImage(operation, 'busybox', 'always', signal), full);
});

t.test('what containerd has kept of a start makes way, where it is of one that never ran', async (t) => {
  const message =
    'failed to start shim: mkdir /run/x/io.containerd.runtime.v2.task/moby/e1: file exists: unknown';
  for (const [Status, kept] of [
    ['created', false],
    ['exited', true],
  ] as const) {
    const labels = containerLabels(operation, 1, null, {});
    const info = {
      Id: 'e1',
      Config: { Labels: labels },
      HostConfig: {},
      NetworkSettings: {},
      State: { Status },
    };
    const { engine, driver, signal } = await withEngine(t, {
      'GET /containers/troupe-c1/json': answer(200, info),
      'POST /containers/e1/start': answer(500, { message }),
      'DELETE /containers/e1': answer(204, ''),
    });
    await t.rejects(
      driver.startContainer(operation, { run: 1, limits: null }, signal),
      kept ? { code: 'START_FAILED', retryable: true } : { code: 'CONTAINER_GONE' },
    );
    t.equal(engine.requests.includes('DELETE /v1.47/containers/e1'), !kept, Status);
  }
});

t.test('why a pull failed', async (t) => {
  const cases: readonly (readonly [
    string,
    Answer,
    { code: string; retryable?: boolean; message?: RegExp },
  ])[] = [
    [
      'no such repository',
      answer(404, {
        message:
          "pull access denied for x, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
      }),
      { code: 'IMAGE_NOT_FOUND', message: /not in its registry, or may not be pulled without logging in/ },
    ],
    [
      'no such tag',
      answer(404, { message: 'manifest for x:1 not found: manifest unknown: manifest unknown' }),
      { code: 'IMAGE_NOT_FOUND', retryable: false },
    ],
    [
      'another processor',
      answer(404, {
        message: 'no matching manifest for linux/arm64/v8 in the manifest list entries',
      }),
      { code: 'IMAGE_NOT_FOUND', message: /not made for this host's processor/ },
    ],
    [
      'no network',
      answer(500, { message: 'Get "https://r/v2/": dial tcp: lookup r on 10.0.0.1:53: no such host' }),
      { code: 'REGISTRY_UNAVAILABLE', retryable: true },
    ],
    [
      'too many pulls',
      answer(500, { message: 'toomanyrequests: You have reached your pull rate limit' }),
      { code: 'REGISTRY_UNAVAILABLE', retryable: true },
    ],
    [
      'told in the middle of the progress',
      answer(
        200,
        '{"status":"Pulling from library/x"}\r\n{"errorDetail":{"message":"unexpected EOF"},"error":"unexpected EOF"}\r\n',
      ),
      { code: 'REGISTRY_UNAVAILABLE', retryable: true, message: /unexpected EOF/ },
    ],
  ];
  for (const [name, reply, expected] of cases)
    await t.test(name, async (t) => {
      const { driver, signal } = await withEngine(t, { 'POST /images/create': reply });
      await t.rejects(driver.pullImage(operation, 'x:1', 'always', signal), expected);
    });
});

t.test('a copy on this host is no answer to "always", but is mentioned', async (t) => {
  const { driver, signal } = await withEngine(t, {
    'POST /images/create': answer(500, { message: 'dial tcp: connection refused' }),
    'GET /images/x%3A1/json': answer(200, { Id: 'sha256:1' }),
  });
  await t.rejects(driver.pullImage(operation, 'x:1', 'always', signal), {
    code: 'REGISTRY_UNAVAILABLE',
    message: /a copy is on this host, which the pull policies "ifnotpresent" and "never" would use/,
  });
});

t.test('a pull that succeeds', async (t) => {
  const { driver, engine, signal } = await withEngine(t, {
    'POST /images/create': answer(200, '{"status":"Pulling"}\r\n{"status":"Done"}\r\n'),
    'GET /images/x%3A1/json': answer(200, { Id: 'sha256:1' }),
  });
  t.same(await driver.pullImage(operation, 'x:1', 'always', signal), { imageId: 'sha256:1' });
  t.ok(engine.requests.includes('POST /v1.47/images/create'));
});

t.test('a pull whose progress is cut off is not a success', async (t) => {
  const { driver, signal } = await withEngine(t, {
    'POST /images/create': cutAfter('{"status":"Pulling"}\r\n'),
    'GET /images/x%3A1/json': answer(200, { Id: 'sha256:1' }),
  });
  await t.rejects(driver.pullImage(operation, 'x:1', 'always', signal), {
    code: 'ENGINE_UNAVAILABLE',
    retryable: true,
  });
});

t.test('an answer cut in the middle is an engine that went away', async (t) => {
  const { driver, signal } = await withEngine(t, { 'GET /containers/json': cutAfter('[{"Id":') });
  await t.rejects(driver.list(signal), { code: 'ENGINE_UNAVAILABLE', retryable: true });
});

t.test('an answer that never ends is waited for as long as the caller says', async (t) => {
  const { driver } = await withEngine(t, {
    'GET /containers/json': (response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('[');
    },
  });
  await t.rejects(driver.list(AbortSignal.timeout(200)), { code: 'TIMED_OUT', retryable: true });
});

t.test('an engine on its way down', async (t) => {
  const { driver, signal } = await withEngine(t, {
    'POST /containers/create': answer(500, {
      message: 'rpc error: code = Unavailable desc = transport is closing',
    }),
  });
  await t.rejects(driver.createContainer(operation, create, signal), {
    code: 'ENGINE_UNAVAILABLE',
    retryable: true,
  });
});

t.test('an engine that reserves the name for ever says: try again', async (t) => {
  const { driver, engine, signal } = await withEngine(t, {
    'POST /containers/create': answer(409, { message: 'Conflict. The name is already in use' }),
  });
  await t.rejects(driver.createContainer(operation, create, signal), {
    code: 'ENGINE_ERROR',
    retryable: true,
  });
  t.equal(engine.requests.filter((request) => request.startsWith('POST')).length, 3);
});

t.test('the version spoken is the newest both know', async (t) => {
  const spoken = async (ApiVersion: string, MinAPIVersion?: string): Promise<string> => {
    const version = { Version: '1', Arch: 'amd64', ApiVersion, ...(MinAPIVersion && { MinAPIVersion }) };
    const { driver, engine, signal } = await withEngine(t, {}, version);
    await driver.list(signal);
    t.equal(engine.requests[0], 'GET /version');
    return engine.requests[1] ?? '';
  };
  t.equal(await spoken('1.41', '1.12'), 'GET /v1.41/containers/json');
  t.equal(await spoken('1.47'), 'GET /v1.47/containers/json');
  t.equal(await spoken('1.99', '1.44'), 'GET /v1.52/containers/json');
  t.equal(await spoken('1.99', '1.60'), 'GET /v1.60/containers/json');
  await t.rejects(spoken('1.40'), {
    code: 'ENGINE_ERROR',
    message: /speaks API 1.40, Troupe needs 1.41 \(Docker 20.10\) or newer/,
  });
});

t.test('an engine exchanged for an older one is asked again what it speaks', async (t) => {
  let calls = 0;
  const { driver, engine, signal } = await withEngine(t, {
    'GET /containers/json': (response) =>
      (calls++ === 0
        ? answer(400, { message: 'client version 1.47 is too new. Maximum supported API version is 1.41' })
        : answer(200, []))(response),
  });
  t.same(await driver.list(signal), []);
  t.equal(engine.requests.filter((request) => request === 'GET /version').length, 2);
});

t.test('something else than Docker on the socket', async (t) => {
  const { driver, signal } = await withEngine(t, { 'GET /containers/json': answer(200, '<html>') });
  await t.rejects(driver.list(signal), { code: 'ENGINE_ERROR', message: /doesn't speak Docker's API/ });
});

t.test('an event stream that ends at once is not asked for in a busy loop', async (t) => {
  const { driver, engine, signal } = await withEngine(t, { 'GET /events': answer(200, '') });
  const ended = AbortSignal.any([signal, AbortSignal.timeout(1_000)]);
  for await (const event of driver.events(ended)) t.equal(event.kind, 'gap');
  const connections = engine.requests.filter((request) => request.endsWith('/events')).length;
  t.ok(connections >= 2 && connections <= 8, `${connections} connections in a second`);
});

function cutAfter(body: string): Answer {
  return (response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1_000 });
    response.write(body, () => setTimeout(() => response.destroy(), 20));
  };
}
