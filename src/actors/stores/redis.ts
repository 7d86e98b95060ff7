/**
 * The Redis store: single or Cluster, one script call per shard and batch.
 * Committed means answered by Redis; whether that survives a power cut is
 * Redis's `appendfsync`, which {@link Store.durability} tells in words.
 */
import { Cluster } from 'ioredis';
import { TroupeError } from '../../errors/errors.ts';
import { addressParts, shardOf, type Address, type Shard } from '../../model/address.ts';
import type { JournalRecord, StreamRecord } from '../../model/journal.ts';
import { halfCopied } from './copy-errors.ts';
import { parseActor, refusal, sealText, unsealText } from './record.ts';
import { ask, connect, ready, run, type RedisConnectionOptions } from './redis-connection.ts';
import { dumpRedis, loadRedis } from './redis-copy.ts';
import { actorParts, redisKeys } from './redis-keys.ts';
import type {
  Acknowledgement,
  InboxMark,
  Outcome,
  Retention,
  Store,
  StoredActor,
  TurnWrite,
  UnreadableActor,
  World,
} from './store.ts';

export interface RedisStoreOptions extends RedisConnectionOptions {
  readonly retention: Retention;
  /** Begins every key. */
  readonly prefix: string;
}

const pageSize = 500;
/** Records of one stream looked at, while trimming, at a time. */
const trimmedAtOnce = 50;
/** Redis said no before it wrote anything. @see Redis errors OOM, READONLY, MISCONF, NOREPLICAS, CLUSTERDOWN, LOADING */
const refusedByRedis =
  /^(OOM|READONLY|MISCONF|NOREPLICAS|CLUSTERDOWN|LOADING|MASTERDOWN|NOPERM|NOAUTH|WRONGPASS)/;

export function createRedisStore(options: RedisStoreOptions): Store {
  const { environment, retention, prefix } = options;
  const client = connect(options);
  const keys = redisKeys(prefix);
  const { of: key, base } = keys;
  let world: World = { worldId: '', epoch: 0 };
  const knownShards = new Set<Shard>();

  /** @param isLast of its actor in this call: the record of an earlier one would be overwritten at once */
  const argumentsOf = (write: TurnWrite, isLast: boolean): (string | number)[] => {
    const { record, journal, stream, outbox, inbox, document, index } = write;
    return [
      record.address,
      record.revision,
      record.turnId,
      isLast ? sealText(JSON.stringify(record)) : '',
      JSON.stringify(journal),
      stream ? JSON.stringify(stream) : '',
      record.endedAt ?? '',
      outbox.length,
      ...outbox.flatMap((message) => [message.sequence, sealText(JSON.stringify(message))]),
      inbox.length,
      ...inbox.flatMap((mark) => [mark.from, sealText(JSON.stringify({ ...mark, at: environment.now() }))]),
      document?.generation ?? 0,
      document ? sealText(document.body) : '',
      index.add.length,
      ...index.add,
      index.remove.length,
      ...index.remove,
    ];
  };

  /** The shard is known before its first write, so that no shard with actors is ever unknown to the next owner. */
  const introduce = async (shard: Shard): Promise<{ readonly newerOwner: number | null }> => {
    if (knownShards.has(shard)) return { newerOwner: null };
    const owner = await client.troupeIntroduce(keys.world, keys.shards, world.epoch, shard);
    if (owner > world.epoch) return { newerOwner: owner };
    knownShards.add(shard);
    return { newerOwner: null };
  };

  const commitShard = async (
    shard: Shard,
    writes: readonly TurnWrite[],
    acks: readonly Acknowledgement[],
    forward = false,
  ): Promise<readonly Outcome[]> => {
    try {
      const { newerOwner } = await introduce(shard);
      if (newerOwner !== null)
        return writes.map(() => refusal('stale', newerOwner, 0, 'A newer owner has the store'));
      const last = new Map(writes.map((write) => [write.record.address, write]));
      const replies = await client.troupeCommit(
        base(shard),
        world.epoch,
        retention.journalRecords,
        retention.streamRecords,
        forward ? 1 : 0,
        acks.length,
        ...acks.flatMap(({ from, sequence }) => [from, sequence]),
        ...writes.flatMap((write) => argumentsOf(write, last.get(write.record.address) === write)),
      );
      return replies.map(([cause, epoch, revision, position], at): Outcome => {
        if (cause === 'committed')
          return { kind: 'committed', position: writes[at]?.stream ? position : null };
        if (cause !== 'stale')
          return refusal(cause as 'conflict', epoch, revision, `It holds revision ${revision}`);
        return epoch > world.epoch
          ? refusal('stale', epoch, revision, 'A newer owner has the store')
          : { kind: 'unknown', reason: 'We had raised our own epoch meanwhile' };
      });
    } catch (error) {
      const reason = (error as Error).message;
      return writes.map(() =>
        refusedByRedis.test(reason)
          ? refusal('full', world.epoch, 0, `Redis takes no writes: ${reason}`)
          : { kind: 'unknown', reason: `Redis did not answer: ${reason}` },
      );
    }
  };

  const readMany = async (
    addresses: readonly Address[],
  ): Promise<(StoredActor | UnreadableActor | null)[]> => {
    const pipeline = client.pipeline();
    for (const address of addresses) {
      pipeline.hmget(key(address, 'a'), 'revision', 'turn', 'body');
      pipeline.hvals(key(address, 'o')).hvals(key(address, 'i'));
    }
    const replies = await run(pipeline);
    return addresses.map((address, at) => {
      const [hash, outbox, inbox] = replies.slice(at * 3) as [(string | null)[], string[], string[]];
      const [revision, turnId, body] = hash as [string | null, string, string | null];
      if (body === null) return null;
      return parseActor(address, { revision: Number(revision), turnId }, body, outbox, inbox);
    });
  };

  const entries = (replies: [string, string[]][]): { position: number; record: StreamRecord }[] =>
    replies.map(([id, [, text]]) => ({
      position: Number(id.split('-')[0]),
      record: JSON.parse(text!) as StreamRecord,
    }));

  const own = async (least: number): Promise<World> => {
    const [worldId, epoch] = await ask(
      client.troupeOpen(keys.world, world.worldId || environment.id(), least),
    );
    if (worldId === '')
      throw halfCopied(`The Redis store under "${prefix}"`, 'remove the keys that begin so');
    world = { worldId, epoch: Number(epoch) };
    for (const shard of await store.shards()) {
      knownShards.add(shard);
      const owner = await ask(client.troupeFence(base(shard), world.epoch));
      // The shard has seen more than the world's key remembers: the store lost its tail.
      if (owner > world.epoch) return own(owner);
    }
    return world;
  };

  /** Stores of earlier releases kept settings without an index of their names. */
  const nameSettings = async (): Promise<void> => {
    const [settings, named] = [
      await ask(client.hlen(keys.settings)),
      await ask(client.zcard(keys.settingNames)),
    ];
    if (settings === named) return;
    for (const name of await ask(client.hkeys(keys.settings)))
      await ask(client.zadd(keys.settingNames, 0, name));
  };

  const store: Store = {
    async open(_owner, minimumEpoch) {
      await ask(ready(client, environment));
      await nameSettings();
      return own(minimumEpoch);
    },
    async isEmpty() {
      await ask(ready(client, environment));
      return (await ask(client.exists(keys.world, keys.shards, keys.settings))) === 0;
    },
    isOwner: async () => Number((await ask(client.hget(keys.world, 'epoch'))) ?? 0) <= world.epoch,
    raiseEpoch: own,
    async commit(writes, acknowledged) {
      const byShard = new Map<Shard, { writes: TurnWrite[]; places: number[]; acks: Acknowledgement[] }>();
      const batch = (shard: Shard) => {
        let found = byShard.get(shard);
        if (!found) byShard.set(shard, (found = { writes: [], places: [], acks: [] }));
        return found;
      };
      writes.forEach((write, place) => {
        const one = batch(shardOf(write.record.address));
        one.writes.push(write);
        one.places.push(place);
      });
      for (const ack of acknowledged) batch(shardOf(ack.from)).acks.push(ack);
      const outcomes: Outcome[] = [];
      await Promise.all(
        [...byShard].map(async ([shard, one]) => {
          const settled = await commitShard(shard, one.writes, one.acks);
          one.places.forEach(
            (place, at) =>
              (outcomes[place] = settled[at] ?? { kind: 'unknown', reason: 'Redis gave no outcome' }),
          );
        }),
      );
      return outcomes;
    },
    async writeForward(write) {
      const [outcome] = await commitShard(shardOf(write.record.address), [write], [], true);
      return outcome!;
    },
    async read(address) {
      const [actor] = await readMany([address]);
      return actor ?? null;
    },
    async *scan() {
      for (const shard of await store.shards()) {
        const members = (await ask(client.smembers(`${base(shard)}:members`))) as Address[];
        for (let at = 0; at < members.length; at += pageSize) {
          const page = members.slice(at, at + pageSize);
          const named = page.filter((address) => addressParts(address) !== null);
          const actors = await readMany(named);
          for (const [index, actor] of actors.entries())
            yield actor ?? { address: named[index]!, error: 'Its record is missing' };
          for (const address of page)
            if (addressParts(address) === null) yield { address, error: 'It is no address of an actor' };
        }
      }
    },
    async document(address, generation) {
      const text = await ask(client.hget(key(address, 'd'), String(generation)));
      return text === null ? null : unsealText(text);
    },
    async journal(address, { after, limit }) {
      const replies = await ask(client.xrange(key(address, 'j'), `${after + 1}-0`, '+', 'COUNT', limit));
      return replies.map(([, [, text]]) => JSON.parse(text!) as JournalRecord);
    },
    async stream(shard, after, limit) {
      const name = `${base(shard)}:stream`;
      const [first] = entries((await ask(client.xrange(name, '-', '+', 'COUNT', 1))) as [string, string[]][]);
      const current = await store.position(shard);
      const oldest = first?.position ?? current + 1;
      if (after > current || (after < current && oldest > after + 1)) return { kind: 'expired', oldest };
      const page = await ask(client.xrange(name, `${after + 1}-0`, '+', 'COUNT', limit));
      return { kind: 'page', entries: entries(page as [string, string[]][]) };
    },
    position: async (shard) => Number((await ask(client.get(`${base(shard)}:position`))) ?? 0),
    members: (shard, index) => ask(client.smembers(`${base(shard)}:x:${index}`)) as Promise<Address[]>,
    shards: () => ask(client.smembers(keys.shards)) as Promise<Shard[]>,
    async putSetting(name, value) {
      const owner = await ask(
        client.troupeSetting(
          keys.world,
          keys.settings,
          keys.settingNames,
          world.epoch,
          name,
          ...(value === null ? [] : [value]),
        ),
      );
      if (owner > world.epoch)
        throw new TroupeError('STALE_OWNER', 'Another control plane has taken over; ask it');
    },
    async settings(prefixed) {
      const names = await ask(
        client.zrangebylex(keys.settingNames, `[${prefixed}`, `[${prefixed}\u{10ffff}`),
      );
      if (names.length === 0) return {};
      const values = await ask(client.hmget(keys.settings, ...names));
      return Object.fromEntries(
        names.flatMap((name, at) => {
          const value = values[at] ?? null;
          return value === null ? [] : [[name, value]];
        }),
      );
    },
    async trim(now, tombstones) {
      const before = now - retention.keepMs;
      let actors = 0;
      let records = 0;
      for (const shard of await store.shards()) {
        const ended = `${base(shard)}:ended`;
        const expired = tombstones === 'drop' ? await ask(client.zrangebyscore(ended, '-inf', before)) : [];
        for (const address of expired as Address[]) {
          await run(
            client
              .multi()
              .srem(`${base(shard)}:members`, address)
              .zrem(ended, address)
              .del(...actorParts.map((part) => key(address, part))),
          );
          actors += 1;
        }
        records += await trimOldest([`${base(shard)}:stream`], before);
        const members = (await ask(client.smembers(`${base(shard)}:members`))) as Address[];
        for (let at = 0; at < members.length; at += pageSize) {
          const page = members.slice(at, at + pageSize);
          records += await trimOldest(
            page.map((address) => key(address, 'j')),
            before,
          );
          await forgetMarks(page, before);
        }
      }
      return { actors, records };
    },
    async durability() {
      const nodes = client instanceof Cluster ? client.nodes('master') : [client];
      const answers = await Promise.all(
        nodes.map(async (node) => {
          const reply = (await node.config('GET', 'append*')) as string[];
          const at = (name: string): string | undefined => reply[reply.indexOf(name) + 1];
          return { appendonly: at('appendonly'), appendfsync: at('appendfsync') };
        }),
      ).catch(() => null);
      const where = `Redis (${nodes.length} node${nodes.length === 1 ? '' : 's'})`;
      if (answers === null)
        return {
          store: where,
          durable: false,
          explanation: 'Redis does not let us read its CONFIG, so what it may lose is not known',
        };
      if (answers.some(({ appendonly }) => appendonly !== 'yes')) {
        return {
          store: where,
          durable: false,
          explanation:
            'Redis keeps no append-only file: a restart loses all since its last snapshot; set "appendonly yes" and "appendfsync always"',
        };
      }
      if (answers.some(({ appendfsync }) => appendfsync !== 'always')) {
        return {
          store: where,
          durable: false,
          explanation: 'Redis may lose the last second at a power cut or fail-over; set "appendfsync always"',
        };
      }
      return {
        store: where,
        durable: true,
        explanation: 'Every committed turn is in the append-only file on disk before anyone hears of it',
      };
    },
    async check() {
      await ask(ready(client, environment));
      return store.durability();
    },
    dump: () => dumpRedis(store, client, keys),
    async load(items) {
      await ask(ready(client, environment));
      await loadRedis(items, client, keys, environment.now());
    },
    close: async () => void client.disconnect(),
  };

  /** Drops what is old of each stream, oldest first. */
  const trimOldest = async (names: readonly string[], before: number): Promise<number> => {
    let dropped = 0;
    for (let left = names; left.length > 0;) {
      const look = client.pipeline();
      for (const name of left) look.xrange(name, '-', '+', 'COUNT', trimmedAtOnce);
      const replies = (await run(look)) as [string, string[]][][];
      const drop = client.pipeline();
      const more: string[] = [];
      for (const [at, reply] of replies.entries()) {
        const isYoung = ([, [, text]]: [string, string[]]): boolean =>
          (JSON.parse(text!) as { at: number }).at > before;
        const young = reply.findIndex(isYoung);
        const old = (young < 0 ? reply : reply.slice(0, young)).map(([id]) => id);
        if (old.length === 0) continue;
        drop.xdel(left[at]!, ...old);
        dropped += old.length;
        if (old.length === trimmedAtOnce) more.push(left[at]!);
      }
      await run(drop);
      left = more;
    }
    return dropped;
  };

  /** Forgets marks of senders that have ended long ago. */
  const forgetMarks = async (addresses: readonly Address[], before: number): Promise<void> => {
    const look = client.pipeline();
    for (const address of addresses) look.hgetall(key(address, 'i'));
    const replies = (await run(look)) as Record<string, string>[];
    const drop = client.pipeline();
    for (const [at, marks] of replies.entries()) {
      const old = Object.entries(marks).filter(([, text]) => {
        if (!text.includes('"last":true')) return false;
        const mark = JSON.parse(unsealText(text)) as InboxMark & { at: number };
        return mark.last && mark.at <= before;
      });
      if (old.length > 0) drop.hdel(key(addresses[at]!, 'i'), ...old.map(([from]) => from));
    }
    await run(drop);
  };

  return store;
}
