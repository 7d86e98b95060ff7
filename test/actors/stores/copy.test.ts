/** A world from any store into any other, whole or not at all. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import t, { type Test } from 'tap';
import { createEmbeddedStore } from '../../../src/actors/stores/embedded.ts';
import { createRedisStore } from '../../../src/actors/stores/redis.ts';
import { defaultRetention, type DumpItem, type Store } from '../../../src/actors/stores/store.ts';
import { containerAddress, hostAddress, shardOf, tenantAddress } from '../../../src/model/address.ts';
import { turn } from '../../conformance/store.ts';
import { startRedis, startRedisCluster } from '../../support/redis.ts';
import { createTestEnvironment } from '../../support/test-environment.ts';

const owner = { hostname: 'test', pid: process.pid, startedAt: 0 };
const redis = await startRedis();
const cluster = await startRedisCluster();
t.teardown(() => Promise.all([redis.stop(), cluster.stop()]));
let prefixes = 0;

const redisAt = (t: Test, prefix: string, nodes: readonly string[] = []): Store => {
  const store = createRedisStore({
    environment: createTestEnvironment(),
    retention: defaultRetention,
    url: redis.url,
    nodes,
    username: null,
    password: null,
    ca: null,
    prefix,
  });
  t.teardown(() => store.close());
  return store;
};
const makers: Readonly<Record<string, (t: Test) => Store>> = {
  embedded: (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'troupe-store-'));
    const store = createEmbeddedStore({
      directory,
      environment: createTestEnvironment(),
      retention: defaultRetention,
      mapSize: 64 * 1024 * 1024,
    });
    t.teardown(async () => {
      await store.close();
      rmSync(directory, { recursive: true, force: true });
    });
    return store;
  },
  redis: (t) => redisAt(t, `w${(prefixes += 1)}:`),
  'a Redis Cluster': (t) => redisAt(t, `[odd*]${(prefixes += 1)}:`, cluster.nodes),
};

const living = containerAddress('p1', 'living');
const deleted = containerAddress('p1', 'deleted');
const tenant = tenantAddress('p1');
const host = hostAddress('h1');

/** Living and ended actors with everything that can hang on them, and longer streams than one page. */
async function fill(store: Store): Promise<number> {
  const { epoch } = await store.open(owner, 0);
  const message = (sequence: number) => ({
    to: tenant,
    sequence,
    event: { type: 'tenant.release' },
    requestId: 'req-1',
  });
  await store.commit(
    [
      turn(living, 1, epoch, {
        outbox: [message(epoch * 1e9 + 1), message(epoch * 1e9 + 2)],
        document: { generation: 1, body: 'sealed' },
        index: { add: ['host:h1', 'host:h2'], remove: [] },
      }),
      turn(living, 2, epoch, {
        inbox: [{ from: host, sequence: 4, last: false }],
        index: { add: [], remove: ['host:h2'] },
      }),
      turn(deleted, 1, epoch, { document: { generation: 1, body: 'sealed too' } }),
      turn(deleted, 2, epoch, { record: { endedAt: 77 }, outbox: [message(epoch * 1e9 + 1)] }),
      turn(tenant, 1, epoch, { inbox: [{ from: deleted, sequence: 3, last: true }] }),
      turn(host, 1, epoch, { stream: null }),
      turn(containerAddress('p2', 'other'), 1, epoch),
    ],
    [],
  );
  const long = containerAddress('p3', 'long');
  await store.commit(
    Array.from({ length: 2_100 }, (_, index) => turn(long, index + 1, epoch)),
    [],
  );
  await store.putSetting('join/abc', '{"born":1}');
  await store.putSetting('credential/h1', 'hash');
  return epoch;
}

async function contents(store: Store): Promise<DumpItem[]> {
  const items: DumpItem[] = [];
  for await (const item of store.dump()) if (item.kind !== 'world') items.push(item);
  // Stores have no order, and cut streams into pages as they like.
  const name = (item: DumpItem): string =>
    item.kind === 'actor'
      ? `actor ${item.actor.record.address}`
      : item.kind === 'stream'
        ? `stream ${item.shard} ${String(item.entries[0]?.position ?? 0).padStart(9, '0')}`
        : item.kind === 'setting'
          ? `setting ${item.key}`
          : '';
  return items.sort((one, other) => (name(one) < name(other) ? -1 : 1));
}

for (const [from, to] of [
  ['embedded', 'redis'],
  ['redis', 'embedded'],
  ['redis', 'a Redis Cluster'],
  ['a Redis Cluster', 'embedded'],
] as const) {
  t.test(`from ${from} to ${to}: all of it, and it goes on from there`, async (t) => {
    const [source, target] = [makers[from]!(t), makers[to]!(t)];
    t.equal(await source.isEmpty(), true);
    const epoch = await fill(source);
    const before = await contents(source);
    await target.load(source.dump());
    t.same(await contents(source), before, 'the source is as it was');
    const world = await target.open(owner, 0);
    t.equal(world.epoch, epoch + 1, 'a new owner');
    t.equal(world.worldId, (await source.raiseEpoch(epoch)).worldId, 'of the same world');
    t.same(
      await contents(target),
      before,
      'records, messages, marks, specs, journals, indexes, streams, settings',
    );
    t.match(
      before.find((item) => item.kind === 'actor' && item.actor.record.address === living),
      {
        actor: { outbox: { length: 2 }, inbox: { length: 1 } },
        indexes: ['host:h1'],
        documents: [{ generation: 1, body: 'sealed' }],
        journal: { length: 2 },
      },
    );
    t.equal(await target.position(shardOf(living)), 5);
    t.match(await target.commit([turn(living, 3, world.epoch), turn(host, 2, world.epoch)], []), [
      { kind: 'committed', position: 6 },
      { kind: 'committed', position: 1 },
    ]);
    t.match(
      await target.trim(77 + defaultRetention.keepMs, 'drop'),
      { actors: 1 },
      'tombstones keep their age',
    );
  });
}

for (const kind of ['embedded', 'redis']) {
  t.test(`into ${kind} that is not empty nothing is copied`, async (t) => {
    const source = makers['embedded']!(t);
    await fill(source);
    const target = makers[kind]!(t);
    await target.open(owner, 0);
    t.equal(await target.isEmpty(), false, 'a world without actors is a world');
    await t.rejects(target.load(source.dump()), { code: 'INVALID_CONFIG', message: /is not empty/ });
    t.same(await contents(target), []);
  });

  t.test(`half a copy in ${kind} is no world`, async (t) => {
    const source = makers['redis']!(t);
    await fill(source);
    const target = makers[kind]!(t);
    const broken = async function* (): AsyncIterable<DumpItem> {
      let count = 0;
      for await (const item of source.dump()) {
        yield item;
        if ((count += 1) === 4) throw new Error('the plug was pulled');
      }
    };
    await t.rejects(target.load(broken()), /plug was pulled/);
    t.equal(await target.isEmpty(), false);
    await t.rejects(target.open(owner, 0), {
      code: 'INVALID_CONFIG',
      message: /a copy that was not finished/,
    });
    await t.rejects(target.load(source.dump()), { code: 'INVALID_CONFIG', message: /is not empty/ });
  });
}

t.test(`an actor or a spec that can't be read is named`, async (t) => {
  const prefix = `u${(prefixes += 1)}:`;
  const source = redisAt(t, prefix);
  await fill(source);
  const client = new Redis(redis.url);
  t.teardown(() => client.disconnect());
  await client.hset(`${prefix}{t:p1}:d:${living}`, '1', '00000000sealed');
  const reading = async (): Promise<void> => {
    for await (const item of source.dump()) void item;
  };
  await t.rejects(reading(), { code: 'STORE_UNAVAILABLE', message: new RegExp(`"${living}" can't be read`) });
  await client.hset(`${prefix}{t:p1}:a:${living}`, 'body', 'nonsense');
  await t.rejects(reading(), { code: 'STORE_UNAVAILABLE', message: new RegExp(`"${living}" can't be read`) });
});

t.test('a control plane that takes the source over meanwhile is noticed, and the copy is none', async (t) => {
  const prefix = `s${(prefixes += 1)}:`;
  const source = redisAt(t, prefix);
  await fill(source);
  const intruder = redisAt(t, prefix);
  const target = makers['embedded']!(t);
  const disturbed = async function* (): AsyncIterable<DumpItem> {
    let count = 0;
    for await (const item of source.dump()) {
      yield item;
      if ((count += 1) === 3) await intruder.open(owner, 0);
    }
  };
  await t.rejects(target.load(disturbed()), { code: 'STALE_OWNER', message: /while it was copied/ });
  await t.rejects(target.open(owner, 0), { code: 'INVALID_CONFIG', message: /a copy that was not finished/ });
});
