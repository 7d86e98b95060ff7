/**
 * kill -9 for real: dockerd, control plane and agent as processes over Redis, or
 * both in one over the embedded store. All points are walked in the
 * simulation; here a seeded sample on each run, all of them with `--all`.
 */
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { startRedis } from '../support/redis.ts';
import { docker, testImage, until } from '../support/troupe.ts';
import type { Passed } from './crash-points.ts';
import { count, mostAtOnce, startCluster, type Cluster, type ClusterOptions, type Role } from './cluster.ts';

const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 100_000);
const all = process.argv.includes('--all') || process.env['CHAOS_ALL'] === '1';
/** Of each kind of point. */
const sample = 2;

const redis = await startRedis();
t.teardown(() => redis.stop());

interface Point {
  readonly role: Role;
  readonly kind: 'commit' | 'call';
  readonly when: 'before' | 'after';
  readonly number: number;
}

const nameOf = ({ role, kind, when, number }: Point): string =>
  `${role} killed ${when} ${kind === 'call' ? 'engine call' : 'commit'} ${number}`;

/** Create and run, stop, start, delete, whatever is killed on the way. */
async function life(t: Test, store: ClusterOptions['store'], point: Point | null): Promise<Cluster> {
  const cluster = await startCluster(t, {
    store,
    ...(point ? { crash: { role: point.role, at: `${point.kind}:${point.when}:${point.number}` } } : {}),
  });
  const { insist, reach, events } = cluster;
  const body = {
    name: 'chaos',
    image: testImage,
    command: ['sleep', '600'],
    memory: 32,
    labels: cluster.labels,
  };
  const created = await insist('POST', '/v1/containers?run=true', body, { 'idempotency-key': 'the-key' });
  t.equal(created.status, 202);
  const { uuid } = created.body;
  await reach(uuid, 'Running');
  const [engineId, ...others] = await cluster.containers();
  t.same(others, [], 'never two');
  const inspect = () => docker.getContainer(engineId!).inspect();
  const startedAt = async () => (await inspect()).State.StartedAt;
  const world = (await inspect()).Config.Labels['troupe.world']!;
  const first = await startedAt();
  await cluster.whole();
  t.equal(await startedAt(), first, 'a running container is not restarted');
  await insist('POST', `/v1/containers/${uuid}/stop?timeout=0`);
  await reach(uuid, 'Stopped');
  await insist('POST', `/v1/containers/${uuid}/start`);
  await reach(uuid, 'Running');
  await insist('DELETE', `/v1/containers/${uuid}?stop=true&timeout=0`);
  await reach(uuid, 'gone');
  t.same(await cluster.containers(), []);
  await until(
    'the end of the sandbox',
    () => docker.listContainers({ all: true, filters: { label: [`troupe.world=${world}`] } }),
    (left) => left.length === 0,
  );
  await cluster.whole();
  await cluster.emptyLedger();
  await until(
    'the last event',
    async () => count(events, 'destroy'),
    (destroyed) => destroyed > 0,
  );
  t.same(
    {
      created: count(events, 'create'),
      started: count(events, 'start'),
      died: count(events, 'die'),
      most: mostAtOnce(events),
    },
    { created: 1, started: 2, died: 2, most: 1 },
    'the engine saw one container, that was started as often as it was asked',
  );
  return cluster;
}

/** What such a life passes where nothing is killed. */
async function passedBy(t: Test, store: ClusterOptions['store']): Promise<Passed> {
  const cluster = await life(t, store, null);
  const process = cluster.process(store === 'embedded' ? 'all in one' : 'control plane');
  process.send('passed');
  for (;;) {
    const [told] = (await once(process, 'message')) as [{ passed?: Passed }];
    if (told.passed) return told.passed;
  }
}

const pointsOf = (role: Role, kind: Point['kind'], most: number): readonly Point[] =>
  (['before', 'after'] as const).flatMap((when) =>
    Array.from({ length: most }, (_, index) => ({ role, kind, when, number: index + 1 })),
  );

t.setTimeout(3_600_000);

t.test('kill -9 at any commit and any engine call converges', async (t) => {
  t.setTimeout(3_500_000);
  const apart = (name: string): ClusterOptions['store'] => ({ redisUrl: redis.url, prefix: `${name}:` });
  const passed = { apart: await passedBy(t, apart('none')), one: await passedBy(t, 'embedded') };
  t.ok(passed.apart.commits > 8 && passed.one.commits > 8, JSON.stringify(passed));
  const { calls } = passed.one;
  t.same(
    calls,
    [
      'ensureSandbox',
      'createContainer',
      'stopContainer',
      'startContainer',
      'stopContainer',
      'removeContainer',
      'removeSandbox',
    ],
    'the image is there; create starts it, too',
  );
  const kinds: readonly (readonly Point[])[] = [
    pointsOf('control plane', 'commit', passed.apart.commits),
    pointsOf('agent', 'call', calls.length),
    pointsOf('all in one', 'commit', passed.one.commits),
    pointsOf('all in one', 'call', calls.length),
  ];
  const generator = xoroshiro128plus(seed);
  const some = (points: readonly Point[]): readonly Point[] => {
    const left = [...points];
    return Array.from({ length: sample }, () => left.splice((generator.next() >>> 0) % left.length, 1)[0]!);
  };
  // What has failed once is walked each time: a host was left that nobody was.
  const once = pointsOf('all in one', 'commit', 1).filter(({ when }) => when === 'after');
  const chosen = all ? kinds.flat() : [...once, ...kinds.flatMap(some)];
  t.comment(
    `seed ${seed}, ${chosen.length} of ${kinds.flat().length} points; CHAOS_SEED=${seed} for the same, --all for all`,
  );
  for (const [index, point] of chosen.entries()) {
    const store = point.role === 'all in one' ? 'embedded' : apart(`point${index}`);
    await t.test(nameOf(point), async (t) => {
      t.setTimeout(180_000);
      await life(t, store, point);
    });
  }
});
