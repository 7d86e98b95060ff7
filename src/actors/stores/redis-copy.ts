/** A world out of Redis, and into it. */
import { Cluster } from 'ioredis';
import { shardOf, type Address, type Shard } from '../../model/address.ts';
import type { JournalRecord, StreamRecord } from '../../model/journal.ts';
import { notEmpty, takenMeanwhile, unreadable } from './copy-errors.ts';
import { sealText, unsealText } from './record.ts';
import { ask, run, type RedisConnection } from './redis-connection.ts';
import type { RedisKeys } from './redis-keys.ts';
import type { DumpItem, Store, World } from './store.ts';

const pageSize = 1_000;

export async function* dumpRedis(
  store: Store,
  client: RedisConnection,
  keys: RedisKeys,
): AsyncIterable<DumpItem> {
  const [id, epoch] = await ask(client.hmget(keys.world, 'id', 'epoch'));
  yield { kind: 'world', world: { worldId: id ?? '', epoch: Number(epoch ?? 0) } };
  const indexes = await indexesOf(client, keys);
  for await (const actor of store.scan()) {
    if ('error' in actor) throw unreadable(actor.address, actor.error);
    const { address } = actor.record;
    const documents = await ask(client.hgetall(keys.of(address, 'd')));
    yield {
      kind: 'actor',
      actor,
      documents: Object.entries(documents).map(([generation, body]) => ({
        generation: Number(generation),
        body: bodyOf(address, body),
      })),
      journal: await journalOf(client, keys, address),
      indexes: indexes.get(address) ?? [],
    };
  }
  for (const shard of await store.shards()) {
    const position = await store.position(shard);
    let after = 0;
    for (;;) {
      const page = (await ask(
        client.xrange(`${keys.base(shard)}:stream`, `${after + 1}-0`, '+', 'COUNT', pageSize),
      )) as [string, string[]][];
      const entries = page.map(([entry, [, text]]) => ({
        position: positionOf(entry),
        record: JSON.parse(text!) as StreamRecord,
      }));
      yield { kind: 'stream', shard, entries, position };
      if (entries.length < pageSize) break;
      after = entries.at(-1)!.position;
    }
  }
  for (const [key, value] of Object.entries(await store.settings(''))) yield { kind: 'setting', key, value };
  if (!(await store.isOwner())) throw takenMeanwhile();
}

/** @param now epoch ms; stands as the age of inbox marks that have none @throws TroupeError INVALID_CONFIG when it is not empty */
export async function loadRedis(
  items: AsyncIterable<DumpItem>,
  client: RedisConnection,
  keys: RedisKeys,
  now: number,
): Promise<void> {
  // The mark is the claim too: of two copies into one store the second is refused.
  const claimed = (await ask(client.hsetnx(keys.world, 'copying', now))) === 1;
  const found = await ask(client.hlen(keys.world));
  if (!claimed || found > 1 || (await ask(client.exists(keys.shards, keys.settings))) > 0) {
    if (claimed) await ask(client.hdel(keys.world, 'copying'));
    throw notEmpty(
      `The Redis store under "${keys.prefix}"`,
      'an empty one, or use another store.redisPrefix',
    );
  }
  const introduced = new Set<Shard>();
  const introduce = async (shard: Shard): Promise<void> => {
    if (introduced.has(shard)) return;
    introduced.add(shard);
    await ask(client.sadd(keys.shards, shard));
  };
  let world: World | null = null;
  for await (const item of items) {
    if (item.kind === 'world') {
      world = item.world;
    } else if (item.kind === 'setting') {
      await run(
        client.multi().hset(keys.settings, item.key, item.value).zadd(keys.settingNames, 0, item.key),
      );
    } else if (item.kind === 'stream') {
      await introduce(item.shard);
      const pipeline = client.pipeline();
      for (const { position, record } of item.entries)
        pipeline.xadd(`${keys.base(item.shard)}:stream`, `${position}-0`, 'r', JSON.stringify(record));
      pipeline.set(`${keys.base(item.shard)}:position`, item.position);
      await run(pipeline);
    } else {
      await introduce(shardOf(item.actor.record.address));
      await takeActor(client, keys, item, now);
    }
  }
  // Last, and with the mark in one: half a copy is no world.
  await run(
    client
      .multi()
      .hset(keys.world, world ? { id: world.worldId, epoch: world.epoch } : {})
      .hdel(keys.world, 'copying'),
  );
}

async function takeActor(
  client: RedisConnection,
  keys: RedisKeys,
  { actor, documents, journal, indexes }: Extract<DumpItem, { kind: 'actor' }>,
  now: number,
): Promise<void> {
  const { record, outbox, inbox } = actor;
  const { address, revision, turnId, endedAt } = record;
  const base = keys.base(shardOf(address));
  const pipeline = client.pipeline();
  pipeline.hset(keys.of(address, 'a'), { revision, turn: turnId, body: sealText(JSON.stringify(record)) });
  pipeline.sadd(`${base}:members`, address);
  if (endedAt !== null) pipeline.zadd(`${base}:ended`, endedAt, address);
  for (const message of outbox)
    pipeline.hset(keys.of(address, 'o'), String(message.sequence), sealText(JSON.stringify(message)));
  for (const mark of inbox)
    pipeline.hset(keys.of(address, 'i'), mark.from, sealText(JSON.stringify({ at: now, ...mark })));
  for (const { generation, body } of documents)
    pipeline.hset(keys.of(address, 'd'), String(generation), sealText(body));
  for (const each of journal) {
    const fields = ['r', JSON.stringify(each), 't', each.turnId, 'p', '0'];
    pipeline.xadd(keys.of(address, 'j'), `${each.revision}-0`, ...fields);
  }
  for (const name of indexes) pipeline.sadd(`${base}:x:${name}`, address);
  await run(pipeline);
}

async function journalOf(
  client: RedisConnection,
  keys: RedisKeys,
  address: Address,
): Promise<readonly JournalRecord[]> {
  const all: JournalRecord[] = [];
  for (let after = 0; ; after = all.at(-1)!.revision) {
    const page = (await ask(
      client.xrange(keys.of(address, 'j'), `${after + 1}-0`, '+', 'COUNT', pageSize),
    )) as [string, string[]][];
    for (const [, [, text]] of page) all.push(JSON.parse(text!) as JournalRecord);
    if (page.length < pageSize) return all;
  }
}

/** Index names by member: sets are found by their names, since the actors don't say which they are in. */
async function indexesOf(
  client: RedisConnection,
  keys: RedisKeys,
): Promise<ReadonlyMap<Address, readonly string[]>> {
  const found = new Map<Address, string[]>();
  for (const node of client instanceof Cluster ? client.nodes('master') : [client]) {
    const match = `${escapeGlob(keys.prefix)}{*}:x:*`;
    for await (const names of node.scanStream({ match, count: 1_000 })) {
      for (const name of names as string[]) {
        const index = name.slice(name.indexOf('}:x:') + '}:x:'.length);
        for (const member of (await ask(client.smembers(name))) as Address[])
          found.set(member, [...(found.get(member) ?? []), index]);
      }
    }
  }
  return found;
}

function bodyOf(address: string, stored: string): string {
  try {
    return unsealText(stored);
  } catch (error) {
    throw unreadable(address, `Its spec can't be read: ${(error as Error).message}`);
  }
}

const positionOf = (entry: string): number => Number(entry.split('-')[0]);
const escapeGlob = (text: string): string => text.replaceAll(/[[\]*?\\]/g, String.raw`\$&`);
