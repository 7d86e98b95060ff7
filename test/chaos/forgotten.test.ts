/** A store that is set back to before a container was made, and a control plane that dies with it: the container has an actor again. */
import { cp, rm } from 'node:fs/promises';
import t from 'tap';
import { startRedis } from '../support/redis.ts';
import { docker, testImage, until } from '../support/troupe.ts';
import { startCluster } from './cluster.ts';

const redis = await startRedis();
t.teardown(() => redis.stop());
t.setTimeout(300_000);

interface Tenant {
  readonly used: { readonly containers: number };
}
interface Journal {
  readonly history: readonly { readonly event: { readonly type: string; readonly reason?: string } }[];
}

t.test('what runs runs on, and is known again, with all that is its own', async (t) => {
  const cluster = await startCluster(t, { store: { redisUrl: redis.url, prefix: 'forgotten:' } });
  const { api, insist, reach } = cluster;
  const run = async (name: string): Promise<string> => {
    const { status, body } = await insist('POST', '/v1/containers?run=true', {
      name,
      image: testImage,
      command: ['sh', '-c', `echo hello from ${name}; exec sleep 600`],
      memory: 32,
      environment: { SECRET: 'kept' },
      labels: cluster.labels,
    });
    t.equal(status, 202);
    await reach(body.uuid, 'Running');
    return body.uuid;
  };
  const startsOf = async (): Promise<readonly string[]> =>
    Promise.all(
      (await cluster.containers()).map(async (id) => {
        const { State } = await docker.getContainer(id).inspect();
        return `${id} ${State.Pid} ${State.StartedAt}`;
      }),
    );
  const used = async (): Promise<number | undefined> =>
    (
      await api.call<{ tenants: (Tenant & { project_id?: string })[] }>('GET', '/v1/tenants')
    )?.body.tenants.reduce((sum, each) => sum + each.used.containers, 0);

  const first = await run('first');
  await redis.kill();
  const copy = `${redis.directory}.copy`;
  t.teardown(() => rm(copy, { recursive: true, force: true }));
  await cp(redis.directory, copy, { recursive: true });
  await redis.start();
  await cluster.whole();
  const second = await run('second');
  const before = await startsOf();
  t.equal(before.length, 2);

  await cluster.kill('control plane');
  await redis.kill();
  await rm(redis.directory, { recursive: true });
  await cp(copy, redis.directory, { recursive: true });
  await redis.start();
  cluster.revive('control plane');
  await cluster.whole();

  for (const uuid of [first, second]) await reach(uuid, 'Running');
  t.same(await startsOf(), before, 'nothing was started, stopped or made anew');
  const { body: listed } = await insist('POST', '/v1/containers?run=false', {
    name: 'third',
    image: testImage,
    command: ['true'],
    labels: cluster.labels,
  });
  await reach(listed.uuid, 'Created');
  const names = (
    await api.call<{ containers: { name: string; status: string }[] }>('GET', '/v1/containers')
  )?.body.containers.map(({ name, status }) => `${name} ${status}`);
  t.same(names?.toSorted(), ['first Running', 'second Running', 'third Created']);
  t.equal(await used(), 3, 'the quota counts it');
  await cluster.emptyLedger();

  const history = await api.call<Journal>('GET', `/v1/containers/${second}/history`);
  t.match(history?.body.history[0]?.event, { type: 'store.rewound', reason: /The store had lost it/ });
  const log = await api.call<string>('GET', `/v1/containers/${second}/logs`);
  t.match(log?.body, 'hello from second');
  const executed = await api.call<{ output: string; exit_code: number }>(
    'POST',
    `/v1/containers/${second}/execute?command=${encodeURIComponent("sh -c 'echo $SECRET'")}&run=true&interactive=false`,
  );
  t.match(executed?.body, { exit_code: 0, output: /kept/ });
  await insist('POST', `/v1/containers/${second}/stop?timeout=0`);
  await reach(second, 'Stopped');
  await insist('POST', `/v1/containers/${second}/start`);
  await reach(second, 'Running');
  for (const uuid of [first, second, listed.uuid]) {
    await insist('DELETE', `/v1/containers/${uuid}?stop=true&timeout=0`);
    await reach(uuid, 'gone');
  }
  await until('nothing to be left', cluster.containers, (left) => left.length === 0);
  await cluster.emptyLedger();
});
