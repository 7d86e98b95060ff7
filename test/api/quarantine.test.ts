/** Actors that can't be read at start: kept apart and shown, and the process is up for all others. */
import { join } from 'node:path';
import { open } from 'lmdb';
import t from 'tap';
import { containerAddress, tenantAddress, type Address } from '../../src/model/address.ts';
import { createApiSite, type ApiSite, type Json } from './site.ts';
import { until } from './until.ts';
import { isSnapshot } from './watcher.ts';

/** Overwrites what rests in the store, which nobody has open. */
async function scribble(site: ApiSite, table: string, key: string | string[]): Promise<void> {
  const database = open<string, string>({
    path: join(site.directory, 'store/world'),
    encoding: 'string',
    maxDbs: 16,
  });
  const rows = database.openDB<string, string[] | string>({ name: table, encoding: 'string' });
  if (rows.get(key) === undefined) throw new Error(`There is nothing at ${String(key)}`);
  await rows.put(key, '{"scribbled');
  await database.close();
}

const quarantine = async (site: ApiSite) =>
  (await site.call('GET', '/v1/quarantine', { as: 'root' })).json['quarantine'];
const audit = async (site: ApiSite) => (await site.call('GET', '/v1/audit', { as: 'root' })).json['audit'];

t.test('a container whose snapshot is broken', async (t) => {
  const site = await createApiSite(t);
  const keyed = { headers: { 'idempotency-key': 'k' } };
  const broken = await site.create({ name: 'broken', environment: { A: '1' } }, { ...keyed, run: true });
  await site.clock.advance(1_000);
  const strange = await site.create({ name: 'strange' }, { run: true });
  const speechless = await site.create({ name: 'speechless' });
  await site.clock.advance(1_000);
  const sound = await site.create({ name: 'sound' }, { run: true });
  for (const { uuid } of [broken, strange, sound]) await site.reach(uuid, 'Running');
  await site.reach(speechless.uuid, 'Created');
  const address = ({ uuid }: { uuid: string }): Address => containerAddress('p1', uuid);
  const calls = site.hosts[0]!.driver.calls.length;
  const before = await site.call('GET', `/v1/containers/${broken.uuid}/history`);

  // Written by no chart of ours.
  const { record } = site.controlPlane.runtime.cell(address(strange))!.committed!;
  await site.store.writeForward({
    record: { ...record, revision: record.revision + 1, value: 'levitating' },
    journal: (await site.store.journal(address(strange), { after: record.revision - 1, limit: 1 }))[0]!,
    stream: null,
    outbox: [],
    inbox: [],
    document: null,
    index: { add: [], remove: [] },
  });
  await site.restart(async () => {
    await scribble(site, 'actors', address(broken));
    await scribble(site, 'actors', address(speechless));
    await scribble(site, 'documents', [address(speechless), '1'.padStart(16, '0')]);
  });

  t.equal((await site.call('GET', '/readyz', { as: null })).status, 200, 'the process is up');
  t.match((await site.call('GET', '/readyz?verbose', { as: null })).text, /3 unreadable/);
  const listed = (await quarantine(site)) as Json[];
  t.same(listed.map((entry) => entry['address']).sort(), [broken, strange, speechless].map(address).sort());
  for (const entry of listed) t.match(entry, { reason: /./, event: null });
  t.match(
    listed.find((entry) => entry['address'] === address(strange)),
    { reason: /levitating/ },
  );
  // Totals are compared anew once all has settled.
  await site.clock.advance(1_000);
  const ledger = await until(async () => {
    const entries = (await audit(site)) as Json[];
    return entries.some(({ problem }) => problem === 'claims-differ') ? null : entries;
  });
  t.same(
    ledger.map(({ problem, address: of }) => `${String(problem)} ${String(of)}`).sort(),
    [broken, strange, speechless].map((each) => `quarantined ${address(each)}`).sort(),
    'in the ledger as such, and as nothing else',
  );
  t.match((await site.call('GET', '/metrics')).text, /^troupe_actors_quarantined 3$/m);

  const names = (await site.call('GET', '/v1/containers')).json['containers'] as Json[];
  t.match(names, [
    {
      name: 'broken',
      status: 'Unknown',
      status_reason: /^Quarantined: /,
      environment: { A: '1' },
      uuid: broken.uuid,
    },
    { name: 'strange', status: 'Unknown', status_reason: /levitating/ },
    { name: 'sound', status: 'Running' },
  ]);
  t.equal(names.length, 3, 'where the spec can’t be read either, there is nothing to show');
  t.match((await site.call('GET', '/v1/containers?status=Unknown')).json['containers'], [
    { name: 'broken' },
    { name: 'strange' },
  ]);
  for (const id of [broken.uuid, 'broken'])
    t.match((await site.call('GET', `/v1/containers/${id}`)).json, {
      status: 'Unknown',
      created_at: '2026-01-01 00:00:00.000000',
    });
  t.equal((await site.call('GET', `/v1/containers/${broken.uuid}`, { as: 'bob' })).status, 404);
  t.match((await site.call('GET', `/v1/containers/${broken.uuid}/lifecycle`)).json, {
    status: 'Unknown',
    quarantined: { reason: /./, event: null },
    allowedEvents: [{ type: 'container.start', answer: 'refused', reason: 'The actor is quarantined' }],
  });
  t.same(
    (await site.call('GET', `/v1/containers/${broken.uuid}/history`)).json,
    before.json,
    'how it got there can be read',
  );
  t.match(
    (await site.watch().next(isSnapshot)).items,
    [{ name: undefined }, {}, {}, {}].map(() => ({ id: /./ })),
  );
  t.match((await site.watch({ id: broken.uuid }).next(isSnapshot)).items, [
    { kind: 'container', status: 'Unknown', reason: /^Quarantined/ },
  ]);

  for (const [method, path] of [
    ['POST', '/start'],
    ['POST', '/stop'],
    ['DELETE', '?stop=true'],
    ['DELETE', '?force=true'],
    ['GET', '/logs'],
  ] as const) {
    const { status, error, headers } = await site.call(method, `/v1/containers/${broken.uuid}${path}`, {
      as: 'root',
    });
    t.equal(status, 503, `${method} ${path}`);
    t.match(
      error.title,
      new RegExp(`The container "${broken.uuid}" is quarantined: .*; an operator must look at it`),
    );
    t.equal(headers['retry-after'], undefined, 'coming back is no use');
  }
  t.match(
    (
      await site.call('POST', '/v1/containers?run=true', {
        ...keyed,
        body: { image: 'busybox', name: 'broken', environment: { A: '1' } },
      })
    ).error,
    {
      status: 503,
      title: /is quarantined/,
    },
  );

  t.ok(site.hosts[0]!.driver.containers.has(broken.uuid), 'it runs on');
  t.same(
    site.hosts[0]!.driver.calls.slice(calls).filter((call) => /stop|remove/.test(call)),
    [],
    'and is not touched',
  );
  t.equal(
    (await site.call('POST', `/v1/containers/${sound.uuid}/stop`)).status,
    202,
    'its siblings do not notice',
  );
  await site.reach(sound.uuid, 'Stopped');
});

t.test('a tenant whose snapshot is broken takes nothing new, and loses nothing', async (t) => {
  const site = await createApiSite(t);
  const { uuid } = await site.create({}, { run: true, as: 'bob' });
  await site.reach(uuid, 'Running');
  await site.restart(() => scribble(site, 'actors', tenantAddress('p2')));
  t.match(await quarantine(site), [{ address: 'tenant/p2' }]);
  const refused = await site.call('POST', '/v1/containers', { as: 'bob', body: { image: 'busybox' } });
  t.equal(refused.status, 503);
  t.match(refused.error.title, /^The tenant "p2" is quarantined: /);
  t.equal((await site.call('POST', `/v1/containers/${uuid}/stop`, { as: 'bob' })).status, 202);
  await site.reach(uuid, 'Stopped');
  t.match((await site.call('GET', '/v1/tenants/p2/lifecycle', { as: 'bob' })).json, {
    quarantined: { reason: /./ },
  });
  t.equal(
    (await site.call('POST', '/v1/containers', { body: { image: 'busybox' } })).status,
    202,
    'others go on',
  );
  t.equal((await site.call('DELETE', `/v1/containers/${uuid}`, { as: 'bob' })).status, 204);
  await site.gone(uuid);
  // Acknowledgements that find no company go alone after a while.
  await site.clock.advance(1_000);
  await until(() => site.controlPlane.stats().mailboxDepth === 0);
  t.match(
    await site.store.read(containerAddress('p2', uuid)),
    { record: { endedAt: Number }, outbox: [{ to: 'tenant/p2', event: { type: 'tenant.release' } }] },
    'what it is to be told waits for it',
  );
});

t.test('only admins see the quarantine', async (t) => {
  const site = await createApiSite(t, { hosts: 0 });
  for (const path of ['/v1/quarantine', '/v1/audit'])
    t.match((await site.call('GET', path)).error, { status: 403, code: 'container.policy-not-authorized' });
  t.same(await quarantine(site), []);
});
