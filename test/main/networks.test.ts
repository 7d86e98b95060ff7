/** Containers on networks of their own, for real: what they see, who reaches whom, and what outlives what. */
import t, { type Test } from 'tap';
import { needRoot } from '../support/need-root.ts';
import { addressOf, createNetworkSite, type Container } from '../support/network-site.ts';
import { ensureDocker } from '../support/docker.ts';
import { until } from '../support/troupe.ts';

needRoot();
await ensureDocker();
t.setTimeout(600_000);

const site = await createNetworkSite(t, ['network.mtu=1400']);
await site.up();

const pings = async (from: Container, target: string): Promise<boolean> =>
  (await site.inside(from.uuid, 'ping', '-c', '1', '-W', '1', target)).code === 0;

/** What a container sees of itself is what the API says of it. */
async function seesItself(t: Test, container: Container): Promise<void> {
  const { uuid, name, hostname } = container;
  const address = addressOf(container);
  const see = async (...command: string[]): Promise<string> =>
    (await site.inside(uuid, ...command)).out.trim();
  const link = await see('ip', 'address', 'show', 'eth0');
  t.match(link, `inet ${address}/24`);
  t.match(link, 'mtu 1400');
  t.match(await see('ip', 'route'), /^default via \S+ dev eth0/);
  t.equal(await see('hostname'), hostname);
  t.equal(await see('cat', '/etc/hostname'), hostname);
  const hosts = await see('cat', '/etc/hosts');
  t.match(hosts, `${address} ${hostname}`);
  t.match(hosts, new RegExp(`^${address} .*\\b${name}\\b`, 'm'));
  t.notMatch(await see('cat', '/etc/resolv.conf'), /nameserver 127\./);
}

t.test('cold, with a hostname of its own, and warm: address, names and MTU are right', async (t) => {
  const named = await site.run('named', { hostname: 'db.example' });
  t.equal(named.hostname, 'db.example');
  await seesItself(t, named);
  const cold = await site.run('cold');
  await seesItself(t, cold);
  await until(
    'a sandbox made ahead',
    () => site.api.call<{ hosts: { pools: { ready: number }[] }[] }>('GET', '/v1/hosts'),
    (answer) => (answer?.body.hosts[0]?.pools[0]?.ready ?? 0) > 0,
  );
  const waiting = await site.remains();
  const warm = await site.run('warm');
  const { Name: name } = await (await site.sandboxOf(warm.uuid)).inspect();
  t.ok(waiting.includes(name), 'it took one that was there');
  await seesItself(t, warm);
  t.not(addressOf(warm), addressOf(cold));
  for (const target of ['cold', 'named', 'db.example', cold.hostname])
    t.ok(await pings(warm, target), target);
  t.ok(await pings(cold, 'warm'), 'who was there before knows who came after');
  await site.emptyLedger();
  await site.remove(named.uuid, cold.uuid);
  t.notOk(await pings(warm, 'cold'), 'who has gone has no name');
  await site.remove(warm.uuid);
  await site.emptyLedger();
});

t.test('projects do not reach each other', async (t) => {
  const mine = await site.run('mine');
  const beside = await site.run('beside');
  const theirs = await site.run('theirs', {}, site.otherToken);
  t.ok(await pings(mine, addressOf(beside)));
  t.notOk(await pings(mine, addressOf(theirs)));
  t.notOk(await pings(theirs, addressOf(mine)));
  t.notOk(await pings(mine, 'theirs'), 'nor do they know each other by name');
  await site.remove(mine.uuid, beside.uuid, theirs.uuid);
  await site.emptyLedger();
});

t.test('name and address outlive stop, exits, and kill -9 of all of Troupe', async (t) => {
  const first = await site.run('lasting', { restart_policy: { Name: 'always' } });
  const peer = await site.run('peer');
  const same = async (why: string): Promise<void> => {
    const now = await site.reach(first.uuid, 'Running');
    t.equal(addressOf(now), addressOf(first), why);
    await seesItself(t, now);
    t.ok(await pings(peer, 'lasting'), `${why}: reached by name`);
  };
  await site.api.call('POST', `/v1/containers/${first.uuid}/stop?timeout=0`);
  await site.reach(first.uuid, 'Stopped');
  await site.api.call('POST', `/v1/containers/${first.uuid}/start`);
  await same('after stop and start');
  await site.inside(first.uuid, 'kill', '-9', '1');
  const [engine] = await site.docker.listContainers({
    filters: { label: [`troupe.container-id=${first.uuid}`] },
  });
  const engineId = engine!.Id;
  await site.docker.getContainer(engineId).kill();
  await site.reach(first.uuid, 'Restarting').catch(() => null);
  await same('after it was ended from outside');
  await site.kill();
  t.ok(await pings(peer, 'lasting'), 'networks do without Troupe');
  await site.up();
  await same('after kill -9');
  const later = await site.run('later');
  t.ok(await pings(later, 'lasting'), 'who comes later knows those from before');
  t.ok(await pings(peer, 'later'));
  await site.api.call('POST', `/v1/containers/${first.uuid}/rebuild`, {});
  await until(
    'its rebuild',
    () =>
      site.docker
        .getContainer(engineId)
        .inspect()
        .then(
          () => true,
          () => false,
        ),
    (there) => !there,
  );
  await same('after a rebuild');
  await site.remove(first.uuid, peer.uuid, later.uuid);
  await site.emptyLedger();
});

t.test('a sandbox that is killed under its container is made and plugged again', async (t) => {
  const container = await site.run('mended', { restart_policy: { Name: 'always' } });
  const peer = await site.run('onlooker');
  await (await site.sandboxOf(container.uuid)).kill();
  const broken = await until(
    'the breach',
    () => site.api.call<Container>('GET', `/v1/containers/${container.uuid}`),
    (answer) => /network is gone/.test(String(answer?.body['status_reason'])),
  );
  t.equal(broken?.body.status, 'Running', 'it runs on, without a network');
  await site.api.call('POST', `/v1/containers/${container.uuid}/reboot?timeout=0`);
  await until(
    'its network',
    () => pings(peer, 'mended'),
    (reached) => reached,
  );
  const again = await site.reach(container.uuid, 'Running');
  t.equal(addressOf(again), addressOf(container));
  await seesItself(t, again);

  // And one whose sandbox was removed, not only ended.
  await (await site.sandboxOf(container.uuid)).remove({ force: true });
  await site.api.call('POST', `/v1/containers/${container.uuid}/reboot?timeout=0`);
  await until(
    'its network',
    () => pings(peer, 'mended'),
    (reached) => reached,
  );
  await seesItself(t, await site.reach(container.uuid, 'Running'));
  await site.remove(container.uuid, peer.uuid);
  await site.emptyLedger();
});
