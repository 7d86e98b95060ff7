/** Capsules over the API: what a template may say, who sees which, in which form, and that no quota is passed by. */
import t from 'tap';
import { createApiSite, type Json, type User } from './site.ts';
import { until } from './until.ts';

const site = await createApiSite(t, { settings: { 'quota.containers': '12' } });

const container = { image: 'busybox', resources: { requests: { cpu: 0.5, memory: 64 } } };
const templateOf = (changes: Json = {}, spec: Json = {}): Json => ({
  kind: 'capsule',
  capsuleVersion: 'beta',
  metadata: { name: 'pod', labels: { app: 'shop' }, annotations: { note: 'mine' } },
  spec: { containers: [{ ...container, name: 'web' }, container], ...spec },
  ...changes,
});
const post = (template: unknown, as: User = 'ann', headers = {}, version = 40) =>
  site.call('POST', '/v1/capsules', { body: { template }, as, headers, version });
const made = async (template: unknown = templateOf(), as: User = 'ann'): Promise<Json & { uuid: string }> => {
  const { status, json, text } = await post(template, as);
  if (status !== 202) throw new Error(`${status} ${text}`);
  return json as Json & { uuid: string };
};
const gone = async (uuid: string): Promise<void> => {
  await site.call('DELETE', `/v1/capsules/${uuid}`, { as: 'root' });
  await until(async () => (await site.call('GET', `/v1/capsules/${uuid}`, { as: 'root' })).status === 404);
};

t.test('a capsule in its present form and in its legacy one', async (t) => {
  const answer = await post(templateOf({ availabilityZone: 'nova' }));
  t.equal(answer.status, 202);
  const { uuid } = answer.json as { uuid: string };
  t.match(answer.headers['location'], new RegExp(`/v1/capsules/${uuid}$`));
  t.match(answer.json, {
    name: 'pod',
    project_id: 'p1',
    user_id: 'ann',
    cpu: 1,
    memory: '128',
    labels: { app: 'shop' },
    annotations: { note: 'mine' },
    restart_policy: { Name: 'always', MaximumRetryCount: '0' },
    addresses: {},
    init_containers: [],
    containers: [{ name: 'capsule-pod-web', cpu: 0.5, memory: '64' }, { name: /^capsule-pod-[a-z]+-\d+$/ }],
    links: [{ rel: 'self' }, { rel: 'bookmark', href: new RegExp(`/capsules/${uuid}$`) }],
  });
  t.notOk('host' in answer.json, 'hosts are for admins');
  t.notOk('links' in (answer.json['containers'] as Json[])[0]!, 'members have no links');
  for (const path of [`/capsules/${uuid}`, `/v1/capsules//${uuid}`, '/v1/capsules/pod', `/capsules/${uuid}/`])
    t.equal((await site.call('GET', path)).json['uuid'], uuid, path);
  t.ok('host' in (await site.call('GET', `/v1/capsules/${uuid}`, { as: 'root' })).json);

  const legacy = (await site.call('GET', `/v1/capsules/${uuid}`, { version: 31 })).json;
  t.match(legacy, {
    meta_name: 'pod',
    meta_labels: { app: 'shop' },
    restart_policy: 'always',
    volumes_info: {},
    capsule_version: '',
    init_containers_uuids: [],
  });
  t.equal((legacy['containers_uuids'] as string[]).length, 2);
  t.notOk('name' in legacy || 'labels' in legacy);
  await gone(uuid);
});

t.test('as a string of JSON, and as the whole of a template with init containers', async (t) => {
  const { uuid, ...capsule } = await made(
    JSON.stringify(
      templateOf(
        { kind: 'Capsule', metadata: {} },
        {
          initContainers: [{ image: 'busybox', resources: { requests: { cpu: 2, memory: 32 } } }],
          restartPolicy: 'OnFailure',
          containers: [
            {
              ...container,
              command: ['sh'],
              args: ['-c', 'true'],
              env: { A: 'b' },
              workDir: '/srv',
              tty: true,
            },
          ],
        },
      ),
    ),
  );
  t.match(capsule, {
    name: /^[a-z]+-\d+-capsule$/,
    cpu: 2,
    memory: '64',
    restart_policy: { Name: 'on-failure' },
    init_containers: [{ restart_policy: { Name: 'on-failure', MaximumRetryCount: '10' } }],
    containers: [
      {
        command: ['sh', '-c', 'true'],
        environment: { A: 'b' },
        workdir: '/srv',
        tty: true,
        interactive: false,
      },
    ],
  });
  await gone(uuid);
  const old = await made(templateOf({ restartPolicy: 'Never' }));
  t.match(old, { restart_policy: { Name: 'no' } }, 'where it stood before 1.16');
  await gone(old.uuid);
});

t.test('what is wrong with a template is a 400 that names field, value and rule', async (t) => {
  const one = (changes: Json): Json => templateOf({}, { containers: [{ ...container, ...changes }] });
  const volumes = (all: Json[], mounts: Json[] = []): Json =>
    templateOf({}, { volumes: all, containers: [{ ...container, volumeMounts: mounts }] });
  for (const [template, said] of [
    [undefined, /'template' is a required property/],
    ['{', /'template'.*must hold JSON/],
    [[], /'template'/],
    [{}, /'kind', 'metadata', 'spec' is a required property of 'template'/],
    [templateOf({ kind: 'pod' }), /'template.kind'. ?Value: 'pod'. It must be one of capsule, Capsule/],
    [templateOf({ nets: [] }), /'template' \('nets' was unexpected\)/],
    [templateOf({ metadata: [] }), /'template.metadata'/],
    [templateOf({ metadata: { name: '-x' } }), /'template.metadata.name'. ?Value: '-x'/],
    [templateOf({ metadata: { labels: { 'troupe.x': '1' } } }), /Troupe’s own/],
    [templateOf({}, { containers: [] }), /'template.spec.containers'/],
    [templateOf({}, { restartPolicy: 'Sometimes' }), /one of Always, OnFailure, Never/],
    [one({ image: 7 }), /'template.spec.containers.0.image'. ?Value: '7'. It must be string/],
    [one({ ports_: [] }), /'ports_' was unexpected/],
    [one({ resources: { requests: { cpu: '1' } } }), /requests.cpu'. ?Value: '1'. It must be number/],
    [one({ resources: { requests: { memory: 1 } } }), /requests.memory'.*must be >= 4/],
    [one({ ports: [{ containerPort: 0 }] }), /containerPort'.*must be >= 1/],
    [one({ ports: [{ hostPort: 1 }] }), /'containerPort' is a required property/],
    [
      one({ volumeMounts: [{ name: 'x', mountPath: '/x' }] }),
      /the volume "x", which the template does not have/,
    ],
    [volumes([{ name: 'x', cinder: {} }]), /either volumeID or size/],
    [volumes([{ name: 'x', cinder: { size: 1 } }]), /No container mounts the volume "x"/],
    [volumes([{ name: 'x', cinder: { volumeID: 'nowhere' } }]), /"nowhere" could not be found/],
    [volumes([{ name: 'x', cinder: { size: 1 } }], [{ name: 'x', mountPath: 'x' }]), /absolute path/],
    [
      templateOf({}, { initContainers: [{ image: 'busybox', colour: 'red' }] }),
      /'template.spec.initContainers.0' \('colour'/,
    ],
    [
      templateOf({}, { containers: [0, 1].map(() => ({ ...container, ports: [{ containerPort: 80 }] })) }),
      /Two containers have the port 80\/tcp/,
    ],
    [templateOf({}, { containers: [0, 1].map(() => ({ ...container, name: 'web' })) }), /called "web"/],
  ] as const) {
    const { status, error } = await post(template);
    t.equal(status, 400, `${JSON.stringify(template)} ${error.title}`);
    t.match(error.title, said);
  }
  const secret = await post(one({ env: { PASSWORD: 5 } }));
  t.match(secret.error.title, /'template.spec.containers.0.env.PASSWORD'. ?Value: '\*\*\*'/);
  const beside = await site.call('POST', '/v1/capsules', { body: { template: templateOf(), colour: 1 } });
  t.match(beside.error, { status: 400, title: /'colour' was unexpected/ });
});

t.test('lists: one’s own, in pages, sorted; all of them for admins', async (t) => {
  const names = ['b', 'c', 'a'].map((each) => `list-${each}`);
  const one = (name: string): Json => templateOf({ metadata: { name } }, { containers: [container] });
  const mine: string[] = [];
  for (const name of names) mine.push((await made(one(name))).uuid);
  const theirs = (await made(one('list-z'), 'bob')).uuid;
  const list = async (query = '', as: User = 'ann') =>
    (await site.call('GET', `/capsules/?${query}`, { as })).json as {
      capsules: (Json & { name: string })[];
      next: string | null;
    };
  const namesOf = async (query = '', as: User = 'ann') =>
    (await list(query, as)).capsules.map(({ name }) => name);
  t.same(await namesOf(), names);
  t.same(await namesOf('sort_key=name'), names.toSorted());
  t.same(await namesOf('sort_key=name&sort_dir=desc&limit=2'), ['list-c', 'list-b']);
  const { next } = await list('limit=2');
  t.match(next, /\/v1\/capsules\?.*marker=/);
  t.same(await namesOf(`limit=2&marker=${mine[1]!}`), ['list-a']);
  t.same(await namesOf('all_projects=True'), names, 'for who is no admin that means nothing');
  t.same(await namesOf('all_projects=True', 'root'), [...names, 'list-z']);
  t.ok('links' in (await list()).capsules[0]!);
  t.match((await site.call('GET', '/v1/capsules?marker=nowhere')).error, { status: 404 });
  t.equal((await site.call('GET', '/v1/capsules?sort_key=host')).status, 400);
  t.equal((await site.call('GET', '/v1/capsules?sort_key=host', { as: 'root' })).status, 200);
  t.equal((await site.call('GET', '/v1/capsules?colour=red')).status, 400);
  t.match((await site.call('GET', `/v1/capsules/${theirs}`)).error, {
    status: 404,
    code: 'container.capsule-not-found',
    title: `Capsule ${theirs} could not be found.`,
  });
  t.equal((await site.call('DELETE', `/v1/capsules/${theirs}`)).status, 404);
  t.match((await site.call('GET', '/v1/containers')).json, { containers: [] }, 'members are not listed');
  for (const uuid of [...mine, theirs]) await gone(uuid);
});

t.test('members count in the quota, and are given back', async (t) => {
  const used = (): number => site.controlPlane.tenant('p2').used.containers;
  const { uuid } = await made(templateOf({}, { initContainers: [container] }), 'bob');
  t.equal(used(), 3);
  const refused = await post(
    templateOf({}, { containers: Array.from({ length: 10 }, () => container) }),
    'bob',
  );
  t.match(refused.error, { status: 403, title: "Quota exceeded for resources: ['containers']" });
  t.equal(used(), 3, 'what was refused takes nothing');
  await gone(uuid);
  await until(() => used() === 0);
});

t.test('the same key is the same capsule, and another body a conflict', async (t) => {
  const headers = { 'idempotency-key': 'once' };
  const [first, second] = [
    await post(templateOf(), 'ann', headers),
    await post(templateOf(), 'ann', headers),
  ];
  t.equal(second.json['uuid'], first.json['uuid']);
  t.same(
    (second.json['containers'] as Json[]).map(({ uuid }) => uuid),
    (first.json['containers'] as Json[]).map(({ uuid }) => uuid),
  );
  t.equal((await post(templateOf({ availabilityZone: 'x' }), 'ann', headers)).status, 409);
  await gone(String(first.json['uuid']));
});

t.test('a member is a container of its own that comes and goes with its capsule', async (t) => {
  const { uuid, containers } = (await made()) as Json & { uuid: string; containers: { uuid: string }[] };
  const [member] = containers;
  const path = `/v1/containers/${member!.uuid}`;
  t.match((await site.call('GET', path)).json, { name: 'capsule-pod-web', capsule_uuid: uuid });
  t.equal((await site.call('GET', path, { as: 'bob' })).status, 404);
  // This site's host has nothing to make networks with.
  await until(async () => (await site.call('GET', `/v1/capsules/${uuid}`)).json['status'] === 'Error');
  t.match((await site.call('GET', `/v1/capsules/${uuid}`)).json['status_reason'], /network/);
  await until(async () => (await site.call('GET', path)).json['status'] === 'Error');
  for (const query of ['', '?stop=true', '?force=true']) {
    const { status, error } = await site.call('DELETE', path + query, { as: 'root' });
    t.equal(status, 409);
    t.match(error.title, /It belongs to a capsule; delete the capsule/);
  }
  t.match((await site.call('PATCH', path, { body: { memory: 128 } })).error, { status: 409 });
  t.equal((await site.call('PATCH', path, { body: { name: 'renamed' } })).json['name'], 'renamed');
  const { json: lifecycle } = await site.call('GET', `${path}/lifecycle`);
  t.match(lifecycle['related'], [{ address: `capsule/p1/${uuid}`, name: 'pod', status: 'Error' }]);
  await gone(uuid);
  t.equal((await site.call('GET', path)).status, 404);
  t.match((await site.call('GET', `${path}/history`)).json, { history: [] as object[] }, 'its history stays');
});

t.test('lifecycle, history, chart, trials and events, as of every kind', async (t) => {
  const { uuid } = await made();
  const path = `/v1/capsules/${uuid}`;
  await until(async () => (await site.call('GET', path)).json['status'] === 'Error');
  const { json: lifecycle } = await site.call('GET', `${path}/lifecycle`);
  t.match(lifecycle, {
    kind: 'capsule',
    statePaths: ['failed'],
    allowedEvents: [{ type: 'capsule.delete', answer: 'accepted' }],
  });
  t.equal(
    (lifecycle['related'] as { address: string }[]).filter(({ address }) => address.startsWith('container/'))
      .length,
    2,
  );
  const { json: history } = await site.call('GET', `${path}/history`);
  t.match((history['history'] as Json[])[0], { cause: { kind: 'request' }, to: ['gathering.awaiting'] });
  t.match((await site.call('GET', '/v1/statecharts/capsule')).json, { kind: 'capsule', version: 1 });
  const { json: trial } = await site.call('POST', `${path}/what-if`, { body: { type: 'capsule.delete' } });
  t.equal(
    (trial['actors'] as { address: string; ends: boolean }[]).filter(({ ends }) => ends).length >= 3,
    true,
    'it and its members would be gone',
  );
  t.equal((await site.call('GET', path)).status, 200, 'and nothing was sent');
  t.equal((await site.call('POST', `${path}/events`, { body: { type: 'capsule.delete' } })).status, 202);
  await until(async () => (await site.call('GET', path)).status === 404);
  t.equal((await site.call('GET', `${path}/history`)).status, 200);
  t.same((await site.call('GET', '/v1/audit', { as: 'root' })).json['audit'], []);
});

t.test('it outlives the control plane', async (t) => {
  const { uuid, containers } = (await made()) as Json & { uuid: string; containers: { uuid: string }[] };
  await site.restart();
  const { json } = await site.call('GET', `/v1/capsules/${uuid}`);
  t.match(json, { uuid, name: 'pod', annotations: { note: 'mine' } });
  t.same(
    (json['containers'] as Json[]).map((each) => each['uuid']),
    containers.map((each) => each.uuid),
  );
  await gone(uuid);
});
