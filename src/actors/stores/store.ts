/**
 * Where actors are durable: one contract, two implementations (Redis and an
 * embedded one), one suite (`test/conformance/store.ts`). The interface speaks
 * of turns and actors and exposes no connection or transaction.
 *
 * S1. A write is an idempotent compare-and-set: it commits when the stored
 *     revision is `revision - 1` (0 = absent); the same revision with the same
 *     turn id already there is success.
 * S2. `commit` never rejects. Every write gets one of three outcomes; one
 *     refused actor never fails its neighbours. A later write of the same
 *     actor in the same batch follows its earlier one.
 * S3. All parts of one write are atomic: record, journal, stream, outbox,
 *     inbox, document, index.
 * S4. What an owner writes once another has opened the store is refused
 *     `stale`: `open` takes a higher epoch and fences every shard before it
 *     returns, and no older owner can begin a new one. An owner that raises its
 *     own epoch is not shut out by that.
 * S5. Committed means on disk as the store is configured (LMDB: flushed;
 *     Redis: answered, under its own `appendfsync`).
 */
import type { Address, Shard } from '../../model/address.ts';
import type { JournalRecord, Operation, StreamRecord } from '../../model/journal.ts';

/** A message from one actor to another, part of the sender's commit until the receiver has committed it. */
export interface OutboxMessage {
  readonly to: Address;
  /**
   * Rising over all the sender's receivers, and from epoch to epoch, so that not
   * even a store that lost its tail makes one be used again. A receiver sees
   * holes, never a step back.
   */
  readonly sequence: number;
  readonly event: { readonly type: string; readonly [field: string]: unknown };
  readonly requestId: string | null;
  /** The receiver's input, should it not exist yet. */
  readonly begin?: unknown;
}

/** Stands for an actor whose messages came back from it: they are taken once, like those it sends. */
export type Bounced = `undeliverable/${Address}`;

/** The highest sequence a receiver has committed of one sender. */
export interface InboxMark {
  readonly from: Address | Bounced;
  readonly sequence: number;
  /** The sender is gone after this: the mark may be forgotten after `tombstoneMs`. */
  readonly last: boolean;
}

/** What is stored of an actor at one revision. Plain JSON: no undefined, Date or Map. */
export interface ActorRecord {
  readonly address: Address;
  readonly revision: number;
  readonly turnId: string;
  readonly epoch: number;
  readonly chartVersion: number;
  readonly value: unknown;
  readonly context: unknown;
  /** Active operations by invoke id: effects and deadlines alike. */
  readonly operations: Readonly<Record<string, Operation>>;
  /** Starts per invoke id since the actor last settled. */
  readonly attempts: Readonly<Record<string, number>>;
  /** Sequence of the last message it sent to anyone: no list that grows with its peers. */
  readonly sequence: number;
  readonly createdAt: number;
  /** When the active states last changed. */
  readonly since: number;
  readonly updatedAt: number;
  /** Set on a tombstone: the actor has ended. */
  readonly endedAt: number | null;
  /** Generation of the document that belongs to it; 0 = none. */
  readonly generation: number;
}

export interface TurnWrite {
  readonly record: ActorRecord;
  readonly journal: JournalRecord;
  /** Null for turns that no watcher sees. */
  readonly stream: StreamRecord | null;
  readonly outbox: readonly OutboxMessage[];
  /** One for a turn made of a message, else none; all that are known when written forward. */
  readonly inbox: readonly InboxMark[];
  /** The spec of a new generation, already sealed; immutable once written. */
  readonly document: { readonly generation: number; readonly body: string } | null;
  /** Names of sets in the actor's shard that it enters or leaves, e.g. `host:<id>`. */
  readonly index: { readonly add: readonly string[]; readonly remove: readonly string[] };
}

export type Outcome =
  /** `position`: commit sequence in the shard's stream; null when the write had no stream record. */
  | { readonly kind: 'committed'; readonly position: number | null }
  /**
   * Nothing was written. `stale`: a higher epoch owns the shard. `behind`: the
   * store holds an older revision than expected (it lost its tail).
   * `conflict`: it holds another turn. `full`: the store takes no writes now.
   */
  | {
      readonly kind: 'refused';
      readonly cause: 'stale' | 'behind' | 'conflict' | 'full';
      readonly storedEpoch: number;
      readonly storedRevision: number;
      readonly reason: string;
    }
  /** Written or not: nobody knows. Commit the same again to find out (S1). */
  | { readonly kind: 'unknown'; readonly reason: string };

/** An outbox message that its receiver has committed. Losing one costs a redelivery, nothing else. */
export interface Acknowledgement {
  readonly from: Address;
  readonly to: Address;
  readonly sequence: number;
}

export interface StoredActor {
  readonly record: ActorRecord;
  /** Unacknowledged messages, in order. */
  readonly outbox: readonly OutboxMessage[];
  readonly inbox: readonly InboxMark[];
}

/** What `scan` yields for a record that can't be parsed: the actor is quarantined, never dropped. */
export interface UnreadableActor {
  readonly address: string;
  readonly error: string;
}

export interface OwnerInfo {
  readonly hostname: string;
  readonly pid: number;
  readonly startedAt: number;
}

export interface World {
  /** Made once per store, random; agents pin it. */
  readonly worldId: string;
  /** This owner's; greater than any before. */
  readonly epoch: number;
}

export interface StreamEntry {
  readonly position: number;
  readonly record: StreamRecord;
}

export type StreamPage =
  | { readonly kind: 'page'; readonly entries: readonly StreamEntry[] }
  /** The stream was trimmed beyond `after`: take a new snapshot. */
  | { readonly kind: 'expired'; readonly oldest: number };

export interface DurabilityReport {
  readonly store: string;
  /** True when a committed turn survives a power cut. */
  readonly durable: boolean;
  /** One sentence: what may be lost, and how to change it. */
  readonly explanation: string;
}

export interface Store {
  /**
   * Takes ownership: makes the world if there is none, takes an epoch greater than the stored one and than `minimumEpoch`, fences all shards.
   * @throws TroupeError STORE_UNAVAILABLE; INVALID_CONFIG naming the process that holds an embedded store, or for half a copy
   */
  open(owner: OwnerInfo, minimumEpoch: number): Promise<World>;
  /** Nothing is stored here, and nobody copies into it. Needs no `open`. @throws TroupeError STORE_UNAVAILABLE */
  isEmpty(): Promise<boolean>;
  /** False once another has opened the store after us. @throws TroupeError STORE_UNAVAILABLE */
  isOwner(): Promise<boolean>;
  /** Raises our epoch above `epoch` (an agent has seen a later one) and fences again. */
  raiseEpoch(epoch: number): Promise<World>;
  commit(writes: readonly TurnWrite[], acknowledged: readonly Acknowledgement[]): Promise<readonly Outcome[]>;
  /**
   * Writes `record` over an older stored revision: for an owner whose store lost its tail. Refused as in S4.
   */
  writeForward(write: TurnWrite): Promise<Outcome>;
  read(address: Address): Promise<StoredActor | UnreadableActor | null>;
  /** Every actor, tombstones included, in no order. */
  scan(): AsyncIterable<StoredActor | UnreadableActor>;
  document(address: Address, generation: number): Promise<string | null>;
  /** Newest last. `before`/`after` are revisions, exclusive. */
  journal(
    address: Address,
    range: { readonly after: number; readonly limit: number },
  ): Promise<readonly JournalRecord[]>;
  stream(shard: Shard, after: number, limit: number): Promise<StreamPage>;
  /** The shard's current position; 0 = nothing yet. */
  position(shard: Shard): Promise<number>;
  /** Members of a set that `index` maintains. */
  members(shard: Shard, index: string): Promise<readonly Address[]>;
  shards(): Promise<readonly Shard[]>;
  /** Site facts outside any actor (join tokens, host credentials, admin): small documents by key, last write wins, fenced by epoch. @throws TroupeError STALE_OWNER, STORE_UNAVAILABLE */
  putSetting(key: string, value: string | null): Promise<void>;
  settings(prefix: string): Promise<Readonly<Record<string, string>>>;
  /**
   * Trims journals and streams by age, and drops expired tombstones unless `tombstones` is `keep`:
   * a host that is away may still have what has ended meanwhile.
   */
  trim(
    now: number,
    tombstones: 'drop' | 'keep',
  ): Promise<{ readonly actors: number; readonly records: number }>;
  durability(): Promise<DurabilityReport>;
  /** The same for a store that nobody has opened, which it stays. @throws TroupeError STORE_UNAVAILABLE */
  check(): Promise<DurabilityReport>;
  /**
   * The whole world, to be loaded elsewhere, from an open store.
   * @throws TroupeError STORE_UNAVAILABLE when an actor can't be read; STALE_OWNER when another took the store meanwhile
   */
  dump(): AsyncIterable<DumpItem>;
  /**
   * Fills this store, which nobody has opened. Until all is there nobody can open it.
   * @throws TroupeError INVALID_CONFIG when it is not empty
   */
  load(items: AsyncIterable<DumpItem>): Promise<void>;
  close(): Promise<void>;
}

/** A piece of a world on its way from one store to another. */
export type DumpItem =
  | { readonly kind: 'world'; readonly world: World }
  | {
      readonly kind: 'actor';
      readonly actor: StoredActor;
      readonly documents: readonly { readonly generation: number; readonly body: string }[];
      readonly journal: readonly JournalRecord[];
      readonly indexes: readonly string[];
    }
  /** Some of a shard's stream, in order; `position` is where the whole ends. */
  | {
      readonly kind: 'stream';
      readonly shard: Shard;
      readonly entries: readonly StreamEntry[];
      readonly position: number;
    }
  | { readonly kind: 'setting'; readonly key: string; readonly value: string };

/** What is older than this is not lost by a store that loses its tail, milliseconds: Redis's is a second, or a fail-over. */
export const mayBeLostMs = 30_000;

/** Limits shared by both stores. */
export interface Retention {
  /** Journal records kept per living actor. Default 200. */
  readonly journalRecords: number;
  /** Age after which tombstones, and streams' and journals' records, go. Default 30 days. */
  readonly keepMs: number;
  /** Stream records kept per shard. Default 100,000. */
  readonly streamRecords: number;
}

export const defaultRetention: Retention = {
  journalRecords: 200,
  keepMs: 30 * 24 * 3600 * 1000,
  streamRecords: 100_000,
};
