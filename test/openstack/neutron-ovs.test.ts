/** Containers on networks of the real Neutron, whose agent of this host is that of Open vSwitch. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { testImage } from '../cli/engine/command-site.ts';
import { program } from '../support/run-program.ts';
import { until } from '../support/troupe.ts';
import { cloudFolder, createCloud } from './cloud.ts';
import { start } from './keystone-site.ts';
import { createNeutronCloud } from './neutron-cloud.ts';
import { createCloudSite, type Container } from './neutron-site.ts';

t.setTimeout(420_000);
const cloud = await createCloud(t);
const neutron = await createNeutronCloud(t, cloud);
await neutron.awaitAgent(true, 'openvswitch');
const ovsdb = `unix:${join(cloudFolder, 'ovs', 'db.sock')}`;
const host = `${hostname()}-ovs`;
const site = await createCloudSite(t, cloud, 'RegionOne', {
  network: { driver: 'neutron', neutronHost: host, ovsdb },
});
const blue = await cloud.project('blue');
const mia = await cloud.person('mia');
await cloud.grant(mia, blue, 'member');
const token = await cloud.token(mia, blue);
const nets = {
  first: await neutron.network(blue, 'first', '10.93.1.0/24'),
  second: await neutron.network(blue, 'second', '10.93.2.0/24'),
};
const first = [{ network: 'first' }];
const portOf = ({ addresses }: Container, network = nets.first): string => addresses[network]![0]!.port;
const addressOf = ({ addresses }: Container): string => addresses[nets.first]![0]!.addr;
const tapOf = (portId: string): string => `tap${portId.slice(0, 11)}`;

/** This site's; known once it has a port. */
let world = '';
const vsctl = (...args: readonly string[]): Promise<string> =>
  program('ovs-vsctl', `--db=${ovsdb}`, '--timeout=10', ...args);
/** What this site has at the bridge. */
const plugged = async (): Promise<readonly string[]> => {
  const own = `external_ids:troupe-world=${world}`;
  const names = await vsctl('--bare', '--columns=name', 'find', 'Interface', own);
  return names.split('\n').filter((name) => name !== '');
};
const awaitNone = (): Promise<readonly string[]> =>
  until('an empty bridge', plugged, ({ length }) => length === 0);
const reaches = async (from: Container, address: string): Promise<boolean> =>
  (await site.inside(from.uuid, 'ping', '-c', '1', '-W', '1', address)).code === 0;
const pings = (from: Container, to: Container): Promise<boolean> => reaches(from, addressOf(to));
const awaitPing = (from: Container, to: Container, wanted: boolean): Promise<boolean> =>
  until(
    `a ping that ${wanted ? 'passes' : 'is stopped'}`,
    () => pings(from, to),
    (passes) => passes === wanted,
  );

t.test('containers find each other by way of Open vSwitch, as their security groups let them', async (t) => {
  const closed = await neutron.securityGroup(blue, 'closed');
  const serve = 'mkdir /www; echo here > /www/index.html; httpd -h /www -p 80';
  const command = ['sh', '-c', `${serve}; trap exit TERM; while :; do sleep 1 & wait; done`];
  const [one, two, shut] = await Promise.all([
    site.run(token, { nets: first }),
    site.run(token, { nets: first, command }),
    site.run(token, { nets: first, security_groups: ['closed'] }),
  ]);
  const port = await neutron.port(portOf(one));
  world = port.tags.find((tag) => tag.startsWith('troupe:world='))!.replace('troupe:world=', '');
  t.match(port, {
    status: 'ACTIVE',
    device_id: one.uuid,
    'binding:host_id': host,
    'binding:vif_type': 'ovs',
  });
  const ids = await vsctl('get', 'Interface', tapOf(port.id), 'external_ids');
  for (const said of [
    `iface-id="${port.id}"`,
    'iface-status=active',
    `attached-mac="${port.mac_address}"`,
    'vm-uuid=',
  ])
    t.match(ids, said);

  t.ok(await awaitPing(one, two, true), 'those of the default group reach each other');
  // A checksum that is left to a card nobody has would stop here.
  const ask = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 5 ${addressOf(two)} 80`;
  t.match((await site.inside(one.uuid, 'sh', '-c', ask)).out, /here/);
  t.notOk(await pings(one, shut), 'a group without rules lets nothing in');
  await neutron.allowPing(closed);
  t.ok(await awaitPing(one, shut, true), 'until a rule does');
  t.same(await site.audit(), []);

  // Restarted, its port stays; with its sandbox dead, it comes back to the same one.
  const seen = new Set<string>();
  let watching = true;
  const watch = (async () => {
    while (watching) seen.add((await neutron.port(port.id)).status);
  })();
  const restarted = await site.call('POST', `/v1/containers/${one.uuid}/reboot`, token);
  t.equal(restarted.status, 202, restarted.text);
  await site.reach(token, one.uuid, 'Running');
  watching = false;
  await watch;
  t.same([...seen], ['ACTIVE']);
  t.ok(await awaitPing(two, one, true));
  await Promise.all([one, two, shut].map(({ uuid }) => site.remove(token, uuid)));
  await awaitNone();
});

t.test(
  'on a network of both families it has an address of each, and the routes of its subnets',
  async (t) => {
    const dual = await neutron.network(blue, 'dual', '10.93.6.0/24', {
      host_routes: [{ destination: '203.0.113.0/24', nexthop: '10.93.6.9' }],
    });
    await neutron.call('POST', '/subnets', {
      subnet: {
        network_id: dual,
        project_id: blue.id,
        ip_version: 6,
        cidr: 'fd00:93:6::/64',
        gateway_ip: 'fd00:93:6::1',
      },
    });
    const chosen = { 'v4-fixed-ip': '10.93.6.77', 'v6-fixed-ip': 'fd00:93:6::77' };
    const outside = await site.call('POST', '/v1/containers', token, {
      image: testImage,
      nets: [{ network: 'dual', 'v6-fixed-ip': 'fd00:93:7::77' }],
    });
    t.match(outside.text, /in no subnet of network/);
    const [one, two] = await Promise.all([
      site.run(token, { nets: [{ network: 'dual', ...chosen }] }),
      site.run(token, { nets: [{ network: 'dual' }] }),
    ]);
    t.same(
      one.addresses[dual]!.map(({ addr }) => addr),
      Object.values(chosen),
    );
    const [ipv4, ipv6] = two.addresses[dual]!.map(({ addr }) => addr);
    const inside = await site.inside(two.uuid, 'sh', '-c', 'ip addr show eth0; ip route; ip -6 route');
    t.match(inside.out, `inet ${ipv4}/24`);
    t.match(inside.out, `inet6 ${ipv6}/64`);
    t.match(inside.out, /default via 10\.93\.6\.1 dev eth0/);
    t.match(inside.out, /203\.0\.113\.0\/24 via 10\.93\.6\.9 dev eth0/);
    t.match(inside.out, /default via fd00:93:6::1 dev eth0/);
    for (const address of Object.values(chosen))
      await until(
        `an answer of ${address}`,
        () => reaches(two, address),
        (passes) => passes,
      );
    await Promise.all([one, two].map(({ uuid }) => site.remove(token, uuid)));
    await awaitNone();
  },
);

t.test('a sandbox that somebody started anew is plugged again', async () => {
  const [hurt, peer] = await Promise.all([
    site.run(token, { nets: first }),
    site.run(token, { nets: first }),
  ]);
  // Its link goes with its namespace; at the bridge it stays.
  await site.breach(token, hurt.uuid);
  await until(
    'its network',
    () => pings(peer, hurt).catch(() => false),
    (passes) => passes,
  );
  await until(
    'its port',
    () => neutron.port(portOf(hurt)),
    ({ status }) => status === 'ACTIVE',
  );
  await Promise.all([hurt, peer].map(({ uuid }) => site.remove(token, uuid)));
  await awaitNone();
});

t.test('a network is attached and detached while a container lives', async (t) => {
  const container = await site.run(token, { nets: first });
  const act = (what: string) => site.call('POST', `/v1/containers/${container.uuid}/${what}`, token);
  const attached = await act('network_attach?network=second');
  t.equal(attached.status, 200, attached.text);
  const both = await site.awaitNetwork(token, container.uuid, nets.second);
  t.equal((await neutron.port(portOf(both, nets.second))).status, 'ACTIVE');
  t.same((await plugged()).toSorted(), [tapOf(portOf(both)), tapOf(portOf(both, nets.second))].toSorted());
  t.equal((await act('network_detach?network=second')).status, 202);
  await until('its end', plugged, (taps) => taps.length === 1 && taps[0] === tapOf(portOf(both)));
  await site.remove(token, container.uuid);
  await awaitNone();
  t.same(await site.audit(), []);
});

t.test('killed in the middle of a plug, it comes back to one port, and sweeps what was left', async (t) => {
  const { uuid } = await site.create(token, { nets: first });
  await until(
    'its port',
    () => neutron.ports(`device_id=${uuid}`),
    ({ length }) => length > 0,
  );
  site.kill();
  await start(site.site);
  const container = await site.reach(token, uuid, 'Running');
  const [port, ...others] = await neutron.ports(`device_id=${uuid}`);
  t.same(others, []);
  t.equal(port!.status, 'ACTIVE');
  t.same(await plugged(), [tapOf(portOf(container))]);
  t.same(await site.audit(), []);

  // Its link went with its namespace, and what was to be done about it with the agent.
  const left = 'tap00000000-00';
  site.kill();
  await vsctl(
    '--no-wait',
    '--',
    'add-port',
    'br-int',
    left,
    '--',
    'set',
    'Interface',
    left,
    `external_ids:troupe-world=${world}`,
  );
  await start(site.site);
  await until('what was left, swept', plugged, (taps) => !taps.includes(left));
  t.same(await plugged(), [tapOf(port!.id)], 'what is in use stays');
  await site.remove(token, uuid);
  await awaitNone();
  t.same(await site.audit(), []);
});
