/** Who may do what: every route by every kind of caller, what a policy file changes, and what stops a start. @see zun-api 5.7 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ruleOfEvent } from '../../src/api/policy/offers.ts';
import { createPolicy } from '../../src/api/policy/policy.ts';
import { defaultRules, type RuleName } from '../../src/api/policy/rules.ts';
import { loadConfig } from '../../src/config/load.ts';
import { charts } from '../../src/machines/catalogue.ts';
import { policyOf } from '../../src/main/policy-file.ts';
import { checkControlPlaneFiles } from '../../src/main/site-files.ts';
import { actorKinds, pluralOf, poolAddress, sandboxAddress } from '../../src/model/address.ts';
import { createApiSite, type ApiSite, type Json, type User } from './site.ts';
import { until } from './until.ts';

/** Whom a route lets: a reader, a member and an admin, and what it says to a member of another project. */
const kinds = {
  anyone: [true, true, true, true],
  /** Of one's own project, whichever that is. */
  reads: [true, true, true, true],
  writes: [false, true, true, true],
  /** Of what belongs to `p1`. */
  shows: [true, true, true, 404],
  changes: [false, true, true, 404],
  admin: [false, false, true, 403],
  /** Nobody need know that there is such a project. */
  ofProject: [true, true, true, 403],
} as const;

interface Row {
  readonly method: string;
  readonly path: string;
  readonly rule: RuleName;
  readonly kind: keyof typeof kinds;
  readonly body?: unknown;
}

/** The last microversion that has the route. */
const lastVersion = (path: string): number =>
  path.includes('rename') ? 13 : path.includes('_security_group') ? 14 : 40;

const row = (kind: Row['kind'], method: string, path: string, rule: RuleName, body?: unknown): Row => ({
  method, path, rule, kind, ...(body === undefined ? {} : { body }),
}); // prettier-ignore

/** As simple as a template may be. */
const capsule = (name: string): Json => ({
  kind: 'capsule',
  metadata: { name },
  spec: { containers: [{ image: 'busybox' }] },
});

/** `:id` is what belongs to `p1`; `?…` is asked with it. */
const rows: readonly Row[] = [
  row('reads', 'GET', '/v1/containers', 'container:get_all'),
  row('writes', 'POST', '/v1/containers', 'container:create', { image: 'busybox' }),
  row('shows', 'GET', '/v1/containers/:id', 'container:get_one'),
  row('changes', 'PATCH', '/v1/containers/:id', 'container:update', { auto_heal: false }),
  row('changes', 'DELETE', '/v1/containers/:id', 'container:delete'),
  ...(['start', 'reboot', 'pause', 'unpause', 'kill', 'rebuild', 'stop'] as const).map((verb) =>
    row('changes', 'POST', `/v1/containers/:id/${verb}`, `container:${verb}`),
  ),
  row('changes', 'POST', '/v1/containers/:id/rename?name=web', 'container:rename'),
  row('changes', 'POST', '/v1/containers/:id/resize_container', 'container:resize_container', { memory: 64 }),
  row('changes', 'GET', '/v1/containers/:id/attach', 'container:attach'),
  row('changes', 'POST', '/v1/containers/:id/resize?h=1&w=1', 'container:resize'),
  row('changes', 'POST', '/v1/containers/:id/execute?command=true&run=false', 'container:execute'),
  row(
    'changes',
    'POST',
    `/v1/containers/:id/execute_resize?h=1&w=1&exec_id=:exec`,
    'container:execute_resize',
  ),
  row('shows', 'GET', '/v1/containers/:id/execute/:exec', 'container:execute_show'),
  row('shows', 'GET', '/v1/containers/:id/logs', 'container:logs'),
  row('shows', 'GET', '/v1/containers/:id/top', 'container:top'),
  row('shows', 'GET', '/v1/containers/:id/stats', 'container:stats'),
  row('shows', 'GET', '/v1/containers/:id/get_archive?path=/etc', 'container:get_archive'),
  row('changes', 'POST', '/v1/containers/:id/put_archive', 'container:put_archive', {
    path: '/tmp',
    data: Buffer.alloc(1024).toString('base64'),
  }),
  row('changes', 'POST', '/v1/containers/:id/network_attach?network=theirs', 'container:network_attach'),
  ...(['add_security_group', 'remove_security_group'] as const).map((verb) =>
    row('changes', 'POST', `/v1/containers/:id/${verb}?name=theirs`, `container:${verb}`),
  ),
  row('changes', 'POST', '/v1/containers/:id/network_detach?network=theirs', 'container:network_detach'),
  row('shows', 'GET', '/v1/containers/:id/network_list', 'container:network_list'),
  row(
    'changes',
    'POST',
    '/v1/containers/:id/volume_attach?volume=theirs&path=/data',
    'container:volume_attach',
  ),
  row('changes', 'POST', '/v1/containers/:id/volume_detach?volume=theirs', 'container:volume_detach'),
  row('shows', 'GET', '/v1/containers/:id/volume_list', 'container:volume_list'),
  row('shows', 'GET', '/v1/containers/:id/container_actions', 'container:actions'),
  row('shows', 'GET', '/v1/containers/:id/container_actions/:request', 'container:actions'),
  row('changes', 'POST', '/v1/containers/:id/commit?repository=kept', 'container:commit'),
  row('admin', 'GET', '/v1/images', 'image:get_all'),
  row('admin', 'POST', '/v1/images', 'image:pull', { repo: 'busybox', host: 'host1' }),
  row('shows', 'GET', '/v1/images/:id', 'image:get_one'),
  row('reads', 'GET', '/v1/images/:id/search', 'image:search'),
  row('reads', 'GET', '/v1/images/:id/:name/search', 'image:search'),
  row('reads', 'GET', '/v1/registries', 'registry:get_all'),
  row('writes', 'POST', '/v1/registries', 'registry:create', { registry: { domain: 'registry.example' } }),
  row('shows', 'GET', '/v1/registries/:id', 'registry:get_one'),
  row('changes', 'PATCH', '/v1/registries/:id', 'registry:update', { registry: { username: 'ann' } }),
  row('reads', 'GET', '/v1/capsules', 'capsule:get_all'),
  row('writes', 'POST', '/v1/capsules', 'capsule:create', { template: capsule('fresh') }),
  row('shows', 'GET', '/v1/capsules/:id', 'capsule:get'),
  row('reads', 'GET', '/v1/networks', 'network:get_all'),
  row('writes', 'POST', '/v1/networks', 'network:create_local', { name: 'fresh' }),
  row('shows', 'GET', '/v1/networks/:id', 'network:get_one'),
  row('writes', 'DELETE', '/v1/pools', 'pool:flush'),
  row('reads', 'GET', '/v1/volumes', 'volume:get_all'),
  row('writes', 'POST', '/v1/volumes', 'volume:create', { name: 'fresh' }),
  row('shows', 'GET', '/v1/volumes/:id', 'volume:get_one'),
  row('admin', 'GET', '/v1/hosts', 'host:get_all'),
  row('admin', 'GET', '/v1/hosts/:id', 'host:get'),
  row('admin', 'POST', '/v1/hosts/:id/cordon', 'host:cordon', { reason: 'why' }),
  row('admin', 'POST', '/v1/hosts/:id/maintain', 'host:maintain'),
  row('admin', 'POST', '/v1/hosts/:id/drain', 'host:drain'),
  row('admin', 'POST', '/v1/hosts/:id/uncordon', 'host:uncordon'),
  row('admin', 'POST', '/v1/hosts/:id/give_up', 'host:give_up'),
  row('admin', 'PATCH', '/v1/hosts/:id/labels', 'host:label', { rack: '1' }),
  row('admin', 'DELETE', '/v1/hosts/:id', 'host:remove'),
  row('admin', 'GET', '/v1/services', 'zun-service:get_all'),
  row('admin', 'DELETE', '/v1/services?host=host1&binary=zun-compute', 'zun-service:delete'),
  row('admin', 'PUT', '/v1/services/disable?host=host1&binary=zun-compute', 'zun-service:disable'),
  row('admin', 'PUT', '/v1/services/enable?host=host1&binary=zun-compute', 'zun-service:enable'),
  row(
    'admin',
    'PUT',
    '/v1/services/force_down?host=host1&binary=zun-compute&forced_down=0',
    'zun-service:force_down',
  ),
  row('reads', 'GET', '/v1/availability_zones', 'availability_zones:get_all'),
  row('ofProject', 'GET', '/v1/quotas/:id', 'quota:get'),
  row('ofProject', 'GET', '/v1/quotas/:id/defaults', 'quota:get_default'),
  row('admin', 'PUT', '/v1/quotas/:id', 'quota:update', { disk: 9 }),
  row('admin', 'DELETE', '/v1/quotas/:id', 'quota:delete'),
  row('admin', 'GET', '/v1/quota_classes/:id', 'quota_class:get'),
  row('admin', 'PUT', '/v1/quota_classes/:id', 'quota_class:update', { disk: 90 }),
  row('reads', 'GET', '/v1/tenants', 'tenant:get_all'),
  row('shows', 'GET', '/v1/tenants/:id', 'tenant:get_one'),
  row('shows', 'PATCH', '/v1/tenants/:id', 'tenant:get_one', {}),
  row('anyone', 'GET', '/v1/identity', 'troupe:identity'),
  row('anyone', 'GET', '/v1/statecharts/:kind', 'troupe:statecharts'),
  row('reads', 'POST', '/v1/tickets', 'troupe:watch'),
  row('reads', 'POST', '/v1/what-if', 'troupe:what_if'),
  row('reads', 'GET', '/v1/incidents', 'troupe:incidents'),
  row('admin', 'GET', '/v1/audit', 'troupe:audit'),
  row('admin', 'GET', '/v1/quarantine', 'troupe:quarantine'),
  row('admin', 'POST', '/v1/join_tokens', 'troupe:join'),
  ...actorKinds.flatMap((kind) => {
    const [shows, changes] =
      kind === 'host' ? (['admin', 'admin'] as const) : (['shows', 'changes'] as const);
    return [
      row(shows, 'GET', `/v1/${pluralOf(kind)}/:id/lifecycle`, 'troupe:lifecycle'),
      row(shows, 'GET', `/v1/${pluralOf(kind)}/:id/history`, 'troupe:history'),
      row(shows, 'GET', `/v1/${pluralOf(kind)}/:id/incident`, 'troupe:incidents'),
      row(shows, 'POST', `/v1/${pluralOf(kind)}/:id/what-if`, 'troupe:what_if'),
      row(changes, 'POST', `/v1/${pluralOf(kind)}/:id/events`, 'troupe:events'),
    ];
  }),
  row('changes', 'DELETE', '/v1/images/:id', 'image:delete'),
  row('changes', 'DELETE', '/v1/registries/:id', 'registry:delete'),
  row('changes', 'DELETE', '/v1/capsules/:id', 'capsule:delete'),
  row('changes', 'DELETE', '/v1/networks/:id', 'network:delete_local'),
  row('changes', 'DELETE', '/v1/volumes/:id', 'volume:delete'),
];

/** Asked beside a route's own rule, of a field or an option. */
const asides: readonly RuleName[] = [
  'container:action:events', 'container:create:runtime', 'container:create:requested_destination', 'container:create:image_pull_policy', 'container:create:privileged',
  'container:delete_all_projects', 'container:delete_force', 'container:get_one:host', 'container:get_one:image_pull_policy',
  'container:get_one:privileged', 'container:get_one:runtime', 'container:get_one_all_projects', 'container:get_all_all_projects',
  'capsule:delete_all_projects', 'capsule:get:host', 'capsule:get_one_all_projects', 'capsule:get_all_all_projects',
  'network:get_one:host', 'network:get_all_all_projects', 'volume:get_one:host', 'volume:get_all_all_projects', 'pool:flush_all_projects',
  'registry:get_all_all_projects', 'tenant:get_all_all_projects', 'tenant:isolate', 'troupe:watch_all_projects',
  // Where the site has Neutron: test/openstack/neutron.test.ts.
  'network:create', 'network:delete', 'network:attach_external_network',
]; // prettier-ignore

/** Rules that others are made of have no colon. */
const asked = (Object.keys(defaultRules) as RuleName[]).filter((name) => name.includes(':'));

interface Stage {
  readonly site: ApiSite;
  /** With what belongs to `p1` in place of its parameters. */
  fill(path: string): string;
}

/** One of each kind, of `p1`, by ann. */
async function stage(t: Test, policy?: string): Promise<Stage> {
  const site = await createApiSite(t, policy === undefined ? {} : { policy });
  const { uuid } = await site.create({ name: 'web', interactive: true, tty: true }, { run: true });
  await site.reach(uuid, 'Running');
  const made = async (kind: string): Promise<string> =>
    String((await site.call('POST', `/v1/${kind}`, { body: { name: 'theirs' } })).json['uuid']);
  const hostId = site.controlPlane.hosts()[0]!.id;
  const [sandbox, pool] = ['00000000-0000-4000-8000-00000000abcd', `${hostId}.default`];
  const deadlines = { allocateMs: 1_000, makeMs: 1_000, removeMs: 1_000, idleMs: 1_000 };
  const common = { tenant: 'p1', hostId, networks: [], deadlines };
  const cause = { kind: 'runtime', reason: 'test' } as const;
  const { runtime } = site.controlPlane;
  // Of an engine that takes its time, so that it is there all the while.
  for (const call of ['ensureSandbox', 'removeSandbox'] as const) site.hosts[0]!.driver.hold(call);
  const input = { id: sandbox, ...common, hostname: null, published: [], claimedBy: null, pool: null };
  await runtime.begin(sandboxAddress('p1', sandbox), input, cause, null);
  const poolInput = { id: pool, ...common, ceiling: 1, windowMs: 1_000 };
  await runtime.begin(poolAddress('p1', pool), poolInput, cause, null);
  const { exec_id: exec } = (await site.call('POST', `/v1/containers/${uuid}/execute?command=true&run=false`))
    .json;
  const actions = (await site.call('GET', `/v1/containers/${uuid}/container_actions`)).json;
  const [{ request_id: request }] = actions['containerActions'] as [Json];
  const { uuid: image } = (await site.call('POST', `/v1/containers/${uuid}/commit?repository=theirs`)).json;
  await until(
    async () => (await site.call('GET', `/v1/images/${String(image)}`)).json['status'] === 'present',
  );
  const { registry } = (await site.call('POST', '/v1/registries', { body: { registry: { domain: 'theirs.example' } } }))
    .json as { registry: Json }; // prettier-ignore
  const held = await site.call('POST', '/v1/capsules', { body: { template: capsule('held') } });
  const ids: Record<string, string> = {
    containers: uuid,
    capsules: String(held.json['uuid']),
    networks: await made('networks'),
    volumes: await made('volumes'),
    images: String(image),
    registries: String(registry['uuid']),
    sandboxes: sandbox,
    pools: pool,
    hosts: 'host1',
    tenants: 'p1',
    quotas: 'p1',
    quota_classes: 'default',
  };
  return {
    site,
    fill: (path) =>
      path
        .replace(':id', ids[path.split('/')[2]!] ?? '')
        .replace(':name', 'web')
        .replace(':exec', String(exec))
        .replace(':request', String(request))
        .replace(':kind', 'container'),
  };
}

/** Let in: what it then says of the request or of the state is not the policy's. */
const isLet = (status: number): boolean =>
  (status >= 200 && status < 300) || status === 400 || status === 409;

t.test('every route, by every kind of caller', async (t) => {
  const { site, fill } = await stage(t);
  const callers: readonly User[] = ['ray', 'bob', 'ann', 'root'];
  for (const { method, path, rule, kind, body } of rows) {
    const [reader, member, admin, foreign] = kinds[kind];
    const expected: Record<string, boolean | number> = {
      ray: reader,
      ann: member,
      root: admin,
      bob: foreign,
    };
    for (const as of callers) {
      // Ann has deleted it.
      if (method === 'DELETE' && /capsules|images|registries|networks|volumes/.test(path) && as === 'root')
        continue;
      const version = lastVersion(path);
      const { status, error, text } = await site.call(method, fill(path), {
        as,
        version,
        ...(body === undefined ? {} : { body }),
      });
      const told = `${method} ${path} as ${as}: ${status} ${text.slice(0, 120)}`;
      if (expected[as] === true) t.ok(isLet(status), told);
      else if (expected[as] === 404) t.equal(status, 404, told);
      else {
        t.equal(status, 403, told);
        if (!path.startsWith('/v1/hosts/:id/'))
          t.equal(error.title, `Policy doesn't allow ${rule} to be performed.`);
      }
    }
  }
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

t.test('no route is without a rule, and none asks another than its own', async (t) => {
  const { site, fill } = await stage(t, '# As it is by default.\n');
  const shut = asked.filter((name) => name !== 'host:get').map((name) => `"${name}": "!"`);
  await site.restart(() => writeFileSync(join(site.directory, 'policy.yaml'), shut.join('\n')));
  const own = new Map(rows.map(({ method, path, rule }) => [`${method} ${path.split('?')[0]}`, rule]));
  const open = new Set([
    '/',
    '/v1',
    '/healthz',
    '/healthcheck',
    '/readyz',
    '/metrics',
    '/console',
    '/console/assets/:file',
    '/v1/openapi.json',
    // Who logs in has no token yet.
    '/v1/login',
  ]);
  for (const path of new Set(pathsOf(site.process.app.printRoutes({ commonPrefix: false })))) {
    if (open.has(path) || path.startsWith('/docs')) continue;
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
      const asked = rows.find((each) => each.method === method && each.path.split('?')[0] === path);
      const version = lastVersion(path);
      const { status, error } = await site.call(method, fill(asked?.path ?? path), { as: 'root', version, ...(asked?.body === undefined ? {} : { body: asked.body }) }); // prettier-ignore
      if (status === 405) continue;
      const route = `${method} ${path}`;
      if (own.get(route) === 'host:get') continue;
      t.ok(own.has(route), `${route} has a row in the table above`);
      t.match({ status, title: error.title }, { status: 403, title: `Policy doesn't allow ${own.get(route)} to be performed.` }, route); // prettier-ignore
    }
  }
  for (const path of open) if (!path.startsWith('/console')) t.not((await site.call('GET', path, { as: null })).status, 403, path); // prettier-ignore
});

t.test('every rule is asked by something, and every command of a chart has one', async (t) => {
  const known = new Set([...rows.map(({ rule }) => rule), ...asides]);
  t.same(
    asked.filter((name) => !known.has(name)),
    [],
    'a rule that nothing asks is taken for a promise',
  );
  for (const kind of actorKinds)
    for (const command of charts[kind].commands as readonly { type: string; mode?: string }[])
      t.not(ruleOfEvent(command), 'deny_everybody', command.type);
  t.equal(ruleOfEvent({ type: 'container.new' }), 'deny_everybody', 'what has none is for nobody');
});

t.test('what a caller may not send is not offered', async (t) => {
  const { site, fill } = await stage(t);
  const callers: readonly User[] = ['ray', 'ann', 'root'];
  for (const kind of actorKinds) {
    const path = fill(`/v1/${pluralOf(kind)}/:id/lifecycle`);
    const all = charts[kind].commands.length;
    for (const as of kind === 'host' ? (['root'] as const) : callers) {
      const events = (await site.call('GET', path, { as })).json['allowedEvents'] as Json[];
      const role = { ray: 'reader', ann: 'owner', root: 'admin' }[as as 'ray'];
      for (const { type, roles } of events)
        t.ok((roles as string[]).includes(role), `${String(type)} as ${as}`);
      if (as === 'ray') t.same(events, [], `a reader of a ${kind} is offered nothing`);
      if (as === 'root') t.equal(events.length, all);
    }
  }
  const send = (as: User, event: Json) =>
    site.call('POST', fill('/v1/containers/:id/events'), { as, body: event });
  t.match((await send('ray', { type: 'container.pause' })).error, { status: 403, title: /troupe:events/ });
  t.match((await send('ann', { type: 'container.delete', mode: 'force', graceMs: 0 })).error, { status: 403, title: /container:delete_force/ }); // prettier-ignore
  t.match((await send('ann', { type: 'container.fly' })).error, { status: 400, title: /container\.pause/ });
  t.notMatch((await send('ann', { type: 'container.fly' })).error.title, /force/, 'nor named');
  const trial = (as: User) =>
    site.call('POST', fill('/v1/containers/:id/what-if'), { as, body: { type: 'container.pause' } });
  t.match(
    (await trial('ray')).error,
    { status: 403, title: /container:pause/ },
    'who may try out is who may send',
  );
  t.equal((await trial('ann')).status, 200);
});

t.test('a reader looks at all that is the project’s, and sees no more than its members', async (t) => {
  const { site, fill } = await stage(t);
  for (const path of ['/v1/containers', '/v1/containers/:id', '/v1/networks', '/v1/volumes', '/v1/tenants'])
    t.same(
      (await site.call('GET', fill(path), { as: 'ray' })).json,
      (await site.call('GET', fill(path))).json,
      path,
    );
  const watcher = site.watch({}, 'ray');
  await watcher.next(({ type }) => type === 'snapshot');
  t.pass('and watches it');
});

t.test('a policy file decides', async (t) => {
  const policy = `
# Of containers the one who made it is the owner.
container:delete: "is_admin:True or user_id:%(user_id)s"
container:pause: rule:deny_everybody
container:get_one:host: "@"
container:create:privileged: rule:admin_api
container:create:runtime: rule:trusted
container:get_one: "rule:admin_or_owner or role:member"
container:get_one_all_projects: role:member
context_is_admin: role:admin or user_id:bob
host:cordon: "not user_id:bob and rule:admin_api"
quota:update: [["rule:admin_api"], ["user_id:amy", "project_id:%(project_id)s"]]
troupe:audit: "!"
trusted: user_id:ann
`;
  const { site, fill } = await stage(t, policy);
  const web = fill('/v1/containers/:id');
  const ask = (method: string, path: string, as: User = 'ann', body?: unknown) =>
    site.call(method, path, { as, ...(body === undefined ? {} : { body }) });
  const offered = async (as: User): Promise<unknown[]> =>
    ((await ask('GET', `${web}/lifecycle`, as)).json['allowedEvents'] as Json[]).map(({ type }) => type);

  t.match((await ask('DELETE', web, 'amy')).error, { status: 403, title: /container:delete / });
  t.match((await ask('DELETE', web)).error, { status: 409 }, 'it runs');
  t.ok((await offered('ann')).includes('container.delete'));
  t.notOk((await offered('amy')).includes('container.delete'));
  const { details, title } = (await ask('POST', `${web}/start`, 'amy')).error as Json & { title: string };
  t.notMatch([title, details], /delete/, 'nor named by a refusal');

  t.equal((await ask('POST', `${web}/pause`, 'root')).status, 403);
  t.notOk((await offered('root')).includes('container.pause'));
  t.match((await ask('GET', web)).json, { host: 'host1' });
  t.notOk('runtime' in (await ask('GET', web)).json);
  t.equal((await ask('GET', '/v1/containers?host=host1')).status, 200, 'who sees a field may ask by it');
  t.equal((await ask('GET', '/v1/containers?sort_key=runtime')).status, 400);

  const create = (body: Json, as: User = 'ann') =>
    ask('POST', '/v1/containers', as, { image: 'busybox', ...body });
  t.match((await create({ privileged: true }, 'root')).error, { status: 400, title: /does not support privileged containers/ }); // prettier-ignore
  t.match((await create({ privileged: true })).error, { status: 403 });
  t.equal((await create({ runtime: 'runc' })).status, 202);
  t.equal((await create({ runtime: 'runc' }, 'amy')).status, 403);

  t.match((await ask('GET', '/v1/identity', 'bob')).json, { admin: true, roles: ['member'] });
  t.equal((await ask('GET', '/v1/hosts', 'bob')).status, 200);
  t.match((await ask('GET', web, 'bob')).json, { name: 'web', runtime: null }, 'an admin finds everybody’s');
  t.equal((await ask('POST', '/v1/hosts/host1/cordon', 'bob', { reason: 'why' })).status, 403);
  t.match((await ask('GET', '/v1/hosts/host1/lifecycle', 'bob')).json['allowedEvents'], [
    { type: 'host.uncordon' },
  ]);
  t.match((await create({ name: 'other' }, 'root')).json, { name: 'other' });
  t.equal((await ask('GET', '/v1/containers/other')).status, 404);
  t.match((await ask('GET', '/v1/containers/other?all_projects=1')).json, {
    name: 'other',
    project_id: 'admin',
  });

  t.match((await ask('PUT', '/v1/quotas/p1', 'amy', { containers: 5 })).json, { containers: 5 });
  t.equal((await ask('PUT', '/v1/quotas/p2', 'amy', { containers: 5 })).status, 403);
  t.match((await ask('PATCH', '/v1/tenants/p1', 'amy', { limits: { containers: 6 } })).json, { limits: { containers: 6 } }); // prettier-ignore
  t.equal((await ask('PATCH', '/v1/tenants/p1', 'ann', { limits: { containers: 7 } })).status, 403);
  t.equal((await ask('GET', '/v1/audit', 'root')).status, 403);
});

t.test('roles of a lifecycle are those whom the rule lets, whatever it is made of', async (t) => {
  const who = (rule: string, more = '') =>
    createPolicy(`container:start: "${rule}"\n${more}`)
      .of({ userId: 'ann', projectId: 'p1', roles: ['member'] })
      .whoMay('container:start', { project_id: 'p1', user_id: 'ann' });
  t.same(who('@'), ['reader', 'owner', 'admin']);
  t.same(who('!'), []);
  t.same(who('rule:admin_or_owner'), ['reader', 'owner', 'admin']);
  t.same(who('rule:admin_or_writer'), ['owner', 'admin']);
  t.same(who('rule:admin_api', 'context_is_admin: role:chief'), ['admin'], 'whoever is an admin');
  t.same(who('user_id:%(user_id)s'), ['owner']);
  t.same(who('role:operator'), []);
});

const refusals = [
  ['container:strat: "@"', 'has a rule "container:strat" that nothing asks; the rules that there are stand in docs/policy.md'],
  ['container:start: role:a role:b', `has a rule "container:start" that can't be used: it has "role:b" where "and" or "or" should be`],
  ['container:start: rule:mine', `has a rule "container:start" that can't be used: there is no rule "mine"`],
  ['container:start: "system_scope:all"', /nothing is known of "system_scope"/],
  ['container:start: "http://a/b"', /asks no other server/],
  ['container:start:', /must be a text or a list of lists; "@" lets everybody/],
  ['container:start: true', /must be a text/],
  ['a: rule:b\nb: rule:a\ncontainer:start: rule:a', /"a" that can't be used: it leads to itself, a → b → a/],
  ['admin_api: rule:container:start\ncontainer:start: rule:admin_api', /leads to itself/],
  ['lonely: "@"', /"lonely" that nothing asks/],
  ['- container:start', 'must hold names of rules with a rule each'],
  ['container:start: [', /is no YAML: /],
  ['container:start: "@"\ncontainer:start: "!"', /is no YAML: Map keys must be unique/],
] as const; // prettier-ignore

t.test('a policy file that can’t be used stops the start, in one line', async (t) => {
  const directory = t.testdir();
  const path = join(directory, 'policy.yaml');
  const loaded = (policyFile: string) =>
    loadConfig({ flags: { 'api.policyFile': policyFile, 'state.directory': directory }, environment: {}, file: null, usualFiles: [] }); // prettier-ignore
  for (const [text, told] of refusals) {
    writeFileSync(path, text);
    const problem = await Promise.resolve()
      .then(() => policyOf(loaded(path).config))
      .catch((error: Error) => error);
    t.match(problem, { code: 'INVALID_CONFIG' }, text);
    const { message } = problem as Error;
    t.ok(message.startsWith(`The policy file "${path}" `) && !message.includes('\n'), message);
    t.match(message, told);
    t.throws(() => checkControlPlaneFiles(loaded(path)), { code: 'INVALID_CONFIG', message: /^"api\.policyFile" \(from flag\) names ".*policy\.yaml", which / }, text); // prettier-ignore
  }
  for (const text of ['', '# nothing\n', '{}', '{"container:start": "@"}']) {
    writeFileSync(path, text);
    t.doesNotThrow(() => checkControlPlaneFiles(loaded(path)), JSON.stringify(text));
    t.doesNotThrow(() => policyOf(loaded(path).config));
  }
  t.throws(() => checkControlPlaneFiles(loaded('/nowhere/policy.yaml')), { message: /"api\.policyFile" .* can't be read: ENOENT/ }); // prettier-ignore
  t.throws(() => policyOf(loaded('/nowhere/policy.yaml').config), {
    code: 'INVALID_CONFIG',
    message: /ENOENT/,
  });
  t.throws(() => loaded('policy.yaml'), { message: /must be an absolute path/ });
});

t.test('the defaults can be read, and name what there is', async (t) => {
  t.doesNotThrow(() => createPolicy());
  t.throws(() => createPolicy('constructor: "@"'), { message: /nothing asks/ });
});
