/** The leak ledger: what is on the hosts now, held against the actors. */
import t from 'tap';
import { TroupeError } from '../../src/errors/errors.ts';
import type { OperationIdentity } from '../../src/drivers/runtime/operation-identity.ts';
import type { Observation } from '../../src/model/container.ts';
import { createApiSite, type ApiSite, type Host, type Json } from './site.ts';
import { turn, until } from './until.ts';

const ledger = async (site: ApiSite) => {
  const { status, json } = await site.call('GET', '/v1/audit', { as: 'root' });
  if (status !== 200) throw new Error(`The audit answers ${status}`);
  return json as { audit: Json[]; other_worlds: Json[] };
};
/** Puts a container on a host that nobody of ours has ordered. */
function plant(
  host: Host,
  containerId: string,
  identity: Partial<OperationIdentity> & { worldId: string },
): void {
  host.driver.quietly(() => {
    const whole = {
      containerId,
      tenant: 'p1',
      generation: 1,
      epoch: 1,
      revision: 1,
      opId: 'op',
      run: 0,
      ...identity,
    } as OperationIdentity;
    const observation: Observation = {
      containerId, tenant: whole.tenant, generation: whole.generation, engineId: `engine-${containerId}`, state: 'running', startedAt: 1,
      finishedAt: null, exitCode: null, oomKilled: false, error: null, health: 'none', hostname: null, addresses: [], command: [],
      entrypoint: null, ports: [],
    }; // prettier-ignore
    host.driver.containers.set(containerId, { identity: whole, observation });
  });
}

t.test('empty when all is well, whatever goes on', async (t) => {
  const site = await createApiSite(t, { hosts: 2 });
  t.same(await ledger(site), { audit: [], other_worlds: [] });
  const lives = Promise.all(
    Array.from({ length: 6 }, async () => {
      const { uuid } = await site.create({}, { run: true });
      await site.reach(uuid, 'Running');
      await site.call('DELETE', `/v1/containers/${uuid}?stop=true`);
      await site.gone(uuid);
    }),
  );
  let done = false;
  void lives.then(() => (done = true));
  const found: Json[] = [];
  for (; !done; await turn())
    found.push(...(await ledger(site)).audit.filter(({ problem }) => /container/.test(String(problem))));
  t.same(found, [], 'what is just coming or going is no leak');
  await until(() => site.controlPlane.stats().mailboxDepth === 0);
  t.same(await ledger(site), { audit: [], other_worlds: [] });
});

t.test('what has no actor is found the moment it is there', async (t) => {
  const site = await createApiSite(t);
  const [host] = site.hosts as [Host];
  const { worldId } = site.controlPlane.world;
  const { uuid } = await site.create({}, { run: true });
  await site.reach(uuid, 'Running');
  const ended = await site.create({}, { run: true });
  await site.reach(ended.uuid, 'Running');
  await site.call('DELETE', `/v1/containers/${ended.uuid}?stop=true`);
  await site.gone(ended.uuid);

  plant(host, '11111111-1111-4111-8111-111111111111', { worldId });
  plant(host, ended.uuid, { worldId });
  plant(host, uuid, { worldId, generation: 0 });
  plant(host, '22222222-2222-4222-8222-222222222222', { worldId: 'another-world', tenant: 'p9' });
  const { audit, other_worlds: others } = await ledger(site);
  const hostId = site.controlPlane.hosts()[0]!.id;
  t.match(audit, [
    { problem: 'container-without-actor', address: `container/p1/${uuid}`, hostId, detail: /generation 0: its actor has generation 1 on host/ },
    { problem: 'container-without-actor', address: 'container/p1/11111111-1111-4111-8111-111111111111', hostId, detail: /^running there as "engine-11111", generation 1: it has no actor/ },
    { problem: 'container-without-actor', address: `container/p1/${ended.uuid}`, hostId, detail: /its actor has ended/ },
    { problem: 'actor-without-container', address: `container/p1/${uuid}`, hostId },
  ]); // prettier-ignore
  t.match(others, [
    {
      problem: 'of-another-world',
      address: 'container/p9/22222222-2222-4222-8222-222222222222',
      hostId,
      detail: /of world "another-world"/,
    },
  ]);
  t.ok(host.driver.containers.has('22222222-2222-4222-8222-222222222222'), 'what is another’s is only shown');
  for (const id of [
    '11111111-1111-4111-8111-111111111111',
    '22222222-2222-4222-8222-222222222222',
    ended.uuid,
  ])
    host.driver.quietly(() => void host.driver.containers.delete(id));
  plant(host, uuid, { worldId });
  t.same(await ledger(site), { audit: [], other_worlds: [] }, 'and gone the moment it is gone');
});

t.test('an actor whose container is not there is found as well', async (t) => {
  const site = await createApiSite(t);
  const { uuid } = await site.create({}, { run: true });
  await site.reach(uuid, 'Running');
  site.hosts[0]!.driver.quietly(() => void site.hosts[0]!.driver.containers.delete(uuid));
  t.match((await ledger(site)).audit, [
    {
      problem: 'actor-without-container',
      address: `container/p1/${uuid}`,
      detail: /the host has no such container/,
    },
  ]);
});

t.test('a container on a host it is not placed on', async (t) => {
  const site = await createApiSite(t, { hosts: 2 });
  const { uuid } = await site.create({}, { run: true });
  const { host } = await site.reach(uuid, 'Running');
  const elsewhere = site.hosts.find(({ name }) => name !== host)!;
  plant(elsewhere, uuid, { worldId: site.controlPlane.world.worldId });
  t.match((await ledger(site)).audit, [
    {
      problem: 'container-without-actor',
      address: `container/p1/${uuid}`,
      detail: /its actor has generation 1 on host/,
    },
  ]);
});

t.test('a host that does not answer is an entry, and nobody waits for it longer than a while', async (t) => {
  const site = await createApiSite(t, { hosts: 3 });
  const { uuid } = await site.create({ host: 'host3' }, { as: 'root', run: true });
  await site.reach(uuid, 'Running');
  const [hung, broken, away] = site.hosts as [Host, Host, Host];
  hung.driver.hold('list');
  broken.driver.failNext('list', new TroupeError('ENGINE_UNAVAILABLE', 'The engine does not answer'));
  away.wire.links = null;
  away.wire.cut();
  await until(() => site.controlPlane.links.online().size === 2);
  const asking = ledger(site);
  await until(() => hung.driver.calls.includes('list'));
  await site.clock.advance(5_000);
  const { audit } = await asking;
  const idOf = (name: string) => site.controlPlane.hosts().find(({ hostname }) => hostname === name)!.id;
  const silent = audit.filter(({ problem }) => problem === 'host-silent');
  t.match(
    silent.toSorted((a, b) => (String(a['hostId']) < String(b['hostId']) ? -1 : 1)),
    [
      { hostId: idOf('host1'), detail: 'What it has is not known: It did not answer within 5 s' },
      { hostId: idOf('host2'), detail: 'What it has is not known: The engine does not answer' },
      { hostId: idOf('host3'), detail: 'What it has is not known: It is not connected' },
    ],
  );
  t.equal(audit.length, silent.length, 'and nothing is said of what is on it');
});

t.test('the ledger takes no parameters', async (t) => {
  const site = await createApiSite(t, { hosts: 0 });
  t.equal((await site.call('GET', '/v1/audit?fix=true', { as: 'root' })).status, 400);
});
