/** Sandboxes, pools, networks and volumes over the API: where they are, how they got there, and who is bound to whom. */
import t from 'tap';
import { relatedTo } from '../../src/actors/related.ts';
import { pluralOf, poolAddress, volumeAddress } from '../../src/model/address.ts';
import { createApiSite, type ApiSite, type Json, type User } from './site.ts';
import { until } from './until.ts';

interface Related {
  readonly address: string;
  readonly name: string | null;
  readonly status: string;
}

const lifecycle = async (site: ApiSite, path: string, as: User = 'ann'): Promise<Json> =>
  (await site.call('GET', `/v1/${path}/lifecycle`, { as })).json;
const related = async (site: ApiSite, path: string, as: User = 'ann'): Promise<readonly Related[]> =>
  (await lifecycle(site, path, as))['related'] as Related[];
const kindsOf = (all: readonly Related[]): string[] => all.map(({ address }) => address.split('/')[0]!);

t.test('each has its chart, its history and its neighbours', async (t) => {
  const site = await createApiSite(t, { settings: { 'site.sandboxes': 'own' } });
  await site.call('POST', '/v1/networks', { body: { name: 'front', subnet: '10.9.0.0/24' } });
  const { uuid } = await site.create({
    name: 'web',
    nets: [{ network: 'front' }],
    mounts: [{ size: '1', destination: '/data' }],
  });
  await until(async () => kindsOf(await related(site, `containers/${uuid}`)).includes('sandbox'));
  await until(async () => kindsOf(await related(site, `containers/${uuid}`)).includes('volume'));
  const mine = await related(site, `containers/${uuid}`);
  t.notOk(kindsOf(mine).includes('host'), 'hosts are for admins');
  t.ok(kindsOf(await related(site, `containers/${uuid}`, 'root')).includes('host'));

  const sandbox = mine.find(({ address }) => address.startsWith('sandbox/'))!.address.split('/')[2]!;
  t.match(await related(site, `sandboxes/${sandbox}`), [
    { address: `container/p1/${uuid}`, name: 'web', status: 'Creating' },
    { address: /^network\/p1\//, name: 'front' },
  ]);
  t.match(await lifecycle(site, 'networks/front'), {
    kind: 'network',
    allowedEvents: [{ type: 'network.delete', roles: ['owner', 'admin'] }],
  });
  const volume = mine.find(({ address }) => address.startsWith('volume/'))!.address.split('/')[2]!;
  t.ok(kindsOf(await related(site, `volumes/${volume}`, 'root')).includes('host'));
  t.strictSame(
    relatedTo(volumeAddress('p1', volume), { tenant: 'p1', hostId: 'h', attached: [uuid] }),
    ['host/h', `container/p1/${uuid}`],
    'and the containers that have it',
  );
  for (const path of [`sandboxes/${sandbox}`, `volumes/${volume}`, 'networks/front']) {
    const { history } = (await site.call('GET', `/v1/${path}/history`)).json as { history: Json[] };
    t.match(history[0], { event: { type: 'actor.created' }, from: [] }, path);
    for (const what of ['lifecycle', 'history'])
      t.equal(
        (await site.call('GET', `/v1/${path}/${what}`, { as: 'bob' })).status,
        404,
        `${path} is not bob’s`,
      );
  }
  t.match(await site.call('POST', '/v1/networks/front/what-if', { body: { type: 'network.delete' } }), {
    status: 200,
    json: { steps: [{ address: /^network\/p1\// }] },
  });
});

t.test('a pool goes by its project where several have one of its name', async (t) => {
  const site = await createApiSite(t);
  const { id: hostId } = site.controlPlane.hosts()[0]!;
  const id = `${hostId}.default`;
  const deadlines = { allocateMs: 1, makeMs: 1, removeMs: 1, idleMs: 1 };
  for (const tenant of ['p1', 'p2'])
    await site.controlPlane.runtime.begin(
      poolAddress(tenant, id),
      { id, tenant, hostId, networks: [], ceiling: 1, windowMs: 1_000, deadlines },
      { kind: 'runtime', reason: 'test' },
      null,
    );
  t.match(await lifecycle(site, `pools/${id}`), { address: `pool/p1/${id}`, status: 'empty' });
  t.match(await lifecycle(site, `pools/${id}`, 'bob'), { address: `pool/p2/${id}` });
  t.same(
    site.controlPlane.label(poolAddress('p1', id)),
    { name: '', host: 'host1' },
    'it is of its networks',
  );
  t.equal((await site.call('GET', `/v1/pools/${id}/lifecycle`, { as: 'root' })).status, 409);
  const named = (project: string) => `pools/${encodeURIComponent(`${project}/${id}`)}`;
  t.match(await lifecycle(site, named('p2'), 'root'), { address: `pool/p2/${id}` });
  t.equal((await site.call('GET', `/v1/${named('p2')}/lifecycle`)).status, 404, 'of another project');
  const flush = (as: 'ray' | 'ann') =>
    site.call('POST', `/v1/${named('p1')}/events`, { body: { type: 'pool.flush' }, as });
  t.match(await flush('ray'), { status: 403 });
  t.match(await flush('ann'), { status: 202 });
});

t.test('a watcher is told their names and hosts', async (t) => {
  const site = await createApiSite(t);
  const watcher = site.watch({ all_projects: true }, 'root');
  await watcher.next(({ type }) => type === 'snapshot');
  await site.call('POST', '/v1/networks', { body: { name: 'front' } });
  t.match(await watcher.next(({ kind }) => kind === 'network'), { name: 'front', host: 'host1' });
  t.equal(pluralOf('sandbox'), 'sandboxes');
});
