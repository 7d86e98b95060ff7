/** Networks and volumes by name, and what a create may ask of them: each fault names what is wrong. */
import t from 'tap';
import { createApiSite, type Json } from './site.ts';

const site = await createApiSite(t);
const post = (path: string, body: object, as: 'ann' | 'amy' | 'bob' = 'ann') =>
  site.call('POST', `/v1/${path}`, { body, as });
const create = (body: object, as: 'ann' | 'amy' | 'bob' = 'ann') =>
  post('containers', { image: 'busybox', ...body }, as);

t.test('a network is made by name, listed, shown, and only its project sees it', async (t) => {
  const made = await post('networks', { name: 'front', subnet: '10.9.0.0/24' });
  t.equal(made.status, 202);
  t.match(made.json, { name: 'front', project_id: 'p1', subnet: '10.9.0.0/24', default: false, ports: 0 });
  const { uuid } = made.json;
  t.match((await site.call('GET', '/v1/networks')).json, { networks: [{ uuid, name: 'front' }], next: null });
  t.match((await site.call('GET', '/v1/networks/front')).json, { uuid });
  t.match((await site.call('GET', '/v1/networks', { as: 'bob' })).json, { networks: [] });
  t.equal((await site.call('GET', `/v1/networks/${String(uuid)}`, { as: 'bob' })).status, 404);
  t.match((await post('networks', { name: 'front' })).error, {
    status: 409,
    title: /"front" exists already/,
  });
  t.equal((await post('networks', { name: 'front' }, 'bob')).status, 202, 'names are of a project');
});

t.test('what a network or volume can not be is said', async (t) => {
  for (const [path, body, said] of [
    ['networks', {}, /'name' is a required property/],
    ['networks', { name: 'wide', subnet: '10.0.0.0/8' }, /from \/20 to \/29/],
    ['networks', { name: 'odd', subnet: '10.0.0.1/24' }, /IPv4 subnet/],
    ['networks', { name: 'theirs', neutron_net_id: 'n1' }, /no Neutron/],
    ['networks', { name: 'more', colour: 'red' }, /Unknown parameters: colour/],
    ['volumes', {}, /'name' is a required property/],
    ['volumes', { name: 'none', size: 0 }, /between 1 and/],
  ] as const) {
    const { status, error } = await post(path, body);
    t.equal(status, 400, JSON.stringify(body));
    t.match(error.title, said);
  }
  t.match((await post('networks', { name: 'away', host: 'nowhere' })).error, {
    status: 404,
    title: /nowhere/,
  });
});

t.test('what a create names and is not there is a 400 that names it', async (t) => {
  for (const [body, said] of [
    [{ nets: [{ network: 'nowhere' }] }, /"nowhere" could not be found/],
    [{ nets: [{ network: 'front', 'v4-fixed-ip': '10.8.0.9' }] }, /"10\.8\.0\.9" is not in network "front"/],
    [{ nets: [{ network: 'front' }, { network: 'front' }] }, /named twice/],
    [{ nets: [{ port: 'p' }] }, /no ports/],
    [{ nets: [{}] }, /must name a network/],
    [{ nets: 'front' }, /must be a list/],
    [{ mounts: [{ source: 'nothing', destination: '/data' }] }, /"nothing" could not be found/],
    [{ mounts: [{ size: 1, destination: 'data' }] }, /absolute path/],
    [{ mounts: [{ size: 1, destination: '/a/../b' }] }, /absolute path/],
    [
      {
        mounts: [
          { size: 1, destination: '/d' },
          { size: 1, destination: '/d' },
        ],
      },
      /two mounts/,
    ],
    [{ mounts: [{ type: 'bind', source: 'not base64', destination: '/f' }] }, /base64/],
    [{ mounts: [{ type: 'tmpfs', destination: '/f' }] }, /volume or bind/],
    [{ exposed_ports: { 'http/tcp': {} } }, /must be a port/],
    [{ exposed_ports: { '80/sctp': {} } }, /must be a port/],
    [{ exposed_ports: { '80/tcp': { host_port: 65_536 } } }, /between 0 and 65535/],
  ] as const) {
    const { status, error } = await create(body);
    t.equal(status, 400, JSON.stringify(body));
    t.match(error.title, said);
  }
  t.match(
    (await create({ nets: [{ network: 'front' }] }, 'amy')).json,
    { name: /./ },
    'of the project, not of its user',
  );
});

t.test('networks of another project are not found by a create', async (t) => {
  await post('networks', { name: 'hidden' });
  t.match((await create({ nets: [{ network: 'hidden' }] }, 'bob')).error, { status: 400, title: /"hidden"/ });
});

t.test('volumes: made, listed, of one project', async (t) => {
  const made = await post('volumes', { name: 'data', size: 2 });
  t.equal(made.status, 202);
  t.match(made.json, { name: 'data', size: 2, ephemeral: false, attached: [] });
  t.match((await site.call('GET', '/v1/volumes')).json, { volumes: [{ name: 'data' }] });
  t.same(((await site.call('GET', '/v1/volumes', { as: 'bob' })).json['volumes'] as Json[]).length, 0);
  t.match((await create({ mounts: [{ source: 'data', destination: '/data' }] }, 'bob')).error, {
    status: 400,
  });
});

t.test('the same key with the same mounts is the same container', async (t) => {
  const again = () =>
    site.call('POST', '/v1/containers', {
      body: { image: 'busybox', mounts: [{ size: 1, destination: '/data' }] },
      headers: { 'idempotency-key': 'mounted' },
    });
  const [first, second] = [await again(), await again()];
  t.equal(first.status, 202);
  t.equal(second.json['uuid'], first.json['uuid']);
});

t.test('actions on networks say what is wrong', async (t) => {
  const { uuid } = await site.create({ name: 'plain' });
  const act = (action: string) => site.call('POST', `/v1/containers/${uuid}/${action}`);
  t.match((await act('network_attach?network=nowhere')).error, { status: 400, title: /"nowhere"/ });
  t.match((await act('network_attach')).error, { status: 400 });
  t.match((await act('network_detach?network=front')).error, {
    status: 400,
    title: "Network 'front' is not attached to container 'plain'.",
  });
  t.match((await site.call('GET', `/v1/containers/${uuid}/network_list`)).json, { networks: [] });
});
