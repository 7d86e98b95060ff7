/**
 * The embedded store: LMDB in the state directory, nothing to start. One write
 * transaction per batch; committed means flushed to disk. Values are JSON text.
 *
 * One process at a time: the directory has an owner file, and a second process
 * refuses to start while the first lives.
 */
import { open, type Database, type RootDatabase } from 'lmdb';
import { TroupeError } from '../../errors/errors.ts';
import { shardOf, type Address, type Shard } from '../../model/address.ts';
import type { Environment } from '../../model/environment.ts';
import type { JournalRecord, StreamRecord } from '../../model/journal.ts';
import { claimDirectory, type DirectoryClaim } from './directory-claim.ts';
import { parseRecord, refusal } from './record.ts';
import type {
  ActorRecord,
  InboxMark,
  Outcome,
  OutboxMessage,
  OwnerInfo,
  Retention,
  Store,
  DumpItem,
  StoredActor,
  TurnWrite,
  UnreadableActor,
  World,
} from './store.ts';

export interface EmbeddedStoreOptions {
  readonly directory: string;
  readonly environment: Environment;
  readonly retention: Retention;
  /** Bytes of address space LMDB may use; not allocated ahead. Default 64 GiB. */
  readonly mapSize?: number;
}

type Text = Database<string, string[] | string>;

/** LMDB sorts arrays of strings; numbers are padded so that they sort as numbers. */
const number = (value: number): string => String(value).padStart(16, '0');
/** Sorts behind every key that begins with the same parts. */
const behind = '\u{10ffff}';

export function createEmbeddedStore(options: EmbeddedStoreOptions): Store {
  const { directory, environment, retention } = options;
  let claim: DirectoryClaim | null = null;
  let root: RootDatabase<string, string> | null = null;
  let tables: ReturnType<typeof openTables> | null = null;
  let world: World = { worldId: '', epoch: 0 };

  const openTables = (database: RootDatabase<string, string>) => {
    const table = (name: string): Text =>
      database.openDB<string, string[] | string>({ name, encoding: 'string' });
    return {
      meta: table('meta'),
      actors: table('actors'),
      outbox: table('outbox'),
      inbox: table('inbox'),
      journal: table('journal'),
      stream: table('stream'),
      positions: table('positions'),
      documents: table('documents'),
      indexes: table('indexes'),
      settings: table('settings'),
    };
  };

  const db = (): ReturnType<typeof openTables> => {
    if (!tables)
      throw new TroupeError('STORE_UNAVAILABLE', `The embedded store in "${directory}" is not open`);
    return tables;
  };

  const openFiles = async (owner: OwnerInfo): Promise<void> => {
    if (tables) return;
    claim = await claimDirectory(directory, owner);
    root = open<string, string>({
      path: `${directory}/world`,
      encoding: 'string',
      maxDbs: 16,
      mapSize: options.mapSize ?? 64 * 1024 ** 3,
      // Committed turns must be on disk, not only in the page cache.
      noMemInit: true,
    });
    tables = openTables(root);
  };

  /** One transaction: all of it or nothing, and on disk when it resolves. */
  const transact = async <T>(work: () => T): Promise<T> => {
    const result = root!.transactionSync(work);
    await root!.flushed;
    return result;
  };

  const putWorld = async (next: World): Promise<World> => {
    await transact(() => {
      db().meta.putSync('world', JSON.stringify(next));
    });
    world = next;
    return next;
  };

  const apply = (write: TurnWrite): Outcome => {
    const { record, stream } = write;
    const { address, revision } = record;
    const storedText = db().actors.get(address);
    const stored = storedText === undefined ? null : parseRecord(address, storedText);
    if (stored && 'error' in stored) return refusal('conflict', world.epoch, 0, stored.error);
    if (record.epoch < world.epoch)
      return refusal('stale', world.epoch, stored?.revision ?? 0, 'A newer owner has the store');
    if (stored?.revision === revision && stored.turnId === record.turnId) {
      return {
        kind: 'committed',
        position: stream ? Number(db().meta.get(['position', address, number(revision)]) ?? 0) : null,
      };
    }
    const storedRevision = stored?.revision ?? 0;
    if (storedRevision !== revision - 1) {
      // An earlier turn of a batch whose outcome was in doubt: it is in the journal.
      const past = db().journal.get([address, number(revision)]);
      if (past !== undefined && (JSON.parse(past) as JournalRecord).turnId === record.turnId) {
        return {
          kind: 'committed',
          position: stream ? Number(db().meta.get(['position', address, number(revision)]) ?? 0) : null,
        };
      }
      return refusal(
        storedRevision < revision - 1 ? 'behind' : 'conflict',
        world.epoch,
        storedRevision,
        `It holds revision ${storedRevision}`,
      );
    }
    return { kind: 'committed', position: put(write) };
  };

  const put = (write: TurnWrite): number | null => {
    const { record, journal, stream, outbox, inbox, document, index } = write;
    const { address } = record;
    const shard = shardOf(address);
    const { actors, documents, indexes, meta, positions } = db();
    actors.putSync(address, JSON.stringify(record));
    db().journal.putSync([address, number(record.revision)], JSON.stringify(journal));
    const trimmed = record.revision - retention.journalRecords;
    if (trimmed > 0) {
      db().journal.removeSync([address, number(trimmed)]);
      meta.removeSync(['position', address, number(trimmed)]);
    }
    for (const message of outbox) {
      db().outbox.putSync([address, message.to, number(message.sequence)], JSON.stringify(message));
    }
    if (inbox) db().inbox.putSync([address, inbox.from], JSON.stringify({ ...inbox, at: environment.now() }));
    if (document) documents.putSync([address, number(document.generation)], document.body);
    for (const name of index.remove) indexes.removeSync([shard, name, address]);
    for (const name of index.add) indexes.putSync([shard, name, address], '1');
    if (!stream) return null;
    const position = Number(positions.get(shard) ?? 0) + 1;
    positions.putSync(shard, String(position));
    meta.putSync(['position', address, number(record.revision)], String(position));
    db().stream.putSync([shard, number(position)], JSON.stringify(stream));
    const oldest = position - retention.streamRecords;
    if (oldest > 0) db().stream.removeSync([shard, number(oldest)]);
    return position;
  };

  const stored = (record: ActorRecord): StoredActor => {
    const { address } = record;
    const range = { start: [address], end: [address, behind] };
    const outbox = [...db().outbox.getRange(range)].map(({ value }) => JSON.parse(value) as OutboxMessage);
    const inbox = [...db().inbox.getRange(range)].map(({ value }) => JSON.parse(value) as InboxMark);
    return { record, outbox: outbox.sort((a, b) => a.sequence - b.sequence), inbox };
  };

  const load = (address: string, text: string): StoredActor | UnreadableActor => {
    const record = parseRecord(address, text);
    return 'error' in record ? record : stored(record);
  };

  const store: Store = {
    async open(owner, minimumEpoch) {
      await openFiles(owner);
      const text = db().meta.get('world');
      const before: World =
        text === undefined ? { worldId: environment.id(), epoch: 0 } : (JSON.parse(text) as World);
      return putWorld({ worldId: before.worldId, epoch: Math.max(before.epoch, minimumEpoch) + 1 });
    },
    raiseEpoch: (epoch) => putWorld({ ...world, epoch: Math.max(world.epoch, epoch) + 1 }),
    async commit(writes, acknowledged) {
      try {
        return await transact(() => {
          const owner = JSON.parse(db().meta.get('world')!) as World;
          if (owner.epoch > world.epoch)
            return writes.map(() => refusal('stale', owner.epoch, 0, 'A newer owner has the store'));
          for (const { from, to, sequence } of acknowledged) removeAcknowledged(from, to, sequence);
          return writes.map(apply);
        });
      } catch (error) {
        const reason = (error as Error).message;
        // LMDB throws a transaction away whole, so nothing of it was written.
        return writes.map(() =>
          refusal(
            'full',
            world.epoch,
            0,
            `The embedded store in "${directory}" can't write; is its disk full? ${reason}`,
          ),
        );
      }
    },
    async writeForward(write) {
      if (write.record.epoch < world.epoch)
        return refusal('stale', world.epoch, 0, 'A newer owner has the store');
      return { kind: 'committed', position: await transact(() => put(write)) };
    },
    async read(address) {
      const text = db().actors.get(address);
      return text === undefined ? null : load(address, text);
    },
    async *scan() {
      for (const { key, value } of db().actors.getRange({})) yield load(String(key), value);
    },
    document: async (address, generation) => db().documents.get([address, number(generation)]) ?? null,
    async journal(address, { after, limit }) {
      const range = { start: [address, number(after + 1)], end: [address, behind], limit };
      return [...db().journal.getRange(range)].map(({ value }) => JSON.parse(value) as JournalRecord);
    },
    async stream(shard, after, limit) {
      const [first] = db().stream.getRange({ start: [shard], end: [shard, behind], limit: 1 });
      const oldest = first ? Number((first.key as string[])[1]) : 0;
      const current = Number(db().positions.get(shard) ?? 0);
      if (after > current || (oldest > after + 1 && after < current)) return { kind: 'expired', oldest };
      const range = { start: [shard, number(after + 1)], end: [shard, behind], limit };
      const entries = [...db().stream.getRange(range)].map(({ key, value }) => ({
        position: Number((key as string[])[1]),
        record: JSON.parse(value) as StreamRecord,
      }));
      return { kind: 'page', entries };
    },
    position: async (shard) => Number(db().positions.get(shard) ?? 0),
    async members(shard, index) {
      return [...db().indexes.getRange({ start: [shard, index], end: [shard, index, behind] })].map(
        ({ key }) => (key as string[])[2] as Address,
      );
    },
    shards: async () => [...db().positions.getRange({})].map(({ key }) => key as Shard),
    async putSetting(key, value) {
      await transact(() => {
        if (value === null) db().settings.removeSync(key);
        else db().settings.putSync(key, value);
      });
    },
    async settings(prefix) {
      const range = db().settings.getRange({ start: prefix, end: `${prefix}${behind}` });
      return Object.fromEntries([...range].map(({ key, value }) => [String(key), value]));
    },
    async trim(now) {
      const before = now - retention.keepMs;
      let actors = 0;
      let records = 0;
      await transact(() => {
        for (const { key, value } of db().actors.getRange({})) {
          const record = parseRecord(String(key), value);
          if ('error' in record || record.endedAt === null || record.endedAt > before) continue;
          records += forget(record.address);
          actors += 1;
        }
        for (const { key, value } of db().inbox.getRange({})) {
          const mark = JSON.parse(value) as InboxMark & { at: number };
          if (mark.last && mark.at <= before) db().inbox.removeSync(key);
        }
        for (const table of [db().stream, db().journal]) {
          for (const { key, value } of table.getRange({})) {
            if ((JSON.parse(value) as { at: number }).at > before) continue;
            table.removeSync(key);
            records += 1;
          }
        }
      });
      return { actors, records };
    },
    durability: async () => ({
      store: `embedded (LMDB in ${directory})`,
      durable: true,
      explanation:
        'Every committed turn is flushed to disk before anyone hears of it; nothing is lost by a crash or a power cut',
    }),
    check: () => store.durability(),
    async *dump() {
      yield { kind: 'world', world };
      for (const { key, value } of db().actors.getRange({})) {
        const actor = load(String(key), value);
        if ('error' in actor) {
          throw new TroupeError(
            'STORE_UNAVAILABLE',
            `"${actor.address}" can't be read, so the world can't be copied: ${actor.error}`,
          );
        }
        const { address } = actor.record;
        const shard = shardOf(address);
        yield {
          kind: 'actor',
          actor,
          documents: [...db().documents.getRange({ start: [address], end: [address, behind] })].map(
            (entry) => ({
              generation: Number((entry.key as string[])[1]),
              body: entry.value,
            }),
          ),
          journal: await store.journal(address, { after: 0, limit: retention.journalRecords }),
          indexes: [...db().indexes.getRange({ start: [shard], end: [shard, behind] })]
            .map((entry) => entry.key as string[])
            .filter(([, , member]) => member === address)
            .map(([, name]) => name!),
        };
      }
      for (const shard of await store.shards()) {
        const position = await store.position(shard);
        const entries = [...db().stream.getRange({ start: [shard], end: [shard, behind] })].map((entry) => ({
          position: Number((entry.key as string[])[1]),
          record: JSON.parse(entry.value) as StreamRecord,
        }));
        yield { kind: 'stream', shard, entries, position };
      }
      for (const [key, value] of Object.entries(await store.settings('')))
        yield { kind: 'setting', key, value };
    },
    async load(items) {
      await openFiles({ hostname: 'store copy', pid: process.pid, startedAt: environment.now() });
      if (db().meta.get('world') !== undefined || [...db().actors.getRange({ limit: 1 })].length > 0) {
        throw new TroupeError(
          'INVALID_CONFIG',
          `The embedded store in "${directory}" is not empty; copy into an empty directory`,
        );
      }
      for await (const item of items) await transact(() => take(item));
    },
    async close() {
      await root?.close();
      root = null;
      tables = null;
      await claim?.release();
      claim = null;
    },
  };

  const take = (item: DumpItem): void => {
    if (item.kind === 'world') {
      world = item.world;
      db().meta.putSync('world', JSON.stringify(item.world));
    } else if (item.kind === 'setting') {
      db().settings.putSync(item.key, item.value);
    } else if (item.kind === 'stream') {
      for (const { position, record } of item.entries) {
        db().stream.putSync([item.shard, number(position)], JSON.stringify(record));
        db().meta.putSync(['position', record.address, number(record.revision)], String(position));
      }
      db().positions.putSync(item.shard, String(item.position));
    } else {
      const { record, outbox, inbox } = item.actor;
      const { address } = record;
      db().actors.putSync(address, JSON.stringify(record));
      for (const message of outbox)
        db().outbox.putSync([address, message.to, number(message.sequence)], JSON.stringify(message));
      for (const mark of inbox)
        db().inbox.putSync([address, mark.from], JSON.stringify({ ...mark, at: environment.now() }));
      for (const { generation, body } of item.documents)
        db().documents.putSync([address, number(generation)], body);
      for (const each of item.journal)
        db().journal.putSync([address, number(each.revision)], JSON.stringify(each));
      for (const name of item.indexes) db().indexes.putSync([shardOf(address), name, address], '1');
    }
  };

  const removeAcknowledged = (from: Address, to: Address, sequence: number): void => {
    db().outbox.removeSync([from, to, number(sequence)]);
  };

  /** Everything of an ended actor. Returns the number of journal records that went with it. */
  const forget = (address: Address): number => {
    const range = { start: [address], end: [address, behind] };
    let records = 0;
    for (const table of [db().journal, db().outbox, db().inbox, db().documents]) {
      for (const { key } of table.getRange(range)) {
        table.removeSync(key);
        if (table === db().journal) records += 1;
      }
    }
    for (const key of db().meta.getKeys({ start: ['position', address], end: ['position', address, behind] }))
      db().meta.removeSync(key);
    db().actors.removeSync(address);
    return records;
  };

  return store;
}
