/** The container engine is killed with pools full: what runs runs on, under its name and address, and what waited is used or gone. */
import t from 'tap';
import { ensureDocker } from '../support/docker.ts';
import { startDockerd } from '../support/dockerd.ts';
import { needRoot } from '../support/need-root.ts';
import { addressOf, createNetworkSite, type Container } from '../support/network-site.ts';
import { until } from '../support/troupe.ts';

needRoot();
await ensureDocker();
t.setTimeout(600_000);

const engine = await startDockerd();
t.teardown(() => engine.stop());
const site = await createNetworkSite(t, ['deadlines.networkIdleMs=1000'], engine.socket);
await site.up();

interface Hosts {
  readonly hosts: readonly {
    readonly state: string;
    readonly pools: readonly { readonly ready: number }[];
  }[];
}

/** Of the only address of a container. */
const portOf = ({ addresses }: Container): string => {
  const [address] = Object.values(addresses).flat();
  return address!.port;
};

const ready = (least: number): Promise<unknown> =>
  until(
    `${least} sandboxes made ahead`,
    () => site.api.call<Hosts>('GET', '/v1/hosts'),
    (answer) => (answer?.body.hosts[0]?.pools[0]?.ready ?? 0) >= least,
  );
const pings = async (from: Container, target: string): Promise<boolean> =>
  (await site.inside(from.uuid, 'ping', '-c', '2', '-W', '2', target)).code === 0;
const eventually = (what: string, from: Container, target: string): Promise<boolean> =>
  until(
    what,
    () => pings(from, target),
    (reached) => reached,
  );
const online = (state: boolean): Promise<unknown> =>
  until(
    `the engine to be ${state ? 'seen' : 'missed'}`,
    () => site.api.call<{ hosts: { engine_up: boolean; state: string }[] }>('GET', '/v1/hosts'),
    (answer) => answer?.body.hosts[0]?.engine_up === state && answer.body.hosts[0].state === 'online',
  );

t.test('names and addresses outlive an engine that is killed with pools full', async (t) => {
  const server = await site.run('server');
  const client = await site.run('client');
  await ready(1);
  const before = await site.remains();
  await engine.kill();
  await online(false);
  await engine.start();
  await online(true);
  t.match(addressOf(await site.reach(server.uuid, 'Running')), addressOf(server));
  await eventually('the way by name', client, 'server');
  const after = await site.remains();
  for (const port of [server, client].map(portOf)) {
    const links = (lines: readonly string[]) => lines.filter((line) => line.includes(`port=${port}`));
    t.equal(links(before).length, 1);
    t.same(links(after), links(before), 'the same link, once');
  }
  const later = await site.run('later');
  await eventually('the one from before', later, 'server');
  await eventually('the one that came after', server, 'later');
  await site.emptyLedger();
  await site.remove(server.uuid, client.uuid, later.uuid);
  await site.emptyLedger();
});

t.test('killed while containers are being made: all of them come, each once', async (t) => {
  const names = ['one', 'two', 'three', 'four', 'five', 'six'];
  const created = names.map((name) => site.run(name));
  await until(
    'the first of them at the engine',
    () => engine.docker.listContainers({ all: true }),
    (found) => found.some(({ Labels }) => Labels['troupe.container-id'] !== undefined),
  );
  await engine.kill();
  await engine.start();
  const containers = await Promise.all(created);
  t.equal(new Set(containers.map(addressOf)).size, names.length, 'each has an address of its own');
  const [first, second] = containers as [Container, Container];
  await eventually('one to the other', first, second.name);
  const there = (await engine.docker.listContainers({ all: true })).filter(
    ({ Labels }) => Labels['troupe.container-id'] !== undefined,
  );
  t.equal(there.length, names.length);
  await site.emptyLedger();
  await site.remove(...containers.map(({ uuid }) => uuid));
  await site.emptyLedger();
});

t.test(
  'a sandbox that somebody starts again while nobody of Troupe looks is made and plugged again',
  async (t) => {
    const hurt = await site.run('hurt');
    const peer = await site.run('peer');
    await site.kill();
    await (await site.sandboxOf(hurt.uuid)).restart({ t: 0 });
    await site.up();
    const broken = await until(
      'the breach',
      () => site.api.call<Container>('GET', `/v1/containers/${hurt.uuid}`),
      (answer) => /network is gone/.test(String(answer?.body['status_reason'])),
    );
    t.equal(broken?.body.uuid, hurt.uuid);
    await site.api.call('POST', `/v1/containers/${hurt.uuid}/reboot?timeout=0`);
    await eventually('its network', peer, 'hurt');
    t.equal(addressOf(await site.reach(hurt.uuid, 'Running')), addressOf(hurt));
    await site.remove(hurt.uuid, peer.uuid);
    await site.emptyLedger();
  },
);

t.test('nothing is left', async (t) => {
  await until(
    'nothing',
    async () => {
      await site.api.call('DELETE', '/v1/pools?all_projects=true');
      return site.remains();
    },
    (remains) => remains.length === 0,
  );
  t.same(await engine.docker.listContainers({ all: true }), []);
});
