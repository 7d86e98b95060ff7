/** Who reaches whom, and as whom. */
import { randomUUID } from 'node:crypto';
import type { Test } from 'tap';
import { type Container, type NetworkUnderTest, onNetworkStage, silenceMs } from './network-driver-stage.ts';

export async function networkDriverReach(t: Test, under: NetworkUnderTest): Promise<void> {
  const { on } = under;

  await t.test('containers of one network reach each other, as themselves', async (t) => {
    const { network, container } = await onNetworkStage(t, under);
    const net = await network();
    const [one, two] = [await container(net), await container(net)];
    await Promise.all([one.listen(80), two.listen(80)]);
    t.strictSame(await one.dial(two.address, 80), { name: two.address, from: one.address });
    t.strictSame(await two.dial(one.address, 80), { name: one.address, from: two.address });
    await Promise.all([one.bind(53), two.bind(53)]);
    await one.send(53, 'hello', two.address, 53);
    t.strictSame(await two.hear(53), { text: 'hello', address: one.address, port: 53 });
  });

  await t.test('those of two networks do not, neither way, also of two worlds', async (t) => {
    const { worldId, network, container, isDropped } = await onNetworkStage(t, under);
    const [red, blue, foreign] = [
      await network(),
      await network({ tenant: 'p2' }),
      await network({ worldId: randomUUID() }),
    ];
    const all = [await container(red), await container(blue), await container(foreign)];
    await Promise.all(all.map((one) => one.listen(80)));
    for (const from of all)
      for (const to of all)
        if (from !== to)
          t.ok(
            await isDropped(from, to.address, 80, [worldId, foreign.worldId]),
            `${from.address} to ${to.address}`,
          );
  });

  await t.test('the host is not reached, at none of its addresses, and reaches containers', async (t) => {
    const { network, container, isDropped } = await onNetworkStage(t, under);
    const [net, other] = [await network(), await network()];
    const one = await container(net);
    await on.talker.listen(18_022);
    await one.listen(80);
    for (const address of [net.gateway, other.gateway, on.address])
      t.ok(await isDropped(one, address, 18_022), address);
    t.match(await on.talker.dial(one.address, 80), { name: one.address });
  });

  await t.test('outside is reached under the address of the host, and from there nobody is', async (t) => {
    const { network, container, isDropped } = await onNetworkStage(t, under);
    const net = await network();
    const one = await container(net);
    await Promise.all([one.listen(80), on.outside.listen(81)]);
    t.strictSame(await one.dial(on.outside.address, 81), { name: 'outside', from: on.address });
    await one.bind(53);
    await on.outside.bind(54);
    await one.send(53, 'question', on.outside.address, 54);
    const { address, port } = await on.outside.hear(54);
    t.equal(address, on.address);
    await on.outside.send(54, 'answer', address, port);
    t.strictSame(await one.hear(53), { text: 'answer', address: on.outside.address, port: 54 });
    await on.outside.close(54);

    const way = ['route', 'add', net.subnet, 'via', on.address] as const;
    await on.outside.namespace.run('ip', ...way);
    t.ok(await isDropped(on.outside, one.address, 80));
    await on.outside.namespace.run('ip', 'route', 'delete', net.subnet);
  });

  await t.test('what is merely attached to the host is not outside, nor let in', async (t) => {
    const { network, container, isDropped } = await onNetworkStage(t, under);
    const one = await container(await network());
    await Promise.all([one.listen(80), on.attached.listen(82)]);
    t.match(await on.talker.dial(on.attached.address, 82), { name: 'attached' });
    t.ok(await isDropped(one, on.attached.address, 82));
    t.ok(await isDropped(on.attached, one.address, 80));
  });

  await t.test('forwarding that was switched on for networks is for nobody else', async (t) => {
    const { network, container } = await onNetworkStage(t, under);
    await on.attached.listen(85);
    const way = `${on.attached.address}/32`;
    await on.outside.namespace.run('ip', 'route', 'add', way, 'via', on.address);
    t.teardown(() => on.outside.namespace.run('ip', 'route', 'delete', way));
    const before = await on.outside.dial(on.attached.address, 85, silenceMs);
    await container(await network());
    t.strictSame(await on.outside.dial(on.attached.address, 85, silenceMs), before);
  });

  await t.test('the metadata service of the cloud the host lives in is not outside', async (t) => {
    const { network, container, isDropped } = await onNetworkStage(t, under);
    const one = await container(await network());
    const metadata = '169.254.169.254';
    await on.outside.namespace.run('ip', 'address', 'add', `${metadata}/32`, 'dev', 'eth0');
    await on.run('ip', 'route', 'add', metadata, 'via', on.outside.address, 'dev', on.uplink);
    t.teardown(async () => {
      await on.run('ip', 'route', 'delete', metadata);
      await on.outside.namespace.run('ip', 'address', 'delete', `${metadata}/32`, 'dev', 'eth0');
    });
    await on.outside.listen(83, metadata);
    t.match(await on.talker.dial(metadata, 83), { name: 'outside' });
    t.ok(await isDropped(one, metadata, 83));
  });

  await t.test('a port sends as nobody else', async (t) => {
    const { worldId, network, container, dropped } = await onNetworkStage(t, under);
    const net = await network();
    const [liar, victim, witness] = [await container(net), await container(net), await container(net)];
    await Promise.all([witness.bind(53), victim.listen(80), liar.bind(54)]);
    t.match(await witness.dial(victim.address, 80), { name: victim.address });
    // It knows where to send its lies.
    await liar.send(54, 'greeting', witness.address, 53);
    t.match(await witness.hear(53), { text: 'greeting' });

    const lie = async (how: string, tell: () => Promise<unknown>): Promise<void> => {
      const before = await dropped(worldId);
      await tell();
      t.ok((await dropped(worldId)) > before, `${how} is dropped`);
    };
    const { run } = liar.namespace;
    await lie('a datagram from an address that is free', async () => {
      await run('ip', 'address', 'add', `${net.subnet.replace('.0/24', '.250')}/32`, 'dev', 'eth0');
      await liar.bind(55, net.subnet.replace('.0/24', '.250'));
      await liar.send(55, 'lie', witness.address, 53);
    });
    await lie("a datagram from the gateway's", async () => {
      await run('ip', 'address', 'add', `${net.gateway}/32`, 'dev', 'eth0');
      await liar.bind(56, net.gateway);
      await liar.send(56, 'lie', witness.address, 53);
      await run('ip', 'address', 'delete', `${net.gateway}/32`, 'dev', 'eth0');
    });
    await lie("an announcement of the neighbour's address", async () => {
      await run('ip', 'address', 'add', `${victim.address}/32`, 'dev', 'eth0');
      await announceAll(liar);
      await run('ip', 'address', 'delete', `${victim.address}/32`, 'dev', 'eth0');
    });
    await lie('a frame from another MAC', async () => {
      await run('ip', 'link', 'set', 'dev', 'eth0', 'address', '02:66:66:66:66:66');
      await liar.send(54, 'lie', witness.address, 53);
      await run('ip', 'link', 'set', 'dev', 'eth0', 'address', liar.spec.mac);
    });

    await liar.send(54, 'truth', witness.address, 53);
    t.strictSame(await witness.hear(53), { text: 'truth', address: liar.address, port: 54 });
    t.match(await witness.namespace.run('ip', 'neigh', 'show', victim.address), victim.spec.mac);
    t.match(await witness.dial(victim.address, 80), { name: victim.address });
  });

  await t.test('who has an address after another is found where neighbours remember it', async (t) => {
    const { driver, signal, network, container } = await onNetworkStage(t, under);
    const net = await network();
    const [before, neighbour] = [await container(net), await container(net)];
    await before.listen(80);
    t.match(await neighbour.dial(before.address, 80), { name: before.address });
    await driver.unplug(before.spec, signal);
    const after = await container(net, { addresses: before.spec.addresses });
    await after.listen(80);
    t.match(await neighbour.namespace.run('ip', 'neigh', 'show', after.address), after.spec.mac);
    t.match(await neighbour.dial(after.address, 80), { name: after.address });
  });

  await t.test('several networks a container, one default route, routes of their own', async (t) => {
    const { driver, signal, network, container, plugSpec } = await onNetworkStage(t, under);
    const [front, back] = [await network(), await network()];
    const [one, two] = [await container(front), await container(back)];
    await Promise.all([one.listen(80), two.listen(80), on.outside.listen(84)]);
    const second = plugSpec(back, one.namespace, {
      interfaceName: 'eth1',
      gateway: null,
      routes: [{ destination: '203.0.113.0/24', via: two.address }],
    });
    await driver.plug(second, signal);
    t.match(await one.dial(two.address, 80), { name: two.address });
    t.match(await two.dial(second.addresses[0]!.replace('/24', ''), 80), { name: one.address });
    t.match(await one.dial(on.outside.address, 84), { name: 'outside' });
    const routes = await one.namespace.run('ip', 'route', 'show');
    t.strictSame(routes.match(/^default.*dev \w+/gm), [`default via ${front.gateway} dev eth0`]);
    t.match(routes, `203.0.113.0/24 via ${two.address} dev eth1`);
    await driver.unplug(second, signal);
    t.notMatch(await one.namespace.run('ip', 'link', 'show'), 'eth1');
    t.match(await one.dial(on.outside.address, 84), { name: 'outside' });
  });

  await t.test('the MTU holds at both ends and at the bridge', async (t) => {
    const { network, container } = await onNetworkStage(t, under);
    const net = await network({ mtu: 1380 });
    const [one, two] = [await container(net), await container(net)];
    for (const { namespace } of [one, two])
      t.match(await namespace.run('ip', 'link', 'show', 'dev', 'eth0'), / mtu 1380 /);
    const links = await on.run('ip', 'link', 'show');
    t.equal(links.match(/ mtu 1380 /g)?.length, 3);
    await Promise.all([one.bind(53), two.bind(53)]);
    // More than a frame of this MTU holds: sent in pieces, put together again.
    await one.send(53, 'x'.repeat(4_000), two.address, 53);
    t.equal((await two.hear(53)).text.length, 4_000);
  });

  await t.test('IPv6 stays inside the network, and there nobody lies', async (t) => {
    const { worldId, network, container, dropped, isDropped } = await onNetworkStage(t, under);
    const ipv6 = { subnet: 'fd5a:17::/64', gateway: 'fd5a:17::1' };
    const net = await network({ ipv6 });
    const [one, two] = [await container(net), await container(net)];
    const [six, sixToo] = [one, two].map(({ spec }) => spec.addresses[1]!.replace('/64', '')) as [
      string,
      string,
    ];
    await Promise.all([one.listen(80, '::'), two.listen(80, '::')]);
    t.match(await one.dial(sixToo, 80), { from: six });
    t.match(await two.dial(six, 80), { from: sixToo });
    t.match(await on.talker.dial(six, 80), { name: one.address });
    await on.talker.listen(18_026, '::');
    t.ok(await isDropped(one, ipv6.gateway, 18_026));

    await two.bind(53, '::');
    await one.namespace.run('ip', 'address', 'add', 'fd5a:17::66/128', 'dev', 'eth0', 'nodad');
    await one.bind(53, 'fd5a:17::66');
    await one.bind(54, six);
    const before = await dropped(worldId);
    await one.send(53, 'lie', sixToo, 53);
    t.ok((await dropped(worldId)) > before);
    await one.send(54, 'truth', sixToo, 53);
    t.match(await two.hear(53), { text: 'truth', address: six });
  });

  await t.test('without IPv6 of its own a network carries none', async (t) => {
    const { network, container } = await onNetworkStage(t, under);
    const one = await container(await network());
    t.notMatch(await one.namespace.run('ip', 'address', 'show', 'dev', 'eth0'), 'inet6');
  });
}

/** The kernel tells all addresses of an interface when its MAC is set, if it was told to. */
async function announceAll({ namespace, spec }: Container): Promise<void> {
  const notify = ['ipv4/conf/eth0/arp_notify', 'ipv6/conf/eth0/ndisc_notify'];
  for (const each of notify)
    await namespace.run('sh', '-c', 'test ! -e "$0" || echo 1 >"$0"', `/proc/sys/net/${each}`);
  await namespace.run('ip', 'link', 'set', 'dev', 'eth0', 'address', spec.mac);
}
