/** `/v1/hosts`, for admins. @see zun-api 2.9 */
import t from 'tap';
import { createApiSite, type Json } from './site.ts';

const site = await createApiSite(t, { hosts: 3 });
const get = (path: string) => site.call('GET', `/v1/hosts${path}`, { as: 'root', headers: { host: 'h' } });
const names = (json: Json): unknown[] => (json['hosts'] as Json[]).map(({ hostname }) => hostname);

t.test('Zun’s view of a host, and what Zun keeps to itself', async (t) => {
  const { uuid } = await site.create({ host: 'host2', cpu: 1.5, memory: 64 }, { as: 'root' });
  await site.reach(uuid, 'Created');
  const [, host] = site.controlPlane.hosts().toSorted((a, b) => (a.hostname < b.hostname ? -1 : 1));
  for (const id of ['host2', host!.id]) {
    const { json } = await get(`/${id}`);
    t.match(json, {
      uuid: host!.id,
      links: [
        { href: `http://h/v1/hosts/${host!.id}`, rel: 'self' },
        { href: `http://h/hosts/${host!.id}`, rel: 'bookmark' },
      ],
      hostname: 'host2',
      mem_total: 1024,
      mem_used: 64,
      total_containers: 1,
      cpus: 4,
      cpu_used: 1.5,
      architecture: 'x86_64',
      os_type: 'linux',
      labels: {},
      disk_total: 10,
      disk_used: 0,
      runtimes: ['runc'],
      state: 'online',
      admission: 'open',
      engine: 'fake 1',
      engine_up: true,
      availability_zone: 'nova',
      pools: [],
      warm_memory_total: 256,
      warm_memory_used: 0,
    });
  }
  t.match((await get('/nowhere')).error, {
    status: 404,
    code: 'container.compute-node-not-found',
    title: 'Compute host nowhere could not be found.',
  });
});

t.test('the list, in order of names, in pages', async (t) => {
  const { json } = await get('');
  t.same(names(json), ['host1', 'host2', 'host3']);
  t.equal(json['next'], null);
  t.notOk('links' in (json['hosts'] as Json[])[0]!);
  const first = (await get('?limit=2')).json;
  t.same(names(first), ['host1', 'host2']);
  const next = new URL(String(first['next']));
  t.same(names((await site.call('GET', next.pathname + next.search, { as: 'root' })).json), ['host3']);
  t.same(names((await get('?sort_key=cpu_used&sort_dir=desc&limit=1')).json), ['host2']);
  t.match((await get('?marker=none')).error, { status: 404, title: 'Compute host none could not be found.' });
  t.equal((await get('?colour=red')).status, 400);
  t.equal((await get('?sort_key=colour')).status, 400);
});

t.test('a cordoned host takes nothing new, until it does again', async (t) => {
  for (const name of ['host1', 'host2'])
    t.equal((await site.call('POST', `/v1/hosts/${name}/cordon`, { as: 'root' })).status, 202);
  t.match((await get('/host1')).json, { admission: 'cordoned', state: 'online' });
  const { uuid } = await site.create();
  t.match(await site.reach(uuid, 'Created'), { host: 'host3' });
  const again = await site.call('POST', '/v1/hosts/host1/cordon', { as: 'root' });
  t.equal(again.status, 409);
  t.match(again.error.title, /^Cannot cordon host host1: /);
  t.equal((await site.call('POST', '/v1/hosts/host1/uncordon', { as: 'root' })).status, 202);
  t.match((await get('/host1')).json, { admission: 'open' });
});

t.test('hosts are for admins, from 1.4 on', async (t) => {
  for (const [method, path] of [
    ['GET', ''],
    ['GET', '/host1'],
    ['POST', '/host1/cordon'],
    ['POST', '/host1/uncordon'],
    ['GET', '/host1/lifecycle'],
    ['GET', '/host1/history'],
  ] as const)
    t.match(
      (await site.call(method, `/v1/hosts${path}`)).error,
      { status: 403, code: 'container.policy-not-authorized' },
      path,
    );
  for (const path of ['', '/host1'])
    t.match((await site.call('GET', `/v1/hosts${path}`, { as: 'root', version: 3 })).error, {
      status: 406,
      code: 'container.',
      title: '',
    });
});

t.test('a host joins with a token, once', async (t) => {
  const { status, json } = await site.call('POST', '/v1/join_tokens', { as: 'root' });
  t.equal(status, 201);
  t.match(json['join_token'], /./);
  t.equal((await site.call('POST', '/v1/join_tokens')).status, 403);
  t.notOk(site.logged.some((line) => line.includes(String(json['join_token']))));
});
