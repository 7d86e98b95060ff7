/** Where an actor is and what would move it, how it got there, and the chart it is on. */
import t from 'tap';
import { TroupeError } from '../../src/errors/errors.ts';
import { charts } from '../../src/machines/catalogue.ts';
import { actorKinds } from '../../src/model/address.ts';
import { createApiSite, type ApiSite, type Json, type User } from './site.ts';
import { until } from './until.ts';

interface Journal {
  readonly revision: number;
  readonly at: number;
  readonly event: { readonly type: string };
  readonly cause: Json & { readonly kind: string };
  readonly from: readonly string[];
  readonly to: readonly string[];
  readonly refused: string | null;
}

const history = async (site: ApiSite, path: string, as: User = 'ann'): Promise<Journal[]> =>
  (await site.call('GET', `/v1/${path}/history?limit=1000`, { as })).json['history'] as Journal[];

t.test('a lifecycle says where it is, since when, what it waits for and what would move it', async (t) => {
  const site = await createApiSite(t);
  const release = site.hosts[0]!.driver.hold('createContainer');
  const { uuid } = await site.create({}, { run: true });
  await until(() => site.controlPlane.container(null, uuid).statePaths.includes('creating.attempting'));
  const { status, json } = await site.call('GET', `/v1/containers/${uuid}/lifecycle`);
  t.equal(status, 200);
  const now = site.clock.now();
  t.match(json, {
    kind: 'container',
    statePaths: ['creating.attempting'],
    status: 'Creating',
    taskState: 'container_creating',
    reason: /./,
    since: now,
    chartVersion: charts.container.version,
    lastError: null,
    quarantined: null,
  });
  const waiting = json['waitingFor'] as Json[];
  t.match(
    waiting.toSorted((a, b) => (String(a['invokeId']) < String(b['invokeId']) ? -1 : 1)),
    [
      {
        invokeId: 'create.deadline',
        deadlineAt: now + 120_000,
        description: 'the time to create it to run out',
        attempt: 1,
        requestId: /^req-/,
      },
      {
        invokeId: 'createContainer',
        deadlineAt: null,
        description: 'the container engine on host "host1" to create it and start it',
        attempt: 1,
      },
    ],
  );
  t.match(json['allowedEvents'], [
    { type: 'container.start', answer: 'queued', reason: /once it is created/, roles: ['owner', 'admin'] },
    { type: 'container.stop', answer: 'queued' },
    ...['reboot', 'pause', 'unpause', 'kill', 'rebuild'].map((verb) => ({
      type: `container.${verb}`,
      answer: 'refused',
    })),
    { type: 'container.delete', mode: 'ifStopped', answer: 'refused', reason: /./ },
    {
      type: 'container.delete',
      mode: 'stop',
      answer: 'accepted',
      to: [/^removing/],
      roles: ['owner', 'admin'],
    },
  ]);
  t.equal((json['allowedEvents'] as Json[]).length, 9, 'what is for admins is not offered to her');
  const forAdmins = (await site.call('GET', `/v1/containers/${uuid}/lifecycle`, { as: 'root' })).json;
  t.match((forAdmins['allowedEvents'] as Json[]).at(-1), { type: 'container.delete', mode: 'force', answer: 'accepted', roles: ['admin'] }); // prettier-ignore
  t.match(json['services'], [
    { type: 'container.execute', answer: 'refused', reason: /./, roles: ['owner', 'admin'] },
    { type: 'container.attach', answer: 'refused' },
  ]);
  release();
  await site.reach(uuid, 'Running');
  t.match((await site.call('GET', `/v1/containers/${uuid}/lifecycle`)).json, {
    statePaths: ['running.up'],
    reason: null,
    waitingFor: [],
    services: [{ type: 'container.execute', answer: 'accepted', reason: null }, { type: 'container.attach' }],
  });
  t.equal((await site.call('GET', `/v1/containers/${uuid}/lifecycle?x=1`)).status, 400);
  t.match((await site.call('GET', '/v1/hosts/host1/lifecycle', { as: 'root' })).json, {
    kind: 'host',
    status: 'online',
    statePaths: ['admission.open', 'link.online'],
  });
  t.match((await site.call('GET', '/v1/tenants/p1/lifecycle')).json, { kind: 'tenant', status: 'active' });
  t.match((await site.call('GET', '/v1/tenants/p2/lifecycle', { as: 'bob' })).error, {
    status: 404,
    title: 'The tenant "p2" could not be found',
  });
  for (const id of ['%2F', 'a%2Fb', '%00', 'x'.repeat(65)])
    for (const path of ['', '/lifecycle', '/history'])
      t.equal((await site.call('GET', `/v1/tenants/${id}${path}`, { as: 'root' })).status, 404, id + path);
});

t.test('a failed step says what failed', async (t) => {
  const site = await createApiSite(t);
  site.hosts[0]!.driver.failNext(
    'createContainer',
    new TroupeError('INVALID_SPEC', 'The command is no command'),
  );
  const { uuid } = await site.create();
  t.match(await site.reach(uuid, 'Error'), { status_reason: 'The command is no command' });
  t.match((await site.call('GET', `/v1/containers/${uuid}/lifecycle`)).json, {
    statePaths: ['error'],
    lastError: { code: 'INVALID_SPEC', message: 'The command is no command', retryable: false },
  });
});

t.test('every transition has its cause, its time and the request behind it', async (t) => {
  const site = await createApiSite(t);
  const began = site.clock.now();
  const created = await site.call('POST', '/v1/containers?run=true', { body: { image: 'busybox' } });
  const uuid = String(created.json['uuid']);
  const create = created.headers['x-openstack-request-id'];
  await site.reach(uuid, 'Running');
  await site.clock.advance(1_000);
  const stopped = await site.call('POST', `/v1/containers/${uuid}/stop`, { as: 'root' });
  const stop = stopped.headers['x-openstack-request-id'];
  await site.reach(uuid, 'Stopped');
  site.hosts[0]!.driver.startByHand(uuid);
  await site.reach(uuid, 'Running');

  const records = await history(site, `containers/${uuid}`);
  const moves = records.filter(({ from, to }) => from.join() !== to.join());
  t.match(moves, [
    { event: { type: 'actor.created' }, from: [], to: ['placing.claiming'], cause: { kind: 'request', requestId: create, userId: 'ann', projectId: 'p1' }, at: began },
    { event: { type: 'claim.granted' }, to: ['creating.attempting'], cause: { kind: 'actor', address: /^host\//, requestId: create } },
    { event: { type: 'xstate.done.actor.createContainer' }, to: ['running.up'], cause: { kind: 'operation', src: 'createContainer', requestId: create }, at: began },
    { event: { type: 'container.stop' }, from: ['running.up'], to: ['stopping.attempting'], cause: { kind: 'request', requestId: stop, userId: 'admin', projectId: 'admin' }, at: began + 1_000 },
    { event: { type: 'xstate.done.actor.stopContainer' }, to: ['stopped'], cause: { kind: 'operation', src: 'stopContainer', requestId: stop } },
    { event: { type: 'runtime.started' }, from: ['stopped'], to: ['running.up'], cause: { kind: 'agent', hostId: /./, sequence: Number } },
  ]); // prettier-ignore
  t.same(
    records.map(({ revision }) => revision),
    records.map((_, at) => at + 1),
    'no revision is missing',
  );
  for (const { cause, at } of records) {
    t.ok(cause.kind);
    t.ok(at >= began);
  }
  const tenant = await history(site, 'tenants/p1');
  t.match(
    tenant.find(({ event }) => event.type === 'tenant.reserve'),
    { cause: { requestId: create } },
  );
  const host = await history(site, 'hosts/host1', 'root');
  t.match(
    host.find(({ event }) => event.type === 'host.claim'),
    {
      cause: { kind: 'actor', address: `container/p1/${uuid}`, requestId: create },
    },
  );
  t.match(host[0], { event: { type: 'actor.created' }, cause: { kind: 'runtime', reason: /has joined/ } });
});

t.test('a history is read in pages', async (t) => {
  const site = await createApiSite(t);
  const { uuid } = await site.create({}, { run: true });
  await site.reach(uuid, 'Running');
  const whole = await history(site, `containers/${uuid}`);
  const pages: Journal[] = [];
  for (let after = 0; ;) {
    const { json } = await site.call('GET', `/v1/containers/${uuid}/history?limit=2&after=${after}`);
    const page = json['history'] as Journal[];
    t.ok(page.length <= 2);
    if (page.length === 0) break;
    pages.push(...page);
    after = page.at(-1)!.revision;
  }
  t.same(pages, whole);
  for (const query of ['limit=0', 'limit=-1', 'limit=x', 'after=-1', 'after=1.5', 'before=3'])
    t.equal((await site.call('GET', `/v1/containers/${uuid}/history?${query}`)).status, 400, query);
  t.equal((await site.call('GET', `/v1/containers/${uuid}/history?limit=999999`)).status, 200, 'capped');
});

t.test('a history outlives what it is of, and a restart', async (t) => {
  const site = await createApiSite(t);
  const { uuid } = await site.create({ name: 'short', auto_remove: true }, { run: true });
  await site.reach(uuid, 'Running');
  site.hosts[0]!.driver.exit(uuid, 3);
  await site.gone(uuid);
  for (const when of ['at once', 'after a restart']) {
    for (const as of ['ann', 'root'] as const)
      t.match(
        (await history(site, `containers/${uuid.toUpperCase()}`, as)).at(-1),
        { to: ['deleted'] },
        when,
      );
    t.equal((await site.call('GET', `/v1/containers/${uuid}/history`, { as: 'bob' })).status, 404);
    t.equal(
      (await site.call('GET', `/v1/containers/${uuid}/lifecycle`)).status,
      404,
      'it is gone from everywhere else',
    );
    t.equal((await site.call('GET', '/v1/containers/short/history')).status, 404, 'and its name with it');
    if (when === 'at once') await site.restart();
  }
});

t.test('a refusal leaves its trace nowhere but in the answer', async (t) => {
  const site = await createApiSite(t);
  const { uuid } = await site.create();
  await site.reach(uuid, 'Created');
  const before = (await history(site, `containers/${uuid}`)).length;
  t.equal((await site.call('POST', `/v1/containers/${uuid}/stop`)).status, 409);
  t.equal((await history(site, `containers/${uuid}`)).length, before, 'what changes nothing makes no commit');
});

t.test('charts are served by version', async (t) => {
  const site = await createApiSite(t, { hosts: 0 });
  for (const kind of actorKinds) {
    const { version, machine } = charts[kind];
    for (const query of ['', `?version=${version}`]) {
      const { status, json } = await site.call('GET', `/v1/statecharts/${kind}${query}`);
      t.equal(status, 200);
      t.match(json, { kind, version, definition: { id: kind } });
      t.same(
        Object.keys((json['definition'] as { states: object }).states),
        Object.keys(machine.definition.states),
      );
    }
    t.match((await site.call('GET', `/v1/statecharts/${kind}?version=${version + 1}`)).error, {
      status: 404,
      title: `Version ${version + 1} of the ${kind} chart was never run here`,
    });
  }
  // As a release before this one has left it.
  await site.store.putSetting('chart/tenant/77', JSON.stringify({ id: 'tenant', states: { old: {} } }));
  t.same((await site.call('GET', '/v1/statecharts/tenant?version=77')).json, {
    kind: 'tenant',
    version: 77,
    definition: { id: 'tenant', states: { old: {} } },
  });
  await site.restart();
  t.equal((await site.call('GET', '/v1/statecharts/tenant?version=77')).status, 200, 'kept');
  for (const [path, status, title] of [
    [
      'pod',
      404,
      /There is no statechart "pod"; there are container, capsule, sandbox, pool, network, volume, image, registry, host, tenant/,
    ],
    ['__proto__', 404, /no statechart/],
    ['container?version=0', 400, /version/],
    ['container?version=latest', 400, /version/],
    ['container?verison=1', 400, /verison/],
  ] as const)
    t.match((await site.call('GET', `/v1/statecharts/${path}`)).error, { status, title }, path);
});

t.test('the next restart by policy: when, which of how many, and why', async (t) => {
  const site = await createApiSite(t);
  const { uuid } = await site.create(
    { restart_policy: { Name: 'on-failure', MaximumRetryCount: 3 } },
    { run: true },
  );
  await site.reach(uuid, 'Running');
  const lifecycle = async (): Promise<Json> =>
    (await site.call('GET', `/v1/containers/${uuid}/lifecycle`)).json;
  t.equal((await lifecycle())['nextRestart'], null);
  const before = site.clock.now();
  site.hosts[0]!.driver.exit(uuid, 3);
  await until(() => site.controlPlane.container(null, uuid).statePaths.includes('backingOff'));
  const json = await lifecycle();
  const next = json['nextRestart'] as Json;
  t.match(next, {
    attempt: 1,
    attemptsMost: 3,
    reason: 'Restarting: it exited with 3; its restart policy is "on-failure"',
  });
  t.ok(Number(next['at']) >= before + 100);
  t.match(json['waitingFor'], [
    { description: 'restart 1 of 3 by its restart policy "on-failure"', deadlineAt: next['at'] },
  ]);
});
