/** Containers on networks of the real Neutron, whose ports are plugged by the kuryr-libnetwork that `TROUPE_KURYR_PLUGIN` names. */
import t from 'tap';
import { testImage } from '../../cli/engine/command-site.ts';
import { docker, until } from '../../support/troupe.ts';
import { createCloud } from '../cloud.ts';
import { createNeutronCloud } from '../neutron-cloud.ts';
import { createCloudSite, type Container } from '../neutron-site.ts';

t.setTimeout(420_000);
const plugin = process.env['TROUPE_KURYR_PLUGIN'] ?? 'kuryr';
const cloud = await createCloud(t);
const neutron = await createNeutronCloud(t, cloud);
await neutron.awaitAgent(true);
const site = await createCloudSite(t, cloud, 'RegionOne', {
  network: { driver: 'neutron', kuryr: plugin },
});
const blue = await cloud.project('blue');
const mia = await cloud.person('mia');
await cloud.grant(mia, blue, 'member');
const token = await cloud.token(mia, blue);
const nets = {
  first: await neutron.network(blue, 'first', '10.94.1.0/24'),
  second: await neutron.network(blue, 'second', '10.94.2.0/24'),
};
const first = [{ network: 'first' }];
const portOf = ({ addresses }: Container, network = nets.first): string => addresses[network]![0]!.port;
const addressOf = ({ addresses }: Container): string => addresses[nets.first]![0]!.addr;

/** Docker networks of Kuryr's for a network of Neutron's. */
const dockerNetworks = async (network: string) =>
  (await docker.listNetworks()).filter(({ Name, Driver }) => Driver === plugin && Name.startsWith(network));
/** Those that Kuryr keeps for one of these networks. */
const pools = async (): Promise<readonly unknown[]> => {
  const { subnetpools: all } = await neutron.call<{ subnetpools: { name: string }[] }>('GET', '/subnetpools');
  return all.filter(({ name }) => name.includes('10.94.'));
};
const carriersOf = (portId: string) =>
  docker.listContainers({ all: true, filters: { label: [`troupe.port-id=${portId}`] } });
const awaitPing = (from: Container, to: Container, wanted: boolean): Promise<boolean> =>
  until(
    `a ping that ${wanted ? 'passes' : 'is stopped'}`,
    async () =>
      (await site.inside(from.uuid, 'ping', '-c', '1', '-W', '1', addressOf(to)).catch(() => ({ code: 1 })))
        .code === 0,
    (passes) => passes === wanted,
  );
/** Nothing of it is left at the engine, nor of Kuryr's in Neutron. */
const awaitNone = async (): Promise<void> => {
  for (const network of Object.values(nets))
    await until(
      'no Docker network',
      () => dockerNetworks(network),
      ({ length }) => length === 0,
    );
  await until('no pool of subnets', pools, ({ length }) => length === 0);
};

t.test('containers find each other, as their security groups let them', async (t) => {
  const closed = await neutron.securityGroup(blue, 'closed');
  const [one, two, shut] = await Promise.all([
    site.run(token, { nets: first }),
    site.run(token, { nets: first }),
    site.run(token, { nets: first, security_groups: ['closed'] }),
  ]);
  const port = await neutron.port(portOf(one));
  t.match(port, { status: 'ACTIVE', device_id: one.uuid, device_owner: 'compute:kuryr' });
  t.ok(port.tags.includes('kuryr.port.existing'), 'Kuryr has bound the port that Troupe made');
  t.ok(
    port.tags.some((tag) => tag.startsWith('troupe:actor=')),
    'which is its as ever',
  );
  const [network, ...others] = await dockerNetworks(nets.first);
  t.same(others, [], 'one Docker network for all of them');
  const [carrier] = await carriersOf(port.id);
  t.match(carrier!.NetworkSettings.Networks[network!.Name], {
    IPAddress: addressOf(one),
    MacAddress: port.mac_address,
  });
  const inside = await site.inside(one.uuid, 'sh', '-c', 'ip addr show eth0; ip route');
  t.match(inside.out, port.mac_address);
  t.match(inside.out, `inet ${addressOf(one)}/24`);
  t.match(inside.out, /default via 10\.94\.1\.1 dev eth0/);

  await awaitPing(one, two, true);
  await awaitPing(one, shut, false);
  await neutron.allowPing(closed);
  await awaitPing(one, shut, true);
  t.same(await site.audit(), []);
  await site.remove(token, two.uuid);
  t.equal((await dockerNetworks(nets.first)).length, 1, 'it is there while a port is');
  await Promise.all([one, shut].map(({ uuid }) => site.remove(token, uuid)));
  await awaitNone();
  await until(
    'no port',
    () => neutron.ports(`network_id=${nets.first}`),
    ({ length }) => length === 0,
  );
});

t.test('a network is attached and detached while a container lives', async (t) => {
  const container = await site.run(token, { nets: first });
  const act = (what: string) => site.call('POST', `/v1/containers/${container.uuid}/${what}`, token);
  const attached = await act('network_attach?network=second');
  t.equal(attached.status, 200, attached.text);
  const both = await site.awaitNetwork(token, container.uuid, nets.second);
  t.equal((await neutron.port(portOf(both, nets.second))).status, 'ACTIVE');
  const inside = await site.inside(container.uuid, 'sh', '-c', 'ip -o addr; ip route');
  t.match(inside.out, new RegExp(`eth0 .*inet ${addressOf(both)}/24`));
  t.match(inside.out, new RegExp(`eth1 .*inet ${both.addresses[nets.second]![0]!.addr}/24`));
  t.match(inside.out, /default via 10\.94\.1\.1 dev eth0/);
  t.equal((await act('network_detach?network=second')).status, 202);
  await until(
    'its end',
    () => dockerNetworks(nets.second),
    ({ length }) => length === 0,
  );
  t.notMatch((await site.inside(container.uuid, 'ip', '-o', 'link')).out, /eth1/);
  t.equal((await dockerNetworks(nets.first)).length, 1);
  await site.remove(token, container.uuid);
  await awaitNone();
  t.same(await site.audit(), []);
});

t.test('on a network of both families it has an address of each', async (t) => {
  const dual = await neutron.network(blue, 'dual', '10.94.6.0/24');
  const family = { ip_version: 6, cidr: 'fd00:94:6::/64', gateway_ip: 'fd00:94:6::1' };
  const subnet = { network_id: dual, project_id: blue.id, ...family };
  await neutron.call('POST', '/subnets', { subnet });
  const container = await site.run(token, { nets: [{ network: 'dual' }] });
  const [ipv4, ipv6] = container.addresses[dual]!.map(({ addr }) => addr);
  const inside = await site.inside(container.uuid, 'sh', '-c', 'ip addr show eth0; ip -6 route');
  t.match(inside.out, `inet ${ipv4}/24`);
  t.match(inside.out, `inet6 ${ipv6}/64`);
  t.match(inside.out, /default via fd00:94:6::1 dev eth0/);
  t.equal((await neutron.ports(`network_id=${dual}`)).length, 1, 'Kuryr has made none of its own');
  await site.remove(token, container.uuid);
  await until(
    'no Docker network',
    () => dockerNetworks(dual),
    ({ length }) => length === 0,
  );
  await awaitNone();
});

t.test('a port of a user’s own is bound, and given back as it was', async (t) => {
  const { port } = await neutron.call<{ port: { id: string; mac_address: string } }>('POST', '/ports', {
    port: { network_id: nets.first, project_id: blue.id, name: 'mine' },
  });
  const container = await site.run(token, { nets: [{ port: port.id }] });
  t.match(await neutron.port(port.id), { status: 'ACTIVE', device_id: container.uuid });
  t.match((await site.inside(container.uuid, 'ip', 'link')).out, port.mac_address);
  await site.remove(token, container.uuid);
  const back = await until(
    'the port',
    () => neutron.port(port.id),
    ({ device_id, tags }) => device_id === '' && tags.length === 0,
  );
  t.match(back, { name: 'mine', mac_address: port.mac_address, device_owner: '', 'binding:host_id': '' });
  await neutron.call('DELETE', `/ports/${port.id}`);
  await awaitNone();
});

t.test('killed, and with its sandbox started anew by somebody, it comes back to its port', async (t) => {
  const [hurt, peer] = await Promise.all([
    site.run(token, { nets: first }),
    site.run(token, { nets: first }),
  ]);
  await site.breach(token, hurt.uuid);
  await awaitPing(peer, hurt, true);
  await until(
    'its port',
    () => neutron.port(portOf(hurt)),
    ({ status }) => status === 'ACTIVE',
  );
  await Promise.all([hurt, peer].map(({ uuid }) => site.remove(token, uuid)));
  await awaitNone();
  t.same(await site.audit(), []);
});

t.test('a host whose Docker has no such plugin says so, and nothing is placed there', async (t) => {
  const other = await createCloudSite(t, cloud, 'RegionOne', {
    network: { driver: 'neutron', kuryr: 'no-kuryr' },
  });
  const answer = await other.call('POST', '/v1/containers?run=true', token, {
    image: testImage,
    nets: first,
  });
  const { uuid } = answer.json as unknown as Container;
  const refused = await other.reach(token, uuid, 'Error');
  t.match(refused.status_reason, /no plugin "no-kuryr"/);
  await other.remove(token, uuid);
});
