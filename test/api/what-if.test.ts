/** What an event would lead to: told by the charts, tried out on copies, and then seen to be so. */
import t from 'tap';
import { createApiSite, type ApiSite, type Answer, type Json, type User } from './site.ts';

interface Step extends Json {
  readonly by: number | null;
  readonly kind: string;
  readonly address: string;
  readonly event: { readonly type: string };
  readonly to: readonly string[];
}

const steps = ({ json }: Answer): readonly Step[] => json['steps'] as Step[];
const actors = ({ json }: Answer): readonly Json[] => json['actors'] as Json[];

const whatIf = (site: ApiSite, path: string, body: unknown, as: User = 'ann', query = ''): Promise<Answer> =>
  site.call('POST', `/v1/${path}/what-if${query}`, { as, body });

const revisions = (site: ApiSite): readonly string[] =>
  (['container', 'host', 'tenant'] as const).flatMap((kind) =>
    [...site.controlPlane.runtime.cellsOf(kind).values()].map(
      ({ address, committed }) => `${address} ${committed?.record.revision}`,
    ),
  );

t.test('it is told what would follow, nothing is done, and then it follows', async (t) => {
  const site = await createApiSite(t);
  const { uuid } = await site.create({ cpu: 0.5 }, { run: true });
  await site.reach(uuid, 'Running');
  const event = { type: 'container.delete', mode: 'stop', graceMs: 10_000 };
  const before = revisions(site);
  const turns = site.controlPlane.stats().turns;
  const calls = site.hosts[0]!.driver.calls.length;
  const told = await whatIf(site, `containers/${uuid}`, event, 'root');
  t.equal(told.status, 200);
  t.match(steps(told), [
    { by: null, kind: 'asked', event, answer: 'accepted', from: ['running.up'], to: ['removing.stopping'] },
    { by: 0, kind: 'effect', event: { type: 'xstate.done.actor.removeStop' } },
    { by: 1, kind: 'effect', event: { type: 'xstate.done.actor.removeContainer' }, to: ['deleted'] },
    { by: 2, kind: 'message', address: /^host\//, event: { type: 'host.release' } },
    { by: 2, kind: 'message', address: 'tenant/p1', event: { type: 'tenant.release', amounts: { cpuMillis: 500 } } },
  ]); // prettier-ignore
  t.match(steps(told)[0]!['starts'], [
    { invokeId: 'removeStop.deadline' },
    { description: 'the container engine on host "host1" to stop it before its removal' },
  ]);
  t.match(
    actors(told).find(({ address }) => address === `container/p1/${uuid}`),
    { name: /./, from: ['running.up'], to: ['deleted'], statusBefore: 'Running', ends: true, waitsFor: [] },
  );
  t.equal(told.json['isCut'], false);
  t.same(revisions(site), before, 'nothing was written');
  t.equal(site.controlPlane.stats().turns, turns);
  t.equal(site.hosts[0]!.driver.calls.length, calls, 'and no engine was asked');

  await site.call('POST', `/v1/containers/${uuid}/events`, { body: event });
  await site.gone(uuid);
  const { json } = await site.call('GET', `/v1/containers/${uuid}/history?limit=1000`);
  const lived = (json['history'] as Step[]).map(({ event: { type }, to }) => `${type} ${to.join()}`);
  const foretold = steps(told)
    .filter(({ address }) => address === `container/p1/${uuid}`)
    .map(({ event: { type }, to }) => `${type} ${to.join()}`);
  t.same(lived.slice(-foretold.length), foretold, 'as it was told');
});

t.test('what would be set off can be left undone', async (t) => {
  const site = await createApiSite(t);
  const { uuid } = await site.create({}, { run: true });
  await site.reach(uuid, 'Running');
  const stop = { type: 'container.stop', graceMs: 10_000 };
  const told = await whatIf(site, `containers/${uuid}`, stop, 'ann', '?effects=wait');
  t.equal(steps(told).length, 1);
  t.match(actors(told), [
    { to: ['stopping.attempting'], waitsFor: [{ invokeId: 'stop.deadline' }, { invokeId: 'stopContainer' }] },
  ]);
  t.match(actors(await whatIf(site, `containers/${uuid}`, stop)), [{ to: ['stopped'], status: 'Stopped' }]);
});

t.test('a refusal is an answer: why, and that nothing would move', async (t) => {
  const site = await createApiSite(t);
  const { uuid } = await site.create({}, { run: true });
  await site.reach(uuid, 'Running');
  const told = await whatIf(site, `containers/${uuid}`, { type: 'container.start' });
  t.equal(told.status, 200);
  t.match(steps(told), [{ answer: 'refused', reason: 'It is running already', starts: [] }]);
  t.same(actors(told), []);
});

t.test('several events, one after the other: each on what the one before left', async (t) => {
  const site = await createApiSite(t, { hosts: 2 });
  const { uuid } = await site.create({}, { run: true });
  await site.reach(uuid, 'Running');
  const host = String((await site.call('GET', `/v1/containers/${uuid}`, { as: 'root' })).json['host']);
  const told = await site.call('POST', '/v1/what-if', {
    as: 'root',
    body: {
      events: [
        { kind: 'host', id: host, event: { type: 'host.drain' } },
        { kind: 'container', id: uuid, event: { type: 'container.delete', mode: 'stop', graceMs: 10_000 } },
      ],
    },
  });
  t.equal(told.status, 200);
  const emptied = steps(told).find(({ event }) => event.type === 'host.release')!;
  t.match(emptied, {
    from: ['admission.draining', 'link.online'],
    to: ['admission.maintenance', 'link.online'],
  });
  t.equal(
    steps(told)[emptied.by!]!.address,
    `container/p1/${uuid}`,
    'the last that left is what let it in maintenance',
  );
  t.match((await site.call('GET', `/v1/hosts/${host}`, { as: 'root' })).json, { admission: 'open' });
});

t.test('the loss of a host: its containers, in order, as far as it goes', async (t) => {
  const site = await createApiSite(t);
  const uuids: string[] = [];
  for (const as of ['ann', 'bob'] as const) {
    const { uuid } = await site.create({}, { run: true, as });
    uuids.push(uuid);
    await site.reach(uuid, 'Running');
  }
  const lost = { type: 'link.closed' };
  const told = await whatIf(site, 'hosts/host1', lost, 'root', '?deadlines=pass');
  t.match(steps(told).slice(0, 2), [
    { kind: 'asked', to: ['admission.open', 'link.suspect'] },
    { by: 0, kind: 'deadline', event: { type: 'xstate.done.actor.suspect.deadline' }, to: ['admission.open', 'link.lost.telling'] },
  ]); // prettier-ignore
  for (const uuid of uuids)
    t.match(
      actors(told).find(({ address }) => String(address).endsWith(uuid)),
      { to: ['lost'], statusBefore: 'Running', status: 'Unknown' },
    );
  t.match(actors(told)[0], { name: 'host1', to: ['admission.open', 'link.lost.told'] });
  t.equal(
    actors(await whatIf(site, 'hosts/host1', lost, 'root')).length,
    1,
    'without time there is only a suspicion',
  );
  t.match((await site.call('GET', '/v1/hosts/host1', { as: 'root' })).json, { state: 'online' });
});

t.test('who may not send it may not try it out, and sees nobody else’s part in it', async (t) => {
  const site = await createApiSite(t);
  const { uuid } = await site.create({}, { run: true });
  await site.reach(uuid, 'Running');
  const force = { type: 'container.delete', mode: 'force', graceMs: 0 };
  t.equal((await whatIf(site, `containers/${uuid}`, force)).status, 403);
  t.equal((await whatIf(site, `containers/${uuid}`, force, 'bob')).status, 404);
  t.equal((await whatIf(site, `containers/${uuid}`, { type: 'runtime.exited' })).status, 400);
  t.equal((await whatIf(site, 'hosts/host1', { type: 'host.drain' })).status, 403);
  t.equal((await whatIf(site, 'hosts/host1', { type: 'link.closed' })).status, 403);
  const told = await whatIf(site, `containers/${uuid}`, { ...force, mode: 'stop', graceMs: 10_000 });
  t.ok(steps(told).length > 0);
  for (const { address } of [...steps(told), ...actors(told)])
    t.notMatch(String(address), /^host/, 'hosts are for admins');
  for (const [index, { by }] of steps(told).entries())
    t.ok(by === null || by < index, 'steps point to steps');
});

t.test('a question that is none is told what is wrong with it', async (t) => {
  const site = await createApiSite(t);
  const { uuid } = await site.create();
  await site.reach(uuid, 'Created');
  const start = { type: 'container.start' };
  for (const query of ['?effects=fail', '?deadlines=x', '?x=1'])
    t.equal((await whatIf(site, `containers/${uuid}`, start, 'ann', query)).status, 400, query);
  for (const body of [
    undefined,
    {},
    { events: [] },
    { events: [start] },
    { events: [{ kind: 'pod', id: uuid, event: start }] },
    { events: [{ kind: 'container', id: 1, event: start }] },
  ])
    // prettier-ignore
    t.equal((await site.call('POST', '/v1/what-if', { body })).status, 400, JSON.stringify(body));
  const unknown = { events: [{ kind: 'container', id: 'nobody', event: start }] };
  t.equal((await site.call('POST', '/v1/what-if', { body: unknown })).status, 404);
});

t.test('a question that leads to more than is tried out at once says so', async (t) => {
  const site = await createApiSite(t);
  const { uuid } = await site.create();
  await site.reach(uuid, 'Created');
  const events = Array.from({ length: 1_000 }, (_, index) => ({
    kind: 'tenant',
    id: 'p1',
    event: { type: 'tenant.isolate', neighbours: index % 2 === 0 ? 'enforced' : 'off' },
  }));
  const told = await site.call('POST', '/v1/what-if', { as: 'root', body: { events } });
  t.equal(told.status, 200);
  t.equal(told.json['isCut'], true);
  t.equal(steps(told).length, 2_000);
  const more = { events: [...events, events[0]] };
  t.equal((await site.call('POST', '/v1/what-if', { as: 'root', body: more })).status, 400);
});
