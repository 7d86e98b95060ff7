/** For load balancers and Prometheus: what they are told, and what they are not. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Outcome } from '../../src/actors/stores/store.ts';
import { full, unknown } from './held-store.ts';
import { createApiSite, type ApiSite } from './site.ts';
import { until } from './until.ts';

const ready = (site: ApiSite, query = '') => site.call('GET', `/readyz${query}`, { as: null, version: null });
const checks = async (site: ApiSite) => {
  const { json } = await ready(site, '?verbose');
  return Object.fromEntries(
    (json['checks'] as { name: string; ok: boolean; detail: string }[]).map(({ name, ok, detail }) => [
      name,
      { ok, detail },
    ]),
  );
};

t.test('alive is alive, whatever else', async (t) => {
  const site = await createApiSite(t, { hosts: 0 });
  for (const [path, text] of [
    ['/healthz', 'ok'],
    ['/healthcheck', 'OK'],
    ['/readyz', 'ok'],
  ] as const) {
    const answer = await site.call('GET', path, { as: null, version: null });
    t.equal(answer.status, 200, path);
    t.equal(answer.text, text);
    t.match(answer.headers['content-type'], /^text\/plain/);
    t.equal(answer.headers['openstack-api-version'], undefined);
  }
  site.store.outcome = full;
  await site.call('POST', '/v1/containers', { body: { image: 'busybox' } });
  t.equal(
    (await site.call('GET', '/healthz', { as: null })).status,
    200,
    'a full store is no reason to be restarted',
  );
  site.store.outcome = null;
});

t.test('a file takes it out of a load balancer', async (t) => {
  const disableFile = join(t.testdir({}), 'disable');
  const site = await createApiSite(t, { hosts: 0, settings: { 'api.disableFile': disableFile } });
  const told = () => site.call('GET', '/healthcheck', { as: null, version: null });
  writeFileSync(disableFile, '');
  t.match(await told(), { status: 503, text: 'DISABLED BY FILE' });
  rmSync(disableFile);
  t.match(await told(), { status: 200, text: 'OK' });
});

t.test('ready says what it is ready with', async (t) => {
  const site = await createApiSite(t);
  t.match((await ready(site, '?verbose')).json, {
    ready: true,
    checks: [
      { name: 'store', ok: true, detail: 'takes writes' },
      { name: 'owner', ok: true, detail: 'epoch 1' },
      { name: 'actors', ok: true, detail: '0 restored, 0 unreadable' },
      { name: 'lifecycle', ok: true, detail: 'running' },
    ],
  });
  const { uuid } = await site.create();
  await site.reach(uuid, 'Created');
  await site.restart();
  t.match(await checks(site), {
    owner: { detail: 'epoch 2' },
    actors: { detail: '3 restored, 0 unreadable' },
  });
});

t.test(
  'a store that takes nothing makes it unready, with the reason, until it takes something',
  async (t) => {
    const site = await createApiSite(t);
    site.store.outcome = full;
    t.equal((await site.call('POST', '/v1/containers', { body: { image: 'busybox' } })).status, 503);
    const answer = await ready(site);
    t.equal(answer.status, 503);
    t.match(answer.text, /^store: .*The disk is full/);
    t.match(await checks(site), { store: { ok: false, detail: /The disk is full/ }, owner: { ok: true } });
    site.store.outcome = null;
    await site.clock.advance(10_000);
    await until(async () => (await ready(site)).status === 200);
    t.match(await checks(site), { store: { ok: true } }, 'found out without anybody asking for anything');
    t.equal((await site.call('POST', '/v1/containers', { body: { image: 'busybox' } })).status, 202);
  },
);

t.test('a store that does not answer makes it unready as well, also while nobody writes', async (t) => {
  const site = await createApiSite(t);
  site.store.outcome = unknown;
  const created = site.call('POST', '/v1/containers', { body: { image: 'busybox' } });
  await until(async () => (await ready(site)).status === 503);
  t.match((await ready(site)).text, /^store: Shard t:p1 waits for the store: The connection was lost/);
  site.store.outcome = null;
  await site.clock.advance(2_000);
  t.equal((await created).status, 202);
  t.equal((await ready(site)).status, 200);
  await until(() => site.controlPlane.stats().mailboxDepth === 0);

  site.store.away = new Error('connect ECONNREFUSED');
  await site.clock.advance(10_000);
  await until(async () => (await ready(site)).status === 503);
  t.match((await ready(site)).text, /^store: The store does not answer: connect ECONNREFUSED/);
  site.store.away = null;
  await site.clock.advance(10_000);
  await until(async () => (await ready(site)).status === 200);
});

t.test('who has been overtaken says so, and decides nothing any more', async (t) => {
  const site = await createApiSite(t);
  const { uuid } = await site.create({}, { run: true });
  await site.reach(uuid, 'Running');
  const stale = (): Outcome => ({
    kind: 'refused',
    cause: 'stale',
    storedEpoch: 9,
    storedRevision: 0,
    reason: 'A newer owner has the store',
  });
  site.store.outcome = stale;
  const overtaken = await site.call('POST', `/v1/containers/${uuid}/stop`);
  t.equal(overtaken.status, 503);
  t.match(overtaken.error, {
    code: 'container.service-unavailable',
    title: /Another control plane has taken over/,
  });
  t.equal(overtaken.headers['retry-after'], '1');
  t.match(await site.controlPlane.fenced, /epoch 9 owns/);
  const answer = await ready(site);
  t.equal(answer.status, 503);
  t.match(answer.text, /^owner: A newer owner has the store/m);
  site.store.outcome = null;
  for (const [method, path] of [
    ['POST', `/v1/containers/${uuid}/stop`],
    ['DELETE', `/v1/containers/${uuid}?stop=true`],
    ['POST', '/v1/containers'],
  ] as const)
    t.equal(
      (
        await site.call(method, path, {
          body: method === 'POST' && path.endsWith('s') ? { image: 'busybox' } : undefined,
        })
      ).status,
      503,
      `${method} ${path}`,
    );
  t.match(
    (await site.call('GET', `/v1/containers/${uuid}`)).json,
    { status: 'Running' },
    'what it knew can be read still',
  );
});

t.test('metrics: every request, every gauge, and no id in any label', async (t) => {
  const site = await createApiSite(t);
  const { uuid } = await site.create({ name: 'measured' }, { run: true });
  await site.reach(uuid, 'Running');
  for (const path of [
    `/v1/containers/${uuid}`,
    '/v1/containers/measured',
    '/v1/containers/none',
    '/v1/containers',
    '/nothing',
    `/x/${uuid}`,
  ])
    await site.call('GET', path);
  await site.call('GET', '/v1/containers', { as: null });
  const watcher = site.watch();
  await watcher.next(({ type }) => type === 'snapshot');
  const { status, text, headers } = await site.call('GET', '/metrics', { as: null });
  t.equal(status, 200);
  t.match(headers['content-type'], /^text\/plain; version=0\.0\.4/);
  const value = (series: string): number =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.split(' ')
        .at(-1),
    );
  t.equal(
    value('http_request_duration_seconds_count{route="/v1/containers/:id",method="GET",code="200"}'),
    3,
    'the wait for it included',
  );
  t.equal(
    value('http_request_duration_seconds_count{route="/v1/containers/:id",method="GET",code="404"}'),
    1,
  );
  t.equal(value('http_request_duration_seconds_count{route="/v1/containers",method="POST",code="202"}'), 1);
  t.equal(value('http_request_duration_seconds_count{route="/v1/containers",method="GET",code="401"}'), 1);
  t.equal(value('http_request_duration_seconds_count{route="unknown",method="GET",code="404"}'), 2);
  t.equal(value('troupe_actors{kind="container"}'), 1);
  t.equal(value('troupe_actors{kind="host"}'), 1);
  t.equal(value('troupe_hosts{state="online"}'), 1);
  t.equal(value('troupe_stream_clients'), 1);
  t.equal(value('troupe_actors_quarantined'), 0);
  t.equal(value('troupe_mailbox_depth'), 0);
  t.ok(value('troupe_turns_total') >= 6);
  t.ok(value('troupe_commits_total') >= 4);
  const labels = [...text.matchAll(/\{([^}]*)\}/g)].map(([, each]) => each).join('\n');
  for (const secret of [
    uuid,
    'measured',
    'host1',
    'p1',
    'ann',
    site.controlPlane.hosts()[0]!.id,
    site.token('ann'),
  ])
    t.notOk(labels.includes(secret), secret);
  t.notMatch(labels, /[0-9a-f]{8}-[0-9a-f]{4}-/);
  t.equal(
    value('troupe_turns_total'),
    Number((await site.call('GET', '/metrics')).text.match(/^troupe_turns_total (\d+)/m)?.[1]),
    'asking twice counts nothing twice',
  );
});
