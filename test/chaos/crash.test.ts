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
import { count, mostAtOnce, startCluster, type ClusterOptions, type Role } from './cluster.ts';

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

/** Create and run, stop, start, delete, whatever is killed on the way. Gives the points that were passed. */
async function life(
  t: Test,
  store: ClusterOptions['store'],
  point: Point | null,
): Promise<{ commit: number; call: number }> {
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
  const startedAt = async () => (await docker.getContainer(engineId!).inspect()).State.StartedAt;
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
  const process = cluster.process(store === 'embedded' ? 'all in one' : 'control plane');
  process.send('passed');
  for (;;) {
    const [told] = (await once(process, 'message')) as [{ passed?: { commit: number; call: number } }];
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
  const passed = { apart: await life(t, apart('none'), null), one: await life(t, 'embedded', null) };
  t.ok(passed.apart.commit > 8 && passed.one.commit > 8, JSON.stringify(passed));
  // The image, the sandbox, create with its start, stop, start, remove, the sandbox's end.
  const calls = passed.one.call;
  t.equal(calls, 7);
  const kinds: readonly (readonly Point[])[] = [
    pointsOf('control plane', 'commit', passed.apart.commit),
    pointsOf('agent', 'call', calls),
    pointsOf('all in one', 'commit', passed.one.commit),
    pointsOf('all in one', 'call', calls),
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
