/** What Zun's clients do to a container beside its start and end. @see zun-api 2.5, 2.7 */
import t from 'tap';
import { TroupeError } from '../../src/errors/errors.ts';
import { createApiSite, type ApiSite, type Json, type User } from './site.ts';
import { until } from './until.ts';

const running = async (site: ApiSite, body: Json = {}): Promise<string> => {
  const { uuid } = await site.create(body, { run: true });
  await site.reach(uuid, 'Running');
  return uuid;
};

const used = async (site: ApiSite): Promise<Json> =>
  (await site.call('GET', '/v1/tenants/p1')).json['used'] as Json;

t.test('paused, unpaused, killed, rebooted, rebuilt', async (t) => {
  const site = await createApiSite(t);
  const { driver } = site.hosts[0]!;
  const uuid = await running(site);
  const post = async (verb: string) => {
    const { status, text } = await site.call('POST', `/v1/containers/${uuid}/${verb}`);
    t.same([status, text], [202, 'null'], verb);
  };
  await post('pause');
  t.match(await site.reach(uuid, 'Paused'), { task_state: null });
  await post('unpause');
  await site.reach(uuid, 'Running');
  const before = driver.containers.get(uuid)!.observation.startedAt;
  await post('reboot?timeout=1');
  await until(() => (driver.containers.get(uuid)!.observation.startedAt ?? 0) > before!);
  await site.reach(uuid, 'Running');
  await post('kill?signal=None');
  t.match(await site.reach(uuid, 'Stopped'), { exit_code: 137, status_reason: /SIGKILL, as asked/ });
  await post('rebuild?image=other%3A2');
  t.match(await site.reach(uuid, 'Created'), { image: 'other:2', status_reason: null });
  t.ok(driver.imageNames.has('other:2'));
  t.equal(driver.containers.get(uuid)!.observation.generation, 2, 'it is another container of the engine');
});

t.test(
  'what runs is rebuilt running; what can’t be made again says why, and is there to be rebuilt',
  async (t) => {
    const site = await createApiSite(t);
    const { driver } = site.hosts[0]!;
    const uuid = await running(site);
    t.equal((await site.call('POST', `/v1/containers/${uuid}/rebuild`)).status, 202);
    await until(() => driver.containers.get(uuid)?.observation.generation === 2);
    await site.reach(uuid, 'Running');
    driver.failNext('createContainer', new TroupeError('INVALID_SPEC', 'The command is no command'));
    t.equal((await site.call('POST', `/v1/containers/${uuid}/rebuild`)).status, 202);
    t.match(await site.reach(uuid, 'Error'), { status_reason: 'The command is no command' });
    t.equal((await site.call('POST', `/v1/containers/${uuid}/rebuild`)).status, 202);
    await site.reach(uuid, 'Created', 'Running');
  },
);

t.test('a signal is a name or number of one', async (t) => {
  const site = await createApiSite(t);
  const uuid = await running(site);
  for (const signal of ['SIGNAL', 'HUPP', '99', '-1', 'SIG'])
    t.match((await site.call('POST', `/v1/containers/${uuid}/kill?signal=${signal}`)).error, {
      status: 400,
      title: new RegExp(`'signal'.*'${signal}'.*name or number`),
    });
  for (const signal of ['sigterm', '15', 'TERM']) {
    t.equal((await site.call('POST', `/v1/containers/${uuid}/kill?signal=${signal}`)).status, 202, signal);
    t.match(await site.reach(uuid, 'Stopped'), { status_reason: /SIGTERM, as asked/ });
    await site.call('POST', `/v1/containers/${uuid}/start`);
    await site.reach(uuid, 'Running');
  }
});

t.test('another name, by either way of asking, and at the versions that have it', async (t) => {
  const site = await createApiSite(t);
  const { uuid } = await site.create({ name: 'web-1' });
  await site.reach(uuid, 'Created');
  const patched = await site.call('PATCH', '/v1/containers/web-1', { body: { name: 'web-2' } });
  t.match([patched.status, patched.json], [200, { uuid, name: 'web-2' }]);
  const renamed = await site.call('POST', '/v1/containers/web-2/rename?name=web-3', { version: 13 });
  t.match([renamed.status, renamed.json], [200, { uuid, name: 'web-3' }]);
  t.match((await site.call('POST', '/v1/containers/web-3/rename?name=web-3', { version: 13 })).error, {
    status: 409,
    title: /web-3/,
  });
  t.equal((await site.call('POST', '/v1/containers/web-3/rename?name=web-4', { version: 14 })).status, 406);
  t.match((await site.call('PATCH', `/v1/containers/${uuid}`, { body: { name: '-' } })).error, {
    status: 400,
    title: /name/,
  });
  t.match((await site.call('PATCH', `/v1/containers/${uuid}`, { body: { image: 'x' } })).error, {
    status: 400,
    title: /image.*Known are: cpu, memory, name, auto_heal/,
  });
  await site.restart();
  t.match((await site.call('GET', `/v1/containers/${uuid}`)).json, { name: 'web-3' }, 'it is durable');
});

t.test('limits change while it runs, within quota and host, and what is counted follows', async (t) => {
  const site = await createApiSite(t);
  const { driver } = site.hosts[0]!;
  const uuid = await running(site, { cpu: 1, memory: 128 });
  const patch = (body: Json) => site.call('PATCH', `/v1/containers/${uuid}`, { body });
  t.equal((await patch({ cpu: 2, memory: 256 })).status, 200);
  await until(() => driver.limits.get(uuid)?.memoryMib === 256);
  await until(() => site.controlPlane.container(null, uuid).spec.memoryMib === 256);
  t.match(await site.reach(uuid, 'Running'), { cpu: 2, memory: '256' });
  await until(async () => (await used(site))['memory'] === 256);
  const resized = await site.call('POST', `/v1/containers/${uuid}/resize_container?memory=64`);
  t.match([resized.status, resized.json], [202, { uuid }]);
  await until(async () => (await used(site))['memory'] === 64);
  t.same(await used(site), { containers: 1, cpu: 2, memory: 64, disk: 0 });
  t.equal((await site.call('POST', `/v1/containers/${uuid}/resize_container`, { version: 18 })).status, 406);

  await until(() => site.controlPlane.container(null, uuid).taskState === null);
  t.match((await patch({ cpu: 8 })).status, 200, 'the quota has room for it');
  t.match(
    await until(() => reasonOf(site, uuid)),
    /could not be resized: .*8 CPU|CPU asked/,
    'its host has not',
  );
  await until(async () => (await used(site))['cpu'] === 2);
  t.same(await used(site), { containers: 1, cpu: 2, memory: 64, disk: 0 }, 'and nothing of it is counted');

  await site.call('PATCH', '/v1/tenants/p1', { as: 'root', body: { limits: { memory: 100 } } });
  t.match((await patch({ memory: 128 })).error, { status: 403, title: /memory/ });
  t.equal((await site.call('DELETE', `/v1/containers/${uuid}?stop=true`)).status, 204);
  await site.gone(uuid);
  await until(async () => (await used(site))['cpu'] === 0);
  t.same(await used(site), { containers: 0, cpu: 0, memory: 0, disk: 0 });
});

const reasonOf = (site: ApiSite, uuid: string): string | null =>
  site.controlPlane.container(null, uuid).reason;

t.test('a command is run to its end in a container that runs', async (t) => {
  const site = await createApiSite(t);
  const { driver } = site.hosts[0]!;
  const uuid = await running(site);
  const execute = (query: string) => site.call('POST', `/v1/containers/${uuid}/execute?${query}`);
  t.same((await execute('command=%22ls%22+%22-l+x%22')).json, {
    output: 'ls -l x\n',
    exit_code: 0,
    exec_id: null,
    proxy_url: null,
  });
  driver.runs = () => ({ end: 'exited', exitCode: 3, output: 'no', truncated: true });
  t.match((await execute('command=false')).json, { output: /^no\n.*cut after/, exit_code: 3 });
  driver.runs = () => ({ end: 'killed', exitCode: null, output: '', truncated: false });
  t.match((await execute('command=sleep+60')).error, {
    status: 409,
    code: 'container.conflict',
    title: /^Timeout on executing command: "sleep 60" took more than 5 s; it was killed/,
  });
  for (const query of ['', 'command=', 'command=%22'])
    t.match((await execute(query)).error, { status: 400, title: /command/ }, query);
  t.match((await execute('command=sh&interactive=perhaps&run=False')).error, {
    status: 400,
    title: /parameters 'interactive'/,
  });
  await site.call('POST', `/v1/containers/${uuid}/stop`);
  await site.reach(uuid, 'Stopped');
  t.match((await execute('command=ls')).error, { status: 409, title: /^Cannot execute .* in Stopped state/ });
});

t.test('processes and use, as Zun words them', async (t) => {
  const site = await createApiSite(t);
  const uuid = await running(site, { name: 'web-1' });
  const get = (path: string, as: User = 'ann') => site.call('GET', `/v1/containers/${uuid}/${path}`, { as });
  t.same((await get('top?ps_args=None')).json, { Titles: ['PID', 'CMD'], Processes: [['1', 'sleep -ef']] });
  t.match((await get('top?ps_args=aux')).json, { Processes: [['1', 'sleep aux']] });
  t.same((await get('stats')).json, {
    CONTAINER: 'web-1',
    'CPU %': 5,
    'MEM USAGE(MiB)': 16,
    'MEM LIMIT(MiB)': 64,
    'MEM %': 25,
    'BLOCK I/O(B)': '1/2',
    'NET I/O(B)': '3/4',
    sampled_at: '1970-01-01T00:00:00.000Z',
    cpu_seconds: 5,
    host_cpus: 4,
    memory_bytes: 16 * 1024 * 1024,
    memory_limit_bytes: 64 * 1024 * 1024,
    network_received_bytes: 3,
    network_sent_bytes: 4,
  });
  t.equal((await get('stats', 'bob')).status, 404);
  site.hosts[0]!.wire.links = null;
  site.hosts[0]!.wire.cut();
  t.match((await get('stats')).error, { status: 503, code: 'container.container-host-not-up' });
});

t.test('what people asked of a container, newest first, with what came of it', async (t) => {
  const site = await createApiSite(t);
  const created = await site.call('POST', '/v1/containers?run=true', { body: { image: 'busybox' } });
  const uuid = String(created.json['uuid']);
  await site.reach(uuid, 'Running');
  const release = site.hosts[0]!.driver.hold('stopContainer');
  const stopped = await site.call('POST', `/v1/containers/${uuid}/stop`, { as: 'amy' });
  const path = `/v1/containers/${uuid}/container_actions`;
  const create = created.headers['x-openstack-request-id'];
  const stop = stopped.headers['x-openstack-request-id'];
  t.match((await site.call('GET', path)).json, {
    containerActions: [
      { action: 'stop', user_id: 'amy', request_id: stop, finish_time: null, message: null },
      {
        action: 'create',
        user_id: 'ann',
        project_id: 'p1',
        container_uuid: uuid,
        request_id: create,
        start_time: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/,
        finish_time: /^\d{4}-/,
        message: null,
      },
    ],
  });
  release();
  await site.reach(uuid, 'Stopped');
  t.match((await site.call('GET', `${path}/${stop}`)).json, {
    action: 'stop',
    events: [{ event: 'compute__do_container_stop', result: 'Success', traceback: null }],
  });
  t.match((await site.call('GET', `${path}/req-none`)).error, {
    status: 404,
    title: 'The Action resource req-none could not be found.',
  });
  t.equal((await site.call('GET', path, { as: 'bob' })).status, 404);
});

t.test('how it failed is for admins; that it did, for its owner', async (t) => {
  const site = await createApiSite(t);
  site.hosts[0]!.driver.failNext('createContainer', new TroupeError('INVALID_SPEC', 'It is no command'));
  const created = await site.call('POST', '/v1/containers', { body: { image: 'busybox' } });
  const uuid = String(created.json['uuid']);
  await site.reach(uuid, 'Error');
  const path = `/v1/containers/${uuid}/container_actions/${created.headers['x-openstack-request-id']}`;
  t.match((await site.call('GET', path)).json, {
    message: 'Error',
    events: [{ event: 'compute__do_container_create', result: 'Error', traceback: null }],
  });
  t.match((await site.call('GET', path, { as: 'root' })).json, {
    events: [{ traceback: /^INVALID_SPEC: It is no command\n  at \d{4}-.*Z actor\.created → [^]*→ error$/ }],
  });
});
