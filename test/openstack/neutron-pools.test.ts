/** Sandboxes made ahead on networks of the real Neutron: plugged and ACTIVE before somebody asks. */
import t from 'tap';
import { until } from '../support/troupe.ts';
import { createCloud } from './cloud.ts';
import { start } from './keystone-site.ts';
import { createNeutronCloud, type WirePort } from './neutron-cloud.ts';
import { createNeutronSite, type Container } from './neutron-site.ts';
import { createServiceProxy } from './service-proxy.ts';

t.setTimeout(420_000);
const cloud = await createCloud(t);
const neutron = await createNeutronCloud(t, cloud);
const { proxy, region } = await createServiceProxy(t, cloud, 'network');
// Nothing goes for want of use while the test runs.
const bounds = { poolPortsPerProject: 4, poolPorts: 5 };
const site = await createNeutronSite(t, cloud, { poolCeiling: 2, poolWindowMs: 900_000, ...bounds }, region);
const [blue, green] = [await cloud.project('blue'), await cloud.project('green')];
const [mia, ben] = [await cloud.person('mia'), await cloud.person('ben')];
await cloud.grant(mia, blue, 'member');
await cloud.grant(ben, green, 'member');
const [token, other] = [await cloud.token(mia, blue), await cloud.token(ben, green)];
const home = await neutron.network(
  blue,
  'home',
  '10.92.1.0/24',
  { dns_nameservers: ['10.92.1.2'] },
  { mtu: 1400 },
);

const isReady = ({ tags }: WirePort): boolean => tags.includes('troupe:ready');
const readyPorts = async (): Promise<readonly WirePort[]> =>
  (await neutron.ports(`network_id=${home}`)).filter(isReady);
/** How many the hosts have to hand out. */
const countReady = async (): Promise<number> => {
  const { json } = await site.call('GET', '/v1/hosts', cloud.adminToken);
  const hosts = json['hosts'] as readonly { pools: readonly { project_id: string; ready: number }[] }[];
  return hosts
    .flatMap(({ pools }) => pools)
    .reduce((sum, { project_id, ready }) => sum + (project_id === blue.id ? ready : 0), 0);
};
/** What the pools of a project say of themselves. */
const poolReasons = async ({ id }: typeof blue): Promise<readonly (string | null)[]> => {
  const { json } = await site.call('GET', '/v1/hosts', cloud.adminToken);
  const hosts = json['hosts'] as readonly {
    uuid: string;
    pools: readonly { project_id: string; networks: string }[];
  }[];
  const ids = hosts.flatMap(({ uuid, pools }) =>
    pools.filter(({ project_id }) => project_id === id).map(({ networks }) => `${uuid}.${networks}`),
  );
  const paths = ids.map((each) => `/v1/pools/${encodeURIComponent(each)}/lifecycle`);
  const told = await Promise.all(paths.map((path) => site.call('GET', path, cloud.adminToken)));
  return told.map(({ json: { reason } }) => (reason ?? null) as string | null);
};
const awaitReady = async (count: number): Promise<readonly WirePort[]> => {
  await until(`${count} that wait`, countReady, (ready) => ready === count);
  return readyPorts();
};
const awaitAudit = (): Promise<readonly unknown[]> =>
  until(
    'an empty ledger',
    () => site.audit(),
    (entries) => entries.length === 0,
  );
const awaitNone = async (): Promise<void> =>
  void (await until(
    'no port',
    () => neutron.ports(`network_id=${home}`),
    ({ length }) => length === 0,
  ));
/** Ports go after their container has. */
const awaitOnlyReady = (): Promise<readonly WirePort[]> =>
  until(
    'only ports that wait',
    () => neutron.ports(`network_id=${home}`),
    (ports) => ports.every(isReady),
  );
const portOf = ({ addresses }: Container): string => addresses[home]![0]!.port;
const run = (name: string, more: object = {}): Promise<Container> => site.run(token, { name, ...more });
const remove = async (...containers: readonly Container[]): Promise<void> =>
  void (await Promise.all(containers.map(({ uuid }) => site.remove(token, uuid))));

/** A second use of the network, after which it is used no more. */
const fill = async (): Promise<readonly WirePort[]> => {
  const containers = await Promise.all([run('first'), run('second')]);
  const ready = await awaitReady(2);
  await remove(...containers);
  await awaitOnlyReady();
  return ready;
};

t.test(
  'a start takes a port that is ACTIVE already and waits for no Neutron, which hears of it afterwards',
  async (t) => {
    const one = await run('one');
    t.same(await readyPorts(), [], 'a first use alone keeps nothing ahead');
    const two = await run('two');
    const ready = await awaitReady(2);
    for (const { name, device_id, device_owner, project_id, status } of ready) {
      t.equal(status, 'ACTIVE');
      t.match(name, /^troupe-ready-/);
      t.not(device_id, '', 'so that nobody else takes it');
      t.match({ device_owner, project_id }, { device_owner: 'compute:kuryr', project_id: blue.id });
    }
    t.same(await awaitAudit(), []);

    proxy.fault = 'hang';
    const three = await run('three');
    const port = portOf(three);
    t.pass('it runs while Neutron answers nobody');
    proxy.fault = null;
    await site.awaitNeutron(token);
    t.ok(
      ready.some(({ id }) => id === port),
      'it is one of those that waited',
    );
    const marked = await until(
      'Neutron, told whose the port is',
      () => neutron.port(port),
      (each) => !isReady(each),
    );
    t.match(marked, { device_id: three.uuid, status: 'ACTIVE', name: /^troupe-[0-9a-f-]{36}$/ });
    t.equal(marked.tags.filter((tag) => /^troupe:(world|actor|generation)=/.test(tag)).length, 3);

    const inside = await site.inside(
      three.uuid,
      'sh',
      '-c',
      'hostname; ip addr show eth0; ip route; cat /etc/resolv.conf /etc/hosts',
    );
    t.match(inside.out, new RegExp(`inet ${three.addresses[home]![0]!.addr}/24`));
    t.match(inside.out, /mtu 1400/);
    t.match(inside.out, /default via 10\.92\.1\.1/);
    t.match(inside.out, /nameserver 10\.92\.1\.2/);
    t.match(inside.out, new RegExp(`${one.addresses[home]![0]!.addr}\\s.*one`), 'it knows its neighbours');
    const ping = await site.inside(two.uuid, 'ping', '-c', '1', '-W', '5', three.addresses[home]![0]!.addr);
    t.equal(ping.code, 0, ping.out);

    await remove(one, two, three);
    const left = await awaitOnlyReady();
    t.ok(left.length > 0, 'others still wait');
  },
);

t.test('killed with its pools full, it comes back to the same ports', async (t) => {
  const before = await awaitReady(2);
  site.kill();
  await start(site.site);
  t.same(await awaitAudit(), []);
  t.same((await readyPorts()).map(({ id }) => id).toSorted(), before.map(({ id }) => id).toSorted());
  const container = await run('again');
  t.ok(before.some(({ id }) => id === portOf(container)));
  await remove(container);
});

t.test('what waits on a network goes when that is deleted here', async (t) => {
  await awaitReady(2);
  t.equal((await site.call('DELETE', `/v1/networks/${home}`, cloud.adminToken)).status, 204);
  await awaitNone();
});

t.test('who asks for an address of its own gets it made, and what waits gives way to it', async (t) => {
  const ready = await fill();
  const fixed = await run('fixed', { nets: [{ network: 'home', 'v4-fixed-ip': '10.92.1.77' }] });
  t.notOk(
    ready.some(({ id }) => id === portOf(fixed)),
    'none of those that wait has it',
  );
  const { length: used } = await neutron.ports(`project_id=${blue.id}`);
  await neutron.call('PUT', `/quotas/${blue.id}`, { quota: { port: used } });
  const another = await run('another', { nets: [{ network: 'home', 'v4-fixed-ip': '10.92.1.78' }] });
  t.match(await neutron.port(portOf(another)), { status: 'ACTIVE', device_id: another.uuid });
  const given = await until(
    'the end of those that waited',
    () => neutron.ports(`network_id=${home}`),
    (ports) => !ports.some(({ id }) => ready.some((each) => each.id === id)),
  );
  t.notOk(given.some(isReady));
  await neutron.call('DELETE', `/quotas/${blue.id}`);
  await remove(fixed, another);
});

t.test('what waits goes when it is told to', async (t) => {
  await fill();
  t.equal((await site.call('DELETE', '/v1/pools', token)).status, 200);
  await awaitNone();
  t.same(await awaitAudit(), []);
});

t.test('what waits is no more than a project, and the site, may keep', async (t) => {
  await fill();
  const [second, theirs] = await Promise.all([
    neutron.network(blue, 'second', '10.92.2.0/24'),
    neutron.network(green, 'theirs', '10.92.3.0/24'),
  ]);
  const readyOf = async ({ id }: typeof blue): Promise<number> =>
    (await neutron.ports(`project_id=${id}`)).filter(isReady).length;
  /** Used twice, its pool wants two sandboxes; it says why it has fewer. */
  const usesUp = async (by: string, project: typeof blue, networks: readonly string[], words: RegExp) => {
    const nets = networks.map((network) => ({ network }));
    const [one, two] = await Promise.all([site.run(by, { nets }), site.run(by, { nets })]);
    await until(
      `a pool of ${project.name} that says ${words}`,
      () => poolReasons(project),
      (all) => all.some((reason) => words.test(reason ?? '')),
    );
    await Promise.all([one, two].map(({ uuid }) => site.remove(by, uuid)));
  };
  await usesUp(token, blue, [home, second], /poolPortsPerProject/);
  await until(
    'the last that fits',
    () => readyOf(blue),
    (count) => count === bounds.poolPortsPerProject,
  );
  await usesUp(other, green, [theirs], /site\.poolPorts\)/);
  await until(
    'what the site has left',
    () => readyOf(green),
    (count) => count === 1,
  );
  t.equal(await readyOf(blue), bounds.poolPortsPerProject);
  for (const by of [token, other]) t.equal((await site.call('DELETE', '/v1/pools', by)).status, 200);
  await awaitNone();
  t.same(await awaitAudit(), []);
});
