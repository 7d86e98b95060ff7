/** Operators and tenants steer where containers go, over the API. */
import t from 'tap';
import { createApiSite, type ApiSite, type Json } from './site.ts';
import { until } from './until.ts';

const place = async (site: ApiSite, body: Json = {}, as: 'ann' | 'bob' = 'ann'): Promise<Json> => {
  const { uuid } = await site.create(body, { run: true, as });
  return site.reach(uuid, 'Running', 'Error');
};

const hostOf = async (site: ApiSite, name: string): Promise<Json> =>
  (await site.call('GET', `/v1/hosts/${name}`, { as: 'root' })).json;

t.test('a drained host takes nothing new, and is in maintenance once it is empty', async (t) => {
  const site = await createApiSite(t);
  const { uuid } = await place(site);
  const post = (verb: string, as: 'root' | 'ann' = 'root') =>
    site.call('POST', `/v1/hosts/host1/${verb}`, { as });
  t.equal((await post('drain', 'ann')).status, 403);
  t.match((await post('maintain')).error, { status: 409, title: /1 container is still there/ });
  t.equal((await post('drain')).status, 202);
  t.match(await hostOf(site, 'host1'), { admission: 'draining' });
  t.match((await place(site))['status_reason'], /admission \(1\): "host1"/);
  await site.call('DELETE', `/v1/containers/${String(uuid)}?stop=true`);
  await until(async () => (await hostOf(site, 'host1'))['admission'] === 'maintenance');
  t.match((await post('drain')).error, { status: 409, title: /in maintenance/ });
  t.equal((await post('uncordon')).status, 202);
  t.match(await place(site), { status: 'Running' });
});

t.test('labels of a host are the operator’s over the agent’s, and hints ask for them', async (t) => {
  const site = await createApiSite(t, { hosts: 2 });
  const label = (body: unknown, as: 'root' | 'ann' = 'root') =>
    site.call('PATCH', '/v1/hosts/host2/labels', { as, body });
  t.same((await label({ disk: 'ssd' })).json, { labels: { disk: 'ssd' } });
  t.match((await hostOf(site, 'host2'))['labels'], { disk: 'ssd' });
  for (let count = 0; count < 3; count += 1)
    t.match(await place(site, { hints: { 'label:disk': 'ssd' } }), { status: 'Running', host: 'host2' });
  t.match((await place(site, { hints: { 'label:disk': 'tape' } }))['status_reason'], /labels/);
  t.match(
    (await site.call('POST', '/v1/containers', { body: { image: 'busybox', hints: { 'label:gpu': '1' } } }))
      .error,
    {
      status: 400,
      title: /No host has a label "gpu"/,
    },
  );
  t.same((await label({ disk: null })).json, { labels: {} });
  t.equal((await label({ disk: 7 })).status, 400);
  t.equal((await label({ disk: 'hdd' }, 'ann')).status, 403);
  t.match((await label({ '': 'x' })).error, { status: 400, title: /1 to 255 characters/ });
});

t.test('enforced neighbours: a tenant has its hosts to itself, and who finds none is told why', async (t) => {
  const site = await createApiSite(t, { hosts: 2 });
  t.match((await site.call('PATCH', '/v1/tenants/p1', { body: { neighbours: 'enforced' } })).json, {
    neighbours: 'enforced',
  });
  const first = await place(site);
  const second = await place(site);
  t.equal(second['host'], first['host'], 'its own containers are together');
  const other = await place(site, {}, 'bob');
  t.match(other, { status: 'Running' });
  t.not(other['host'], first['host']);
  await site.call('POST', `/v1/hosts/${String(other['host'])}/cordon`, { as: 'root' });
  t.match((await place(site, {}, 'bob'))['status_reason'], /neighbours \(1\)/);
  t.match((await site.call('PATCH', '/v1/tenants/p1', { as: 'bob', body: { neighbours: 'off' } })).error, {
    status: 404,
  });
  t.match((await site.call('PATCH', '/v1/tenants/p1', { body: { neighbours: 'alone' } })).error, {
    status: 400,
    title: /off, preferred, enforced/,
  });
});

t.test('no tenant loosens what its site wants', async (t) => {
  const site = await createApiSite(t, { settings: { 'scheduler.neighbours': 'enforced' } });
  t.match((await site.call('PATCH', '/v1/tenants/p1', { body: { neighbours: 'off' } })).error, {
    status: 403,
    title: /site/,
  });
  t.match((await site.call('GET', '/v1/tenants/p1')).json, { neighbours: 'enforced' });
});

t.test('limits of a tenant are set by admins, and hold at once', async (t) => {
  const site = await createApiSite(t);
  const patch = (body: unknown, as: 'root' | 'ann' = 'root') =>
    site.call('PATCH', '/v1/tenants/p1', { as, body });
  t.equal((await patch({ limits: { containers: 1 } }, 'ann')).status, 403);
  t.match((await patch({ limits: { containers: 1, cpu: 1.5, memory: -1 } })).json, {
    limits: { containers: 1, cpu: 1.5, memory: -1, disk: 100 },
  });
  await place(site, { cpu: 1 });
  t.match((await site.call('POST', '/v1/containers', { body: { image: 'busybox' } })).error, {
    status: 403,
    code: 'container.over-quota',
  });
  for (const limits of [{ containers: -2 }, { cpu: 'many' }, { disk: 1.5 }, { pods: 1 }])
    t.equal((await patch({ limits })).status, 400, JSON.stringify(limits));
});

t.test('a host and a zone that were asked for are the only ones', async (t) => {
  const site = await createApiSite(t, { hosts: 2 });
  const { uuid } = await site.create({ host: 'host2' }, { as: 'root', run: true });
  t.match(await site.reach(uuid, 'Running'), { host: 'host2' });
  t.match((await place(site, { availability_zone: 'moon' }))['status_reason'], /availability zone \(2\)/);
  t.match(
    (await site.call('POST', '/v1/containers', { as: 'root', body: { image: 'busybox', host: 'host9' } }))
      .error,
    {
      status: 404,
      title: 'Requested host host9 could not be found.',
    },
  );
});
