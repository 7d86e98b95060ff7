/** Lists, look-ups by id and name, and whose they are. @see zun-api 2.3, 2.4 */
import t from 'tap';
import { imageAddress, poolAddress, sandboxAddress } from '../../src/model/address.ts';
import type { ControlPlane } from '../../src/actors/index.ts';
import { buildApp } from '../../src/api/app.ts';
import { createStaticAuthenticator, tokenHash } from '../../src/api/auth/static-tokens.ts';
import { createPolicy } from '../../src/api/policy/policy.ts';
import type { Identity } from '../../src/api/auth/identity.ts';
import { createSessions } from '../../src/api/stream/sessions.ts';
import { createTickets } from '../../src/api/stream/tickets.ts';
import { containerAddress } from '../../src/model/address.ts';
import type { ContainerView } from '../../src/model/container-view.ts';
import { spec } from '../support/link-scene.ts';
import { createTestEnvironment } from '../support/test-environment.ts';
import { createApiSite, type Answer, type Json, type User } from './site.ts';
import { until } from './until.ts';

const site = await createApiSite(t);
const names = ({ json }: Answer): string[] => (json['containers'] as Json[]).map(({ name }) => String(name));
const list = (query = '', as: User = 'ann') => site.call('GET', `/v1/containers${query}`, { as });

const made: Record<string, string> = {};
for (const [name, body, as] of [
  ['web-1', { memory: 64, labels: { a: '1' } }, 'ann'],
  ['web-2', { memory: 128, cpu: 2 }, 'amy'],
  ['db', { memory: 64, image: 'db:1', image_pull_policy: 'never', auto_remove: true }, 'root'],
  ['web', { memory: 64 }, 'bob'],
  ['cache', { memory: 512, cpu: 0.5 }, 'ann'],
] as const) {
  await site.clock.advance(1);
  const { uuid } = await site.create({ name, ...body }, { as, run: name === 'cache' });
  made[name] = uuid;
}
await site.reach(made['cache']!, 'Running');
await site.reach(made['web-2']!, 'Created');

t.test('each project sees its own, admins all who ask for all', async (t) => {
  t.same(names(await list()), ['web-1', 'web-2', 'cache']);
  t.same(names(await list('', 'amy')), ['web-1', 'web-2', 'cache']);
  t.same(names(await list('', 'bob')), ['web']);
  t.same(names(await list('', 'root')), ['db']);
  t.same(names(await list('?all_projects=True', 'root')), ['web-1', 'web-2', 'db', 'web', 'cache']);
  t.match((await list('?all_projects=1')).error, {
    status: 403,
    code: 'container.policy-not-authorized',
    title: "Policy doesn't allow container:get_all_all_projects to be performed.",
  });
  const { json } = await list();
  t.notOk(
    (json['containers'] as Json[]).some((view) => 'links' in view),
    'lists carry no links',
  );
  t.equal(json['next'], null);
});

t.test('filters are exact', async (t) => {
  for (const [query, expected] of [
    ['?name=web-1', ['web-1']],
    ['?name=web', []],
    ['?name=WEB-1', []],
    ['?image=busybox', ['web-1', 'web-2', 'cache']],
    ['?image=busy', []],
    ['?user_id=amy', ['web-2']],
    ['?project_id=p1', ['web-1', 'web-2', 'cache']],
    ['?project_id=p2', []],
    ['?memory=64', ['web-1']],
    ['?status=Running', ['cache']],
    ['?status=running', []],
    ['?status=Created&memory=128', ['web-2']],
    ['?task_state=container_stopping', []],
    ['?task_state=None', ['web-1', 'web-2', 'cache']],
    ['?auto_remove=true', []],
    ['?auto_remove=0', ['web-1', 'web-2', 'cache']],
  ] as const)
    t.same(names(await list(query)), expected, query);
  t.same(names(await list('?all_projects=1&auto_remove=yes', 'root')), ['db']);
  t.same(names(await list('?all_projects=1&host=host1&status=Running', 'root')), ['cache']);
  t.same(names(await list('?all_projects=1&project_id=p2', 'root')), ['web']);
  t.equal((await list('?host=host1')).status, 403, 'hosts are for admins');
  t.match((await list('?colour=red&name=x')).error, {
    status: 400,
    title: /Unknown parameters: colour\. Known are: name,/,
  });
});

t.test('pages by marker, in any order, and the next one asks the same', async (t) => {
  const follow = async (query: string, as: User) => {
    const pages: string[][] = [];
    for (let path: string | null = `/v1/containers${query}`; path !== null;) {
      const answer: Answer = await site.call('GET', path, { as, headers: { host: 'cloud.example' } });
      t.equal(answer.status, 200, path);
      pages.push(names(answer));
      const next = answer.json['next'] as string | null;
      if (next !== null) t.match(next, /^http:\/\/cloud\.example\/v1\/containers\?/);
      path = next && new URL(next).pathname + new URL(next).search;
    }
    return pages;
  };
  t.same(await follow('?limit=2', 'ann'), [['web-1', 'web-2'], ['cache']]);
  t.same(await follow('?limit=3', 'ann'), [['web-1', 'web-2', 'cache'], []], 'a full page may be the last');
  t.same(await follow('?limit=2&sort_dir=desc', 'ann'), [['cache', 'web-2'], ['web-1']]);
  t.same(await follow('?limit=1&sort_key=name', 'ann'), [['cache'], ['web-1'], ['web-2'], []]);
  t.same(
    await follow('?limit=2&sort_key=memory&sort_dir=desc', 'ann'),
    [['cache', 'web-2'], ['web-1']],
    'as numbers',
  );
  t.same(
    await follow('?limit=2&sort_key=cpu', 'ann'),
    [['web-1', 'cache'], ['web-2']],
    'nothing before something',
  );
  t.same(await follow('?limit=2&image=busybox&all_projects=1', 'root'), [
    ['web-1', 'web-2'],
    ['web', 'cache'],
    [],
  ]);
  t.same(names(await list(`?marker=${made['web-1']}`)), ['web-2', 'cache']);
  t.same(names(await list('?limit=5000')), ['web-1', 'web-2', 'cache'], 'capped, not refused');
  for (const key of ['id', 'uuid', 'name', 'project_id', 'user_id', 'image', 'memory', 'task_state', 'status', 'auto_remove', 'cpu',
    'disk', 'status_reason', 'hostname', 'interactive', 'tty', 'created_at', 'updated_at'])
    t.equal((await list(`?sort_key=${key}`)).status, 200, key); // prettier-ignore
  t.same(names(await list('?sort_key=created_at&sort_dir=desc')), ['cache', 'web-2', 'web-1']);
});

t.test('bad paging is told', async (t) => {
  for (const limit of ['0', '-1', '1.5', 'all', '', '1e2x'])
    t.match((await list(`?limit=${limit}`)).error, { status: 400, code: 'container.invalid-value', title: /^Limit must be positive integer/ }, limit); // prettier-ignore
  t.match((await list('?sort_dir=up')).error, { status: 400, title: /sort direction: up/ });
  for (const key of ['colour', 'constructor', '__proto__', 'environment', 'host', 'runtime'])
    t.match((await list(`?sort_key=${key}`)).error, {
      status: 400,
      title: new RegExp(`"${key}" is invalid for sorting`),
    });
  t.equal((await list('?all_projects=1&sort_key=host', 'root')).status, 200);
  t.equal((await list('?sort_key=colour', 'bob')).status, 400);
  for (const marker of ['00000000-0000-4000-8000-999999999999', made['web']!])
    t.match((await list(`?marker=${marker}`)).error, {
      status: 404,
      code: 'container.container-not-found',
      title: `Container ${marker} could not be found.`,
    });
});

t.test('by uuid in any spelling, and by name', async (t) => {
  const uuid = made['cache']!;
  for (const id of [
    uuid,
    uuid.toUpperCase(),
    uuid.replaceAll('-', ''),
    uuid.replaceAll('-', '').toUpperCase(),
    'cache',
  ]) {
    const { status, json } = await site.call('GET', `/v1/containers/${id}`);
    t.equal(status, 200, id);
    t.match(json, { uuid, name: 'cache', links: [{ rel: 'self' }, { rel: 'bookmark' }] });
  }
  for (const id of ['cach', 'CACHE', `${uuid}0`, uuid.slice(0, 8)])
    t.match((await site.call('GET', `/v1/containers/${id}`)).error, {
      status: 404,
      code: 'container.container-not-found',
      title: `Container ${id} could not be found.`,
    });
  t.equal((await site.call('GET', '/v1/containers/cache?x=1')).status, 400);
  t.match((await site.call('GET', '/v1/containers/cache?all_projects=True')).error, {
    status: 403,
    title: "Policy doesn't allow container:get_one_all_projects to be performed.",
  });
  t.match(
    (await site.call('GET', '/v1/containers/web-1', { as: 'root' })).json,
    { uuid: made['web-1'] },
    'an admin finds everyone’s',
  );
});

t.test('two of one name are a conflict for who sees both', async (t) => {
  const first = await site.create({ name: 'twin' });
  const second = await site.create({ name: 'twin' }, { as: 'bob' });
  t.match((await site.call('GET', '/v1/containers/twin')).json, { uuid: first.uuid });
  t.match((await site.call('GET', '/v1/containers/twin', { as: 'bob' })).json, { uuid: second.uuid });
  const conflict = {
    status: 409,
    code: 'container.conflict',
    title: /Multiple containers exist with the name "twin"/,
  };
  for (const [method, path] of [['GET', ''], ['DELETE', ''], ['POST', '/start'], ['GET', '/logs']] as const)
    t.match((await site.call(method, `/v1/containers/twin${path}`, { as: 'root' })).error, conflict); // prettier-ignore
  await site.create({ name: 'twin' });
  t.match((await site.call('GET', '/v1/containers/twin')).error, conflict);
  t.match((await site.call('GET', `/v1/containers/${first.uuid}`)).json, { uuid: first.uuid });
});

/** From fastify's drawing of its routes, a tree. */
function pathsOf(drawing: string): string[] {
  const parts: string[] = [];
  return drawing.split('\n').flatMap((line) => {
    const [, indent, part] = /^(.*)[├└]── (\S+) \(/.exec(line) ?? [];
    if (indent === undefined || part === undefined) return [];
    parts.splice(indent.length / 4, parts.length, part);
    return [parts.join('').replace('//', '/')];
  });
}

t.test('on every route a foreign id answers exactly as an unknown one', async (t) => {
  const routes = pathsOf(site.process.app.printRoutes({ commonPrefix: false }))
    // What is searched for is no id.
    .filter((path) => path.includes(':id') && !path.endsWith('/search'))
    .flatMap((path) => ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].map((method) => ({ method, path })));
  t.ok(routes.length >= 65, `${routes.length} routes`);
  const things = await Promise.all(
    ['networks', 'volumes'].map((kind) => site.call('POST', `/v1/${kind}`, { body: { name: 'theirs' } })),
  );
  const capsule = await site.call('POST', '/v1/capsules', {
    body: {
      template: {
        kind: 'capsule',
        metadata: { name: 'theirs' },
        spec: { containers: [{ image: 'busybox' }] },
      },
    },
  });
  const [network, volume] = things.map(({ json }) => String(json['uuid']));
  const hostId = site.controlPlane.hosts()[0]!.id;
  const [sandbox, pool] = ['00000000-0000-4000-8000-00000000abcd', `${hostId}.default`];
  // As a container would have them made, on a host that has nothing to make them with.
  const deadlines = { allocateMs: 1_000, makeMs: 1_000, removeMs: 1_000, idleMs: 1_000 };
  const common = { tenant: 'p1', hostId, networks: [], deadlines };
  const cause = { kind: 'runtime', reason: 'test' } as const;
  const { runtime } = site.controlPlane;
  const input = {
    id: sandbox,
    ...common,
    hostname: null,
    published: [],
    claimedBy: null,
    isOfCapsule: false,
    pool: null,
  };
  await runtime.begin(sandboxAddress('p1', sandbox), input, cause, null);
  await runtime.begin(
    poolAddress('p1', pool),
    { id: pool, ...common, ceiling: 1, windowMs: 1_000 },
    cause,
    null,
  );
  const image = '00000000-0000-4000-8000-00000000beef';
  await runtime.begin(
    imageAddress('p1', image),
    {
      id: image,
      ...common,
      reference: 'theirs:latest',
      name: 'theirs:latest',
      origin: { kind: 'pull', policy: 'always', registryId: null },
      deadlines: { makeMs: 60_000, removeMs: 60_000 },
    },
    cause,
    null,
  );
  const kept = await site.call('POST', '/v1/registries', {
    body: { registry: { name: 'theirs', domain: 'registry.example' } },
  });
  const foreign = {
    images: image,
    registries: String((kept.json['registry'] as Json)['uuid']),
    capsules: String(capsule.json['uuid']),
    networks: network!,
    sandboxes: sandbox,
    pools: pool,
    volumes: volume!,
    containers: made['cache']!,
    hosts: hostId,
    tenants: 'p1',
    quotas: 'p1',
    quota_classes: 'default',
  };
  const byName = {
    images: 'theirs',
    registries: 'theirs',
    capsules: 'theirs',
    networks: 'theirs',
    sandboxes: sandbox,
    pools: pool,
    volumes: 'theirs',
    containers: 'cache',
    hosts: 'host1',
    tenants: 'p1',
    quotas: 'p1',
    quota_classes: 'default',
  };
  for (const { method, path } of routes) {
    const collection = path.split('/')[2] as keyof typeof foreign;
    for (const id of [foreign[collection], byName[collection]]) {
      const unknown = id.replaceAll(/[a-z0-9]/g, '9');
      const answers = [];
      for (const each of [id, unknown]) {
        const { status, headers, text } = await site.call(method, path.replace(':id', each), { as: 'bob' });
        answers.push({
          status,
          headers: { ...headers, date: '', 'x-openstack-request-id': '' },
          text: text.replaceAll(/req-[0-9a-f-]{36}/g, 'REQ').replaceAll(each, 'ID'),
        });
      }
      t.same(answers[0], answers[1], `${method} ${path}`);
      t.ok(answers[0]!.status >= 400, `${method} ${path}: ${answers[0]!.status}`);
    }
  }
  t.match(await site.reach(made['cache']!, 'Running'), { task_state: null }, 'and nothing came of it');
});

t.test('the order of creation outlives a restart, page by page', async (t) => {
  await Promise.all(Array.from({ length: 12 }, () => site.create()));
  const ids = async (query: string) =>
    ((await list(query)).json['containers'] as Json[]).map(({ uuid }) => uuid);
  const before = await ids('');
  const firstPage = await ids('?limit=5');
  await site.restart();
  t.same(await ids(''), before);
  t.same(
    [...firstPage, ...(await ids(`?marker=${String(firstPage.at(-1))}`))],
    before,
    'nothing twice, nothing left out',
  );
});

t.test('of ten thousand a page draws what it shows, whichever page it is', async (t) => {
  let drawn = 0;
  const ids = Array.from(
    { length: 10_000 },
    (_, at) => `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`,
  );
  const views = ids.map((id): ContainerView => ({
    address: containerAddress('p1', id),
    id,
    tenant: 'p1',
    capsuleId: null,
    spec: {
      ...spec,
      // Read by nothing but the drawing of a container.
      get workdir() {
        drawn += 1;
        return null;
      },
    },
    generation: 1,
    revision: 1,
    status: 'Running',
    taskState: null,
    reason: null,
    statePaths: [],
    hostId: null,
    hostname: null,
    observation: null,
    ports: [],
    mounts: [],
    published: [],
    restarts: 0,
    failure: null,
    refusals: [],
    createdAt: 0,
    updatedAt: 0,
    since: 0,
  }));
  const environment = createTestEnvironment();
  const app = await buildApp({
    controlPlane: { containers: () => views } as unknown as ControlPlane,
    environment,
    authenticator: createStaticAuthenticator(() => [
      { sha256: tokenHash('t'), userId: 'u', userName: 'u', projectId: 'p1', projectName: 'p1', roles: [] },
    ]),
    login: null,
    onCloudCall: () => {},
    policy: createPolicy(),
    sessions: { sessions: createSessions(environment, 1), publicUrl: '' },
    tickets: createTickets(environment, ({ userId }: Identity) => userId),
    defaults: { cpu: null, memoryMib: null },
    images: { catalogue: null, driver: 'docker' },
    copies: { jsonBytesMost: 1, bytesMost: 1, entriesMost: 1, ratioMost: 1 },
    consoleDirectory: null,
    disableFile: '',
  });
  const seen: string[] = [];
  for (let path: string | null = '/v1/containers?limit=250'; path !== null;) {
    const { json } = {
      json: (await app.inject({ url: path, headers: { 'x-auth-token': 't' } })).json<Json>(),
    };
    const page = json['containers'] as Json[];
    seen.push(...page.map(({ uuid }) => String(uuid)));
    t.equal(drawn, seen.length, 'only what is shown is drawn');
    const next = json['next'] as string | null;
    path = next && new URL(next).pathname + new URL(next).search;
  }
  t.same(seen, ids);
});

t.test('a list shows what each shows by itself, to whom it shows it, and as it is now', async (t) => {
  const site = await createApiSite(t);
  for (const name of ['first', 'second', 'third'])
    await site.reach((await site.create({ name, labels: { quote: '"}' } }, { run: true })).uuid, 'Running');
  const listed = async (as: User) => {
    const { headers, json } = await site.call('GET', '/v1/containers?all_projects=false', { as });
    t.match(headers['content-type'], /^application\/json/);
    return json['containers'] as Json[];
  };
  const alike = async (moment: string): Promise<void> => {
    for (const as of ['ann', 'ray', 'ann'] as const) {
      const all = await listed(as);
      for (const each of all) {
        const { links, ...alone } = (await site.call('GET', `/v1/containers/${String(each['uuid'])}`, { as }))
          .json;
        t.ok(links);
        t.same(each, alone, `${moment}, to ${as}`);
        t.same(Object.keys(each), Object.keys(alone), 'in the same order');
      }
    }
  };
  await alike('at first');
  t.notOk('host' in (await listed('ann'))[0]!);
  await site.clock.advance(61_000);
  await alike('a minute later');
  t.match(await listed('ann'), [{ status_detail: /^Up 1 mins/ }, {}, {}]);
  await site.call('PATCH', '/v1/containers/second', { body: { name: 'other', memory: 64 } });
  await site.call('POST', '/v1/containers/third/stop?timeout=0');
  await until(async () => (await listed('ann'))[2]!['status'] === 'Stopped');
  await alike('after changes');
  t.match(await listed('ann'), [{ name: 'first' }, { name: 'other', memory: '64' }, { name: 'third' }]);
  await site.call('DELETE', '/v1/containers/first?stop=true');
  await until(async () => (await listed('ann')).length === 2);
  await alike('after a removal');
  const everywhere = (await site.call('GET', '/v1/containers?all_projects=true', { as: 'root' })).json;
  t.match(everywhere['containers'], [{ host: 'host1' }, { host: 'host1' }], 'an admin sees more of the same');
  t.notOk('host' in (await listed('ann'))[0]!, 'and nobody else does from then on');
});
