/** What led to what: one tree across actors, from the causes in their journals. */
import t from 'tap';
import { createApiSite, type Answer, type ApiSite, type User } from './site.ts';
import { until } from './until.ts';

interface Step {
  readonly by: number | null;
  readonly address: string;
  readonly name: string | null;
  readonly revision: number;
  readonly event: { readonly type: string };
  readonly to: readonly string[];
  readonly isAsked: boolean;
}

const steps = ({ json }: Answer): readonly Step[] => json['steps'] as Step[];
const ask = (site: ApiSite, path: string, as: User = 'ann') => site.call('GET', `/v1/${path}`, { as });
const eventsOf = (all: readonly Step[]): readonly string[] =>
  all.map(({ address, event }) => `${address.split('/')[0]} ${event.type}`);

const startOne = async (site: ApiSite, as: User = 'ann'): Promise<string> => {
  const { uuid } = await site.create({ name: 'web' }, { run: true, as });
  await site.reach(uuid, 'Running');
  return uuid;
};

const loseHost = async (site: ApiSite): Promise<void> => {
  const { wire } = site.hosts[0]!;
  wire.links = null;
  wire.cut();
  await until(async () => {
    await site.clock.advance(1_000);
    return site.controlPlane.hosts()[0]!.statePaths.includes('link.lost.told');
  });
};

t.test('all that a request led to, by its id', async (t) => {
  const site = await createApiSite(t);
  const created = await site.call('POST', '/v1/containers?run=true', {
    body: { image: 'busybox', name: 'web' },
  });
  const uuid = String(created.json['uuid']);
  await site.reach(uuid, 'Running');
  await startOne(site);
  const requestId = created.headers['x-openstack-request-id']!;
  const found = await ask(site, `incidents?request_id=${requestId}`, 'root');
  t.equal(found.status, 200);
  t.match(found.json, { requestId, isCut: false });
  const all = steps(found);
  const begun = all.filter(({ by }) => by === null);
  t.same(
    [...eventsOf(begun)].sort(),
    ['container actor.created', 'tenant actor.created', 'tenant tenant.reserve'],
    'what the request itself moved',
  );
  const claim = all.find(({ event }) => event.type === 'host.claim')!;
  t.match(all[claim.by!], { address: `container/p1/${uuid}`, name: 'web', event: { type: 'actor.created' } });
  const running = all.find(({ to }) => to.join() === 'running.up')!;
  t.match(all[running.by!], { event: { type: 'claim.granted' } }, 'an effect’s end follows what began it');
  t.notOk(
    all.some(({ address }) => address.startsWith('container/') && !address.endsWith(uuid)),
    'of no other request',
  );
  for (const [index, { by }] of all.entries()) t.ok(by === null || by < index);
  t.notOk(
    eventsOf(steps(await ask(site, `incidents?request_id=${requestId}`))).some((each) =>
      each.startsWith('host'),
    ),
  );
  t.equal((await ask(site, `incidents?request_id=${requestId}`, 'bob')).status, 404, 'nobody else’s');
});

t.test('a lost host: its containers, of all projects, from either end', async (t) => {
  const site = await createApiSite(t);
  const mine = await startOne(site);
  const theirs = await startOne(site, 'bob');
  await loseHost(site);
  const told = await ask(site, 'hosts/host1/incident', 'root');
  t.match(told.json, { requestId: null });
  const all = steps(told);
  t.match(all[0], {
    by: null,
    name: 'host1',
    event: { type: 'link.closed' },
    to: ['admission.open', 'link.suspect'],
  });
  const lost = all.findIndex(({ to }) => to.includes('link.lost.telling'));
  for (const uuid of [mine, theirs]) {
    const step = all.find(({ address }) => address.endsWith(uuid));
    t.match(step, { by: lost, name: 'web', event: { type: 'host.lost' }, to: ['lost'] });
  }
  const fromBelow = await ask(site, `containers/${mine}/incident`, 'root');
  t.same(
    steps(fromBelow).map(({ address, revision }) => `${address} ${revision}`),
    all.map(({ address, revision }) => `${address} ${revision}`),
    'the same tree',
  );
  t.same(
    steps(fromBelow).flatMap(({ isAsked, address }) => (isAsked ? [address] : [])),
    [`container/p1/${mine}`],
  );
  const owners = steps(await ask(site, `containers/${mine}/incident`));
  t.same(
    owners.map(({ address, by }) => [address, by]),
    [[`container/p1/${mine}`, null]],
    'the own part of it',
  );

  const early = steps(await ask(site, `containers/${mine}/incident?revision=1`, 'root'));
  t.match(
    early.find(({ isAsked }) => isAsked),
    { event: { type: 'actor.created' } },
  );
  t.ok(eventsOf(early).includes('host host.claim'), 'an earlier moment has another incident');
  const { history } = (await ask(site, `containers/${mine}/history`)).json as { history: { at: number }[] };
  const at = steps(await ask(site, `containers/${mine}/incident?at=${history[0]!.at}`, 'root'));
  t.same(eventsOf(at), eventsOf(early), 'by time, too');
  await site.restart();
  t.same(
    eventsOf(steps(await ask(site, `containers/${mine}/incident?revision=1`, 'root'))),
    eventsOf(early),
    'it is kept',
  );
});

t.test('what is no incident is told', async (t) => {
  const site = await createApiSite(t);
  const uuid = await startOne(site);
  for (const path of [
    'incidents',
    'incidents?request_id=',
    'incidents?x=1',
    `containers/${uuid}/incident?revision=0`,
    `containers/${uuid}/incident?at=-1`,
  ])
    t.equal((await ask(site, path)).status, 400, path);
  t.equal((await ask(site, 'incidents?request_id=req-unknown')).status, 404);
  t.equal((await ask(site, `containers/${uuid}/incident?revision=999`)).status, 404);
  t.equal((await ask(site, `containers/${uuid}/incident`, 'bob')).status, 404);
  t.equal((await ask(site, 'hosts/host1/incident')).status, 403);
});
