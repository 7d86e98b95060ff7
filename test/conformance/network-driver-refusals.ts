/** What is refused, in words, before anything is changed. */
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { Test } from 'tap';
import type { NetworkSpec, PlugSpec, PublishSpec } from '../../src/drivers/network/network-driver.ts';
import { bridgeName, portName } from '../../src/drivers/network/link-names.ts';
import { type NetworkUnderTest, onNetworkStage } from './network-driver-stage.ts';

export async function networkDriverRefusals(t: Test, under: NetworkUnderTest): Promise<void> {
  const { on } = under;

  await t.test('a subnet that the host has a way to', async (t) => {
    const { driver, signal, network } = await onNetworkStage(t, under);
    const net = await network();
    const before = await on.state(under.worldId);
    const wanted = { ...net, networkId: randomUUID() };
    for (const [subnet, gateway, route] of [
      [net.subnet, net.gateway, net.subnet],
      [net.subnet.replace('.0/24', '.128/25'), net.subnet.replace('.0/24', '.129'), net.subnet],
      ['198.51.100.0/25', '198.51.100.9', '198.51.100.0/24'],
    ] as const)
      await t.rejects(driver.ensureNetwork({ ...wanted, subnet, gateway }, signal), {
        code: 'SUBNET_IN_USE',
        message: `The subnet "${subnet}" overlaps "${route}", which this host has a route to; choose another`,
        details: { subnet, route },
      });
    t.equal(await on.state(under.worldId), before);
    const { subnetsInUse } = await driver.probe(signal);
    for (const subnet of ['198.18.0.0/24', '198.51.100.0/24', net.subnet])
      t.ok(subnetsInUse.includes(subnet), subnet);
  });

  await t.test("a link of the name that is somebody else's", async (t) => {
    const { driver, signal, network, sandbox, plugSpec } = await onNetworkStage(t, under);
    const net = await network();
    const [networkId, place] = [randomUUID(), await sandbox()];
    const spec = plugSpec(net, place);
    const links = [bridgeName(networkId), portName(spec.portId)];
    for (const link of links)
      await on.run('ip', 'link', 'add', link, 'type', 'veth', 'peer', 'name', `x${link.slice(0, 13)}`);
    t.teardown(async () => {
      for (const link of links) await on.run('ip', 'link', 'delete', 'dev', link);
    });
    const subnet = { subnet: '10.223.255.0/24', gateway: '10.223.255.1' };
    for (const attempt of [
      driver.ensureNetwork({ ...net, networkId, ...subnet }, signal),
      driver.plug(spec, signal),
    ])
      await t.rejects(attempt, {
        code: 'NAME_IN_USE',
        message: /link "t[rp]-.*" that isn't its; remove that/,
      });
    await driver.unplug(spec, signal);
    await driver.removeNetwork({ ...net, networkId }, signal);
    for (const link of links) t.match(await on.run('ip', 'link', 'show', 'dev', link), link);
  });

  await t.test('a namespace that has the interface, is gone, is none, or is the host', async (t) => {
    const { driver, signal, network, container, sandbox, plugSpec } = await onNetworkStage(t, under);
    const net = await network();
    const one = await container(net);
    const place = await sandbox();
    await t.rejects(driver.plug(plugSpec(net, one.namespace), signal), {
      code: 'NAME_IN_USE',
      message: /its namespace has an interface "eth0" already$/,
    });
    const spec = plugSpec(net, place);
    for (const netnsPath of ['/run/netns/troupe-none', '/proc/1073741824/ns/net', '/etc/hostname', '/run'])
      await t.rejects(driver.plug({ ...spec, netnsPath }, signal), {
        code: 'SANDBOX_GONE',
        message: `There is no network namespace at "${netnsPath}"; its sandbox has ended`,
      });
    await t.rejects(driver.plug({ ...spec, netnsPath: on.host.networkNamespace }, signal), {
      code: 'INVALID_INPUT',
      message: /is the host's own$/,
    });
    t.match(await driver.listPorts(signal), [{ portId: one.spec.portId }]);
  });

  await t.test('a network that is not there', async (t) => {
    const { driver, signal, network, sandbox, plugSpec } = await onNetworkStage(t, under);
    const before = await on.state(under.worldId);
    const net = await network();
    const place = await sandbox();
    const networkId = randomUUID();
    const missing = {
      code: 'NETWORK_NOT_FOUND',
      message: new RegExp(`the network "${networkId}" is not on this host$`),
    };
    await t.rejects(driver.plug(plugSpec({ ...net, networkId }, place), signal), missing);
    await driver.removeNetwork(net, signal);
    await t.rejects(driver.plug(plugSpec({ ...net, networkId }, place), signal), missing);
    t.equal(await on.state(under.worldId), before, 'rules of a port that could not be are gone');
    t.notMatch(await place.run('ip', 'link', 'show'), 'eth0');
  });

  await t.test('a wait that is given up says so, and the next call finishes', async (t) => {
    const { driver, signal, network, sandbox, plugSpec } = await onNetworkStage(t, under);
    const net = await network();
    const spec = plugSpec(net, await sandbox());
    await t.rejects(driver.plug(spec, AbortSignal.abort()), { code: 'TIMED_OUT' });
    await t.rejects(driver.ensureNetwork(net, AbortSignal.abort()), { code: 'TIMED_OUT' });
    await driver.plug(spec, signal);
    await driver.unplug(spec, signal);
  });

  await t.test('whatever could be read as a command or a rule', async (t) => {
    const { driver, signal, network, sandbox, plugSpec } = await onNetworkStage(t, under);
    const net = await network();
    const plug = plugSpec(net, await sandbox());
    const publish: PublishSpec = {
      worldId: net.worldId,
      portId: plug.portId,
      address: '10.0.0.2',
      ports: [{ protocol: 'tcp', hostPort: 1, containerPort: 1, hostAddress: null }],
    };
    const before = await on.state(under.worldId);
    const refused = (attempt: Promise<unknown>, what: string) =>
      t.rejects(attempt, { code: 'INVALID_INPUT' }, what);
    const evil = fc.constantFrom('', ' ', 'x\ny', '" }', '; drop', '../..', '10.0.0.1 dev lo', '$(x)', '0');
    const [bad] = fc.sample(evil, { numRuns: 1, seed: 7 });
    for (const text of [bad!, ...fc.sample(evil, { numRuns: 12, seed: 11 })]) {
      const networks: Partial<NetworkSpec>[] = [
        { worldId: text },
        { networkId: text },
        { tenant: `${text} ` },
        { subnet: text },
        { gateway: text },
        { ipv6: { subnet: text, gateway: 'fd00::1' } },
        { ipv6: { subnet: 'fd00::/64', gateway: text } },
        { mtu: Number(text) },
      ];
      for (const change of networks)
        await refused(driver.ensureNetwork({ ...net, ...change }, signal), JSON.stringify(change));
      const plugs: Partial<PlugSpec>[] = [
        { worldId: text },
        { networkId: text },
        { portId: text },
        { mac: text },
        { addresses: [text] },
        { addresses: [] },
        { gateway: text },
        { routes: [{ destination: text, via: '10.0.0.1' }] },
        { routes: [{ destination: '10.0.0.0/8', via: text }] },
        { interfaceName: text },
        { mtu: Number(text) },
      ];
      for (const change of plugs)
        await refused(driver.plug({ ...plug, ...change }, signal), JSON.stringify(change));
      for (const change of [
        { worldId: text },
        { portId: text },
        { address: text },
        { ports: [{ ...publish.ports[0]!, hostAddress: text }] },
        { ports: [{ ...publish.ports[0]!, protocol: text as 'tcp' }] },
        { ports: [{ ...publish.ports[0]!, hostPort: Number(text) }] },
        { ports: [{ ...publish.ports[0]!, containerPort: 65_536 }] },
        { ports: [publish.ports[0]!, publish.ports[0]!] },
      ])
        await refused(driver.publish({ ...publish, ...change }, signal), JSON.stringify(change));
      await refused(driver.unplug({ worldId: net.worldId, portId: text }, signal), text);
      await refused(driver.removeNetwork({ worldId: text, networkId: net.networkId }, signal), text);
    }
    t.equal(await on.state(under.worldId), before);
  });
}
