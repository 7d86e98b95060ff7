/**
 * The root of all actors: who lives, who has ended, and what follows a commit.
 *
 * R1. Effects, messages, stream records and answers leave only after the
 *     commit of their turn.
 * R2. One actor's failure stops that actor only.
 * R3. A process that learns of a newer owner stops deciding at once, for good.
 */
import { TroupeError } from '../errors/errors.ts';
import {
  kindOf,
  parseAddress,
  perKind,
  shardOf,
  type ActorKind,
  type Address,
  type Shard,
} from '../model/address.ts';
import type { Cancel, Environment } from '../model/environment.ts';
import type { Cause, StreamRecord } from '../model/journal.ts';
import { createCell, type Cell, type CellOptions } from './cell.ts';
import { createCommitter, type Committer } from './committer.ts';
import { createCourier, type Courier } from './courier.ts';
import type { Decider } from './decide.ts';
import type { Effects } from './effects/effect.ts';
import type { ActorDocuments } from './documents.ts';
import { createPlacements } from './placements.ts';
import { createRunningEffects } from './running-effects.ts';
import { indexOf } from './stage.ts';
import {
  mayBeLostMs,
  type ActorRecord,
  type InboxMark,
  type OutboxMessage,
  type Store,
  type TurnWrite,
  type World,
} from './stores/store.ts';
import type { ActorState, CellHost, Delivery, StagedTurn, Revision, TurnAnswer, TurnEvent } from './turn.ts';

/** Between looks at whether the store still has what we committed, and shards per look. */
const verifyMs = 10_000;
const verifiedAtOnce = 100;
/** Written to see whether the store takes writes. */
const probeKey = 'probe';

export interface RuntimeOptions {
  readonly environment: Environment;
  readonly store: Store;
  readonly deciders: Readonly<Record<ActorKind, Decider>>;
  readonly effects: Effects;
  readonly world: () => World;
  /** Each durable turn, in commit order per shard. */
  readonly published: (record: StreamRecord, position: number | null) => void;
  readonly fenced: (reason: string) => void;
  /** An actor has its first durable state, new or restored. */
  readonly born: (cell: Cell) => void;
  readonly died: (address: Address) => void;
  readonly documents: ActorDocuments;
  /** An actor that is in the store and could not be restored from it. */
  readonly isUnreadable: (address: Address) => boolean;
}

/** What remains of an actor that has ended. */
export interface Tombstone {
  readonly generation: number;
  readonly endedAt: number;
}

/** What would have to be written again of an actor. */
interface Remembered {
  readonly state: ActorState;
  readonly marks: readonly InboxMark[];
}

export interface Runtime {
  cell(address: Address): Cell | undefined;
  cellsOf(kind: ActorKind): ReadonlyMap<Address, Cell>;
  /** Of all kinds, as committed. */
  placedOn(hostId: string): Iterable<Cell>;
  readonly tombstones: ReadonlyMap<Address, Tombstone>;
  readonly committer: Committer;
  readonly courier: Courier;
  /**
   * A new actor; resolves when its first turn is durable.
   * @param event how the journal calls that. Default `actor.created`
   * @throws TroupeError CONFLICT-like when it exists
   */
  begin(
    address: Address,
    input: unknown,
    cause: Cause,
    document: TurnWrite['document'],
    event?: TurnEvent,
  ): Promise<TurnAnswer>;
  /** Resolves when the turn is durable. @throws TroupeError */
  ask(
    address: Address,
    event: TurnEvent,
    cause: Cause,
    kind: 'command' | 'fact',
    revise?: Revision,
  ): Promise<TurnAnswer>;
  deliver(address: Address, delivery: Delivery): boolean;
  /** Takes over a stored actor; effects and messages wait for `resume`. */
  adopt(state: ActorState, inbox: readonly InboxMark[]): Cell;
  /** An actor that had ended. `state`: of a recent end, which the store may still lose (`mayBeLostMs`). */
  bury(record: ActorRecord, state: ActorState | null, inbox: readonly InboxMark[]): void;
  /** Starts the effects and messages of adopted actors. `shards`: their positions as stored. */
  resume(
    shards: ReadonlyMap<Shard, number>,
    outboxes: Iterable<{
      readonly from: Address;
      readonly revision: number;
      readonly messages: readonly OutboxMessage[];
    }>,
    /** Messages that need no more than to be acknowledged. Default none. */
    wasHandled?: (from: Address, message: OutboxMessage) => boolean,
  ): void;
  readonly turns: number;
  readonly effectsInFlight: number;
  readonly readOnly: string | null;
  readonly fencedBy: string | null;
  stop(): Promise<void>;
}

export function createRuntime(options: RuntimeOptions): Runtime {
  const { environment, store, deciders } = options;
  const byKind = perKind<Map<Address, Cell>>(() => new Map());
  const mapOf = (address: Address): Map<Address, Cell> => byKind[kindOf(address)];
  const find = (address: Address): Cell | undefined => mapOf(address).get(address);
  const allCells = (): readonly Cell[] => Object.values(byKind).flatMap((cells) => [...cells.values()]);
  const placements = createPlacements();
  const tombstones = new Map<Address, Tombstone>();
  const committer = createCommitter(environment, store);
  const courier = createCourier(
    environment,
    committer,
    find,
    (address) => tombstones.has(address),
    options.isUnreadable,
    (address, input, cause) => runtime.begin(address, input, cause, null),
  );
  const running = createRunningEffects(environment, options.effects);
  let turns = 0;
  let readOnly: string | null = null;
  let fencedBy: string | null = null;
  let rewinding = false;
  /** Actors that have ended of late, under us or an owner before, should the store forget their end. */
  const recentlyEnded = new Map<Address, Remembered>();
  const rememberEnd = (ended: Remembered): void => {
    const { address } = ended.state.record;
    recentlyEnded.set(address, ended);
    environment.schedule(mayBeLostMs, () => recentlyEnded.delete(address));
  };
  /** The last position of each shard that we committed at. */
  const positions = new Map<Shard, number>();
  let cancelVerify: Cancel = () => {};
  /** Why the store could not be looked at, last time: nobody may be writing. */
  let away: string | null = null;

  /** What an older chart had begun goes on with the first turn on ours, which knows what of it is still wanted. */
  const isCurrent = ({ record }: ActorState): boolean =>
    record.chartVersion === deciders[parseAddress(record.address).kind].chart.version;

  /** Each step is in the journal; the log tells by itself only what people would see too. */
  const logChange = ({ state, write: { journal, stream } }: StagedTurn, before: ActorState | null): void => {
    const { kind, tenant, id } = parseAddress(state.record.address);
    const level = before?.projection.status === state.projection.status ? 'debug' : 'info';
    environment.log[level](
      {
        actor: state.record.address,
        [`${kind}_id`]: id,
        tenant_id: tenant,
        request_id: stream?.requestId ?? null,
        from: journal.from,
        to: journal.to,
        event: journal.event.type,
      },
      'actor changed state',
    );
  };

  const host: CellHost = {
    revised: (address, generation, revise) => options.documents.revise(address, generation, revise),
    unrevised: (address) => options.documents.drop(address),
    committed(view, turn, before, position) {
      if (turn.write.document) options.documents.settle(view.address, turn.write.document.generation);
      const cell = find(view.address);
      const { record } = turn.state;
      turns += 1;
      if (record.endedAt !== null) {
        tombstones.set(record.address, { generation: record.generation, endedAt: record.endedAt });
        rememberEnd({ state: turn.state, marks: view.marks });
      }
      if (cell && before === null) options.born(cell);
      if (cell) placements.moved(cell, before, record.endedAt === null ? turn.state : null);
      if (cell) running.reconcile(cell);
      if (record.endedAt !== null) {
        mapOf(record.address).delete(record.address);
        options.died(record.address);
      }
      if (turn.write.stream) options.published(turn.write.stream, position);
      if (position !== null) observePosition(shardOf(record.address), position);
      if (before?.paths !== turn.state.paths) logChange(turn, before);
      courier.carry(record.address, record.revision, turn.write.outbox, record.endedAt !== null);
    },
    fenced(reason) {
      if (fencedBy !== null) return;
      fencedBy = reason;
      environment.log.error({ reason }, 'another control plane owns the store: this one stops acting');
      running.stopAll();
      for (const cell of allCells())
        cell.fence(new TroupeError('STALE_OWNER', 'Another control plane has taken over; ask it'));
      options.fenced(reason);
    },
    rewound(address, storedRevision) {
      environment.log.error({ address, storedRevision }, 'the store lost turns that were committed');
      startRewind();
    },
    readOnly(reason) {
      if (readOnly === reason) return;
      readOnly = reason;
      if (reason) environment.log.error({ reason }, 'the store takes no writes');
      else environment.log.info({}, 'the store takes writes again');
    },
    quarantined(cell, reason, event) {
      environment.log.error({ actor: cell.address, reason, event }, 'actor quarantined');
    },
  };

  /** We are the sole owner, so memory is the newer truth: written forward, with what was lost said in the journal. */
  const rewind = async (): Promise<void> => {
    for (const [address, ended] of recentlyEnded) await writeForward(address, ended, () => true);
    for (const cell of allCells()) {
      const state = cell.committed;
      if (!state || cell.busy) continue;
      await writeForward(cell.address, { state, marks: cell.marks }, () => cell.committed === state);
    }
  };

  const writeForward = async (
    address: Address,
    { state, marks }: Remembered,
    isStill: () => boolean,
  ): Promise<void> => {
    const stored = await store.read(address);
    if (stored && 'error' in stored) return;
    const storedRevision = stored?.record.revision ?? 0;
    if (storedRevision >= state.record.revision || !isStill()) return;
    const outcome = await store.writeForward(rewoundWrite(state, marks, storedRevision, address));
    if (outcome.kind !== 'committed') environment.log.error({ address, outcome }, 'could not write forward');
    else if (outcome.position !== null) positions.set(shardOf(address), outcome.position);
  };

  const startRewind = (): void => {
    if (rewinding) return;
    rewinding = true;
    rewind()
      .catch((error: unknown) =>
        environment.log.error({ err: error }, 'could not write forward what the store lost'),
      )
      .finally(() => (rewinding = false));
  };

  /** Positions of a shard only rise, unless the store lost its tail. */
  const observePosition = (shard: Shard, position: number): void => {
    const last = positions.get(shard) ?? 0;
    positions.set(shard, position);
    if (position > last) return;
    environment.log.error({ shard, position, last }, 'the store lost turns that were committed');
    startRewind();
  };

  /** Who is not ready gets no requests, so none of them would ever find out that the store takes writes again. */
  const tryToWrite = async (): Promise<void> => {
    try {
      await store.putSetting(probeKey, String(environment.now()));
      host.readOnly(null);
    } catch (error) {
      environment.log.debug({ err: error }, 'the store still takes no writes');
    }
  };

  /** A store may lose its tail, or find another owner, while nobody writes: shards are looked at in turn. */
  const verify = async (): Promise<void> => {
    if (!(await store.isOwner())) return host.fenced('A newer owner has opened the store');
    if (readOnly !== null) await tryToWrite();
    for (const [shard, last] of [...positions].slice(0, verifiedAtOnce)) {
      const stored = await store.position(shard);
      // Something was committed meanwhile, which looked at it too.
      if (positions.get(shard) !== last) continue;
      positions.delete(shard);
      positions.set(shard, Math.min(stored, last));
      if (stored >= last) continue;
      environment.log.error({ shard, position: stored, last }, 'the store lost turns that were committed');
      startRewind();
    }
  };

  const verifyLater = (): void => {
    cancelVerify = environment.schedule(verifyMs, () => {
      verify()
        .then(() => (away = null))
        .catch((error: unknown) => {
          away = `The store does not answer: ${error instanceof Error ? error.message : String(error)}`;
          environment.log.warn({ err: error }, 'the store could not be looked at');
        })
        .finally(() => fencedBy === null && verifyLater());
    });
  };
  verifyLater();

  const rewoundWrite = (
    state: ActorState,
    marks: readonly InboxMark[],
    storedRevision: number,
    address: Address,
  ): TurnWrite => ({
    record: state.record,
    journal: {
      revision: state.record.revision,
      turnId: state.record.turnId,
      at: environment.now(),
      event: { type: 'store.rewound', storedRevision, revision: state.record.revision },
      cause: {
        kind: 'runtime',
        reason: `The store had lost revisions ${storedRevision + 1} to ${state.record.revision}`,
      },
      from: state.paths,
      to: state.paths,
      patch: state.record.context,
      started: [],
      ended: [],
      refused: null,
      chartVersion: state.record.chartVersion,
    },
    stream: {
      address,
      revision: state.record.revision,
      at: environment.now(),
      event: 'store.rewound',
      from: state.paths,
      to: state.paths,
      status: state.projection.status,
      taskState: state.projection.taskState,
      reason: state.projection.reason,
      ended: state.record.endedAt !== null,
      requestId: null,
    },
    outbox: courier.of(address),
    // What it has taken is not to be taken again, even where its acknowledgement was lost too.
    inbox: marks,
    document: options.documents.document(address),
    index: indexOf(state),
  });

  const optionsOf = (decider: Decider): CellOptions => ({
    environment,
    decider,
    committer,
    host,
    epoch: () => options.world().epoch,
  });
  const cellOptions = perKind((kind) => optionsOf(deciders[kind]));

  const newCell = (address: Address, restored: Parameters<typeof createCell>[2]): Cell => {
    const cell = createCell(address, cellOptions[kindOf(address)], restored);
    mapOf(address).set(address, cell);
    return cell;
  };

  const runtime: Runtime = {
    cell: find,
    cellsOf: (kind) => byKind[kind],
    placedOn: (hostId) => placements.on(hostId),
    tombstones,
    committer,
    courier,
    begin(address, input, cause, document, event = { type: 'actor.created' }) {
      if (fencedBy !== null)
        return Promise.reject(new TroupeError('STALE_OWNER', 'Another control plane has taken over; ask it'));
      if (find(address)) return Promise.reject(new TroupeError('INTERNAL', `"${address}" exists already`));
      const cell = newCell(address, null);
      return new Promise((resolve, reject) => {
        cell.begin({
          input,
          event,
          cause,
          document,
          settled: resolve,
          failed: (error) => {
            mapOf(address).delete(address);
            reject(error);
          },
        });
      });
    },
    ask(address, event, cause, kind, revise) {
      const cell = find(address);
      if (!cell)
        return Promise.reject(new TroupeError('CONTAINER_NOT_FOUND', `"${address}" could not be found`));
      return new Promise((resolve, reject) => {
        cell.deliver({
          event,
          cause,
          source: { kind },
          ...(revise && { revise }),
          settled: resolve,
          failed: reject,
        });
      });
    },
    deliver(address, delivery) {
      const cell = find(address);
      cell?.deliver(delivery);
      return cell !== undefined;
    },
    adopt(state, inbox) {
      const cell = newCell(state.record.address, { state, inbox });
      placements.moved(cell, null, state);
      options.born(cell);
      return cell;
    },
    bury(record, state, marks) {
      tombstones.set(record.address, { generation: record.generation, endedAt: record.endedAt ?? 0 });
      if (state) rememberEnd({ state, marks });
    },
    resume(shards, outboxes, wasHandled = () => false) {
      for (const [shard, position] of shards) positions.set(shard, position);
      for (const cell of allCells()) if (cell.committed && isCurrent(cell.committed)) running.reconcile(cell);
      for (const { from, revision, messages } of outboxes) {
        // To bounce one of these would undo at its sender what its receiver has done.
        for (const message of messages.filter((each) => wasHandled(from, each)))
          committer.acknowledge({ from, to: message.to, sequence: message.sequence });
        const left = messages.filter((each) => !wasHandled(from, each));
        courier.carry(from, revision, left, tombstones.has(from));
      }
    },
    get turns() {
      return turns;
    },
    get effectsInFlight() {
      return running.count;
    },
    get readOnly() {
      return readOnly ?? committer.waiting() ?? away;
    },
    get fencedBy() {
      return fencedBy;
    },
    async stop() {
      cancelVerify();
      running.stopAll();
      await committer.idle();
      for (const cell of allCells())
        cell.fence(new TroupeError('SHUTTING_DOWN', 'The control plane is stopping; try again'));
      running.stopAll();
    },
  };
  return runtime;
}
