/** What a create promises: one container per key, never over quota, and the truth about what became of it. */
import t from 'tap';
import { full, unknown } from './held-store.ts';
import { createApiSite, type ApiSite, type CallOptions, type Json } from './site.ts';
import { until } from './until.ts';

const keyed = (site: ApiSite, key: string, body: Json = {}, options: CallOptions = {}) =>
  site.call('POST', '/v1/containers?run=true', {
    ...options,
    body: { image: 'busybox', ...body },
    headers: { 'idempotency-key': key },
  });
const all = async (site: ApiSite): Promise<Json[]> =>
  (await site.call('GET', '/v1/containers?all_projects=1', { as: 'root' })).json['containers'] as Json[];

t.test('one key is one container', async (t) => {
  const site = await createApiSite(t);
  const answers = await Promise.all(Array.from({ length: 50 }, () => keyed(site, 'k1')));
  t.same([...new Set(answers.map(({ status }) => status))], [202]);
  t.equal(new Set(answers.map(({ json }) => json['uuid'])).size, 1);
  t.equal((await all(site)).length, 1, 'fifty at once make one');
  const { uuid } = answers[0]!.json as { uuid: string };
  await site.reach(uuid, 'Running');
  t.match((await keyed(site, 'k1')).json, { uuid, status: 'Running' }, 'a late repeat finds it as it is');
  t.equal(site.hosts[0]!.driver.calls.filter((call) => call.startsWith('createContainer')).length, 1);

  for (const [body, path] of [
    [{ name: 'other' }, '/v1/containers?run=true'],
    [{ environment: { A: '1' } }, '/v1/containers?run=true'],
    [{}, '/v1/containers?run=false'],
  ] as const) {
    const { status, error } = await site.call('POST', path, {
      body: { image: 'busybox', ...body },
      headers: { 'idempotency-key': 'k1' },
    });
    t.equal(status, 409, 'another body');
    t.match(error, { code: 'container.conflict', title: /"k1" was used for another body; use a new one/ });
  }
  const foreign = await keyed(site, 'k1', {}, { as: 'bob' });
  t.equal(foreign.status, 202);
  t.not(foreign.json['uuid'], uuid, 'a key is of its project');

  await site.restart();
  t.match((await keyed(site, 'k1')).json, { uuid }, 'it outlives the control plane');
  await site.reach(uuid, 'Running');
  await site.call('DELETE', `/v1/containers/${uuid}?stop=true`);
  await site.gone(uuid);
  for (const when of ['now', 'after a restart']) {
    const { status, error } = await keyed(site, 'k1');
    t.equal(status, 409, when);
    t.match(error.title, /made a container that has been deleted/);
    if (when === 'now') await site.restart();
  }
});

t.test('a body that differs while the first is under way conflicts as well', async (t) => {
  const site = await createApiSite(t);
  await site.create();
  const release = site.store.hold();
  const first = keyed(site, 'k', { name: 'one' });
  const [second, third] = [keyed(site, 'k', { name: 'two' }), keyed(site, 'k', { name: 'one' })];
  t.equal((await second).status, 409);
  release();
  t.equal((await first).status, 202);
  t.equal((await third).json['uuid'], (await first).json['uuid']);
});

t.test('a key has 1 to 255 characters', async (t) => {
  const site = await createApiSite(t, { hosts: 0 });
  for (const key of ['', 'k'.repeat(256)])
    t.match((await keyed(site, key)).error, {
      status: 400,
      code: 'container.invalid-value',
      title: /Idempotency-Key/,
    });
  t.equal((await keyed(site, 'k'.repeat(255))).status, 202);
});

t.test('a quota is never exceeded, however many ask at once', async (t) => {
  const site = await createApiSite(t, {
    settings: { 'quota.containers': '7', 'quota.cpu': '2', 'quota.memoryMib': '1000', 'quota.diskGib': '-1' },
  });
  const ask = (body: Json, as: 'ann' | 'bob' = 'ann') =>
    site.call('POST', '/v1/containers', { as, body: { image: 'busybox', ...body } });
  const answers = await Promise.all(Array.from({ length: 40 }, () => ask({})));
  t.equal(answers.filter(({ status }) => status === 202).length, 7);
  for (const { status, error } of answers.filter((answer) => answer.status !== 202)) {
    t.equal(status, 403);
    t.match(error, { code: 'container.over-quota', title: "Quota exceeded for resources: ['containers']" });
  }
  t.equal((await all(site)).length, 7);

  t.equal((await ask({ cpu: 1.5, memory: 900 }, 'bob')).status, 202, 'another project has its own');
  t.match((await ask({ cpu: 0.6 }, 'bob')).error.title, "Quota exceeded for resources: ['cpu']");
  t.match(
    (await ask({ cpu: 1, memory: 128 }, 'bob')).error.title,
    "Quota exceeded for resources: ['cpu', 'memory']",
  );
  t.equal((await ask({ cpu: 0.5, memory: 100 }, 'bob')).status, 202, 'to the brim');

  const [{ uuid }] = (await all(site)) as [Json];
  await site.reach(String(uuid), 'Created');
  await site.call('DELETE', `/v1/containers/${String(uuid)}`);
  await site.gone(String(uuid));
  await until(async () => (await ask({})).status === 202);
  t.equal((await ask({})).status, 403, 'what is deleted is given back, once');
});

t.test(
  'a store that takes no writes is 503 with a time to come back, and nothing has happened',
  async (t) => {
    const site = await createApiSite(t);
    const { uuid } = await site.create({}, { run: true });
    await site.reach(uuid, 'Running');
    site.store.outcome = full;
    for (const answer of [await keyed(site, 'k'), await site.call('POST', `/v1/containers/${uuid}/stop`)]) {
      t.equal(answer.status, 503);
      t.equal(answer.headers['retry-after'], '1');
      t.match(answer.error, {
        code: 'container.service-unavailable',
        title: /Nothing was changed.*disk is full.*try again/,
      });
      t.match(answer.headers['openstack-api-version'], 'container 1.40');
    }
    t.match(await site.reach(uuid, 'Running'), { task_state: null }, 'reads go on from memory');
    t.equal((await all(site)).length, 1);
    site.store.outcome = null;
    const again = keyed(site, 'k');
    // Its actor looks at the store again after a pause.
    await site.clock.advance(1_000);
    t.equal((await again).status, 202);
  },
);

t.test('an outcome that is not known is 503, and names the container', async (t) => {
  const site = await createApiSite(t);
  const { uuid } = await site.create({}, { run: true });
  await site.reach(uuid, 'Running');
  site.store.outcome = unknown;
  const pending = [keyed(site, 'k2'), site.call('POST', `/v1/containers/${uuid}/stop?timeout=1`)];
  await until(() => site.controlPlane.stats().mailboxDepth === 2);
  await site.clock.advance(5_000);
  const [created, stopped] = await Promise.all(pending);
  for (const answer of [created!, stopped!]) {
    t.equal(answer.status, 503);
    t.equal(answer.headers['retry-after'], '1');
    t.match(answer.error, { code: 'container.service-unavailable', title: /It is not known yet/ });
  }
  t.equal(stopped!.error['id'], uuid);
  const id = String(created!.error['id']);
  t.match(created!.error.title, id);
  t.not(id, 'p1', 'the container, not its tenant');
  t.equal(
    (await site.call('GET', `/v1/containers/${id}`)).status,
    404,
    'nothing is shown before it is durable',
  );

  site.store.outcome = null;
  await site.clock.advance(5_000);
  await site.reach(id, 'Running');
  await site.reach(uuid, 'Stopped');
  t.equal((await keyed(site, 'k2')).json['uuid'], id, 'and the same key finds it');
});

t.test('a reply that is lost is no loss: what was written is found written', async (t) => {
  const site = await createApiSite(t);
  site.store.losesReplies = true;
  const created = keyed(site, 'k');
  await until(() => site.logged.some((line) => line.includes('commit outcome unknown')));
  site.store.losesReplies = false;
  await site.clock.advance(2_000);
  const { status, json } = await created;
  t.equal(status, 202);
  await site.reach(String(json['uuid']), 'Running');
  t.equal((await all(site)).length, 1);
});

t.test('no answer leaves before its commit', async (t) => {
  const site = await createApiSite(t);
  const { uuid } = await site.create();
  await site.reach(uuid, 'Created');
  const release = site.store.hold();
  let answered = 0;
  const answers = [site.call('POST', `/v1/containers/${uuid}/start`), keyed(site, 'k')].map((each) =>
    each.finally(() => (answered += 1)),
  );
  const calls = site.hosts[0]!.driver.calls.length;
  await site.clock.advance(500);
  t.equal(answered, 0);
  t.match((await site.call('GET', `/v1/containers/${uuid}`)).json, { status: 'Created', task_state: null });
  t.equal((await all(site)).length, 1);
  t.equal(site.hosts[0]!.driver.calls.length, calls, 'and the engine was not called');
  release();
  t.same(
    (await Promise.all(answers)).map(({ status }) => status),
    [202, 202],
  );
});
