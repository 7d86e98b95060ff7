import { connect, createServer, type Socket } from 'node:net';
import { Cluster, Redis } from 'ioredis';
import t from 'tap';
import { redisKeys } from '../../../src/actors/stores/redis-keys.ts';
import { createRedisStore, type RedisStoreOptions } from '../../../src/actors/stores/redis.ts';
import { defaultRetention } from '../../../src/actors/stores/store.ts';
import { containerAddress, shardOf } from '../../../src/model/address.ts';
import { one, storeContract, turn } from '../../conformance/store.ts';
import { freePort, startRedis, startRedisCluster } from '../../support/redis.ts';
import { createTestEnvironment } from '../../support/test-environment.ts';

const owner = { hostname: 'test', pid: process.pid, startedAt: 0 };
const environment = createTestEnvironment();
let prefixes = 0;

const options = (changes: Partial<RedisStoreOptions>): RedisStoreOptions => ({
  environment,
  retention: defaultRetention,
  url: '',
  nodes: [],
  username: null,
  password: null,
  ca: null,
  prefix: `t${(prefixes += 1)}:`,
  ...changes,
});

const server = await startRedis();
const cluster = await startRedisCluster();
t.teardown(() => Promise.all([server.stop(), cluster.stop()]));

const hashOf = { record: 'a', outbox: 'o', document: 'd' } as const;

for (const [name, where] of [
  ['redis', { url: server.url }],
  ['redis cluster', { nodes: cluster.nodes }],
] as const) {
  storeContract(t, name, async () => {
    const chosen = options(where);
    const store = createRedisStore(chosen);
    return {
      store,
      reopen: async () => createRedisStore(chosen),
      async tamper(address, part, change) {
        const client =
          'nodes' in where ? new Cluster(where.nodes.map((node) => `redis://${node}`)) : new Redis(where.url);
        const key = `${chosen.prefix}{${shardOf(address)}}:${hashOf[part]}:${address}`;
        const field = part === 'record' ? 'body' : (await client.hkeys(key))[0]!;
        await client.hset(key, field, change((await client.hgetBuffer(key, field))!));
        client.disconnect();
      },
      stop: () => store.close(),
    };
  });
}

t.test('a lost reply is an unknown outcome; asked again, it is committed once', async (t) => {
  let swallow = false;
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const upstream = connect(server.port, '127.0.0.1');
    sockets.add(client).add(upstream);
    client.on('error', () => {});
    upstream.on('error', () => {});
    client.pipe(upstream);
    upstream.on('data', (data) => {
      if (!swallow) return client.write(data);
      swallow = false;
      client.destroy();
      upstream.destroy();
    });
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
  });
  const port = await freePort();
  await new Promise<void>((resolve) => proxy.listen(port, '127.0.0.1', resolve));
  const store = createRedisStore(options({ url: `redis://127.0.0.1:${port}` }));
  t.teardown(async () => {
    await store.close();
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  const { epoch } = await store.open(owner, 0);
  await store.commit([turn(one, 1, epoch)], []);
  const write = turn(one, 2, epoch);
  swallow = true;
  t.match((await store.commit([write], []))[0], { kind: 'unknown' });
  let again = (await store.commit([write], []))[0];
  while (again?.kind === 'unknown') {
    // The client reconnects between attempts, as it does between the committer's.
    await new Promise((resolve) => setTimeout(resolve, 20));
    again = (await store.commit([write], []))[0];
  }
  t.match(again, { kind: 'committed', position: 2 });
  t.equal((await store.journal(one, { after: 0, limit: 10 })).length, 2);
});

t.test('Redis out of memory is a refusal, and nothing is written', async (t) => {
  const small = await startRedis(['--maxmemory', '3mb', '--maxmemory-policy', 'noeviction']);
  const store = createRedisStore(options({ url: small.url }));
  t.teardown(async () => {
    await store.close();
    await small.stop();
  });
  const { epoch } = await store.open(owner, 0);
  await store.commit([turn(one, 1, epoch)], []);
  const client = new Redis(small.url);
  // The query buffer counts too: large values first, then small ones until not even these fit.
  for (const bytes of [100_000, 1_000, 10]) {
    for (let index = 0, full = false; !full; index += 1) {
      full = (await client.set(`filler${bytes}-${index}`, 'x'.repeat(bytes)).catch(() => 'full')) === 'full';
    }
  }
  const [refused, other] = await store.commit(
    [turn(one, 2, epoch), turn(containerAddress('p1', 'other'), 1, epoch)],
    [],
  );
  t.match(refused, { kind: 'refused', cause: 'full' });
  t.match(other, { kind: 'refused', cause: 'full' });
  t.match(await store.read(one), { record: { revision: 1 } });
  await client.flushall().catch(() => {});
  client.disconnect();
});

t.test('a Redis that may lose turns says so', async (t) => {
  const lax = await startRedis(['--appendfsync', 'everysec']);
  const store = createRedisStore(options({ url: lax.url }));
  t.teardown(async () => {
    await store.close();
    await lax.stop();
  });
  await store.open(owner, 0);
  t.match(await store.durability(), { durable: false, explanation: /appendfsync always/ });
});

t.test('settings of a world that an earlier release wrote are found', async (t) => {
  const chosen = options({ url: server.url });
  const store = createRedisStore(chosen);
  await store.open(owner, 0);
  await store.putSetting('credential/h1', 'hash');
  await store.close();
  const client = new Redis(server.url);
  t.teardown(() => void client.disconnect());
  await client.del(redisKeys(chosen.prefix).settingNames);
  const next = createRedisStore(chosen);
  t.teardown(() => next.close());
  await next.open(owner, 0);
  t.same(await next.settings('credential/'), { 'credential/h1': 'hash' });
});
