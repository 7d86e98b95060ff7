/** Sending an actor what its lifecycle offers, and what the lifecycle says would follow. */
import t from 'tap';
import { createApiSite, type ApiSite, type Json, type User } from './site.ts';
import { until } from './until.ts';

const offered = async (site: ApiSite, path: string, as: User = 'ann'): Promise<readonly Json[]> =>
  (await site.call('GET', `/v1/${path}/lifecycle`, { as })).json['allowedEvents'] as Json[];

t.test('what is offered can be sent as it is offered, and does what it was said to do', async (t) => {
  const site = await createApiSite(t);
  const { uuid } = await site.create({}, { run: true });
  await site.reach(uuid, 'Running');
  const stop = (await offered(site, `containers/${uuid}`)).find(({ type }) => type === 'container.stop')!;
  t.match(stop, {
    answer: 'accepted',
    to: ['stopping.attempting'],
    starts: [
      { invokeId: 'stop.deadline', src: 'deadline', description: 'the time to stop it to run out' },
      {
        invokeId: 'stopContainer',
        src: 'stopContainer',
        description: 'the container engine on host "host1" to stop it',
      },
    ],
  });
  const { to, starts, answer, reason, roles, ...event } = stop;
  const release = site.hosts[0]!.driver.hold('stopContainer');
  const sent = await site.call('POST', `/v1/containers/${uuid}/events`, { body: event });
  t.equal(sent.status, 202);
  t.match(sent.json, { answer, reason: null, revision: Number });
  await until(() => site.controlPlane.container(null, uuid).statePaths.join() === (to as string[]).join());
  const { json } = await site.call('GET', `/v1/containers/${uuid}/lifecycle`);
  t.same(
    (json['waitingFor'] as Json[]).map(({ invokeId }) => invokeId).toSorted(),
    (starts as Json[]).map(({ invokeId }) => invokeId).toSorted(),
  );
  const { history } = (await site.call('GET', `/v1/containers/${uuid}/history?limit=1000`)).json as {
    history: Json[];
  };
  t.match(history.at(-1), { event: { type: 'container.stop' }, cause: { kind: 'request', userId: 'ann' } });
  release();
  await site.reach(uuid, 'Stopped');
  t.same([reason, roles], [null, ['owner', 'admin']]);
});

t.test('what is not offered, not as it is offered, or not to this role can’t be sent', async (t) => {
  const site = await createApiSite(t);
  const { uuid } = await site.create({}, { run: true });
  await site.reach(uuid, 'Running');
  const send = (body: unknown, as: User = 'ann') =>
    site.call('POST', `/v1/containers/${uuid}/events`, { as, body });
  for (const body of [
    { type: 'runtime.exited' },
    { type: 'container.stop' },
    { type: 'container.stop', graceMs: 1 },
    { type: 'container.start', more: true },
    { type: 'claim.granted', hostId: 'h' },
    {},
  ])
    t.match(await send(body), { status: 400, error: { title: /It takes one of these events: {"type"/ } });
  t.match(await send({ type: 'container.start' }), {
    status: 409,
    error: { title: /refuses container\.start: It is running already/ },
  });
  const force = { type: 'container.delete', mode: 'force', graceMs: 0 };
  t.match(await send(force), { status: 403, error: { title: /container:delete_force/ } });
  t.equal((await send(force, 'bob')).status, 404, 'of another project');
  t.equal(site.controlPlane.container(null, uuid).status, 'Running', 'nothing of it did anything');
  t.equal((await send(force, 'root')).status, 202);
  await site.gone(uuid);
});

t.test('hosts take theirs from admins; tenants take whether they bear neighbours', async (t) => {
  const site = await createApiSite(t);
  await site.create();
  const cordon = (as: User) =>
    site.call('POST', '/v1/hosts/host1/events', { as, body: { type: 'host.cordon' } });
  t.equal((await cordon('ann')).status, 403);
  t.equal((await cordon('root')).status, 202);
  t.match((await site.call('GET', '/v1/hosts/host1', { as: 'root' })).json, { admission: 'cordoned' });
  t.equal((await cordon('root')).status, 409);
  t.match(await site.call('POST', '/v1/tenants/p1/events', { body: { type: 'tenant.limit' } }), {
    status: 400,
    error: {
      title:
        'It takes one of these events: {"type":"tenant.isolate","neighbours":"enforced"}, {"type":"tenant.isolate","neighbours":"off"}',
    },
  });
});

t.test('who the token speaks for', async (t) => {
  const site = await createApiSite(t, { hosts: 0 });
  t.same((await site.call('GET', '/v1/identity')).json, {
    user_id: 'ann',
    user_name: 'ann',
    project_id: 'p1',
    project_name: 'p1',
    roles: ['member'],
    admin: false,
  });
  t.match((await site.call('GET', '/v1/identity', { as: 'root' })).json, { user_id: 'admin', admin: true });
  t.equal((await site.call('GET', '/v1/identity', { as: null })).status, 401);
});

t.test('tenants with what is taken of their limits: one’s own, or all for admins', async (t) => {
  const site = await createApiSite(t);
  const { uuid } = await site.create({ cpu: 0.5, memory: 64 });
  await site.reach(uuid, 'Created');
  await site.create({}, { as: 'bob' });
  const list = async (as: User) => (await site.call('GET', '/v1/tenants', { as })).json['tenants'] as Json[];
  t.same(
    (await list('ann')).map(({ id }) => id),
    ['p1'],
  );
  t.same(
    (await list('root')).map(({ id }) => id),
    ['p1', 'p2'],
  );
  t.match((await list('ann'))[0], {
    used: { containers: 1, cpu: 0.5, memory: 64, disk: 0 },
    limits: { containers: 40, cpu: 20, memory: 51200 },
  });
});

t.test('a watcher is told what people call an actor, and where it is', async (t) => {
  const site = await createApiSite(t);
  const watcher = site.watch({ all_projects: true }, 'root');
  await watcher.next(({ type }) => type === 'snapshot');
  const { uuid } = await site.create({ name: 'web' }, { run: true });
  await site.reach(uuid, 'Running');
  const running = await watcher.next(({ id, status }) => id === uuid && status === 'Running');
  t.match(running, { name: 'web', host: 'host1' });
  t.ok(
    watcher.changes.filter(({ id }) => id === uuid).every(({ name }) => name === 'web'),
    'from its first record on',
  );
  const later = site.watch({ all_projects: true }, 'root');
  const { items } = await later.next(({ type }) => type === 'snapshot');
  t.match(
    items.find(({ id }) => id === uuid),
    { name: 'web', host: 'host1' },
  );
  t.match(
    items.find(({ kind }) => kind === 'host'),
    { name: 'host1', host: null },
  );
  const own = site.watch({}, 'ann');
  const mine = (await own.next(({ type }) => type === 'snapshot')).items.find(({ id }) => id === uuid);
  t.match(mine, { name: 'web', host: null }, 'its host is for whom the policy shows it');
  await site.call('POST', `/v1/containers/${uuid}/stop`);
  t.match(await own.next(({ id, status }) => id === uuid && status === 'Stopped'), { host: null });
  t.match(await later.next(({ id, status }) => id === uuid && status === 'Stopped'), { host: 'host1' });
});
