/** A store whose commits a test holds back, refuses or loses; everything else passes through. */
import type { Outcome, Store, TurnWrite } from '../../src/actors/stores/store.ts';

export interface HeldStore extends Store {
  /** Commits reach the store only once what this returns is called. */
  hold(): () => void;
  /** While set, each commit gets this outcome for each write and nothing is written. */
  outcome: ((write: TurnWrite) => Outcome) | null;
  /** While true, commits are written and their outcome is not told. */
  losesReplies: boolean;
  /** While set, every look into the store fails so. */
  away: Error | null;
  /** Looks into the stream since the start. */
  streamReads: number;
  /** Looks into the stream wait until what this returns is called. */
  holdStreams(): () => void;
}

export function createHeldStore(inner: Store): HeldStore {
  let gate: Promise<void> = Promise.resolve();
  let streamGate: Promise<void> = Promise.resolve();
  const looks = new Set([
    'read',
    'document',
    'journal',
    'stream',
    'position',
    'members',
    'shards',
    'settings',
  ]);
  const held: Pick<
    HeldStore,
    'commit' | 'hold' | 'holdStreams' | 'outcome' | 'losesReplies' | 'away' | 'streamReads' | 'stream'
  > = {
    outcome: null,
    losesReplies: false,
    away: null,
    streamReads: 0,
    hold() {
      let release: () => void = () => {};
      gate = new Promise((resolve) => (release = resolve));
      return release;
    },
    holdStreams() {
      let release: () => void = () => {};
      streamGate = new Promise((resolve) => (release = resolve));
      return release;
    },
    async stream(shard, after, limit) {
      held.streamReads += 1;
      await streamGate;
      if (held.away) throw held.away;
      return inner.stream(shard, after, limit);
    },
    async commit(writes, acknowledged) {
      await gate;
      const { outcome } = held;
      if (outcome) return writes.map(outcome);
      const outcomes = await inner.commit(writes, acknowledged);
      return held.losesReplies
        ? writes.map(() => ({ kind: 'unknown' as const, reason: 'The reply was lost' }))
        : outcomes;
    },
  };
  return new Proxy(inner, {
    get(_, name: keyof HeldStore & string) {
      if (name in held) return held[name as keyof typeof held];
      if (looks.has(name)) {
        if (held.away) return () => Promise.reject(held.away!);
      }
      return inner[name as keyof Store];
    },
    set: (_, name: string, value: unknown) => Reflect.set(held, name, value),
  }) as HeldStore;
}

export const full = (): Outcome => ({
  kind: 'refused',
  cause: 'full',
  storedEpoch: 0,
  storedRevision: 0,
  reason: 'The disk is full',
});
export const unknown = (): Outcome => ({ kind: 'unknown', reason: 'The connection was lost' });
