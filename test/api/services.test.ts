/** Zun's services and availability zones, as views of hosts. */
import t from 'tap';
import { createApiSite } from './site.ts';
import { until } from './until.ts';

t.test('a service is a host: listed, disabled with a reason, enabled again', async (t) => {
  const site = await createApiSite(t, { hosts: 2 });
  const call = (method: 'GET' | 'PUT', path: string, as: 'ann' | 'root' = 'root') =>
    site.call(method, path, { as });
  t.equal((await call('GET', '/v1/services', 'ann')).status, 403, 'for admins');
  const listed = async () =>
    (await call('GET', '/v1/services')).json['services'] as readonly Record<string, unknown>[];
  t.match(await listed(), [
    {
      id: Number,
      host: 'host1',
      binary: 'zun-compute',
      state: 'up',
      disabled: false,
      disabled_reason: null,
      forced_down: false,
      availability_zone: 'nova',
    },
    { host: 'host2' },
  ]);
  const host1 = '?host=host1&binary=zun-compute';
  const disabled = await call('PUT', `/v1/services/disable${host1}&disabled_reason=A+fan`);
  t.match(disabled, { status: 200, json: { service: { disabled: true, disabled_reason: 'A fan' } } });
  t.equal((await call('PUT', `/v1/services/disable${host1}`)).status, 200, 'as often as one likes');
  t.match((await listed())[0], { disabled: true, disabled_reason: 'A fan', state: 'up' });
  t.match((await call('GET', '/v1/hosts/host1')).json, { admission: 'cordoned', reason: 'A fan' });
  t.match(await call('PUT', `/v1/services/enable${host1}`), {
    status: 200,
    json: { service: { host: 'host1', binary: 'zun-compute', disabled: false } },
  });
  t.match((await listed())[0], { disabled: false, disabled_reason: null });
  for (const query of ['?host=host9&binary=zun-compute', '?host=host1&binary=zun-api', ''])
    t.match((await call('PUT', `/v1/services/enable${query}`)).error, {
      status: 404,
      code: 'container.zun-service-not-found',
    });
});

t.test('who knows that a host is dead need not wait until it is given up', async (t) => {
  const site = await createApiSite(t);
  const [host] = site.hosts;
  const { uuid } = await site.create({}, { run: true });
  await site.reach(uuid, 'Running');
  const force = (forced: boolean) =>
    site.call('PUT', `/v1/services/force_down?host=host1&binary=zun-compute&forced_down=${forced}`, {
      as: 'root',
    });
  t.match((await force(true)).error, { status: 409, title: /It is heard; stop its agent first/ });
  await host!.agent.stop();
  await until(
    async () => (await site.call('GET', '/v1/hosts/host1', { as: 'root' })).json['state'] === 'suspect',
  );
  t.match(await force(true), { status: 200, json: { service: { forced_down: true } } });
  await site.reach(uuid, 'Unknown');
  t.match((await site.call('GET', '/v1/services', { as: 'root' })).json, {
    services: [{ state: 'down', forced_down: true }],
  });
  t.equal((await force(true)).status, 200);
  t.match(await force(false), { status: 200, json: { service: { forced_down: false } } });
});

t.test('a host that is gone for good is removed once nothing is there any more', async (t) => {
  const site = await createApiSite(t, { hosts: 2 });
  const remove = (as: 'ann' | 'root' = 'root') =>
    site.call('DELETE', '/v1/services?host=host2&binary=zun-compute', { as });
  const state = async () => (await site.call('GET', '/v1/hosts/host2', { as: 'root' })).json['state'];
  const { uuid } = await site.create({ host: 'host2' }, { as: 'root' });
  await site.reach(uuid, 'Created');
  t.equal((await remove('ann')).status, 403, 'for admins');
  t.match((await remove()).error, {
    status: 409,
    title: /^Cannot delete service zun-compute on host host2: It is heard; drain it and stop its agent first/,
  });
  await site.hosts[1]!.agent.stop();
  await until(async () => (await state()) === 'suspect');
  t.match((await remove()).error, { status: 409, title: /give it up first, or wait until it is lost/ });
  await site.call('PUT', '/v1/services/force_down?host=host2&binary=zun-compute', { as: 'root' });
  await site.reach(uuid, 'Unknown');
  t.match((await remove()).error, { status: 409, title: /1 container is still there; delete what is there/ });
  t.match((await site.call('DELETE', '/v1/hosts/host2', { as: 'root' })).error, {
    status: 409,
    title: /^Cannot remove host host2: 1 container is still there/,
  });
  t.equal((await site.call('DELETE', `/v1/containers/${uuid}?stop=true`, { as: 'root' })).status, 204);
  await site.gone(uuid);
  const empty = () =>
    site.controlPlane.hosts().find(({ hostname }) => hostname === 'host2')?.used.containers === 0;
  await until(empty);
  t.match(await remove(), { status: 200, json: null });
  t.match((await site.call('GET', '/v1/services', { as: 'root' })).json['services'], [{ host: 'host1' }]);
  t.equal((await site.call('GET', '/v1/hosts/host2', { as: 'root' })).status, 404);
  t.match((await remove()).error, { status: 404, code: 'container.zun-service-not-found' });
  const next = await site.create();
  t.match(await site.reach(next.uuid, 'Created'), { host: 'host1' }, 'nothing is placed there any more');
});

t.test('availability zones are those of the hosts, for everybody', async (t) => {
  const site = await createApiSite(t, { hosts: 2 });
  t.same((await site.call('GET', '/v1/availability_zones')).json, {
    availability_zones: [{ availability_zone: 'nova' }],
    next: null,
  });
});
