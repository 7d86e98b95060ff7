/** Ports that are plugged by way of Docker networks of kuryr-libnetwork, on the machine's engine. */
import { randomInt, randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import t from 'tap';
import { createBridgeNetworkDriver } from '../../../src/drivers/network/bridge-network.ts';
import { kuryrProblem } from '../../../src/drivers/network/kuryr.ts';
import type { PlugSpec } from '../../../src/drivers/network/network-driver.ts';
import { createDockerDriver } from '../../../src/drivers/runtime/docker.ts';
import { dockerDialect } from '../../../src/drivers/runtime/docker-dialect.ts';
import { createDockerEngine } from '../../../src/drivers/runtime/docker-engine.ts';
import { macOfPort } from '../../../src/model/mac-address.ts';
import { dockerSocket, ensureDocker, removeWorld } from '../../support/docker.ts';
import { startKuryr } from '../../support/kuryr.ts';
import { needRoot } from '../../support/need-root.ts';
import { program } from '../../support/run-program.ts';
import { createTestEnvironment } from '../../support/test-environment.ts';

needRoot();

const signal = AbortSignal.timeout(180_000);
const docker = await ensureDocker();
// Addresses for benchmarks, RFC 2544: no network of the machine has them.
const subnet = `198.18.${randomInt(256)}`;
const kuryr = await startKuryr(`${subnet}.1/24`);
const engine = createDockerEngine(dockerSocket, dockerDialect);
// Docker looks 15 s for it: meanwhile all else is tried.
const unknown = kuryrProblem({ engine, plugin: 'no-kuryr' }, signal);
const driverOf = (hostname: string) =>
  createBridgeNetworkDriver({ kuryr: { engine, plugin: kuryr.plugin, hostname } });
const driver = driverOf('h1');
const runtime = createDockerDriver({
  socketPath: dockerSocket,
  hostname: 'h1',
  environment: createTestEnvironment(),
});
const worldId = randomUUID();
const owner = { opId: 'op', worldId, tenant: 'p1', generation: 1, epoch: 1 };

const subnetIds = { ipv4: randomUUID(), ipv6: randomUUID() };
const engineNetworks = () =>
  docker.listNetworks({ filters: JSON.stringify({ label: [`troupe.world=${worldId}`] }) });
const carrierOf = (portId: string) => docker.getContainer(`troupe-port-${portId}`).inspect();

/** Others use this machine, too. */
const listed = async () => (await driver.listPorts(signal)).filter((each) => each.worldId === worldId);

t.teardown(async () => {
  await removeWorld(docker, worldId);
  for (const { Id } of await engineNetworks()) await docker.getNetwork(Id).remove();
  await runtime.close();
  engine.close();
  await kuryr.stop();
});

async function sandbox() {
  const { sandboxId, netnsPath } = await runtime.ensureSandbox(
    owner,
    { sandboxId: randomUUID(), hostname: null },
    signal,
  );
  const inside = (...command: readonly string[]) =>
    program('nsenter', `--net=${netnsPath}`, '--', ...command);
  return { sandboxId, netnsPath, inside, remove: () => runtime.removeSandbox(owner, sandboxId, signal) };
}

let given = 9;
/** A port that Neutron has, for a namespace. */
function port(netnsPath: string, changes: Partial<PlugSpec> = {}): PlugSpec & { readonly address: string } {
  const portId = randomUUID();
  const address = `${subnet}.${++given}`;
  const spec: PlugSpec = {
    worldId,
    portId,
    networkId: randomUUID(),
    of: 'neutron',
    outline: {
      isShared: false,
      subnets: [{ subnetId: subnetIds.ipv4, cidr: `${subnet}.0/24`, gateway: `${subnet}.1` }],
    },
    netnsPath,
    mac: macOfPort(portId),
    addresses: [`${address}/24`],
    gateway: `${subnet}.1`,
    routes: [],
    mtu: 1450,
    interfaceName: 'eth0',
    ...changes,
  };
  kuryr.ports.push({
    id: portId,
    networkId: spec.networkId,
    mac: spec.mac,
    addresses: spec.addresses.map((each) => each.replace(/\/.*/, '')),
  });
  return { ...spec, address };
}

/** Whoever has the address says that nobody listens there. */
const answers = (address: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: address, port: 9, timeout: 10_000 });
    const end = (is: boolean) => () => resolve((socket.destroy(), is));
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code === 'ECONNREFUSED')());
    socket.on('timeout', end(false));
    socket.on('connect', end(true));
  });

t.test('a port is plugged as Neutron has it, once, and no more is left of it than was', async (t) => {
  const place = await sandbox();
  const one = port(place.netnsPath);
  await driver.plug(one, signal);
  const link = await place.inside('ip', '-o', 'address', 'show', 'dev', 'eth0');
  t.match(link, `inet ${one.address}/24`);
  t.match(await place.inside('ip', '-o', 'link'), new RegExp(`eth0.*mtu 1450 .*${one.mac}`));
  t.match(await place.inside('ip', 'route'), `default via ${subnet}.1 dev eth0`);
  t.ok(await answers(one.address));
  t.same(kuryr.bound(), [one.portId]);
  t.match(await listed(), [{ worldId, portId: one.portId, networkId: one.networkId }]);
  const [network] = await engineNetworks();
  t.match(network, { Driver: kuryr.plugin, Name: new RegExp(`^${one.networkId}-`) });

  const before = await carrierOf(one.portId);
  await driver.plug(one, signal);
  t.equal((await carrierOf(one.portId)).Id, before.Id, 'what is there is left alone');
  await driver.sweep(worldId, signal);
  t.equal((await listed()).length, 1);
  await t.rejects(driver.plug(port(place.netnsPath), signal), { code: 'NAME_IN_USE' });

  await driver.unplug(one, signal);
  await driver.unplug(one, signal);
  t.notMatch(await place.inside('ip', '-o', 'link'), /eth0/);
  t.same(await listed(), []);
  t.same(await engineNetworks(), []);
  t.same([kuryr.bound(), kuryr.pools()], [[], []]);
  await place.remove();
});

t.test('a living sandbox gets a second port and loses it; its default route stays', async (t) => {
  const place = await sandbox();
  const one = port(place.netnsPath);
  // Docker would take the default route of the network that sorts first.
  const networkId = `00000000${randomUUID().slice(8)}`;
  const two = port(place.netnsPath, { networkId, gateway: null, interfaceName: 'eth1' });
  const like = port(place.netnsPath, { networkId, gateway: null, interfaceName: 'eth7' });
  for (const spec of [one, two, like]) await driver.plug(spec, signal);
  t.match(await place.inside('ip', 'route', 'show', 'default'), /dev eth0/);
  t.match(await place.inside('ip', '-o', 'address'), new RegExp(`eth1 .*inet ${two.address}/24`));
  t.match(await place.inside('ip', '-o', 'address'), new RegExp(`eth7 .*inet ${like.address}/24`));
  t.equal((await engineNetworks()).length, 2, 'two ports are on one of them');
  await driver.unplug(two, signal);
  t.equal((await engineNetworks()).length, 2, 'which stays for the other');
  await driver.unplug(like, signal);
  t.equal((await engineNetworks()).length, 1);
  t.match(await place.inside('ip', 'route', 'show', 'default'), /dev eth0/);
  await driver.unplug(one, signal);
  await place.remove();
});

t.test('with its namespace gone it is plugged into the next one', async (t) => {
  const [was, is] = [await sandbox(), await sandbox()];
  const lost = port(was.netnsPath);
  await driver.plug(lost, signal);
  await was.remove();
  const spec = { ...lost, netnsPath: is.netnsPath };
  await driver.plug(spec, signal);
  t.match(await is.inside('ip', '-o', 'address', 'show', 'dev', 'eth0'), lost.address);
  t.equal((await listed()).length, 1);

  await docker.getContainer(`troupe-port-${lost.portId}`).kill();
  t.same(await listed(), [], 'nor is it plugged once its carrier has ended');
  await driver.plug(spec, signal);
  t.ok(await answers(lost.address));
  await driver.unplug(spec, signal);
  await is.remove();
});

t.test('with a subnet of each family, the port has an address of each', async (t) => {
  const place = await sandbox();
  const [ipv4] = port(place.netnsPath).outline!.subnets;
  const both = port(place.netnsPath, {
    addresses: [`${subnet}.200/24`, 'fd00:198:18::200/64'],
    routes: [{ destination: '::/0', via: 'fd00:198:18::1' }],
    outline: {
      isShared: false,
      subnets: [ipv4!, { subnetId: subnetIds.ipv6, cidr: 'fd00:198:18::/64', gateway: 'fd00:198:18::1' }],
    },
  });
  await driver.plug(both, signal);
  const inside = await place.inside('ip', '-o', 'address', 'show', 'dev', 'eth0');
  t.match(inside, `inet ${subnet}.200/24`);
  t.match(inside, 'inet6 fd00:198:18::200/64');
  t.match(await place.inside('ip', '-6', 'route'), /default via fd00:198:18::1 dev eth0/);
  t.equal(kuryr.pools().length, 2);
  await driver.unplug(both, signal);
  t.same(kuryr.pools(), []);
  await place.remove();
});

t.test('its pool of subnets is of this host alone: Kuryr deletes it with the Docker network', async (t) => {
  const place = await sandbox();
  const spec = port(place.netnsPath);
  const tags: (readonly string[])[] = [];
  for (const other of [driverOf('h1'), driverOf('h2')]) {
    await other.plug(spec, signal);
    tags.push(kuryr.pools());
    await other.unplug(spec, signal);
  }
  for (const [tag] of tags) t.match(tag, new RegExp(`^${subnetIds.ipv4}-[0-9a-f]{8}$`));
  t.not(tags[0]![0], tags[1]![0]);
  await place.remove();
});

t.test('what Kuryr refuses is told in its words, and what is left of it swept', async (t) => {
  const place = await sandbox();
  const spec = port(place.netnsPath);
  kuryr.refuse('Could not bind the Neutron port to the veth endpoint');
  await t.rejects(driver.plug(spec, signal), {
    code: 'NETWORK_ERROR',
    retryable: true,
    message: /could not be plugged: Docker or Kuryr said: .*Could not bind the Neutron port/,
  });
  t.equal((await engineNetworks()).length, 1);
  t.same(await driver.sweep(worldId, signal), [`tap${spec.portId.slice(0, 11)}`]);
  t.same(await engineNetworks(), []);
  await t.rejects(carrierOf(spec.portId), /no such container/i);
  kuryr.refuse(null);
  await driver.plug(spec, signal);
  t.ok(await answers(spec.address));
  await driver.unplug(spec, signal);
  await place.remove();
});

t.test('what can’t be made a Docker network of is refused', async (t) => {
  const place = await sandbox();
  const { outline, ...old } = port(place.netnsPath);
  await t.rejects(driver.plug(old, signal), {
    code: 'HOST_INCAPABLE',
    message: /made before "network.kuryr" was set/,
  });
  const [ipv4] = outline!.subnets;
  const twice = {
    isShared: false,
    subnets: [ipv4!, { ...ipv4!, subnetId: randomUUID(), cidr: '198.19.0.0/24' }],
  };
  await t.rejects(driver.plug({ ...old, outline: twice }, signal), {
    code: 'HOST_INCAPABLE',
    message: /2 IPv4 and 0 IPv6 subnets/,
  });
  await place.remove();
});

t.test('whether Docker reaches the plugin is known before anything is made', async (t) => {
  t.equal(await kuryrProblem({ engine, plugin: kuryr.plugin }, signal), null);
  t.same(
    [kuryr.pools(), await docker.listNetworks({ filters: JSON.stringify({ driver: [kuryr.plugin] }) })],
    [[], []],
  );
  t.match(await unknown, /Docker has no plugin "no-kuryr" that answers .*start kuryr-libnetwork/);
});
