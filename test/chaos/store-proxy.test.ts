/**
 * The store between the sockets: a real control plane, agent, Redis and engine,
 * with a proxy before Redis that decides each commit's fate, and witnesses at
 * every socket by which anything could leave.
 */
import { once } from 'node:events';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import t, { type Test } from 'tap';
import { request } from 'undici';
import { WebSocket } from 'ws';
import { createRedisStore } from '../../src/actors/stores/redis.ts';
import { defaultRetention, type Store } from '../../src/actors/stores/store.ts';
import { createCli } from '../support/cli.ts';
import { startEngineProxy, type EngineProxy } from '../support/engine-proxy.ts';
import { startLinkRelay, type LinkRelay } from '../support/link-relay.ts';
import { startRedis } from '../support/redis.ts';
import { startRedisProxy, type ProxiedCommit, type RedisProxy } from '../support/redis-proxy.ts';
import { createTestEnvironment } from '../support/test-environment.ts';
import { createSite, docker, pause, testImage, until, type Json, type TestSite } from '../support/troupe.ts';
import { violations, type Sighting } from './causality.ts';

const here = import.meta.dirname;
const heldMs = 500;
t.setTimeout(600_000);

const redis = await startRedis();
t.teardown(() => redis.stop());
let sites = 0;

interface Scene {
  readonly site: TestSite;
  readonly proxy: RedisProxy;
  readonly relay: LinkRelay;
  readonly engine: EngineProxy;
  readonly plane: ChildProcess;
  readonly prefix: string;
  readonly sightings: Sighting[];
  /** Sends a command; null when nobody answered. Its answer is a sighting when it says that it was taken. */
  ask(
    method: 'POST' | 'DELETE',
    path: string,
    body?: object,
    headers?: Record<string, string>,
  ): Promise<{ status: number; body: Json } | null>;
  /** Waits until the container is there. */
  reach(uuid: string, wanted: string): Promise<void>;
  /** A create whose container carries a label by which it is removed. */
  readonly body: object;
  /** Ids in the engine. */
  containers(): Promise<readonly string[]>;
  /** Memory and store, once nothing is on its way, as a pair to compare. */
  compare(t: Test): Promise<void>;
}

/** @param start runs the control plane with these settings; the default is the test's own process */
async function scene(
  t: Test,
  options: { readonly leak?: boolean; readonly start?: (settings: readonly string[]) => ChildProcess } = {},
): Promise<Scene> {
  const proxy = await startRedisProxy(redis.port);
  const engine = await startEngineProxy('/var/run/docker.sock');
  const prefix = `proxy${(sites += 1)}:`;
  const site = await createSite([
    'store.kind=redis',
    // What a start asks of the engine is counted call by call: no sandbox is made beside it.
    'site.sandboxes=engine',
    `store.redisUrl=${proxy.url}`,
    `store.redisPrefix=${prefix}`,
  ]);
  const label = site.directory;
  const containers = async (): Promise<readonly string[]> => {
    const found = await docker.listContainers({ all: true, filters: { label: [`troupe-test=${label}`] } });
    return found.map(({ Id }) => Id);
  };
  const plane =
    options.start?.(site.settings) ??
    site.start(join(here, 'control-plane-process.js'), site.settings, options.leak ? { LEAK: '1' } : {});
  const { api } = site;
  const ready = () =>
    request(`${api.url}/readyz`).then(
      async ({ statusCode, body }) => (await body.dump(), statusCode),
      () => null,
    );
  await until('a ready control plane', ready, (status) => status === 200);
  const relay = await startLinkRelay(api.url.replace('http', 'ws'));
  t.teardown(async () => {
    await site.clean();
    for (const id of await containers()) await docker.getContainer(id).remove({ force: true, v: true });
    await relay.stop();
    await engine.stop();
    await proxy.stop();
  });
  const token = await api.call<{ join_token: string }>('POST', '/v1/join_tokens');
  const agentSettings = [
    `state.directory=${site.directory}/agent`,
    `agent.controlUrl=${relay.url}`,
    `engine.socket=${engine.socketPath}`,
  ];
  site.start(join(here, 'agent-process.js'), agentSettings, { JOIN: token!.body.join_token });
  await until(
    'an online host',
    () => api.call<{ hosts: { state: string }[] }>('GET', '/v1/hosts'),
    (answer) => answer?.body.hosts?.[0]?.state === 'online',
  );

  const sightings: Sighting[] = [];
  const watch = new WebSocket(`${api.url.replace('http', 'ws')}/v1/watch`);
  await once(watch, 'open');
  watch.send(JSON.stringify({ token: api.token, all_projects: true }));
  watch.on('error', () => {});
  const watching = new Promise<void>((resolve) => {
    watch.on('message', (data: Buffer) => {
      const at = performance.now();
      const frame = JSON.parse(data.toString('utf8')) as {
        type: string;
        kind: string;
        id: string;
        project_id: string | null;
        revision: number;
      };
      if (frame.type === 'snapshot') resolve();
      if (frame.type !== 'change') return;
      const address =
        frame.kind === 'container'
          ? `container/${frame.project_id}/${frame.id}`
          : `${frame.kind}/${frame.id}`;
      sightings.push({ what: 'record', at, address, revision: frame.revision });
    });
  });
  await watching;
  t.teardown(() => watch.terminate());

  const result: Scene = {
    site,
    proxy,
    relay,
    engine,
    plane,
    prefix,
    sightings,
    body: { name: 'held', image: testImage, command: ['sleep', '600'], labels: { 'troupe-test': label } },
    containers,
    async ask(method, path, body, headers = {}) {
      try {
        const answer = await request(`${api.url}${path}`, {
          method,
          headers: {
            'x-auth-token': api.token,
            'openstack-api-version': 'container 1.40',
            'content-type': 'application/json',
            ...headers,
          },
          ...(body ? { body: JSON.stringify(body) } : {}),
        });
        const at = performance.now();
        const text = await answer.body.text();
        const requestId = String(answer.headers['x-openstack-request-id']);
        if (answer.statusCode < 300) sightings.push({ what: 'reply', at, requestId });
        return { status: answer.statusCode, body: (text === '' ? null : JSON.parse(text)) as Json };
      } catch {
        return null;
      }
    },
    async reach(uuid, wanted) {
      await until(
        wanted,
        () => api.call('GET', `/v1/containers/${uuid}`),
        (answer) =>
          wanted === 'gone'
            ? answer?.status === 404
            : answer?.status === 200 && answer.body.status === wanted,
      );
    },
    async compare(t) {
      const store = storeAt(prefix);
      try {
        await store.check();
        const { memory, stored } = await until(
          'memory and store at rest',
          async () => ({ memory: await memoryOf(plane), stored: await storedIn(store) }),
          ({ memory, stored }) =>
            memory !== null &&
            JSON.stringify(Object.keys(memory).sort()) === JSON.stringify(Object.keys(stored).sort()),
        );
        t.ok(Object.keys(stored).length >= 2);
        t.same(memory, stored, 'memory equals store');
      } finally {
        await store.close();
      }
    },
  };
  return result;
}

const storeAt = (prefix: string): Store =>
  createRedisStore({
    environment: createTestEnvironment(),
    retention: defaultRetention,
    url: redis.url,
    nodes: [],
    username: null,
    password: null,
    ca: null,
    prefix,
  });

/** Null while anything is on its way. */
async function memoryOf(plane: ChildProcess): Promise<Readonly<Record<string, unknown>> | null> {
  plane.send('memory');
  for (;;) {
    const [told] = (await once(plane, 'message')) as [{ memory?: Readonly<Record<string, unknown>> | null }];
    if (told.memory !== undefined) return told.memory;
  }
}

async function storedIn(store: Store): Promise<Readonly<Record<string, unknown>>> {
  const found: Record<string, unknown> = {};
  for await (const actor of store.scan()) {
    if ('error' in actor) throw new Error(`${actor.address}: ${actor.error}`);
    if (actor.record.endedAt === null) found[actor.record.address] = actor.record;
  }
  return found;
}

/** What the relay and the engine's proxy saw since `from`, as sightings. */
function seenAtSockets({ relay, engine }: Scene, from: number): readonly Sighting[] {
  const operates = relay.frames.flatMap(({ at, direction, frame }): Sighting[] =>
    at >= from && direction === 'down' && frame.method === 'operate'
      ? [{ what: 'operate', at, opId: String(frame.params?.['opId']) }]
      : [],
  );
  // Looking is free: what changes anything needs an operation.
  const calls = engine.arrivals.flatMap(({ at, line }): Sighting[] =>
    at >= from && !line.startsWith('GET') ? [{ what: 'engine', at, line }] : [],
  );
  return [...operates, ...calls];
}

/** Reads an actor again and again until stopped: what is shown must be committed. */
function reader({ site, sightings }: Scene, uuid: string): () => Promise<void> {
  let stopped = false;
  const work = (async () => {
    while (!stopped) {
      const answer = await site.api.call<{ address: string; revision: number }>(
        'GET',
        `/v1/containers/${uuid}/lifecycle`,
      );
      const at = performance.now();
      if (answer?.status === 200)
        sightings.push({ what: 'read', at, address: answer.body.address, revision: answer.body.revision });
      await pause(25);
    }
  })();
  return async () => {
    stopped = true;
    await work;
  };
}

const kinds = (all: readonly { readonly what: string }[]): readonly string[] =>
  [...new Set(all.map(({ what }) => what))].sort();

t.test(
  `each commit held for ${heldMs} ms, on its way or on its way back: nothing leaves before it is answered`,
  async (t) => {
    t.setTimeout(200_000);
    const at = await scene(t);
    const { proxy, sightings } = at;
    const from = performance.now();
    let turn = 0;
    proxy.fate = () => ({ kind: 'hold', where: (turn += 1) % 2 === 0 ? 'reply' : 'request', ms: heldMs });
    const began = performance.now();
    const created = await at.ask('POST', '/v1/containers?run=true', at.body);
    t.equal(created?.status, 202);
    t.ok(
      performance.now() - began > heldMs * 2,
      'the create waited for its commits: the tenant’s and its own',
    );
    const { uuid } = created!.body;
    const stopReading = reader(at, uuid);
    await at.reach(uuid, 'Running');
    t.equal((await at.ask('POST', `/v1/containers/${uuid}/stop?timeout=0`))?.status, 202);
    await at.reach(uuid, 'Stopped');
    t.equal((await at.ask('POST', `/v1/containers/${uuid}/start`))?.status, 202);
    await at.reach(uuid, 'Running');
    t.equal((await at.ask('DELETE', `/v1/containers/${uuid}?stop=true&timeout=0`))?.status, 204);
    await at.reach(uuid, 'gone');
    await stopReading();
    const seen = [...sightings, ...seenAtSockets(at, from)].filter((each) => each.at >= from);
    t.same(
      kinds(seen),
      ['engine', 'operate', 'read', 'record', 'reply'],
      'there were witnesses of everything',
    );
    const commits = proxy.commits.filter(({ answeredAt }) => answeredAt === null || answeredAt >= from);
    t.ok(
      commits.flatMap(({ turns }) => turns).some(({ inbox }) => inbox.length > 0),
      'and messages between actors',
    );
    t.comment(`${commits.length} commits held, ${seen.length} sightings`);
    // Commits from before are known to have been answered.
    t.same(violations(proxy.commits, seen), []);
    proxy.fate = () => ({ kind: 'pass' });
    await at.compare(t);
  },
);

t.test(
  'the witnesses would tell: a control plane that does not wait for its store is caught at every socket',
  async (t) => {
    t.setTimeout(100_000);
    const at = await scene(t, { leak: true });
    const { proxy, sightings } = at;
    const from = performance.now();
    proxy.fate = () => ({ kind: 'hold', where: 'request', ms: heldMs });
    const created = await at.ask('POST', '/v1/containers?run=true', at.body);
    const stopReading = reader(at, created!.body.uuid);
    await until(
      'a start at the engine',
      async () => at.engine.arrivals.some((each) => each.at > from && /\/start/.test(each.line)),
      Boolean,
    );
    await at.reach(created!.body.uuid, 'Running');
    await stopReading();
    // Held one after the other, so that the first of a message reaches the proxy only now.
    await until(
      'a message at the store',
      async () =>
        proxy.commits.some(
          ({ sentAt, turns }) => sentAt >= from && turns.some(({ inbox }) => inbox.length > 0),
        ),
      Boolean,
    );
    const told = violations(
      proxy.commits,
      [...sightings, ...seenAtSockets(at, from)].filter((each) => each.at >= from),
    );
    for (const what of ['reply', 'record', 'read', 'operate', 'message'])
      t.ok(
        told.some((line) => line.startsWith(`${what}: `)),
        what,
      );
  },
);

/** Says of each commit whether an event in it is an actor's first of its kind in its state. */
function firstTimes(): (commit: ProxiedCommit) => boolean {
  const seen = new Set<string>();
  return ({ turns }) => {
    const names = turns.map(
      ({ address, journal }) => `${address} ${journal.event.type} ${journal.from.join()}`,
    );
    const isFirst = names.some((name) => !seen.has(name));
    for (const name of names) seen.add(name);
    return isFirst;
  };
}

/** One life, with a client that asks again while it is told to; gives what it was told. */
async function life(
  t: Test,
  at: Scene,
): Promise<{ readonly statuses: readonly number[]; readonly uuid: string }> {
  const statuses: number[] = [];
  const insist = async (
    method: 'POST' | 'DELETE',
    path: string,
    body?: object,
    headers?: Record<string, string>,
  ) => {
    for (;;) {
      const answer = await at.ask(method, path, body, headers);
      if (answer) statuses.push(answer.status);
      if (answer && answer.status < 500) return answer;
      await pause(100);
    }
  };
  const created = await insist('POST', '/v1/containers?run=true', at.body, { 'idempotency-key': 'one' });
  t.equal(created.status, 202);
  const { uuid } = created.body;
  await at.reach(uuid, 'Running');
  t.equal((await at.containers()).length, 1);
  t.equal((await insist('POST', `/v1/containers/${uuid}/stop?timeout=0`)).status, 202);
  await at.reach(uuid, 'Stopped');
  t.equal((await insist('POST', `/v1/containers/${uuid}/start`)).status, 202);
  await at.reach(uuid, 'Running');
  t.equal((await at.containers()).length, 1, 'never two');
  return { statuses, uuid };
}

/** Every revision of an actor is in its journal once. */
async function wholeJournal(t: Test, at: Scene, uuid: string): Promise<void> {
  const { body } = (await at.site.api.call<{ history: { revision: number }[] }>(
    'GET',
    `/v1/containers/${uuid}/history?limit=1000`,
  ))!;
  t.same(
    body.history.map(({ revision }) => revision),
    body.history.map((_, index) => index + 1),
  );
}

t.test(
  'one reply is lost, at each commit in turn: what was told is true, and memory equals store',
  async (t) => {
    t.setTimeout(200_000);
    const at = await scene(t);
    const isFirst = firstTimes();
    let lost = 0;
    at.proxy.fate = (commit) => (isFirst(commit) ? ((lost += 1), { kind: 'lose' }) : { kind: 'pass' });
    const { statuses, uuid } = await life(t, at);
    t.ok(lost > 8, `${lost} replies were lost`);
    t.same(
      statuses.filter((status) => status >= 500),
      [],
      'each was settled while its caller waited',
    );
    await at.compare(t);
    await wholeJournal(t, at, uuid);
    const calls = at.engine.arrivals.filter(({ line }) => /^POST .*\/containers\/create/.test(line));
    t.equal(calls.length, 1, 'and the engine was asked once');
  },
);

t.test(
  'one write is refused, at each commit in turn: users are told that nothing happened, everything else is decided again',
  async (t) => {
    t.setTimeout(200_000);
    const at = await scene(t);
    const isFirst = firstTimes();
    let refused = 0;
    let isFull = true;
    at.proxy.fate = (commit) => {
      if (!isFull && !isFirst(commit)) return { kind: 'pass' };
      refused += 1;
      return { kind: 'refuse', error: "OOM command not allowed when used memory > 'maxmemory'" };
    };
    // A create that was refused left nothing behind.
    const store = storeAt(at.prefix);
    t.teardown(() => store.close());
    await store.check();
    const before = Object.keys(await storedIn(store));
    const first = await at.ask('POST', '/v1/containers?run=true', at.body, { 'idempotency-key': 'one' });
    t.equal(first?.status, 503);
    t.match(JSON.stringify(first?.body), /Nothing was changed.*takes no writes.*OOM/);
    t.same(Object.keys(await storedIn(store)), before, 'nothing is stored');
    t.match(
      (await at.site.api.call<{ containers: Json[] }>('GET', '/v1/containers'))?.body.containers,
      [],
      'nor shown',
    );
    const readyz = await request(`${at.site.api.url}/readyz`);
    t.equal(readyz.statusCode, 503);
    t.match(await readyz.body.text(), /store: .*OOM/, 'and it says so');
    isFull = false;
    const { statuses, uuid } = await life(t, at);
    t.ok(refused > 8, `${refused} writes were refused`);
    t.ok(
      statuses.filter((status) => status === 503).length >= 3,
      'commands were turned away, and taken when asked again',
    );
    await at.compare(t);
    await wholeJournal(t, at, uuid);
    await until(
      'readiness',
      () =>
        request(`${at.site.api.url}/readyz`).then(
          async ({ statusCode, body }) => (await body.dump(), statusCode),
        ),
      (status) => status === 200,
    );
    t.same((await at.site.api.call<{ audit: object[] }>('GET', '/v1/audit'))?.body.audit, []);
  },
);

t.test(
  'one answer is stale: it stops acting at once, says so, and ends with an error; nothing it was asked has happened',
  async (t) => {
    t.setTimeout(120_000);
    const cli = createCli(t);
    const start = (settings: readonly string[]): ReturnType<typeof cli.start> =>
      cli.start(...settings.flatMap((each) => ['--set', each]), 'up', '--control-plane-only');
    let plane: ReturnType<typeof start> | null = null;
    const at = await scene(t, { start: (settings) => (plane = start(settings)).child });
    const created = await at.ask('POST', '/v1/containers?run=true', at.body);
    const { uuid } = created!.body;
    await at.reach(uuid, 'Running');
    const [id] = await at.containers();
    const { StartedAt } = (await docker.getContainer(id!).inspect()).State;

    let isStale = false;
    at.proxy.fate = ({ turns }) => {
      const is =
        isStale ||
        turns.some(
          ({ address, journal }) => address.endsWith(uuid) && journal.event.type === 'container.stop',
        );
      isStale ||= is;
      return is ? { kind: 'stale', epoch: 99 } : { kind: 'pass' };
    };
    const from = performance.now();
    const stop = await at.ask('POST', `/v1/containers/${uuid}/stop?timeout=0`);
    t.equal(stop?.status, 503);
    t.match(JSON.stringify(stop?.body), /Another control plane has taken over/);
    const readyz = await request(`${at.site.api.url}/readyz`);
    t.equal(readyz.statusCode, 503);
    t.match(await readyz.body.text(), /owner: .*epoch 99/);
    t.equal(
      (await at.ask('POST', '/v1/containers?run=true', at.body))?.status,
      503,
      'it takes nothing any more',
    );
    const ended = await plane!.ended;
    t.equal(ended.code, 7);
    t.match(ended.err, /newer owner.*epoch 99/i);
    t.same(seenAtSockets(at, from), [], 'no operation and no call of the engine has left since');
    const { State } = await docker.getContainer(id!).inspect();
    t.same([State.Running, State.StartedAt], [true, StartedAt], 'what it refused to stop runs on');

    // The next owner finds the world as the last commit left it.
    at.proxy.fate = () => ({ kind: 'pass' });
    start(at.site.settings);
    await until(
      'the next owner',
      () => at.site.api.call('GET', `/v1/containers/${uuid}`),
      (answer) => answer?.body?.status === 'Running',
    );
    t.equal((await at.ask('DELETE', `/v1/containers/${uuid}?force=true`))?.status, 204);
    await at.reach(uuid, 'gone');
    t.same(await at.containers(), []);
  },
);
