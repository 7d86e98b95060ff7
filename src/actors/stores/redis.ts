/**
 * The Redis store: single or Cluster, one script call per shard and batch.
 * Committed means answered by Redis; whether that survives a power cut is
 * Redis's `appendfsync`, which {@link Store.durability} tells in words.
 */
import { Cluster, Redis, type ChainableCommander } from 'ioredis';
import { TroupeError } from '../../errors/errors.ts';
import { shardOf, type Address, type Shard } from '../../model/address.ts';
import type { Environment } from '../../model/environment.ts';
import type { JournalRecord, StreamRecord } from '../../model/journal.ts';
import { parseRecord, refusal } from './record.ts';
import { commitScript, fenceScript, openScript } from './redis-scripts.ts';
import type {
  Acknowledgement,
  DumpItem,
  InboxMark,
  Outcome,
  OutboxMessage,
  Retention,
  Store,
  StoredActor,
  TurnWrite,
  UnreadableActor,
  World,
} from './store.ts';

export interface RedisStoreOptions {
  readonly environment: Environment;
  readonly retention: Retention;
  readonly url: string;
  /** host:port of Cluster nodes; instead of `url`. */
  readonly nodes: readonly string[];
  readonly username: string | null;
  readonly password: string | null;
  /** PEM authority; TLS with it, for `nodes` as well. */
  readonly ca: string | null;
  /** Begins every key. */
  readonly prefix: string;
  /** A command without an answer in this time has an unknown outcome. Default 2,000. */
  readonly commandTimeoutMs?: number;
}

type Reply = [cause: string, epoch: number, revision: number, position: number];

interface Scripts {
  troupeCommit(...args: (string | number)[]): Promise<Reply[]>;
  troupeOpen(key: string, id: string, least: number): Promise<[string, number]>;
  troupeFence(key: string, epoch: number): Promise<number>;
}

const pageSize = 500;
/** Redis said no before it wrote anything. @see Redis errors OOM, READONLY, MISCONF, NOREPLICAS, CLUSTERDOWN, LOADING */
const refusedByRedis =
  /^(OOM|READONLY|MISCONF|NOREPLICAS|CLUSTERDOWN|LOADING|MASTERDOWN|NOPERM|NOAUTH|WRONGPASS)/;

export function createRedisStore(options: RedisStoreOptions): Store {
  const { environment, retention, prefix } = options;
  const client = connect(options) as (Redis | Cluster) & Scripts;
  let world: World = { worldId: '', epoch: 0 };
  const knownShards = new Set<Shard>();

  const worldKey = `${prefix}{world}`;
  const settingsKey = `${prefix}{world}:settings`;
  const shardsKey = `${prefix}{world}:shards`;
  const base = (shard: Shard): string => `${prefix}{${shard}}`;
  const key = (address: Address, part: string): string => `${base(shardOf(address))}:${part}:${address}`;

  /** Every reader's error is the same to its caller: the store can't be asked now. */
  const ask = async <T>(question: Promise<T>): Promise<T> => {
    try {
      return await question;
    } catch (error) {
      throw new TroupeError('STORE_UNAVAILABLE', `Redis does not answer: ${(error as Error).message}`, {
        cause: error,
      });
    }
  };

  const run = async (pipeline: ChainableCommander): Promise<unknown[]> => {
    const replies = await ask(pipeline.exec());
    return (replies ?? []).map(([error, reply]) => {
      if (error)
        throw new TroupeError('STORE_UNAVAILABLE', `Redis refused to read: ${error.message}`, {
          cause: error,
        });
      return reply;
    });
  };

  const argumentsOf = (write: TurnWrite, forward: boolean): string[] => {
    const { record, journal, stream, outbox, inbox, document, index } = write;
    return [
      record.address,
      JSON.stringify(record),
      JSON.stringify(journal),
      stream ? JSON.stringify(stream) : '',
      record.turnId,
      JSON.stringify([
        record.revision,
        outbox.map((message) => [String(message.sequence), JSON.stringify(message)]),
        inbox?.from ?? '',
        inbox ? JSON.stringify({ ...inbox, at: environment.now() }) : '',
        document?.generation ?? 0,
        document?.body ?? '',
        index.add,
        index.remove,
        forward,
        record.endedAt ?? false,
      ]),
    ];
  };

  const introduce = async (shard: Shard): Promise<void> => {
    if (knownShards.has(shard)) return;
    // Before its first write, so that no shard with actors is ever unknown.
    await client.sadd(shardsKey, shard);
    knownShards.add(shard);
  };

  const commitShard = async (
    shard: Shard,
    writes: readonly TurnWrite[],
    acks: readonly Acknowledgement[],
    forward = false,
  ): Promise<readonly Outcome[]> => {
    try {
      await introduce(shard);
      const replies = await client.troupeCommit(
        base(shard),
        Math.min(...writes.map(({ record }) => record.epoch), world.epoch),
        retention.journalRecords,
        retention.streamRecords,
        JSON.stringify(acks.map(({ from, sequence }) => [from, String(sequence)])),
        ...writes.flatMap((write) => argumentsOf(write, forward)),
      );
      return replies.map(([cause, epoch, revision, position], at) =>
        cause === 'committed'
          ? { kind: 'committed', position: writes[at]?.stream ? position : null }
          : refusal(
              cause as 'stale',
              epoch,
              revision,
              cause === 'stale' ? 'A newer owner has the store' : `It holds revision ${revision}`,
            ),
      );
    } catch (error) {
      const reason = (error as Error).message;
      return writes.map(() =>
        refusedByRedis.test(reason)
          ? refusal('full', world.epoch, 0, `Redis takes no writes: ${reason}`)
          : { kind: 'unknown', reason: `Redis did not answer: ${reason}` },
      );
    }
  };

  const load = (
    address: Address,
    body: string | null,
    outbox: readonly string[],
    inbox: readonly string[],
  ): StoredActor | UnreadableActor => {
    const record = parseRecord(address, body ?? '');
    if ('error' in record) return record;
    return {
      record,
      outbox: outbox.map((each) => JSON.parse(each) as OutboxMessage).sort((a, b) => a.sequence - b.sequence),
      inbox: inbox.map((each) => JSON.parse(each) as InboxMark),
    };
  };

  const readMany = async (addresses: readonly Address[]): Promise<(StoredActor | UnreadableActor)[]> => {
    const pipeline = client.pipeline();
    for (const address of addresses) {
      pipeline.hget(key(address, 'a'), 'body').hvals(key(address, 'o')).hvals(key(address, 'i'));
    }
    const replies = await run(pipeline);
    return addresses.map((address, at) =>
      load(
        address,
        replies[at * 3] as string | null,
        replies[at * 3 + 1] as string[],
        replies[at * 3 + 2] as string[],
      ),
    );
  };

  const entries = (replies: [string, string[]][]): { position: number; record: StreamRecord }[] =>
    replies.map(([id, [, text]]) => ({
      position: Number(id.split('-')[0]),
      record: JSON.parse(text!) as StreamRecord,
    }));

  const own = async (least: number): Promise<World> => {
    const [worldId, epoch] = await ask(client.troupeOpen(worldKey, world.worldId || environment.id(), least));
    world = { worldId, epoch: Number(epoch) };
    for (const shard of await store.shards()) {
      knownShards.add(shard);
      const owner = await ask(client.troupeFence(base(shard), world.epoch));
      // The shard has seen more than the world's key remembers: the store lost its tail.
      if (owner > world.epoch) return own(owner);
    }
    return world;
  };

  const store: Store = {
    async open(_owner, minimumEpoch) {
      await ask(ready(client));
      return own(minimumEpoch);
    },
    raiseEpoch: (epoch) => own(epoch),
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
      const [body, outbox, inbox] = await run(
        client.pipeline().hget(key(address, 'a'), 'body').hvals(key(address, 'o')).hvals(key(address, 'i')),
      );
      return body === null ? null : load(address, body as string, outbox as string[], inbox as string[]);
    },
    async *scan() {
      for (const shard of await store.shards()) {
        const members = (await ask(client.smembers(`${base(shard)}:members`))) as Address[];
        for (let at = 0; at < members.length; at += pageSize)
          yield* await readMany(members.slice(at, at + pageSize));
      }
    },
    document: (address, generation) => ask(client.hget(key(address, 'd'), String(generation))),
    async journal(address, { after, limit }) {
      const replies = await ask(client.xrange(key(address, 'j'), `${after + 1}-0`, '+', 'COUNT', limit));
      return replies.map(([, [, text]]) => JSON.parse(text!) as JournalRecord);
    },
    async stream(shard, after, limit) {
      const name = `${base(shard)}:stream`;
      const [first] = entries((await ask(client.xrange(name, '-', '+', 'COUNT', 1))) as [string, string[]][]);
      const current = await store.position(shard);
      if (after > current || (after < current && (first?.position ?? current + 1) > after + 1)) {
        return { kind: 'expired', oldest: first?.position ?? current };
      }
      const page = await ask(client.xrange(name, `${after + 1}-0`, '+', 'COUNT', limit));
      return { kind: 'page', entries: entries(page as [string, string[]][]) };
    },
    position: async (shard) => Number((await ask(client.get(`${base(shard)}:position`))) ?? 0),
    members: (shard, index) => ask(client.smembers(`${base(shard)}:x:${index}`)) as Promise<Address[]>,
    shards: () => ask(client.smembers(shardsKey)) as Promise<Shard[]>,
    async putSetting(name, value) {
      await ask(value === null ? client.hdel(settingsKey, name) : client.hset(settingsKey, name, value));
    },
    async settings(prefixed) {
      const all = await ask(client.hgetall(settingsKey));
      return Object.fromEntries(Object.entries(all).filter(([name]) => name.startsWith(prefixed)));
    },
    async trim(now) {
      const before = now - retention.keepMs;
      let actors = 0;
      let records = 0;
      for (const shard of await store.shards()) {
        const shardBase = base(shard);
        for (const address of (await ask(
          client.zrangebyscore(`${shardBase}:ended`, '-inf', before),
        )) as Address[]) {
          await run(
            client
              .pipeline()
              .del(...['a', 'j', 'o', 'i', 'd'].map((part) => key(address, part)))
              .srem(`${shardBase}:members`, address)
              .zrem(`${shardBase}:ended`, address),
          );
          actors += 1;
        }
        records += await trimStream(`${shardBase}:stream`, before);
        for (const address of (await ask(client.smembers(`${shardBase}:members`))) as Address[]) {
          records += await trimStream(key(address, 'j'), before);
          const marks = await ask(client.hgetall(key(address, 'i')));
          const old = Object.entries(marks).filter(([, text]) => {
            const mark = JSON.parse(text) as InboxMark & { at: number };
            return mark.last && mark.at <= before;
          });
          if (old.length > 0) await ask(client.hdel(key(address, 'i'), ...old.map(([from]) => from)));
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
      await ask(ready(client));
      return store.durability();
    },
    async *dump() {
      await ask(ready(client));
      const [id, epoch] = await ask(client.hmget(worldKey, 'id', 'epoch'));
      yield { kind: 'world', world: { worldId: id ?? '', epoch: Number(epoch ?? 0) } };
      for (const shard of await store.shards()) {
        const indexes = await indexesOf(shard);
        for (const address of (await ask(client.smembers(`${base(shard)}:members`))) as Address[]) {
          const actor = await store.read(address);
          if (!actor || 'error' in actor) {
            throw new TroupeError(
              'STORE_UNAVAILABLE',
              `"${address}" can't be read, so the world can't be copied: ${actor?.error ?? 'it is gone'}`,
            );
          }
          const documents = await ask(client.hgetall(key(address, 'd')));
          yield {
            kind: 'actor',
            actor,
            documents: Object.entries(documents).map(([generation, body]) => ({
              generation: Number(generation),
              body,
            })),
            journal: await store.journal(address, { after: 0, limit: Number.MAX_SAFE_INTEGER }),
            indexes: indexes.get(address) ?? [],
          };
        }
        const all = (await ask(client.xrange(`${base(shard)}:stream`, '-', '+'))) as [string, string[]][];
        yield { kind: 'stream', shard, entries: entries(all), position: await store.position(shard) };
      }
      for (const [name, value] of Object.entries(await store.settings('')))
        yield { kind: 'setting', key: name, value };
    },
    async load(items) {
      await ask(ready(client));
      if ((await ask(client.exists(worldKey))) > 0 || (await store.shards()).length > 0) {
        throw new TroupeError(
          'INVALID_CONFIG',
          `The Redis store under "${prefix}" is not empty; copy into an empty one, or use another store.redisPrefix`,
        );
      }
      for await (const item of items) await take(item);
    },
    close: async () => void client.disconnect(),
  };

  const take = async (item: DumpItem): Promise<void> => {
    if (item.kind === 'world') {
      world = item.world;
      await ask(client.hset(worldKey, 'id', world.worldId, 'epoch', world.epoch));
    } else if (item.kind === 'setting') {
      await store.putSetting(item.key, item.value);
    } else if (item.kind === 'stream') {
      await introduce(item.shard);
      const pipeline = client.pipeline();
      for (const { position, record } of item.entries) {
        pipeline.xadd(`${base(item.shard)}:stream`, `${position}-0`, 'r', JSON.stringify(record));
        pipeline.hset(key(record.address as Address, 'a'), 'position', position);
      }
      pipeline.set(`${base(item.shard)}:position`, item.position);
      await run(pipeline);
    } else {
      const { record, outbox, inbox } = item.actor;
      const { address } = record;
      const shard = shardOf(address);
      await introduce(shard);
      const pipeline = client.pipeline();
      pipeline.hset(
        key(address, 'a'),
        'revision',
        record.revision,
        'turn',
        record.turnId,
        'body',
        JSON.stringify(record),
      );
      pipeline.sadd(`${base(shard)}:members`, address);
      if (record.endedAt !== null) pipeline.zadd(`${base(shard)}:ended`, record.endedAt, address);
      for (const message of outbox)
        pipeline.hset(key(address, 'o'), String(message.sequence), JSON.stringify(message));
      for (const mark of inbox)
        pipeline.hset(key(address, 'i'), mark.from, JSON.stringify({ ...mark, at: environment.now() }));
      for (const { generation, body } of item.documents)
        pipeline.hset(key(address, 'd'), String(generation), body);
      for (const each of item.journal)
        pipeline.xadd(
          key(address, 'j'),
          `${each.revision}-0`,
          'r',
          JSON.stringify(each),
          't',
          each.turnId,
          'p',
          0,
        );
      for (const name of item.indexes) pipeline.sadd(`${base(shard)}:x:${name}`, address);
      await run(pipeline);
    }
  };

  /** Index names by member, from the hosts that the shard's containers name. */
  const indexesOf = async (shard: Shard): Promise<ReadonlyMap<Address, readonly string[]>> => {
    const found = new Map<Address, string[]>();
    const start = `${base(shard)}:x:`;
    for (const node of client instanceof Cluster ? client.nodes('master') : [client]) {
      for await (const keys of node.scanStream({ match: `${escapeGlob(start)}*`, count: 1_000 })) {
        for (const name of keys as string[]) {
          for (const member of (await ask(client.smembers(name))) as Address[]) {
            found.set(member, [...(found.get(member) ?? []), name.slice(start.length)]);
          }
        }
      }
    }
    return found;
  };

  const trimStream = async (name: string, before: number): Promise<number> => {
    let dropped = 0;
    for (;;) {
      const oldest = (await ask(client.xrange(name, '-', '+', 'COUNT', pageSize))) as [string, string[]][];
      const old = oldest
        .filter(([, [, text]]) => (JSON.parse(text!) as { at: number }).at <= before)
        .map(([id]) => id);
      if (old.length > 0) await ask(client.xdel(name, ...old));
      dropped += old.length;
      if (old.length < pageSize) return dropped;
    }
  };

  return store;
}

const escapeGlob = (text: string): string => text.replaceAll(/[[\]*?\\]/g, String.raw`\$&`);

function connect(options: RedisStoreOptions): Redis | Cluster {
  const { environment, url, nodes, username, password, ca } = options;
  const common = {
    commandTimeout: options.commandTimeoutMs ?? 2_000,
    connectTimeout: 5_000,
    // An unanswered command is an unknown outcome, which we settle ourselves: nothing is sent again behind our back.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    ...(username === null ? {} : { username }),
    ...(password === null ? {} : { password }),
    ...(ca === null ? {} : { tls: { ca } }),
  };
  const again = (times: number): number => Math.min(times * 50, 1_000);
  const address = (node: string) => ({
    host: node.slice(0, node.lastIndexOf(':')),
    port: Number(node.slice(node.lastIndexOf(':') + 1)),
  });
  const client =
    nodes.length > 0
      ? new Cluster(nodes.map(address), {
          lazyConnect: true,
          redisOptions: common,
          clusterRetryStrategy: again,
        })
      : new Redis(url, { ...common, lazyConnect: true, enableOfflineQueue: false, retryStrategy: again });
  client.defineCommand('troupeCommit', { lua: commitScript, numberOfKeys: 1 });
  client.defineCommand('troupeOpen', { lua: openScript, numberOfKeys: 1 });
  client.defineCommand('troupeFence', { lua: fenceScript, numberOfKeys: 1 });
  client.on('error', (error: Error) => environment.log.warn({ reason: error.message }, 'Redis connection'));
  return client;
}

/** Connects, unless it is connected or connecting already. */
async function ready(client: Redis | Cluster): Promise<void> {
  if (client.status === 'wait' || client.status === 'end' || client.status === 'close')
    await client.connect();
  if (client.status === 'ready') return;
  await new Promise<void>((resolve, reject) => {
    client.once('ready', resolve);
    client.once('end', () => reject(new Error('the connection has ended')));
  });
}
