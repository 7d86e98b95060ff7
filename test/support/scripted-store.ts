/** The commit side of a Store whose outcomes a test decides; all others it keeps by the contract's rules. */
import type { Acknowledgement, Outcome, Store, TurnWrite } from '../../src/actors/stores/store.ts';

export interface ScriptedStore extends Pick<Store, 'isOwner' | 'position' | 'read' | 'writeForward'> {
  commit(writes: readonly TurnWrite[], acknowledged: readonly Acknowledgement[]): Promise<readonly Outcome[]>;
  /** What is stored, by address, oldest first. */
  readonly turns: Map<string, TurnWrite[]>;
  readonly acknowledged: Acknowledgement[];
  /** Sizes of the batches so far. */
  readonly batches: number[];
  /** The next commit of `address` gets this outcome; `written` says whether it is kept all the same. */
  answer(address: string, outcome: Outcome, written: boolean): void;
  /** The last turn of `address` was never there: a store that lost its tail. */
  loseLast(address: string): void;
  /** Holds all commits until the returned function is called. */
  hold(): () => void;
}

export function createScriptedStore(): ScriptedStore {
  const turns = new Map<string, TurnWrite[]>();
  const acknowledged: Acknowledgement[] = [];
  const batches: number[] = [];
  const scripted = new Map<string, { outcome: Outcome; written: boolean }>();
  let gate: Promise<void> = Promise.resolve();
  let position = 0;

  const put = (write: TurnWrite): Outcome => {
    const { address, revision, turnId } = write.record;
    const mine = turns.get(address) ?? [];
    const last = mine.at(-1);
    if (last?.record.revision === revision && last.record.turnId === turnId)
      return { kind: 'committed', position };
    const storedRevision = last?.record.revision ?? 0;
    if (storedRevision !== revision - 1) {
      const cause = storedRevision < revision - 1 ? 'behind' : 'conflict';
      return {
        kind: 'refused',
        cause,
        storedEpoch: 1,
        storedRevision,
        reason: `It holds revision ${storedRevision}`,
      };
    }
    turns.set(address, [...mine, write]);
    return { kind: 'committed', position: (position += 1) };
  };

  return {
    turns,
    acknowledged,
    batches,
    async commit(writes, acks) {
      await gate;
      batches.push(writes.length);
      acknowledged.push(...acks);
      return writes.map((write) => {
        const script = scripted.get(write.record.address);
        if (!script) return put(write);
        scripted.delete(write.record.address);
        if (script.written) put(write);
        return script.outcome;
      });
    },
    isOwner: async () => true,
    position: async () => position,
    async read(address) {
      const last = turns.get(address)?.at(-1);
      return last ? { record: last.record, outbox: last.outbox, inbox: [] } : null;
    },
    async writeForward(write) {
      turns.set(write.record.address, [...(turns.get(write.record.address) ?? []), write]);
      return { kind: 'committed', position: (position += 1) };
    },
    loseLast(address) {
      turns.set(address, turns.get(address)?.slice(0, -1) ?? []);
      position -= 1;
    },
    answer: (address, outcome, written) => void scripted.set(address, { outcome, written }),
    hold() {
      let release: () => void = () => {};
      gate = new Promise((resolve) => (release = resolve));
      return release;
    },
  };
}
