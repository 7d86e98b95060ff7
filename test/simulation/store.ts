/**
 * A store in memory with the faults of a real one: slow commits, replies that
 * are lost, refusals, and a tail that vanishes. It outlives the control plane.
 */
import { TroupeError } from '../../src/errors/errors.ts';
import { shardOf, type Address, type Shard } from '../../src/model/address.ts';
import type { JournalRecord } from '../../src/model/journal.ts';
import { parseRecord, refusal, sealText } from '../../src/actors/stores/record.ts';
import type {
  Outcome,
  Store,
  StoredActor,
  StreamEntry,
  TurnWrite,
  World,
} from '../../src/actors/stores/store.ts';
import type { Kernel, SimulatedProcess } from './kernel.ts';

interface ShardState {
  epoch: number;
  position: number;
  readonly actors: Map<Address, { text: string; position: number }>;
  readonly journal: Map<Address, JournalRecord[]>;
  readonly outbox: Map<Address, Map<number, string>>;
  readonly inbox: Map<Address, Map<string, string>>;
  readonly documents: Map<string, string>;
  readonly indexes: Map<string, Set<Address>>;
  readonly stream: StreamEntry[];
  /** Everything since the beginning, so that a tail can be taken away. */
  readonly log: { write: TurnWrite; forward: boolean; position: number | null }[];
}

export interface StoreFaults {
  /** Probabilities per commit. */
  lostReply: number;
  unwrittenUnknown: number;
  full: number;
  slow: number;
}

export interface Disk {
  /** What one process sees of it. */
  store(process: SimulatedProcess): Store;
  readonly faults: StoreFaults;
  /** The last `turns` of a shard are gone, as after a fail-over. */
  loseTail(shard: Shard, turns: number): void;
  shards(): readonly Shard[];
  /** Commits so far, in the order in which they were written. */
  readonly commits: number;
  /** Called before and after each write, for crash points. */
  onCommit: ((point: 'before' | 'after', commit: number) => void) | null;
  record(address: Address): string | null;
  /** Makes an actor's record unreadable. */
  corrupt(address: Address): void;
}

const newShard = (): ShardState => ({
  epoch: 0, position: 0, actors: new Map(), journal: new Map(), outbox: new Map(), inbox: new Map(), documents: new Map(),
  indexes: new Map(), stream: [], log: [],
}); // prettier-ignore

export function createDisk(kernel: Kernel): Disk {
  const shards = new Map<Shard, ShardState>();
  const settings = new Map<string, string>();
  let world: World | null = null;
  let commits = 0;
  let losses = 0;
  const faults: StoreFaults = { lostReply: 0, unwrittenUnknown: 0, full: 0, slow: 0 };

  const shard = (name: Shard): ShardState => {
    let state = shards.get(name);
    if (!state) shards.set(name, (state = newShard()));
    return state;
  };
  const within = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
    let found = map.get(key);
    if (found === undefined) map.set(key, (found = make()));
    return found;
  };

  const put = (state: ShardState, write: TurnWrite, forward: boolean): number | null => {
    const { record, journal, stream, outbox, inbox, document, index } = write;
    const { address } = record;
    if (stream) state.position += 1;
    state.actors.set(address, { text: sealText(JSON.stringify(record)), position: state.position });
    const history = within(state.journal, address, () => []);
    if (forward) history.splice(0);
    history.push(journal);
    for (const message of outbox)
      within(state.outbox, address, () => new Map()).set(message.sequence, JSON.stringify(message));
    for (const mark of inbox)
      within(state.inbox, address, () => new Map()).set(mark.from, JSON.stringify(mark));
    if (document) state.documents.set(`${address} ${document.generation}`, document.body);
    for (const name of index.remove) state.indexes.get(name)?.delete(address);
    for (const name of index.add) within(state.indexes, name, () => new Set()).add(address);
    if (stream) state.stream.push({ position: state.position, record: stream });
    state.log.push({ write, forward, position: stream ? state.position : null });
    return stream ? state.position : null;
  };

  const apply = (write: TurnWrite, epoch: number): Outcome => {
    const { address, revision, turnId } = write.record;
    const state = shard(shardOf(address));
    if (state.epoch > epoch) return refusal('stale', state.epoch, 0, 'A newer owner has the store');
    state.epoch = epoch;
    const stored = state.actors.get(address);
    const known = stored ? parseRecord(address, stored.text) : null;
    if (known && 'error' in known) return refusal('conflict', state.epoch, 0, known.error);
    if (known?.revision === revision && known.turnId === turnId)
      return { kind: 'committed', position: write.stream ? stored!.position : null };
    const storedRevision = known?.revision ?? 0;
    const past = state.log.find(({ write: each }) => each.record.turnId === turnId);
    if (past) return { kind: 'committed', position: past.position };
    if (storedRevision !== revision - 1)
      return refusal(
        storedRevision < revision - 1 ? 'behind' : 'conflict',
        state.epoch,
        storedRevision,
        `It holds revision ${storedRevision}`,
      );
    return { kind: 'committed', position: put(state, write, false) };
  };

  const disk: Disk = {
    faults,
    onCommit: null,
    get commits() {
      return commits;
    },
    shards: () => [...shards.keys()],
    loseTail(name, turns) {
      const old = shards.get(name);
      if (!old) return;
      const kept = old.log.slice(0, Math.max(0, old.log.length - turns));
      losses += 1;
      const state = newShard();
      state.epoch = old.epoch;
      shards.set(name, state);
      for (const { write, forward } of kept) put(state, write, forward);
      kernel.trace(`store lost ${old.log.length - kept.length} turns of ${name}`);
    },
    record: (address) => shards.get(shardOf(address))?.actors.get(address)?.text ?? null,
    corrupt(address) {
      const stored = shards.get(shardOf(address))?.actors.get(address);
      if (stored) stored.text = '{"half a reco';
    },
    store(process) {
      let mine: World = { worldId: '', epoch: 0 };
      /** An answer after a delay, if anyone is left to hear it. */
      const later = <T>(least: number, most: number, answer: () => T): Promise<T> =>
        process.guard(new Promise((resolve, reject) => {
          kernel.at(kernel.between(least, most), () => {
            try {
              resolve(answer());
            } catch (error) {
              reject(error as Error);
            }
          });
        })); // prettier-ignore
      const load = (address: Address, text: string): StoredActor | { address: string; error: string } => {
        const record = parseRecord(address, text);
        if ('error' in record) return record;
        const state = shard(shardOf(address));
        return {
          record,
          outbox: [...(state.outbox.get(address)?.values() ?? [])].map((each) => JSON.parse(each) as never),
          inbox: [...(state.inbox.get(address)?.values() ?? [])].map((each) => JSON.parse(each) as never),
        };
      };
      const own = (least: number): World => {
        world = { worldId: world?.worldId ?? kernel.id(), epoch: Math.max(world?.epoch ?? 0, least) + 1 };
        for (const state of shards.values()) state.epoch = Math.max(state.epoch, world.epoch);
        return (mine = world);
      };
      return {
        open: (_owner, least) => later(1, 5, () => own(least)),
        isEmpty: () => later(1, 5, () => world === null),
        isOwner: () => later(0.1, 1, () => (world?.epoch ?? 0) <= mine.epoch),
        raiseEpoch: (epoch) => later(1, 5, () => own(epoch)),
        commit(writes, acknowledged) {
          const number = (commits += 1);
          // Serialised at the call, as on a wire: later changes in memory do not reach it.
          const sent = JSON.parse(JSON.stringify(writes)) as TurnWrite[];
          const slow = kernel.chance(faults.slow) ? kernel.between(200, 1_500) : 0;
          const unwritten = kernel.chance(faults.unwrittenUnknown);
          const lost = kernel.chance(faults.lostReply);
          const full = kernel.chance(faults.full);
          const lossesThen = losses;
          let outcomes: Outcome[] = [];
          return process.guard(
            new Promise((resolve) => {
              kernel.at(kernel.between(0.05, 1) + slow, () => {
                disk.onCommit?.('before', number);
                // A store that fails over takes nothing of what was on its way to the one before.
                if (!process.alive && (unwritten || losses !== lossesThen)) return;
                if (unwritten)
                  outcomes = sent.map(() => ({ kind: 'unknown', reason: 'the connection was lost' }));
                else if (full) outcomes = sent.map(() => refusal('full', 0, 0, 'no room'));
                else {
                  outcomes = sent.map((write) => apply(write, mine.epoch));
                  for (const { from, sequence } of acknowledged)
                    shard(shardOf(from)).outbox.get(from)?.delete(sequence);
                }
                disk.onCommit?.('after', number);
                kernel.at(kernel.between(0.05, 1), () =>
                  resolve(
                    lost ? sent.map(() => ({ kind: 'unknown', reason: 'the reply was lost' })) : outcomes,
                  ),
                );
              });
            }),
          );
        },
        writeForward: (write) =>
          later(0.1, 2, (): Outcome => {
            const state = shard(shardOf(write.record.address));
            if (state.epoch > mine.epoch)
              return refusal('stale', state.epoch, 0, 'A newer owner has the store');
            return {
              kind: 'committed',
              position: put(state, JSON.parse(JSON.stringify(write)) as TurnWrite, true),
            };
          }),
        read: (address) =>
          later(0.1, 1, () => {
            const stored = shard(shardOf(address)).actors.get(address);
            return stored ? load(address, stored.text) : null;
          }),
        async *scan() {
          for (const state of shards.values())
            for (const [address, { text }] of state.actors) yield load(address, text);
        },
        document: (address, generation) =>
          later(0.01, 0.1, () => shard(shardOf(address)).documents.get(`${address} ${generation}`) ?? null),
        journal: (address, { after, limit }) =>
          later(0.1, 1, () =>
            (shard(shardOf(address)).journal.get(address) ?? [])
              .filter(({ revision }) => revision > after)
              .slice(0, limit),
          ),
        stream: (name, after, limit) =>
          later(0.1, 1, () => {
            const state = shard(name);
            if (after > state.position) return { kind: 'expired' as const, oldest: state.position };
            return {
              kind: 'page' as const,
              entries: state.stream.filter(({ position }) => position > after).slice(0, limit),
            };
          }),
        position: (name) => later(0.1, 1, () => shard(name).position),
        members: (name, index) => later(0.1, 1, () => [...(shard(name).indexes.get(index) ?? [])]),
        shards: () => later(0.1, 1, () => [...shards.keys()]),
        putSetting: (key, value) =>
          later(0.1, 1, () => void (value === null ? settings.delete(key) : settings.set(key, value))),
        settings: (prefix) =>
          later(0.1, 1, () => Object.fromEntries([...settings].filter(([key]) => key.startsWith(prefix)))),
        trim: () => later(0.1, 1, () => ({ actors: 0, records: 0 })),
        durability: () =>
          later(0.1, 1, () => ({
            store: 'simulated',
            durable: true,
            explanation: 'It is only a simulation',
          })),
        check: () =>
          later(0.1, 1, () => ({
            store: 'simulated',
            durable: true,
            explanation: 'It is only a simulation',
          })),
        dump: () => {
          throw new TroupeError('STORE_UNAVAILABLE', 'A simulated world is not copied');
        },
        load: () => Promise.reject(new TroupeError('STORE_UNAVAILABLE', 'A simulated world is not copied')),
        close: () => Promise.resolve(),
      };
    },
  };
  return disk;
}
