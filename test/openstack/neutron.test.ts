/** Containers on networks of the real Neutron, with its real agent and the real engine. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { pause, until } from '../support/troupe.ts';
import { testImage } from '../cli/engine/command-site.ts';
import { createCloud } from './cloud.ts';
import { start } from './keystone-site.ts';
import { createNeutronCloud, type WirePort } from './neutron-cloud.ts';
import { createNeutronSite, type Container } from './neutron-site.ts';
import { createServiceProxy } from './service-proxy.ts';

t.setTimeout(420_000);
const cloud = await createCloud(t);
const neutron = await createNeutronCloud(t, cloud);
const { proxy, region } = await createServiceProxy(t, cloud, 'network');
const site = await createNeutronSite(t, cloud, {}, region);
const [blue, green] = [await cloud.project('blue'), await cloud.project('green')];
const [mia, ben] = [await cloud.person('mia'), await cloud.person('ben')];
await cloud.grant(mia, blue, 'member');
await cloud.grant(ben, green, 'member');
const token = await cloud.token(mia, blue);
const first = await neutron.network(blue, 'first', '10.91.1.0/24', { dns_nameservers: ['10.91.1.2'] });
// Neutron counts whole seconds, and one of them is to be the oldest.
await pause(1_100);
const nets = { first, second: await neutron.network(blue, 'second', '10.91.2.0/24') };
const portOf = ({ addresses }: Container, network: string): string => addresses[network]![0]!.port;
const addressOf = ({ addresses }: Container, network: string): string => addresses[network]![0]!.addr;
const ofContainer = (uuid: string): Promise<readonly WirePort[]> => neutron.ports(`device_id=${uuid}`);
/** They go after their container has. */
const awaitNoPorts = (query: string): Promise<readonly WirePort[]> =>
  until(
    'the end of all ports',
    () => neutron.ports(query),
    (ports) => ports.length === 0,
  );
const ping = async (from: Container, address: string): Promise<boolean> =>
  (await site.inside(from.uuid, 'ping', '-c', '1', '-W', '1', address)).code === 0;

t.test(
  'containers of a project find each other on its network, as its security groups let them',
  async (t) => {
    const closed = await neutron.securityGroup(blue, 'closed');
    const [one, two, shut] = await Promise.all([
      site.run(token, { name: 'one' }),
      site.run(token, { name: 'two', nets: [{ network: 'first' }] }),
      site.run(token, { name: 'shut', nets: [{ network: nets.first }], security_groups: ['closed'] }),
    ]);
    t.same(Object.keys(one.addresses), [nets.first], 'without nets it is on the project’s oldest network');
    const port = await neutron.port(portOf(one, nets.first));
    t.match(port, {
      status: 'ACTIVE',
      project_id: blue.id,
      device_id: one.uuid,
      device_owner: 'compute:kuryr',
      'binding:vif_type': 'bridge',
    });
    for (const tag of [/^troupe:world=/, /^troupe:actor=/, /^troupe:generation=1$/])
      t.ok(
        port.tags.some((each) => tag.test(each)),
        `it is tagged ${tag}`,
      );
    t.equal(one.addresses[nets.first]![0]!.subnet_id, port.fixed_ips[0]!.subnet_id);
    t.same(shut.security_groups, [closed]);
    t.same(one.security_groups, port.security_groups, 'the project’s default group');

    const inside = await site.inside(
      one.uuid,
      'sh',
      '-c',
      'ip addr show eth0; ip route; cat /etc/resolv.conf /etc/hosts',
    );
    t.match(inside.out, new RegExp(`inet ${addressOf(one, nets.first)}/24`));
    t.match(inside.out, /default via 10\.91\.1\.1/);
    t.match(inside.out, /mtu 1500/);
    t.match(inside.out, /nameserver 10\.91\.1\.2/);
    t.match(
      inside.out,
      new RegExp(`${addressOf(two, nets.first)}\\s.*two`),
      'it knows its neighbour by name',
    );

    const pings = (from: Container, to: Container, wanted: boolean): Promise<boolean> =>
      until(
        `a ping that ${wanted ? 'passes' : 'is stopped'}`,
        () => ping(from, addressOf(to, nets.first)),
        (passes) => passes === wanted,
      );
    t.ok(await pings(one, two, true), 'those of the default group reach each other');
    t.notOk(await pings(one, shut, false), 'a group without rules lets nothing in');
    await neutron.allowPing(closed);
    t.ok(await pings(one, shut, true), 'until a rule does');
    const list = await site.call('GET', `/v1/containers/${one.uuid}/network_list`, token);
    t.match(list.json, {
      networks: [{ net_id: nets.first, port_id: port.id, fixed_ips: [{ version: 4 }] }],
    });

    t.same(await site.audit(), []);
    await Promise.all([one, two, shut].map(({ uuid }) => site.remove(token, uuid)));
    t.same(await awaitNoPorts(`network_id=${nets.first}`), [], 'no port is left');
  },
);

t.test(
  'ports that are exposed are let in, by a group of the container’s own that goes with it',
  async (t) => {
    const command = [
      'sh',
      '-c',
      'mkdir /www; echo here > /www/index.html; httpd -h /www -p 81; exec httpd -f -h /www -p 80',
    ];
    const exposed_ports = { '80/tcp': {} };
    const [server, client] = await Promise.all([
      site.run(token, { command, exposed_ports }),
      site.run(token, { name: 'client' }),
    ]);
    const groupsOf = async () =>
      (
        await neutron.call<{ security_groups: { id: string; project_id: string }[] }>(
          'GET',
          `/security-groups?name=zun-${server.uuid}`,
        )
      ).security_groups;
    const [group] = await groupsOf();
    t.match(server.security_groups, [group!.id]);
    t.equal(group!.project_id, blue.id);
    const asks = async (port: number) =>
      site.inside(
        client.uuid,
        'sh',
        '-c',
        `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 ${addressOf(server, nets.first)} ${port}`,
      );
    const answer = await until(
      'an answer',
      () => asks(80),
      ({ code }) => code === 0,
    );
    t.match(answer.out, /here/);
    t.not((await asks(81)).code, 0, 'what is not exposed is not reached');

    for (const [body, problem] of [
      [{ exposed_ports, security_groups: ['default'] }, /leave one of them out/],
      [{ exposed_ports: { '80/tcp': { host_port: 80 } } }, /reached at its own address/],
    ] as const) {
      const refused = await site.call('POST', '/v1/containers', token, { image: testImage, ...body });
      t.equal(refused.status, 400);
      t.match(refused.text, problem);
    }
    t.same(await site.audit(), []);
    await Promise.all([server, client].map(({ uuid }) => site.remove(token, uuid)));
    await until('the end of its group', groupsOf, (left) => left.length === 0);
    t.same(await site.audit(), []);
  },
);

t.test('what is another project’s is not there', async (t) => {
  const other = await cloud.token(ben, green);
  const post = (body: object) => site.call('POST', '/v1/containers', other, { image: testImage, ...body });
  const none = await post({});
  t.equal(none.status, 409);
  t.match(none.text, /There is no neutron network available/);
  for (const network of [nets.first, 'first', 'nowhere']) {
    const answer = await post({ nets: [{ network }] });
    t.equal(answer.status, 404, answer.text);
    t.match(answer.text, new RegExp(`Neutron network ${network} could not be found`));
  }
  const { port } = await neutron.call<{ port: WirePort }>('POST', '/ports', {
    port: { network_id: nets.first, project_id: blue.id, name: 'mine' },
  });
  const foreign = await post({ nets: [{ port: port.id }] });
  t.equal(foreign.status, 404);
  t.match(foreign.text, /Neutron port .* could not be found/);
  const own = await neutron.network(green, 'own', '10.91.9.0/24');
  const group = await neutron.securityGroup(blue, 'theirs');
  const grouped = await post({ nets: [{ network: own }], security_groups: [group] });
  t.equal(grouped.status, 404);
  t.match(grouped.text, /Neutron security group .* could not be found/);
  const listed = await site.call('GET', '/v1/networks', other);
  t.same(
    (listed.json['networks'] as { uuid: string }[]).map(({ uuid }) => uuid),
    [own],
  );
  t.equal((await site.call('GET', `/v1/networks/${nets.first}`, other)).status, 404);
  await neutron.call('DELETE', `/ports/${port.id}`);

  const outside = await neutron.network(blue, 'outside', '10.91.8.0/24', {}, { 'router:external': true });
  const led = await post({ nets: [{ network: outside }] });
  t.equal(led.status, 403);
  t.match(led.text, /external-network-attach-forbidden/);
  const name = { name: 'first', neutron_net_id: nets.first };
  t.equal((await site.call('POST', '/v1/networks', token, name)).status, 403, 'for admins');
  const taken = await site.call('POST', '/v1/networks', cloud.adminToken, name);
  t.match(taken.json, { neutron_net_id: nets.first, name: 'first', project_id: blue.id, user_id: /./ });
  for (const lacking of [{ name: 'first' }, { neutron_net_id: nets.first }])
    t.equal((await site.call('POST', '/v1/networks', cloud.adminToken, lacking)).status, 400);
  const remove = (id: string, by: string) => site.call('DELETE', `/v1/networks/${id}`, by);
  t.equal((await remove(nets.first, token)).status, 403);
  t.equal((await remove(nets.first, cloud.adminToken)).status, 204);
  t.equal((await remove(port.id, cloud.adminToken)).status, 404);
});

t.test('an address of one’s choice stays through restart and rebuild, its port ACTIVE', async (t) => {
  const outside = await site.call('POST', '/v1/containers', token, {
    image: testImage,
    nets: [{ network: 'first', 'v4-fixed-ip': '192.0.2.1' }],
  });
  t.match(outside.text, /in no subnet of network/);
  const fixed = { network: 'first', 'v4-fixed-ip': '10.91.1.77' };
  const container = await site.run(token, { nets: [fixed] });
  const port = portOf(container, nets.first);
  t.equal(addressOf(container, nets.first), '10.91.1.77');
  const taken = await site.call('POST', '/v1/containers', token, { image: testImage, nets: [fixed] });
  t.equal(taken.status, 409);
  t.match(taken.text, /10\.91\.1\.77.* is in use on network/);

  const seen = new Set<string>();
  let watching = true;
  const watch = (async () => {
    while (watching) seen.add((await neutron.port(port)).status);
  })();
  for (const verb of ['reboot', 'rebuild']) {
    const answer = await site.call('POST', `/v1/containers/${container.uuid}/${verb}`, token);
    t.equal(answer.status, 202, answer.text);
    const after = await site.reach(token, container.uuid, 'Running');
    t.same(after.addresses, container.addresses, verb);
  }
  watching = false;
  await watch;
  t.same([...seen], ['ACTIVE']);
  await site.remove(token, container.uuid);
});

t.test('a port of the user’s own is given back as it was found', async (t) => {
  const { port } = await neutron.call<{ port: WirePort }>('POST', '/ports', {
    port: { network_id: nets.second, project_id: blue.id, name: 'my port', tags: ['mine'] },
  });
  await neutron.call('PUT', `/ports/${port.id}/tags`, { tags: ['mine'] });
  const before = await neutron.port(port.id);
  proxy.onlyAt = new RegExp(`PUT \\S*/ports/${port.id}$`);
  const change = { port: { description: 'changed between our look at it and our word' } };
  proxy.meanwhile = () => neutron.call('PUT', `/ports/${port.id}`, change);
  const container = await site.run(token, { nets: [{ port: 'my port' }] });
  t.equal(proxy.meanwhile, null);
  proxy.onlyAt = null;
  t.match(container.addresses, { [nets.second]: [{ port: port.id, preserve_on_delete: true }] });
  t.match(await neutron.port(port.id), { device_id: container.uuid, status: 'ACTIVE', name: 'my port' });
  const again = await site.call('POST', '/v1/containers', token, {
    image: testImage,
    nets: [{ port: port.id }],
  });
  t.equal(again.status, 400);
  t.match(again.text, /is in use by/);
  await site.remove(token, container.uuid);
  const asBefore = ({ name, device_id, device_owner, tags, ...rest }: WirePort) => [
    name, device_id, device_owner, rest['binding:host_id'], rest['binding:vif_type'], tags, rest.security_groups, rest.fixed_ips,
  ]; // prettier-ignore
  const after = await until(
    'the port, given back',
    () => neutron.port(port.id),
    ({ tags }) => tags.length === before.tags.length,
  );
  t.same(asBefore(after), asBefore(before));
  await neutron.call('DELETE', `/ports/${port.id}`);
});

t.test('a network is attached and detached while a container lives', async (t) => {
  const container = await site.run(token, { nets: [{ network: 'first' }] });
  const act = (what: string) => site.call('POST', `/v1/containers/${container.uuid}/${what}`, token);
  const attached = await act('network_attach?network=second&fixed_ip=10.91.2.50');
  t.equal(attached.status, 200, attached.text);
  const both = await site.awaitNetwork(token, container.uuid, nets.second);
  t.equal(addressOf(both, nets.second), '10.91.2.50');
  t.equal((await neutron.port(portOf(both, nets.second))).status, 'ACTIVE');
  t.match((await site.inside(container.uuid, 'ip', 'addr', 'show', 'eth1')).out, /inet 10\.91\.2\.50\/24/);
  t.equal((await act('network_attach?network=second')).status, 400);
  t.equal((await act('network_attach?network=nowhere')).status, 404);

  const group = await neutron.securityGroup(blue, 'late');
  const old = { 'openstack-api-version': 'container 1.14' };
  const regroup = async (verb: string, wanted: boolean): Promise<void> => {
    const path = `/v1/containers/${container.uuid}/${verb}?name=late`;
    t.equal((await site.call('POST', path, token)).status, 406, 'Zun has left it to Neutron since');
    const asked = await site.site.call('POST', path, token, { headers: old });
    t.equal(asked.status, 202, asked.text);
    await until(
      verb,
      () => site.show(token, container.uuid),
      ({ security_groups, task_state }) => security_groups.includes(group) === wanted && task_state === null,
    );
    for (const { security_groups } of await ofContainer(container.uuid))
      t.equal(security_groups.includes(group), wanted, verb);
    t.equal((await site.site.call('POST', path, token, { headers: old })).status, 400);
  };
  await regroup('add_security_group', true);
  await regroup('remove_security_group', false);

  t.equal((await act('network_detach?network=second')).status, 202);
  await until(
    'its end',
    () => site.show(token, container.uuid),
    ({ addresses, task_state }) => !(nets.second in addresses) && task_state === null,
  );
  t.same(await neutron.ports(`network_id=${nets.second}`), []);
  t.equal((await act('network_detach?network=second')).status, 400);
  t.same(await site.audit(), []);
  await site.remove(token, container.uuid);
});

t.test('killed in the middle of a plug, it comes back to one port', async (t) => {
  const { uuid } = await site.create(token, { nets: [{ network: 'first' }] });
  await until(
    'its port',
    () => ofContainer(uuid),
    (ports) => ports.length > 0,
  );
  site.kill();
  await start(site.site);
  const container = await site.reach(token, uuid, 'Running');
  t.equal((await ofContainer(uuid)).length, 1);
  t.equal((await neutron.port(portOf(container, nets.first))).status, 'ACTIVE');
  t.same(await site.audit(), []);

  // And in the middle of its end.
  await site.call('DELETE', `/v1/containers/${uuid}?stop=true`, token);
  site.kill();
  await start(site.site);
  await awaitNoPorts(`device_id=${uuid}`);
  t.same(await site.audit(), []);
});

t.test('a Neutron that does not answer is waited for, in words, and goes on when it does', async (t) => {
  const container = await site.run(token, { nets: [{ network: 'second' }] });
  proxy.fault = 'hang';
  await site.call('DELETE', `/v1/containers/${container.uuid}?stop=true`, token);
  const refused = await site.call('POST', '/v1/containers', token, { image: testImage });
  t.equal(refused.status, 503);
  t.match(refused.text, /Neutron at .* has not answered within/);
  const waiting = await until(
    'the reason',
    () => site.site.call('GET', '/v1/audit', cloud.adminToken),
    ({ text }) => /cloud-silent/.test(text),
  );
  t.match(waiting.text, /What ports Neutron has is not known/);
  proxy.fault = null;
  await site.awaitNeutron(token);
  await awaitNoPorts(`device_id=${container.uuid}`);
  t.same(await site.audit(), []);
});

t.test('a quota that is full is said in words', async (t) => {
  await neutron.call('PUT', `/quotas/${blue.id}`, { quota: { port: 0 } });
  const full = await site.create(token, { nets: [{ network: 'first' }] });
  t.match(
    (await site.reach(token, full.uuid, 'Error')).status_reason,
    /Quota exceeded for resources: \['port'\]/,
  );
  await neutron.call('DELETE', `/quotas/${blue.id}`);
  await site.remove(token, full.uuid);
  await awaitNoPorts(`network_id=${nets.first}`);
});

t.test('a port of ours that nobody has is in the ledger, and none of another Troupe’s is', async (t) => {
  const container = await site.run(token, { nets: [{ network: 'first' }] });
  const { tags } = await neutron.port(portOf(container, nets.first));
  const ours = tags.find((tag) => tag.startsWith('troupe:world='))!;
  const made = async (description: string): Promise<string> => {
    const wish = {
      name: `troupe-${randomUUID()}`,
      network_id: nets.second,
      project_id: blue.id,
      device_owner: 'compute:kuryr',
    };
    const body = { port: { ...wish, description } };
    return (await neutron.call<{ port: WirePort }>('POST', '/ports', body)).port.id;
  };
  const another = await made(`troupe:world=${randomUUID()}`);
  t.same(await site.audit(), [], 'what another has made and not tagged yet is its own');
  const untagged = await made(ours);
  t.match(await site.audit(), [{ problem: 'port-without-actor', detail: new RegExp(untagged) }]);
  await neutron.call('PUT', `/ports/${untagged}`, { port: { description: '' } });
  await neutron.call('PUT', `/ports/${untagged}/tags`, { tags: [ours, 'troupe:actor=nobody'] });
  t.match(await site.audit(), [{ problem: 'port-without-actor', detail: new RegExp(untagged) }]);
  for (const id of [another, untagged]) await neutron.call('DELETE', `/ports/${id}`);
  await neutron.call('DELETE', `/ports/${portOf(container, nets.first)}`);
  t.match(await site.audit(), [{ problem: 'actor-without-port' }]);
  await site.remove(token, container.uuid);
  t.same(await site.audit(), []);
});
