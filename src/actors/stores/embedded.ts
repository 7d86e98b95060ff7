/**
 * The embedded store: LMDB in the state directory, nothing to start. One write
 * transaction per batch; committed means flushed to disk.
 *
 * One process at a time: who holds the directory stands in it, and a second
 * process refuses to start while the first lives.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { TroupeError } from '../../errors/errors.ts';
import { addressParts, shardOf, type Address, type Shard } from '../../model/address.ts';
import type { Environment } from '../../model/environment.ts';
import type { StreamRecord } from '../../model/journal.ts';
import { halfCopied } from './copy-errors.ts';
import { claimDirectory, releaseDirectory } from './directory-claim.ts';
import { dumpEmbedded, loadEmbedded } from './embedded-copy.ts';
import {
  actorText,
  createTextPut,
  journalKey,
  journalText,
  numberKey,
  openTables,
  splitActor,
  splitJournal,
  under,
  type Tables,
} from './embedded-tables.ts';
import { parseActor, refusal, sealText, unsealText } from './record.ts';
import type {
  ActorRecord,
  InboxMark,
  Outcome,
  OwnerInfo,
  Retention,
  Store,
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

/** Actors or records looked at, while trimming, before others may go on. */
const trimmedAtOnce = 500;

/** What is written once per batch and not once per turn: only the last of it is ever read. */
interface Batch {
  readonly records: Map<Address, ActorRecord>;
  readonly positions: Map<Shard, number>;
}

export function createEmbeddedStore(options: EmbeddedStoreOptions): Store {
  const { directory, environment, retention } = options;
  let tables: Tables | null = null;
  let world: World = { worldId: '', epoch: 0 };
  let queuedSettings: { readonly name: string; readonly value: string | null }[] = [];
  let settingsPut: Promise<void> | null = null;
  const putText = createTextPut();

  const db = (): Tables => {
    if (!tables)
      throw new TroupeError('STORE_UNAVAILABLE', `The embedded store in "${directory}" is not open`);
    return tables;
  };

  const unavailable = (error: unknown): TroupeError =>
    error instanceof TroupeError
      ? error
      : new TroupeError(
          'STORE_UNAVAILABLE',
          `The embedded store in "${directory}" can't be used; is its disk full? ${(error as Error).message}`,
          { cause: error },
        );

  const openFiles = async (owner: OwnerInfo): Promise<void> => {
    if (tables) return;
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      const opened = openTables(directory, options.mapSize ?? 64 * 1024 ** 3);
      try {
        claimDirectory(opened, directory, owner);
      } catch (error) {
        await opened.root.close();
        throw error;
      }
      tables = opened;
    } catch (error) {
      throw unavailable(error);
    }
  };

  /** One transaction: all of it or nothing, and on disk when it resolves. */
  const transact = async <T>(work: () => T): Promise<T> => {
    const { root } = db();
    const result = root.transactionSync(work);
    await root.flushed;
    return result;
  };

  const storedWorld = (): World | null => {
    const text = db().meta.get('world');
    return text === undefined ? null : (JSON.parse(text) as World);
  };

  const own = async (least: number): Promise<World> => {
    try {
      await transact(() => {
        const { worldId, epoch } = storedWorld() ?? { worldId: environment.id(), epoch: 0 };
        const next = { worldId, epoch: Math.max(epoch, least) + 1 };
        db().meta.putSync('world', JSON.stringify(next));
        // At once: what is committed while this is flushed is of this owner too.
        world = next;
      });
    } catch (error) {
      throw unavailable(error);
    }
    return world;
  };

  /** One transaction, flushed once, for all that are put before it begins: many hosts join at once. */
  const putQueuedSettings = async (): Promise<void> => {
    const all = queuedSettings;
    queuedSettings = [];
    settingsPut = null;
    try {
      await transact(() => {
        if ((storedWorld()?.epoch ?? 0) > world.epoch)
          throw new TroupeError('STALE_OWNER', 'Another control plane has taken over; ask it');
        for (const { name, value } of all) {
          if (value === null) db().settings.removeSync(name);
          else db().settings.putSync(name, value);
        }
      });
    } catch (error) {
      throw unavailable(error);
    }
  };

  const apply = (batch: Batch, write: TurnWrite, owner: number, forward = false): Outcome => {
    const { record } = write;
    const { address, revision, turnId } = record;
    const storedRevision = batch.records.get(address)?.revision ?? revisionOf(address);
    if (storedRevision === null) return refusal('conflict', owner, 0, 'What it holds can’t be read');
    if (storedRevision >= revision) {
      // Written already, by itself or in a batch whose outcome was in doubt: it is in the journal.
      const past = db().journal.get(journalKey(address, revision));
      const found = past === undefined ? null : splitJournal(past);
      if (found?.turnId === turnId) return { kind: 'committed', position: found.position };
    }
    if (owner > world.epoch) return refusal('stale', owner, storedRevision, 'A newer owner has the store');
    if (storedRevision !== revision - 1 && !(forward && storedRevision < revision)) {
      const cause = storedRevision < revision - 1 ? 'behind' : 'conflict';
      return refusal(cause, owner, storedRevision, `It holds revision ${storedRevision}`);
    }
    return { kind: 'committed', position: put(batch, write) };
  };

  /** 0 = absent, null = unreadable. */
  const revisionOf = (address: Address): number | null => {
    const text = db().actors.get(address);
    return text === undefined ? 0 : (splitActor(text).head?.revision ?? null);
  };

  const put = (batch: Batch, write: TurnWrite): number | null => {
    const { record, journal, stream, outbox, inbox, document, index } = write;
    const { address, revision } = record;
    const shard = shardOf(address);
    const at = db();
    const before = batch.positions.get(shard) ?? Number(at.positions.get(shard) ?? 0);
    const position = stream ? before + 1 : null;
    batch.records.set(address, record);
    batch.positions.set(shard, position ?? before);
    putText(at.journal, journalKey(address, revision), journalText(journal, position));
    const trimmed = revision - retention.journalRecords;
    if (trimmed > 0) at.journal.removeSync(journalKey(address, trimmed));
    for (const message of outbox)
      putText(
        at.outbox,
        [address, message.to, numberKey(message.sequence)],
        sealText(JSON.stringify(message)),
      );
    for (const mark of inbox)
      putText(at.inbox, [address, mark.from], sealText(JSON.stringify({ ...mark, at: environment.now() })));
    if (document) putText(at.documents, journalKey(address, document.generation), sealText(document.body));
    for (const name of index.remove) at.indexes.removeSync([shard, name, address]);
    for (const name of index.add) at.indexes.putSync([shard, name, address], '1');
    if (position === null) return null;
    putText(at.stream, [shard, numberKey(position)], JSON.stringify(stream));
    const oldest = position - retention.streamRecords;
    if (oldest > 0) at.stream.removeSync([shard, numberKey(oldest)]);
    return position;
  };

  /** Runs `work` as one batch of writes; what it threw is a refusal of all, an unflushed disk nobody's guess. */
  const write = async (
    count: number,
    work: (batch: Batch) => readonly Outcome[],
  ): Promise<readonly Outcome[]> => {
    const all = (outcome: Outcome): readonly Outcome[] => Array.from({ length: count }, () => outcome);
    const { root } = db();
    let outcomes: readonly Outcome[];
    try {
      outcomes = root.transactionSync(() => {
        const batch: Batch = { records: new Map(), positions: new Map() };
        const decided = work(batch);
        for (const [address, record] of batch.records) putText(db().actors, address, actorText(record));
        for (const [shard, position] of batch.positions) db().positions.putSync(shard, String(position));
        return decided;
      });
    } catch (error) {
      // LMDB throws a transaction away whole, so nothing of it was written.
      return all(refusal('full', world.epoch, 0, unavailable(error).message));
    }
    try {
      await root.flushed;
      return outcomes;
    } catch (error) {
      return all({ kind: 'unknown', reason: unavailable(error).message });
    }
  };

  const actorOf = (address: string, text: string): StoredActor | UnreadableActor => {
    const texts = (table: Tables['outbox']): string[] =>
      [...table.getRange(under(address))].map(({ value }) => value);
    if (addressParts(address) === null) return { address, error: 'It is no address of an actor' };
    const { head, record } = splitActor(text);
    return parseActor(address, head, record, texts(db().outbox), texts(db().inbox));
  };

  const store: Store = {
    async open(owner, minimumEpoch) {
      await openFiles(owner);
      if (db().meta.get('copying') !== undefined) {
        await store.close();
        throw halfCopied(`The store in "${directory}"`, 'remove the directory');
      }
      return own(minimumEpoch);
    },
    async isEmpty() {
      if (!tables && !existsSync(`${directory}/world`)) return true;
      const { root, meta, actors } = tables ?? openTables(directory, options.mapSize ?? 64 * 1024 ** 3);
      const empty =
        meta.get('world') === undefined &&
        meta.get('copying') === undefined &&
        actors.getKeysCount({ limit: 1 }) === 0;
      if (!tables) await root.close();
      return empty;
    },
    isOwner: async () => (storedWorld()?.epoch ?? 0) <= world.epoch,
    raiseEpoch: own,
    commit: (writes, acknowledged) =>
      write(writes.length, (batch) => {
        const owner = storedWorld()?.epoch ?? 0;
        if (owner <= world.epoch) {
          for (const { from, to, sequence } of acknowledged)
            db().outbox.removeSync([from, to, numberKey(sequence)]);
        }
        return writes.map((each) => apply(batch, each, owner));
      }),
    async writeForward(each) {
      const [outcome] = await write(1, (batch) => [apply(batch, each, storedWorld()?.epoch ?? 0, true)]);
      return outcome!;
    },
    async read(address) {
      const text = db().actors.get(address);
      return text === undefined ? null : actorOf(address, text);
    },
    async *scan() {
      for (const { key, value } of db().actors.getRange({})) yield actorOf(String(key), value);
    },
    async document(address, generation) {
      const text = db().documents.get(journalKey(address, generation));
      return text === undefined ? null : unsealText(text);
    },
    async journal(address, { after, limit }) {
      const range = { ...under(address), start: journalKey(address, after + 1), limit };
      return [...db().journal.getRange(range)].map(({ value }) => splitJournal(value).record);
    },
    async stream(shard, after, limit) {
      const [first] = db().stream.getRange({ ...under(shard), limit: 1 });
      const current = Number(db().positions.get(shard) ?? 0);
      const oldest = first ? Number((first.key as string[])[1]) : current + 1;
      if (after > current || (after < current && oldest > after + 1)) return { kind: 'expired', oldest };
      const range = { ...under(shard), start: [shard, numberKey(after + 1)], limit };
      const entries = [...db().stream.getRange(range)].map(({ key, value }) => ({
        position: Number((key as string[])[1]),
        record: JSON.parse(value) as StreamRecord,
      }));
      return { kind: 'page', entries };
    },
    position: async (shard) => Number(db().positions.get(shard) ?? 0),
    async members(shard, index) {
      return [...db().indexes.getRange(under(shard, index))].map(
        ({ key }) => (key as string[])[2] as Address,
      );
    },
    shards: async () => [...db().positions.getRange({})].map(({ key }) => key as Shard),
    putSetting(name, value) {
      queuedSettings.push({ name, value });
      settingsPut ??= Promise.resolve().then(putQueuedSettings);
      return settingsPut;
    },
    async settings(prefix) {
      const range = db().settings.getRange({ start: prefix, end: `${prefix}\u{10ffff}` });
      return Object.fromEntries([...range].map(({ key, value }) => [String(key), value]));
    },
    async trim(now, tombstones) {
      const before = now - retention.keepMs;
      let actors = 0;
      let records = 0;
      const addresses = [...db().actors.getKeys({})].map(String) as Address[];
      for (let at = 0; at < addresses.length; at += trimmedAtOnce) {
        const page = addresses.slice(at, at + trimmedAtOnce);
        await transact(() => {
          for (const address of page) {
            const text = db().actors.get(address);
            const endedAt = text === undefined ? null : (splitActor(text).head?.endedAt ?? null);
            if (endedAt !== null && endedAt <= before) {
              if (tombstones === 'keep') continue;
              records += forget(address);
              actors += 1;
            } else {
              records += removeOldest(
                db().journal,
                address,
                (value) => splitJournal(value).record.at <= before,
              );
              forgetMarks(address, before);
            }
          }
        });
      }
      const isOld = (value: string): boolean => (JSON.parse(value) as StreamRecord).at <= before;
      for (const shard of await store.shards()) {
        for (let removed = trimmedAtOnce; removed === trimmedAtOnce; records += removed)
          removed = await transact(() => removeOldest(db().stream, shard, isOld));
      }
      return { actors, records };
    },
    durability: async () => ({
      store: `embedded (LMDB in ${directory})`,
      durable: true,
      explanation:
        'Every committed turn is flushed to disk before anyone hears of it; nothing is lost by a crash or a power cut',
    }),
    check: () => store.durability(),
    dump: () => dumpEmbedded(store, db(), world),
    async load(items) {
      await openFiles({ hostname: 'store copy', pid: process.pid, startedAt: environment.now() });
      await loadEmbedded(items, store, db(), directory, environment.now());
    },
    async close() {
      if (!tables) return;
      const { root } = tables;
      releaseDirectory(tables);
      tables = null;
      await root.close();
    },
  };

  /** Removes a table's records under `name`, oldest first, up to the first that is young. Bounded. */
  const removeOldest = (
    table: Tables['journal'],
    name: string,
    isOld: (value: string) => boolean,
  ): number => {
    const old: string[][] = [];
    for (const { key, value } of table.getRange({ ...under(name), limit: trimmedAtOnce })) {
      if (!isOld(value)) break;
      old.push(key as string[]);
    }
    for (const key of old) table.removeSync(key);
    return old.length;
  };

  /** Marks of senders that have ended long ago. */
  const forgetMarks = (address: Address, before: number): void => {
    for (const { key, value } of Array.from(db().inbox.getRange(under(address)))) {
      if (!value.includes('"last":true')) continue;
      const mark = JSON.parse(unsealText(value)) as InboxMark & { at: number };
      if (mark.last && mark.at <= before) db().inbox.removeSync(key);
    }
  };

  /** Everything of an ended actor. Returns the number of journal records that went with it. */
  const forget = (address: Address): number => {
    const { journal, outbox, inbox, documents, actors } = db();
    let records = 0;
    for (const table of [journal, outbox, inbox, documents]) {
      for (const key of Array.from(table.getKeys(under(address)))) {
        table.removeSync(key);
        if (table === journal) records += 1;
      }
    }
    actors.removeSync(address);
    return records;
  };

  return store;
}
