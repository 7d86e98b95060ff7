/** Published ports: from where, for whom, and whose they are. */
import { randomUUID } from 'node:crypto';
import type { Test } from 'tap';
import { type NetworkUnderTest, onNetworkStage, silenceMs } from './network-driver-stage.ts';

export async function networkDriverPublish(t: Test, under: NetworkUnderTest): Promise<void> {
  const { on } = under;

  await t.test('a published port is reached from everywhere', async (t) => {
    const { driver, signal, network, container, publishSpec } = await onNetworkStage(t, under);
    const [net, other, foreign] = [
      await network(),
      await network({ tenant: 'p2' }),
      await network({ worldId: randomUUID() }),
    ];
    const [server, neighbour] = [await container(net), await container(net)];
    const [stranger, foreigner] = [await container(other), await container(foreign)];
    await server.listen(80);
    await driver.publish(publishSpec(server, {}), signal);
    const answers = { name: server.address };
    t.strictSame(
      await on.outside.dial(on.address, 18_080),
      { name: server.address, from: on.outside.address },
      'from outside, and the container sees who it is',
    );
    t.match(await on.talker.dial(on.address, 18_080), answers, 'from the host');
    t.match(await on.talker.dial('127.0.0.1', 18_080), answers, 'as localhost');
    t.match(await on.talker.dial(net.gateway, 18_080), answers, "at the gateway's address");
    t.match(await neighbour.dial(on.address, 18_080), answers, 'from the same network');
    t.match(await server.dial(on.address, 18_080), answers, 'from the container itself');
    t.match(await server.dial(net.gateway, 18_080), answers, 'from itself, at the gateway');
    t.match(await stranger.dial(on.address, 18_080), answers, 'from another network');
    t.match(await foreigner.dial(on.address, 18_080), answers, 'from another world');
    t.match(await on.attached.dial(on.address, 18_080), answers, 'from what is attached');
  });

  await t.test('datagrams come and go, of the published protocol only', async (t) => {
    const { driver, signal, network, container, publishSpec } = await onNetworkStage(t, under);
    const server = await container(await network());
    await server.bind(53);
    await server.listen(53);
    await driver.publish(
      publishSpec(server, { protocol: 'udp', hostPort: 18_053, containerPort: 53 }),
      signal,
    );
    await on.outside.bind(4_000);
    await on.outside.send(4_000, 'question', on.address, 18_053);
    const heard = await server.hear(53);
    t.strictSame(heard, { text: 'question', address: on.outside.address, port: 4_000 });
    await server.send(53, 'answer', heard.address, heard.port);
    t.strictSame(await on.outside.hear(4_000), { text: 'answer', address: on.address, port: 18_053 });
    t.equal(await on.outside.dial(on.address, 18_053), 'ECONNREFUSED');
    await on.outside.close(4_000);
  });

  await t.test('at one address only, when one is asked for', async (t) => {
    const { driver, signal, network, container, publishSpec } = await onNetworkStage(t, under);
    const [one, two] = [await container(await network()), await container(await network())];
    await Promise.all([one.listen(80), two.listen(80)]);
    await driver.publish(publishSpec(one, { hostAddress: '127.0.0.1' }), signal);
    await driver.publish(publishSpec(two, { hostAddress: on.address }), signal);
    t.match(await on.talker.dial('127.0.0.1', 18_080), { name: one.address });
    t.match(await on.talker.dial(on.address, 18_080), { name: two.address });
    t.match(await on.outside.dial(on.address, 18_080), { name: two.address });
    await driver.unpublish(two.spec, signal);
    t.equal(await on.outside.dial(on.address, 18_080), 'ECONNREFUSED', 'localhost is not outside');
  });

  await t.test('what the host publishes on localhost opens no other port of it to containers', async (t) => {
    // CVE-2020-8558: route_localnet lets neighbours on a link reach 127.0.0.1.
    const { driver, signal, network, container, publishSpec, isDropped } = await onNetworkStage(t, under);
    const one = await container(await network());
    await driver.publish(publishSpec(one, {}), signal);
    await on.talker.listen(18_099, '127.0.0.1');
    const { run } = one.namespace;
    await run('ip', 'address', 'flush', 'dev', 'lo');
    await run('ip', 'route', 'add', '127.0.0.0/8', 'via', one.spec.gateway!, 'dev', 'eth0');
    await run('sysctl', '--quiet', '--write', 'net.ipv4.conf.eth0.route_localnet=1');
    t.ok(await isDropped(one, '127.0.0.1', 18_099));
  });

  await t.test('all that is asked is published, what is asked no more is not', async (t) => {
    const { driver, signal, worldId, network, container, publishSpec } = await onNetworkStage(t, under);
    const server = await container(await network());
    await Promise.all([server.listen(80), server.listen(81)]);
    const first = publishSpec(server, { hostPort: 18_080 }, { hostPort: 18_081, containerPort: 81 });
    await driver.publish(first, signal);
    await driver.publish(first, signal);
    const listed = await driver.listPublished(worldId, signal);
    t.strictSame(
      listed.toSorted((a, b) => a.hostPort - b.hostPort),
      first.ports.map((port) => ({
        ...port,
        worldId,
        portId: server.spec.portId,
        address: server.address,
      })),
    );
    await driver.publish(
      publishSpec(server, { hostPort: 18_081 }, { hostPort: 18_082, hostAddress: on.address }),
      signal,
    );
    t.equal(await on.outside.dial(on.address, 18_080), 'ECONNREFUSED');
    t.match(await on.outside.dial(on.address, 18_081), { name: server.address });
    t.match(await on.outside.dial(on.address, 18_082), { name: server.address });
    await driver.publish(publishSpec(server), signal);
    t.strictSame(await driver.listPublished(worldId, signal), []);
    await driver.publish(first, signal);
    await driver.unpublish(server.spec, signal);
    await driver.unpublish(server.spec, signal);
    t.equal(await on.outside.dial(on.address, 18_081), 'ECONNREFUSED');
    await driver.publish(first, signal);
    await driver.unplug(server.spec, signal);
    t.strictSame(await driver.listPublished(worldId, signal), []);
  });

  await t.test("a host's port has one owner, who is named", async (t) => {
    const { driver, signal, worldId, network, container, publishSpec } = await onNetworkStage(t, under);
    const foreignWorld = randomUUID();
    const net = await network();
    const [one, two] = [await container(net), await container(net)];
    const foreigner = await container(await network({ worldId: foreignWorld }));
    await driver.publish(publishSpec(one, { hostAddress: on.address }), signal);
    const wanted = [
      publishSpec(two, { hostPort: 18_081 }, {}),
      publishSpec(two, { hostAddress: on.address }),
      publishSpec(foreigner, {}),
    ];
    for (const spec of wanted)
      await t.rejects(driver.publish(spec, signal), {
        code: 'HOST_PORT_IN_USE',
        message: `Port 18080/tcp of this host is published for the port "${one.spec.portId}"; choose another`,
        details: { hostPort: 18_080, protocol: 'tcp', portId: one.spec.portId },
      });
    t.equal((await driver.listPublished(worldId, signal)).length, 1, 'all or nothing');
    t.strictSame(await driver.listPublished(foreignWorld, signal), []);
    await driver.publish(publishSpec(two, { protocol: 'udp' }), signal);
    await driver.publish(publishSpec(foreigner, { hostAddress: '127.0.0.1' }), signal);

    await on.talker.listen(18_090, '127.0.0.1');
    await on.talker.bind(18_091, '0.0.0.0');
    for (const port of [
      { hostPort: 18_090 },
      { hostPort: 18_090, hostAddress: '127.0.0.1' },
      { hostPort: 18_091, protocol: 'udp' as const, hostAddress: on.address },
    ])
      await t.rejects(driver.publish(publishSpec(two, port), signal), {
        code: 'HOST_PORT_IN_USE',
        message: /^Port 1809[01]\/(tcp|udp) of this host is used by "\S+" \(process \d+\); choose another$/,
      });
    await driver.publish(publishSpec(two, { hostPort: 18_090, hostAddress: on.address }), signal);
    await t.rejects(driver.publish(publishSpec(two, { hostAddress: '203.0.113.7' }), signal), {
      code: 'INVALID_PARAMETER',
      message: /^"203\.0\.113\.7" is not an address of this host; publish at one of: /,
    });
    await on.talker.close(18_091);
  });

  await t.test('a client that never pauses is answered by who is there now', async (t) => {
    const { driver, signal, network, container, publishSpec } = await onNetworkStage(t, under);
    const net = await network();
    const [before, after] = [await container(net), await container(net)];
    await Promise.all([before.bind(53), after.bind(53), on.outside.bind(4_001)]);
    const ask = (text: string) => on.outside.send(4_001, text, on.address, 18_054);
    const port = { protocol: 'udp', hostPort: 18_054, containerPort: 53 } as const;
    await ask('to nobody');
    await driver.publish(publishSpec(before, port), signal);
    await ask('to the first');
    t.match(await before.hear(53), { text: 'to the first' });
    await driver.unplug(before.spec, signal);
    await driver.publish(publishSpec(after, port), signal);
    await ask('to the second');
    t.match(await after.hear(53), { text: 'to the second' });
    // The same container under another number: its address is another, the client is not.
    await driver.publish({ ...publishSpec(after, port), address: after.address }, signal);
    await ask('to the second again');
    t.match(await after.hear(53), { text: 'to the second again' });
    await on.outside.close(4_001);
  });

  await t.test('a port that is not plugged is not published', async (t) => {
    const { driver, signal, network, container, publishSpec } = await onNetworkStage(t, under);
    const one = await container(await network());
    await driver.unplug(one.spec, signal);
    await t.rejects(driver.publish(publishSpec(one, {}), signal), { code: 'SANDBOX_GONE' });
    t.equal(await on.outside.dial(on.address, 18_080, silenceMs), 'ECONNREFUSED');
  });
}
