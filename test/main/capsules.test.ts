/** Capsules for real: what members share, who runs when, what outlives what, and that nothing is left. */
import t, { type Test } from 'tap';
import { ensureDocker } from '../support/docker.ts';
import { needRoot } from '../support/need-root.ts';
import { createNetworkSite } from '../support/network-site.ts';
import { testImage, until, type Json } from '../support/troupe.ts';

needRoot();
await ensureDocker();
t.setTimeout(600_000);

interface Capsule extends Json {
  readonly name: string;
  readonly status_reason: string | null;
  readonly containers: readonly Member[];
  readonly init_containers: readonly Member[];
  readonly addresses: Readonly<Record<string, readonly { readonly addr: string }[]>>;
}

interface Member extends Json {
  readonly name: string;
  readonly restarts: number;
  readonly started_at: string;
  readonly addresses: Capsule['addresses'];
}

/** Of the sandboxes and containers of this test. */
let world = '';
const site = await createNetworkSite(t, ['deadlines.networkIdleMs=1000']);
await site.up();
const { api } = site;

const shell = (script: string): readonly string[] => ['sh', '-c', script];
/** Answers each caller with what it finds in the volume that an init container has filled. */
const web = {
  name: 'web',
  image: testImage,
  command: shell('echo serving; while true; do nc -l -p 8080 < /data/greeting; done'),
  volumeMounts: [{ name: 'data', mountPath: '/data', readOnly: true }],
  resources: { requests: { cpu: 0.2, memory: 32 } },
};
const beside = { name: 'beside', image: testImage, command: ['sleep', '600'], env: { ROLE: 'onlooker' } };
const setup = {
  name: 'setup',
  image: testImage,
  command: shell('echo preparing; echo hello from init > /data/greeting'),
  volumeMounts: [{ name: 'data', mountPath: '/data' }],
};

const template = (name: string, spec: object = {}): object => ({
  capsuleVersion: 'beta',
  kind: 'capsule',
  metadata: { name, labels: { app: 'shop' } },
  spec: {
    initContainers: [setup],
    containers: [web, beside],
    volumes: [{ name: 'data', cinder: { size: 1, autoRemove: true } }],
    ...spec,
  },
});

const create = async (asked: object): Promise<Capsule> => {
  const made = await api.call<Capsule>('POST', '/capsules/', { template: asked });
  if (made?.status !== 202) throw new Error(`The capsule was refused: ${JSON.stringify(made?.body)}`);
  return made.body;
};
const reach = async (uuid: string, ...statuses: readonly string[]): Promise<Capsule> => {
  const answer = await until(
    `capsule ${uuid} to be ${statuses.join(' or ')}`,
    () => api.call<Capsule>('GET', `/v1/capsules/${uuid}`),
    (given) => statuses.includes(given?.body.status ?? '') || given?.body.status === 'Error',
  );
  if (!statuses.includes(answer!.body.status))
    throw new Error(`It is in ${answer!.body.status}: ${answer!.body.status_reason}`);
  return answer!.body;
};
const remove = async (uuid: string): Promise<void> => {
  await api.call('DELETE', `/v1/capsules/${uuid}`);
  await until(
    'its end',
    () => api.call('GET', `/v1/capsules/${uuid}`),
    (answer) => answer?.status === 404,
  );
};
const member = (capsule: Capsule, name: string): Member =>
  [...capsule.init_containers, ...capsule.containers].find((each) => each.name.endsWith(name))!;

/** One member asks the other on the address that is everyone's own. */
async function sharesNetwork(t: Test, capsule: Capsule, why: string): Promise<void> {
  const { uuid } = member(capsule, 'beside');
  const asked = await until(
    'an answer on 127.0.0.1',
    () => site.inside(uuid, 'sh', '-c', 'nc -w 2 127.0.0.1 8080 < /dev/null'),
    ({ out }) => out.includes('hello from init'),
  );
  t.match(asked.out, /hello from init/, why);
}

const startOf = async (uuid: string): Promise<string> =>
  (await api.call<Member>('GET', `/v1/containers/${uuid}`))!.body.started_at;

t.test('init first, then all beside each other in one network; each is a container', async (t) => {
  const made = await create(template('shop'));
  t.equal(made.status, 'Creating');
  t.match(made, { cpu: 0.2, memory: '32', restart_policy: { Name: 'always', MaximumRetryCount: '0' } });
  t.same([made.init_containers.length, made.containers.length], [1, 2], 'its members are there at once');
  const capsule = await reach(made.uuid, 'Running');
  const sandbox = await (await site.sandboxOf(member(capsule, 'web').uuid)).inspect();
  world = sandbox.Config.Labels['troupe.world']!;
  const [first, second, third] = ['setup', 'web', 'beside'].map((name) => member(capsule, name));
  t.match(first, { status: 'Stopped', exit_code: 0 });
  t.match([second, third], [{ status: 'Running' }, { status: 'Running' }]);
  t.same(second!.addresses, capsule.addresses);
  t.same(third!.addresses, capsule.addresses, 'one address for all');
  await sharesNetwork(t, capsule, 'one member reaches the other on 127.0.0.1');
  const ordered = [await startOf(first!.uuid), await startOf(second!.uuid)];
  t.same(ordered, ordered.toSorted(), 'the init container came first');

  // What Zun's capsules never had.
  const logs = await api.call<string>('GET', `/v1/containers/${second!.uuid}/logs`);
  t.match(logs?.body, /serving/);
  t.match((await api.call<string>('GET', `/v1/containers/${first!.uuid}/logs`))?.body, /preparing/);
  const ran = await api.call<{ output: string; exit_code: number }>(
    'POST',
    `/v1/containers/${third!.uuid}/execute?command=${encodeURIComponent('sh -c "echo $ROLE"')}&run=true`,
  );
  t.match(ran?.body, { output: 'onlooker\n', exit_code: 0 });
  t.equal((await api.call('GET', `/v1/containers/${third!.uuid}/stats`))?.status, 200);
  t.equal((await api.call('GET', `/v1/containers/${third!.uuid}/lifecycle`))?.status, 200);
  const lifecycle = await api.call<{ related: { address: string }[] }>(
    'GET',
    `/v1/capsules/${made.uuid}/lifecycle`,
  );
  t.equal(lifecycle?.body.related.filter(({ address }) => address.startsWith('container/')).length, 3);

  const refused = await api.call<{ errors: { title: string }[] }>(
    'DELETE',
    `/v1/containers/${third!.uuid}?force=true`,
  );
  t.equal(refused?.status, 409);
  t.match(refused?.body.errors[0]?.title, /It belongs to a capsule; delete the capsule/);
  const { body: list } = (await api.call<{ containers: Json[] }>('GET', '/v1/containers'))!;
  t.same(list.containers, [], 'members are listed with their capsule');
  await site.emptyLedger();

  // A member that ends is started by its policy, and the other does not notice.
  const before = await startOf(third!.uuid);
  await site.docker
    .listContainers({ filters: { label: [`troupe.container-id=${second!.uuid}`] } })
    .then(([found]) => site.docker.getContainer(found!.Id).kill());
  await until(
    'another run of it',
    () => api.call<Member>('GET', `/v1/containers/${second!.uuid}`),
    (answer) => answer?.body.status === 'Running' && answer.body.started_at > second!.started_at,
  );
  t.equal(await startOf(third!.uuid), before, 'the other runs on');
  await sharesNetwork(t, await reach(made.uuid, 'Running'), 'and they share their network as before');

  await remove(made.uuid);
  for (const { uuid } of [first!, second!, third!])
    t.equal((await api.call('GET', `/v1/containers/${uuid}`))?.status, 404);
  await site.emptyLedger();
});

t.test('kill -9 of all of Troupe amid its creation, and again while it runs', async (t) => {
  const made = await create(template('lasting'));
  await site.kill();
  await site.up();
  const capsule = await reach(made.uuid, 'Running');
  await sharesNetwork(t, capsule, 'after the first');
  const before = await startOf(member(capsule, 'web').uuid);
  await site.kill();
  await site.up();
  const again = await reach(made.uuid, 'Running');
  t.equal(await startOf(member(again, 'web').uuid), before, 'its members never noticed');
  await sharesNetwork(t, again, 'after the second');
  await api.call('DELETE', `/v1/capsules/${made.uuid}`);
  await site.kill();
  await site.up();
  await until(
    'its end',
    () => api.call('GET', `/v1/capsules/${made.uuid}`),
    (answer) => answer?.status === 404,
  );
  await site.emptyLedger();
});

t.test('a sandbox that is killed under its members is made again, for all of them', async () => {
  const made = await create(template('mended'));
  const capsule = await reach(made.uuid, 'Running');
  const { uuid } = member(capsule, 'web');
  await (await site.sandboxOf(uuid)).kill();
  await until(
    'the breach',
    () => api.call<Capsule>('GET', `/v1/capsules/${made.uuid}`),
    (answer) => /network is gone/.test(answer?.body.status_reason ?? ''),
  );
  await api.call('POST', `/v1/containers/${uuid}/reboot?timeout=0`);
  await until(
    'one namespace for both',
    async () => {
      const now = await api.call<Capsule>('GET', `/v1/capsules/${made.uuid}`);
      const asked = await site.inside(
        member(capsule, 'beside').uuid, 'sh', '-c', 'nc -w 2 127.0.0.1 8080 < /dev/null',
      ); // prettier-ignore
      return { status: now?.body.status, out: asked.out };
    },
    ({ status, out }) => status === 'Running' && out.includes('hello from init'),
  );
  await remove(made.uuid);
  await site.emptyLedger();
});

t.test('an init container that fails fails its capsule, which can be deleted', async (t) => {
  const made = await create(
    template('failing', {
      initContainers: [{ image: testImage, name: 'setup', command: ['false'] }],
      containers: [beside],
      volumes: [],
      restartPolicy: 'Never',
    }),
  );
  const failed = await until(
    'its failure',
    () => api.call<Capsule>('GET', `/v1/capsules/${made.uuid}`),
    (answer) => answer?.body.status === 'Error',
  );
  t.match(failed?.body.status_reason, /Its init container "capsule-failing-setup" failed: it exited with 1/);
  await until(
    'its other member to be told',
    () => api.call<Member>('GET', `/v1/containers/${made.containers[0]!.uuid}`),
    (answer) => answer?.body.status === 'Error',
  );
  await remove(made.uuid);
  await site.emptyLedger();
});

t.test('nothing is left of them', async () => {
  await until(
    'an end of what they lived in',
    () => site.docker.listContainers({ all: true, filters: { label: [`troupe.world=${world}`] } }),
    (left) => left.length === 0,
  );
});
