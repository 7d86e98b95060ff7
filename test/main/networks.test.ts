/** Containers on networks of their own, for real: what they see, who reaches whom, and what outlives what. */
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { request } from 'undici';
import { needRoot } from '../support/need-root.ts';
import { addressOf, createNetworkSite, type Container } from '../support/network-site.ts';
import { createBridgeNetworkDriver } from '../../src/drivers/network/bridge-network.ts';
import { ensureDocker } from '../support/docker.ts';
import { program } from '../support/run-program.ts';
import { freePort } from '../support/redis.ts';
import { testImage, until } from '../support/troupe.ts';

needRoot();
await ensureDocker();
t.setTimeout(600_000);

const site = await createNetworkSite(t, ['network.mtu=1400', 'deadlines.networkIdleMs=1000']);
await site.up();

const pings = async (from: Container, target: string): Promise<boolean> =>
  (await site.inside(from.uuid, 'ping', '-c', '2', '-W', '2', target)).code === 0;

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
  await until(
    'an end of its name',
    () => pings(warm, 'cold'),
    (reached) => !reached,
  );
  await site.remove(warm.uuid);
  await site.emptyLedger();
});

t.test('a stop in order lets go what was made ahead, and containers run on', async (t) => {
  const stays = await site.run('stays');
  const goes = await site.run('goes');
  await site.remove(goes.uuid);
  await until(
    'a sandbox made ahead',
    () => site.api.call<{ hosts: { pools: { ready: number }[] }[] }>('GET', '/v1/hosts'),
    (answer) => (answer?.body.hosts[0]?.pools[0]?.ready ?? 0) > 0,
  );
  const sandboxes = async (): Promise<readonly string[]> =>
    (await site.remains()).filter((each) => each.includes('troupe-sandbox-'));
  t.ok((await sandboxes()).length > 1);
  await site.stop();
  const { Name: own } = await (await site.sandboxOf(stays.uuid)).inspect();
  t.same(await sandboxes(), [own], 'that of the container is left');
  await site.up();
  await site.reach(stays.uuid, 'Running');
  await site.emptyLedger();
  await site.remove(stays.uuid);
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

t.test(
  'a bridge that somebody removes, and rules that somebody flushes, come back with all that was there',
  async (t) => {
    const one = await site.run('one');
    const two = await site.run('two');
    const networks = createBridgeNetworkDriver();
    const [networkId] = Object.keys(one.addresses);
    const { signal } = new AbortController();
    const ours = async () => {
      const found = (await networks.listNetworks(signal)).find((each) => each.networkId === networkId);
      const ports = (await networks.listPorts(signal)).filter((each) => each.networkId === networkId);
      return { linkName: found?.linkName ?? '', guarded: found?.guarded, ports };
    };
    const { linkName } = await ours();
    const index = (): Promise<string> => readFile(`/sys/class/net/${linkName}/ifindex`, 'utf8');
    const before = await index();
    await program('ip', 'link', 'delete', linkName);
    const three = await site.run('three', { hostname: 'three' });
    t.not(await index(), before, 'another bridge');
    t.ok(await pings(three, 'one'), 'with the next container that needs it');
    t.ok(await pings(one, 'two'), 'for those that were there, too');

    const tables = (await program('nft', 'list', 'tables')).split('\n').map((line) => line.split(' '));
    for (const [, family = '', name = ''] of tables)
      if (name.includes(site.worldMark())) await program('nft', 'delete', 'table', family, name);
    t.match(await ours(), { guarded: false });
    await site.kill();
    await site.up();
    const after = await ours();
    t.equal(after.guarded, true, 'when the agent comes back');
    t.same(
      after.ports.filter(({ guarded }) => !guarded),
      [],
    );
    t.ok(await pings(one, 'two'));
    await site.remove(one.uuid, two.uuid, three.uuid);
    await site.emptyLedger();
  },
);

interface Named {
  readonly uuid: string;
  readonly status: string;
  readonly status_reason: string | null;
}

const settled = async (kind: 'networks' | 'volumes', name: string, status: string): Promise<Named> => {
  const answer = await until(
    `${name} to be ${status}`,
    () => site.api.call<Named>('GET', `/v1/${kind}/${name}`),
    (given) => given?.body.status === status,
  );
  return answer!.body;
};

t.test('networks by name: fixed addresses, several for one, attached and detached live', async (t) => {
  for (const name of ['front', 'back']) {
    const made = await site.api.call('POST', '/v1/networks', { name });
    t.equal(made?.status, 202);
  }
  const front = (await settled('networks', 'front', 'active')) as Named & { readonly subnet: string };
  const back = await settled('networks', 'back', 'active');
  const fixed = front.subnet.replace(/0\/24$/, '77');
  const web = await site.run('web', {
    nets: [{ network: 'front', 'v4-fixed-ip': fixed }, { network: 'back' }],
  });
  t.equal(web.addresses[front.uuid]?.[0]?.addr, fixed);
  t.equal(Object.keys(web.addresses).length, 2);
  t.match(
    (await site.inside(web.uuid, 'ip', 'address', 'show', 'eth1')).out,
    web.addresses[back.uuid]?.[0]?.addr,
  );
  const taken = await site.api.call<{ errors: { status: number; title: string }[] }>(
    'POST',
    '/v1/containers',
    {
      name: 'second',
      image: testImage,
      nets: [{ network: 'front', 'v4-fixed-ip': fixed }],
    },
  );
  t.equal(taken?.status, 409);
  t.match(JSON.stringify(taken?.body), web.uuid, 'the owner of the address is named');
  const db = await site.run('db', { nets: [{ network: 'back' }] });
  t.ok(await pings(web, 'db'));
  t.notOk(await pings(db, fixed), 'one network does not lead to another');

  t.equal(
    (await site.api.call('POST', `/v1/containers/${db.uuid}/network_attach?network=front`))?.status,
    200,
  );
  await until(
    'the way',
    () => pings(db, fixed),
    (reached) => reached,
  );
  t.equal((await site.api.call('DELETE', '/v1/networks/front'))?.status, 409, 'it is in use');
  t.equal(
    (await site.api.call('POST', `/v1/containers/${db.uuid}/network_detach?network=front`))?.status,
    202,
  );
  await until(
    'its detaching',
    () => site.api.call<{ networks: unknown[] }>('GET', `/v1/containers/${db.uuid}/network_list`),
    (answer) => answer?.body.networks.length === 1,
  );
  t.notOk(await pings(db, fixed));
  await site.remove(web.uuid, db.uuid);
  for (const name of ['front', 'back']) {
    t.equal((await site.api.call('DELETE', `/v1/networks/${name}`))?.status, 204);
    await until(
      'its end',
      () => site.api.call('GET', `/v1/networks/${name}`),
      (answer) => answer?.status === 404,
    );
  }
  await site.emptyLedger();
});

t.test('a published port is reached at the host, and is nobody else’s meanwhile', async (t) => {
  const port = await freePort();
  const command = ['sh', '-c', 'mkdir /www; echo here > /www/index.html; exec httpd -f -h /www -p 80'];
  const exposed_ports = { '80/tcp': { host_port: port } };
  const server = await site.run('server', { command, exposed_ports });
  const ask = () =>
    request(`http://127.0.0.1:${port}/`).then(
      ({ body }) => body.text(),
      () => null,
    );
  t.equal(await until('an answer', ask, (text) => text !== null), 'here\n');
  const rival = await site.api.call('POST', '/v1/containers?run=true', {
    name: 'rival',
    image: testImage,
    command,
    exposed_ports,
  });
  const refused = await site.reach(rival!.body.uuid, 'Error');
  t.match(String(refused['status_reason']), String(port), 'the port is named');
  await site.api.call('POST', `/v1/containers/${server.uuid}/reboot?timeout=0`);
  t.equal(await until('an answer', ask, (text) => text !== null), 'here\n');
  await site.remove(server.uuid, rival!.body.uuid);
  t.equal(await ask(), null);
  await site.emptyLedger();
});

t.test('a port of the host that nobody has, when none is named, and which one is told', async (t) => {
  const taken = await freePort();
  const holder = await site.run('holder', { exposed_ports: { '80/tcp': { host_port: taken } } });
  const command = ['sh', '-c', 'mkdir /www; echo free > /www/index.html; exec httpd -f -h /www -p ' + taken];
  const free = await site.run('free', { command, exposed_ports: { [`${taken}/tcp`]: { host_port: 0 } } });
  const [published] = free['published'] as { container_port: number; host_port: number }[];
  t.equal(published?.container_port, taken);
  t.not(published?.host_port, taken, 'its own number is another container’s');
  const ask = () =>
    request(`http://127.0.0.1:${published?.host_port}/`).then(
      ({ body }) => body.text(),
      () => null,
    );
  t.equal(await until('an answer', ask, (text) => text !== null), 'free\n');
  const before = free['published'];
  await (await site.sandboxOf(free.uuid)).kill();
  await site.api.call('POST', `/v1/containers/${free.uuid}/reboot?timeout=0`);
  t.equal(await until('an answer', ask, (text) => text !== null), 'free\n', 'it keeps it');
  t.same((await site.reach(free.uuid, 'Running'))['published'], before);
  const nobodys = await freePort();
  const same = await site.run('same', { exposed_ports: { [`${nobodys}/tcp`]: {} } });
  t.match(same['published'], [{ protocol: 'tcp', container_port: nobodys, host_port: nobodys }]);
  await site.remove(holder.uuid, free.uuid, same.uuid);
  await site.emptyLedger();
});

t.test('volumes outlive their containers, or go with them; files are what was sent', async (t) => {
  t.equal((await site.api.call('POST', '/v1/volumes', { name: 'data' }))?.status, 202);
  await settled('volumes', 'data', 'available');
  const content = Buffer.from('greeting = hello\n').toString('base64');
  const first = await site.run('writer', {
    mounts: [
      { source: 'data', destination: '/data' },
      { size: 1, destination: '/own' },
      { type: 'bind', source: content, destination: '/etc/app.conf' },
    ],
  });
  t.equal((await site.inside(first.uuid, 'cat', '/etc/app.conf')).out, 'greeting = hello\n');
  t.equal((await site.inside(first.uuid, 'sh', '-c', 'echo kept > /data/it; echo gone > /own/it')).code, 0);
  t.match((await site.inside(first.uuid, 'df', '-m', '/own')).out, /\s9\d\d\s/, 'as large as was asked');
  t.equal((await site.api.call('DELETE', '/v1/volumes/data'))?.status, 409, 'it is in use');
  await site.remove(first.uuid);
  const second = await site.run('reader', {
    mounts: [{ source: 'data', destination: '/data', read_only: true }],
  });
  t.equal((await site.inside(second.uuid, 'cat', '/data/it')).out, 'kept\n');
  t.not((await site.inside(second.uuid, 'touch', '/data/no')).code, 0);
  const act = (verb: string, query: string) =>
    site.api.call('POST', `/v1/containers/${second.uuid}/volume_${verb}?${query}`);
  t.equal((await act('attach', 'volume=data&path=/data'))?.status, 400, 'something is there');
  t.equal((await act('detach', 'volume=data'))?.status, 409, 'what it was created with stays');
  t.equal((await act('attach', 'volume=data&path=/there/too'))?.status, 400, 'it has it already');
  await site.remove(second.uuid);
  const third = await site.run('late');
  const path = `/v1/containers/${third.uuid}/volume`;
  t.equal((await site.api.call('POST', `${path}_attach?volume=data&path=/data`))?.status, 202);
  await until(
    'its file',
    () => site.inside(third.uuid, 'cat', '/data/it'),
    ({ out }) => out === 'kept\n',
  );
  await until(
    'it to be let go of',
    () => site.api.call('POST', `${path}_detach?volume=data`),
    (answer) => answer?.status === 202,
  );
  await until(
    'its end there',
    () => site.inside(third.uuid, 'ls', '/data'),
    ({ out }) => out === '',
  );
  await until(
    'nobody to have it',
    () => site.api.call('DELETE', '/v1/volumes/data'),
    (answer) => answer?.status === 204,
  );
  await site.remove(third.uuid);
  await until(
    'no volume',
    () => site.api.call<{ volumes: unknown[] }>('GET', '/v1/volumes'),
    (answer) => answer?.body.volumes.length === 0,
  );
  await site.emptyLedger();
});

t.test('when all is deleted, and what waited has given way, nothing is left on the machine', async (t) => {
  const last = await site.run('last');
  await site.remove(last.uuid);
  await until(
    'nothing',
    async () => {
      await site.api.call('DELETE', '/v1/pools?all_projects=true');
      return site.remains();
    },
    (remains) => remains.length === 0,
  );
  await site.emptyLedger();
  t.same(readdirSync(join(site.directory, 'sandboxes')), []);
  const { networks } = (await site.api.call<{ networks: { status: string }[] }>(
    'GET',
    '/v1/networks?all_projects=true',
  ))!.body;
  t.same(new Set(networks.map(({ status }) => status)), new Set(['dormant']), 'networks come again with use');
  const again = await site.run('again');
  await seesItself(t, again);
  await site.remove(again.uuid);
});
