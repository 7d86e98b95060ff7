/** What happens at the engine while one of our processes lies dead by kill -9 is found by the next, and answered once. */
import t, { type Test } from 'tap';
import { startRedis } from '../support/redis.ts';
import { docker, testImage, until } from '../support/troupe.ts';
import { count, mostAtOnce, startCluster, type Cluster, type ClusterOptions, type Role } from './cluster.ts';

t.setTimeout(600_000);

const redis = await startRedis();
t.teardown(() => redis.stop());
let prefixes = 0;
const apart = (): ClusterOptions['store'] => ({ redisUrl: redis.url, prefix: `m${(prefixes += 1)}:` });

interface Running {
  readonly cluster: Cluster;
  readonly uuid: string;
  readonly engineId: string;
  readonly startedAt: () => Promise<string>;
}

async function running(t: Test, store: ClusterOptions['store'], restartPolicy: string): Promise<Running> {
  t.setTimeout(120_000);
  const cluster = await startCluster(t, { store });
  const body = {
    name: 'meanwhile',
    image: testImage,
    command: ['sleep', '600'],
    labels: cluster.labels,
    restart_policy: { Name: restartPolicy },
  };
  const created = await cluster.insist('POST', '/v1/containers?run=true', body);
  t.equal(created.status, 202);
  const { uuid } = created.body;
  await cluster.reach(uuid, 'Running');
  const [engineId] = await cluster.containers();
  return {
    cluster,
    uuid,
    engineId: engineId!,
    startedAt: async () => (await docker.getContainer(engineId!).inspect()).State.StartedAt,
  };
}

/** Its process ends, as by a fault of its own: nobody has asked the engine for it. */
async function crash({ cluster, engineId }: Running): Promise<void> {
  const died = count(cluster.events, 'die');
  process.kill((await docker.getContainer(engineId).inspect()).State.Pid, 'SIGKILL');
  await until(
    'its death',
    async () => count(cluster.events, 'die'),
    (now) => now > died,
  );
}

const summary = ({ events }: Cluster) => ({
  created: count(events, 'create'),
  started: count(events, 'start'),
  most: mostAtOnce(events),
});

const remove = async (t: Test, { cluster, uuid }: Running): Promise<void> => {
  await cluster.insist('DELETE', `/v1/containers/${uuid}?force=true`);
  await cluster.reach(uuid, 'gone');
  await until(
    'an empty engine',
    () => cluster.containers(),
    (found) => found.length === 0,
  );
  await cluster.emptyLedger();
  t.equal(mostAtOnce(cluster.events), 1, 'never two');
};

/** What happens while the victims are dead, and what must be so once they are back. */
const happenings: Readonly<
  Record<string, (t: Test, store: ClusterOptions['store'], victims: readonly Role[]) => Promise<void>>
> = {
  async 'nothing happens: nothing is touched'(t, store, victims) {
    const it = await running(t, store, 'always');
    const first = await it.startedAt();
    await whileDead(it, victims, async () => {});
    await it.cluster.reach(it.uuid, 'Running');
    t.equal(await it.startedAt(), first);
    t.same(summary(it.cluster), { created: 1, started: 1, most: 1 });
    await remove(t, it);
  },
  async 'a container crashes that is to stay dead: it is Stopped, with its exit code'(t, store, victims) {
    const it = await running(t, store, 'no');
    await whileDead(it, victims, () => crash(it));
    await it.cluster.reach(it.uuid, 'Stopped');
    const shown = await it.cluster.api.call<{ status_detail: string }>('GET', `/v1/containers/${it.uuid}`);
    t.match(shown?.body.status_detail, /137/);
    t.same(summary(it.cluster), { created: 1, started: 1, most: 1 });
    await remove(t, it);
  },
  async 'a container crashes that is always to run: it runs again, started once'(t, store, victims) {
    const it = await running(t, store, 'always');
    await whileDead(it, victims, () => crash(it));
    await until(
      'its second start',
      async () => count(it.cluster.events, 'start'),
      (starts) => starts === 2,
    );
    await it.cluster.reach(it.uuid, 'Running');
    t.same(summary(it.cluster), { created: 1, started: 2, most: 1 });
    await remove(t, it);
  },
  async 'a container is removed by hand: it is an error, in words'(t, store, victims) {
    const it = await running(t, store, 'no');
    await whileDead(it, victims, () => docker.getContainer(it.engineId).remove({ force: true, v: true }));
    await it.cluster.reach(it.uuid, 'Error');
    const shown = await it.cluster.api.call<{ status_reason: string }>('GET', `/v1/containers/${it.uuid}`);
    t.match(shown?.body.status_reason, /removed outside Troupe/);
    t.same(summary(it.cluster), { created: 1, started: 1, most: 1 });
    await remove(t, it);
  },
  async 'a container is removed by hand that is always to run: it is made again, once'(t, store, victims) {
    const it = await running(t, store, 'always');
    await whileDead(it, victims, () => docker.getContainer(it.engineId).remove({ force: true, v: true }));
    await until(
      'another',
      async () => count(it.cluster.events, 'start'),
      (starts) => starts === 2,
    );
    await it.cluster.reach(it.uuid, 'Running');
    t.same(summary(it.cluster), { created: 2, started: 2, most: 1 });
    await remove(t, it);
  },
};

async function whileDead(
  { cluster }: Running,
  victims: readonly Role[],
  happening: () => Promise<unknown>,
): Promise<void> {
  for (const role of victims) await cluster.kill(role);
  await happening();
  for (const role of victims) cluster.revive(role);
  await cluster.whole();
}

const victimsOf: readonly (readonly Role[])[] = [
  ['agent'],
  ['all in one'],
  ['control plane'],
  ['control plane', 'agent'],
];
for (const [index, [what, prove]] of Object.entries(happenings).entries()) {
  // Each happening meets a death of the agent, alone or with the control plane, and one other.
  for (const victims of [victimsOf[index % 2]!, victimsOf[2 + (index % 2)]!]) {
    t.test(`${victims.join(' and ')} dead, ${what}`, (t) =>
      prove(t, victims[0] === 'all in one' ? 'embedded' : apart(), victims),
    );
  }
}

t.test(
  'the control plane dead for longer than the lease: the agent restarts what is always to run, and is believed',
  async (t) => {
    const it = await running(t, apart(), 'always');
    await it.cluster.kill('control plane');
    await crash(it);
    await until(
      'a start by the agent alone',
      async () => count(it.cluster.events, 'start'),
      (starts) => starts === 2,
    );
    const again = await it.startedAt();
    it.cluster.revive('control plane');
    await it.cluster.whole();
    await it.cluster.reach(it.uuid, 'Running');
    t.equal(await it.startedAt(), again, 'and not once more by the chart');
    t.same(summary(it.cluster), { created: 1, started: 2, most: 1 });
    await remove(t, it);
  },
);

t.test('the agent dead: a stop and a delete that were accepted happen when it is back', async (t) => {
  const it = await running(t, apart(), 'always');
  await it.cluster.kill('agent');
  t.equal((await it.cluster.insist('POST', `/v1/containers/${it.uuid}/stop?timeout=0`)).status, 202);
  it.cluster.revive('agent');
  await it.cluster.reach(it.uuid, 'Stopped');
  await it.cluster.kill('agent');
  t.equal((await it.cluster.insist('DELETE', `/v1/containers/${it.uuid}`)).status, 204);
  it.cluster.revive('agent');
  await it.cluster.reach(it.uuid, 'gone');
  await until(
    'an empty engine',
    () => it.cluster.containers(),
    (found) => found.length === 0,
  );
  t.same(summary(it.cluster), { created: 1, started: 1, most: 1 });
  await it.cluster.whole();
  await it.cluster.emptyLedger();
});
