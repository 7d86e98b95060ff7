/** Ensuring again, changing, repairing, listing, leaving. */
import { randomUUID } from 'node:crypto';
import type { Test } from 'tap';
import { bridgeName, linkGroup, portName, tableName } from '../../src/drivers/network/link-names.ts';
import { type NetworkUnderTest, onNetworkStage } from './network-driver-stage.ts';

export async function networkDriverLife(t: Test, under: NetworkUnderTest): Promise<void> {
  const { on, worldId } = under;

  await t.test('doing it again, by the same driver or another, changes nothing', async (t) => {
    const { driver, signal, again, network, container, publishSpec } = await onNetworkStage(t, under);
    const net = await network({ ipv6: { subnet: 'fd5a:18::/64', gateway: 'fd5a:18::1' } });
    const one = await container(net);
    const inside = () => one.namespace.run('ip', '-brief', 'address', 'show');
    await driver.publish(publishSpec(one, {}), signal);
    const [before, insideBefore] = [await on.state(under.worldId), await inside()];
    for (const other of [driver, again()]) {
      await other.ensureNetwork(net, signal);
      await other.plug(one.spec, signal);
      await other.publish(publishSpec(one, {}), signal);
      t.equal(await on.state(under.worldId), before);
      t.equal(await inside(), insideBefore);
      t.strictSame(await other.sweep(worldId, signal), []);
      t.equal(await on.state(under.worldId), before, 'there is nothing to sweep');
    }
  });

  await t.test('many at once are as many one after the other', async (t) => {
    const { driver, signal, network, sandbox, plugSpec } = await onNetworkStage(t, under);
    const net = await network();
    await Promise.all([driver.ensureNetwork(net, signal), driver.ensureNetwork(net, signal)]);
    const sandboxes = await Promise.all(Array.from({ length: 6 }, () => sandbox()));
    const specs = sandboxes.map((one) => plugSpec(net, one));
    await Promise.all([...specs, ...specs].map((spec) => driver.plug(spec, signal)));
    const listed = (await driver.listPorts(signal)).filter(({ networkId }) => networkId === net.networkId);
    t.strictSame(new Set(listed.map(({ portId }) => portId)), new Set(specs.map(({ portId }) => portId)));
    await Promise.all([...specs, ...specs].map((spec) => driver.unplug(spec, signal)));
    await Promise.all([driver.removeNetwork(net, signal), driver.removeNetwork(net, signal)]);
  });

  await t.test('what changed in the specification changes in the kernel', async (t) => {
    const { driver, signal, network, container, isDropped } = await onNetworkStage(t, under);
    const net = await network();
    const [one, two] = [await container(net), await container(net)];
    await one.listen(80);
    await two.listen(80);
    const [prefix] = net.subnet.split('.0/24');
    const changed = {
      ...one.spec,
      mac: '02:00:00:00:00:77',
      mtu: 1400,
      addresses: [`${prefix}.77/24`],
      gateway: null,
      routes: [{ destination: '203.0.113.0/24', via: two.address }],
    };
    await driver.plug(changed, signal);
    t.strictSame(await two.dial(`${prefix}.77`, 80), { name: one.address, from: two.address });
    t.strictSame(await one.dial(two.address, 80), { name: two.address, from: `${prefix}.77` });
    const address = await one.namespace.run('ip', 'address', 'show', 'dev', 'eth0');
    t.match(address, /mtu 1400 [^]*02:00:00:00:00:77/);
    t.notMatch(address, `${one.address}/`);
    const routes = await one.namespace.run('ip', 'route', 'show');
    t.match(routes, '203.0.113.0/24');
    t.notMatch(routes, 'default');
    await driver.plug({ ...changed, routes: [] }, signal);
    t.notMatch(await one.namespace.run('ip', 'route', 'show'), '203.0.113.0/24');

    await driver.ensureNetwork({ ...net, gateway: `${prefix}.254`, mtu: 1390 }, signal);
    const bridge = await on.run('ip', 'address', 'show', 'dev', bridgeName(net.networkId));
    t.match(bridge, /mtu 1390 /);
    t.match(bridge, `${prefix}.254/24`);
    t.notMatch(bridge, `${net.gateway}/24`);
    await on.talker.listen(18_023);
    t.ok(await isDropped(two, `${prefix}.254`, 18_023), 'the rules are for the new gateway, too');
  });

  await t.test('a sandbox that died is plugged anew, and so is one that lives', async (t) => {
    const { driver, signal, network, container, sandbox } = await onNetworkStage(t, under);
    const net = await network();
    const [one, two] = [await container(net), await container(net)];
    await two.listen(80);
    const next = await sandbox();
    await driver.plug({ ...one.spec, netnsPath: next.path }, signal);
    t.notMatch(await one.namespace.run('ip', 'link', 'show'), 'eth0', 'the old one has it no more');
    t.match(await next.run('ip', 'address', 'show', 'dev', 'eth0'), `${one.address}/24`);

    const last = await sandbox();
    await next.run('ip', 'link', 'delete', 'dev', 'eth0');
    await driver.plug({ ...one.spec, netnsPath: last.path }, signal);
    t.match(await last.run('ip', 'address', 'show', 'dev', 'eth0'), `${one.address}/24`);
    await driver.plug({ ...one.spec, netnsPath: last.path, interfaceName: 'eth1' }, signal);
    t.match(await last.run('ip', 'address', 'show', 'dev', 'eth1'), `${one.address}/24`);
    t.notMatch(await last.run('ip', 'link', 'show'), 'eth0', 'an interface has one name');
  });

  await t.test('what somebody broke is whole again after ensuring', async (t) => {
    const { driver, signal, network, container, publishSpec, isDropped } = await onNetworkStage(t, under);
    const net = await network();
    const [one, two] = [await container(net), await container(net)];
    const stranger = await container(await network());
    await two.listen(80);
    const ensureAll = async (): Promise<void> => {
      await driver.ensureNetwork(net, signal);
      for (const { spec } of [one, two]) await driver.plug(spec, signal);
      await driver.publish(publishSpec(two, {}), signal);
      t.match(await one.dial(two.address, 80), { name: two.address });
      t.match(await on.outside.dial(on.address, 18_080), { name: two.address });
      t.ok(await isDropped(stranger, two.address, 80));
    };
    await ensureAll();
    const whole = await on.state(under.worldId);
    for (const breakIt of [
      ['ip', 'link', 'delete', 'dev', portName(two.spec.portId)],
      ['ip', 'link', 'set', 'dev', portName(two.spec.portId), 'nomaster'],
      ['ip', 'link', 'set', 'dev', portName(one.spec.portId), 'down'],
      ['ip', 'link', 'delete', 'dev', bridgeName(net.networkId)],
      ['ip', 'link', 'set', 'dev', bridgeName(net.networkId), 'down'],
      ['ip', 'address', 'flush', 'dev', bridgeName(net.networkId)],
    ] as const) {
      await on.run(breakIt[0], ...breakIt.slice(1));
      await ensureAll();
      t.equal(await on.state(under.worldId), whole, breakIt.join(' '));
    }
    for (const breakIt of [
      ['ip', 'address', 'flush', 'dev', 'eth0'],
      ['ip', 'route', 'flush', 'default'],
      ['ip', 'link', 'set', 'dev', 'eth0', 'down'],
    ] as const) {
      await one.namespace.run(breakIt[0], ...breakIt.slice(1));
      await ensureAll();
      t.match(await one.namespace.run('ip', 'route', 'show'), `default via ${net.gateway}`);
    }
  });

  await t.test('rules that somebody emptied are told, and come back', async (t) => {
    const { driver, signal, network, container, publishSpec, isDropped } = await onNetworkStage(t, under);
    const [net, other] = [await network(), await network()];
    const [one, two] = [await container(net), await container(other)];
    await two.listen(80);
    await driver.publish(publishSpec(two, {}), signal);
    const guarded = async (): Promise<readonly boolean[]> => {
      const all = [...(await driver.listNetworks(signal)), ...(await driver.listPorts(signal))];
      return all.filter((item) => item.worldId === worldId).map((item) => item.guarded);
    };
    t.strictSame(await guarded(), [true, true, true, true]);
    for (const family of ['inet', 'bridge'])
      await on.run('nft', 'delete', 'table', family, tableName(worldId));
    t.strictSame(await guarded(), [false, false, false, false]);
    for (const spec of [net, other]) await driver.ensureNetwork(spec, signal);
    for (const { spec } of [one, two]) await driver.plug(spec, signal);
    await driver.publish(publishSpec(two, {}), signal);
    t.strictSame(await guarded(), [true, true, true, true]);
    t.ok(await isDropped(one, two.address, 80));
    t.match(await on.outside.dial(on.address, 18_080), { name: two.address });
  });

  await t.test('what is there is listed with whose it is, of all worlds', async (t) => {
    const { driver, signal, network, container } = await onNetworkStage(t, under);
    const foreign = randomUUID();
    const [net, other] = [await network(), await network({ worldId: foreign, tenant: 'p2' })];
    const [one, two] = [await container(net), await container(other)];
    const networks = await driver.listNetworks(signal);
    for (const { worldId, networkId, tenant } of [net, other])
      t.strictSame(
        networks.filter((item) => item.networkId === networkId),
        [{ linkName: bridgeName(networkId), worldId, networkId, tenant, guarded: true }],
      );
    const ports = await driver.listPorts(signal);
    for (const { worldId, networkId, portId } of [one.spec, two.spec])
      t.strictSame(
        ports.filter((item) => item.portId === portId),
        [{ linkName: portName(portId), worldId, networkId, portId, guarded: true }],
      );
  });

  await t.test("of two worlds on one machine neither touches the other's", async (t) => {
    const { driver, signal, network, container, publishSpec } = await onNetworkStage(t, under);
    const foreign = randomUUID();
    const [net, other] = [await network(), await network({ worldId: foreign })];
    const [one, two] = [await container(net), await container(other)];
    await two.listen(80);
    await driver.publish(publishSpec(two, {}), signal);
    const foreigner = { ...two.spec, worldId };
    await driver.unplug(foreigner, signal);
    await driver.unpublish(foreigner, signal);
    await driver.removeNetwork({ ...other, worldId }, signal);
    t.strictSame(await driver.sweep(worldId, signal), []);
    await t.rejects(driver.ensureNetwork({ ...other, worldId }, signal), { code: /NAME_IN_USE/ });
    await t.rejects(driver.plug(foreigner, signal), { code: 'NAME_IN_USE' });
    await driver.sweep(worldId, signal);
    await driver.unplug(one.spec, signal);
    await driver.removeNetwork(net, signal);
    t.match(
      await on.outside.dial(on.address, 18_080),
      { name: two.address },
      'one world left, the other works',
    );
    const listed = (await driver.listPorts(signal)).filter((item) => item.worldId === foreign);
    t.match(listed, [{ portId: two.spec.portId, guarded: true }]);
  });

  await t.test('a network is removed after its ports, and what is gone is removed again', async (t) => {
    const { driver, signal, network, container } = await onNetworkStage(t, under);
    const before = await on.state(under.worldId);
    const net = await network();
    const [one, two] = [await container(net), await container(net)];
    await t.rejects(driver.removeNetwork(net, signal), {
      code: 'NETWORK_IN_USE',
      message: `The network "${net.networkId}" has 2 ports plugged on this host; unplug first`,
    });
    await driver.unplug(one.spec, signal);
    await t.rejects(driver.removeNetwork(net, signal), { message: / has a port plugged / });
    await two.namespace.run('ip', 'link', 'delete', 'dev', 'eth0');
    await driver.removeNetwork(net, signal);
    t.equal(await on.state(under.worldId), before, 'with the last network of the world goes all of it');
    await driver.unplug(two.spec, signal);
    await driver.removeNetwork(net, signal);
    await driver.unpublish(two.spec, signal);
    t.equal(await on.state(under.worldId), before);
  });

  await t.test('what was left half made is swept, and nothing else', async (t) => {
    const { driver, signal, network, container, publishSpec } = await onNetworkStage(t, under);
    const net = await network();
    const [one, gone] = [await container(net), await container(net)];
    await driver.publish(publishSpec(gone, {}), signal);
    const [half, bridge] = ['tp-0123456789ab', 'tr-0123456789ab'];
    const group = String(linkGroup(worldId));
    const strangers = ['tp-ba9876543210', 'tr-ba9876543210'];
    await on.run('ip', 'link', 'add', half, 'group', group, 'type', 'veth', 'peer', 'name', 'tthalf');
    await on.run('ip', 'link', 'add', bridge, 'group', group, 'type', 'bridge');
    await on.run('ip', 'link', 'add', strangers[0]!, 'type', 'veth', 'peer', 'name', 'ttstranger');
    await on.run('ip', 'link', 'add', strangers[1]!, 'type', 'bridge');
    t.teardown(async () => {
      for (const link of strangers) await on.run('ip', 'link', 'delete', 'dev', link);
    });
    await gone.namespace.run('ip', 'link', 'delete', 'dev', 'eth0');
    const listed = [...(await driver.listPorts(signal)), ...(await driver.listNetworks(signal))];
    for (const linkName of [half, bridge])
      t.match(
        listed.find((item) => item.linkName === linkName),
        { worldId: null, networkId: null, guarded: false },
      );
    t.strictSame(await driver.sweep(worldId, signal), [half, bridge, portName(gone.spec.portId)].toSorted());
    t.strictSame(await driver.sweep(worldId, signal), []);
    const links = await on.run('ip', '-brief', 'link', 'show');
    for (const link of [half, bridge]) t.notMatch(links, link);
    for (const link of [...strangers, portName(one.spec.portId)]) t.match(links, link);
    t.strictSame(await driver.listPublished(worldId, signal), []);
  });
}
