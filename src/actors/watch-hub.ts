/**
 * Streams of committed turns. A position names, per shard, the last commit
 * sequence seen; who comes back with it gets exactly what was missed, or an
 * explicit new snapshot when the stream no longer reaches back that far.
 */
import { TroupeError } from '../errors/errors.ts';
import { parseAddress, shardOf, type Address, type Shard } from '../model/address.ts';
import type { StreamRecord } from '../model/journal.ts';
import type { WatchFilter, WatchHandlers, WatchSnapshotItem } from './index.ts';
import type { Store, StreamEntry } from './stores/store.ts';

/** Records kept in memory per shard, so that a resume after a blip needs no store. */
const ringSize = 1_000;
const pageSize = 500;

export interface WatchHub {
  publish(record: StreamRecord, position: number | null): void;
  subscribe(filter: WatchFilter, from: string | null, handlers: WatchHandlers): Promise<{ close(): void }>;
  /** Positions as the store has them, taken at start. */
  restore(positions: ReadonlyMap<Shard, number>): void;
  readonly watchers: number;
}

interface Subscription {
  readonly filter: WatchFilter;
  readonly handlers: WatchHandlers;
  /** Last position told (or passed over) per shard. */
  readonly positions: Map<Shard, number>;
  /** Collects what is published while older records are read; null once live. */
  backlog: { shard: Shard; entry: StreamEntry }[] | null;
  closed: boolean;
}

export function createWatchHub(
  store: Pick<Store, 'stream'>,
  views: (filter: WatchFilter) => readonly WatchSnapshotItem[],
): WatchHub {
  const current = new Map<Shard, number>();
  const rings = new Map<Shard, StreamEntry[]>();
  const subscriptions = new Set<Subscription>();

  const shardsOf = (filter: WatchFilter): readonly Shard[] =>
    filter.tenant === null ? [...current.keys()] : [`t:${filter.tenant}`];

  const tell = (subscription: Subscription, shard: Shard, { position, record }: StreamEntry): void => {
    if (subscription.closed || position <= (subscription.positions.get(shard) ?? 0)) return;
    subscription.positions.set(shard, position);
    if (!matches(subscription.filter, record)) return;
    const kept = subscription.handlers.change({
      ...record,
      position: encodePosition(subscription.positions),
    });
    if (!kept) close(subscription);
  };

  const close = (subscription: Subscription): void => {
    subscription.closed = true;
    subscriptions.delete(subscription);
  };

  const snapshot = (subscription: Subscription): void => {
    for (const shard of shardsOf(subscription.filter))
      subscription.positions.set(shard, current.get(shard) ?? 0);
    subscription.handlers.snapshot(views(subscription.filter), encodePosition(subscription.positions));
  };

  /** Reads what was missed, from memory or the store. False = it is no longer all there. */
  const catchUp = async (subscription: Subscription, shard: Shard): Promise<boolean> => {
    for (;;) {
      const after = subscription.positions.get(shard) ?? 0;
      const target = current.get(shard) ?? 0;
      if (after >= target || subscription.closed) return after <= target;
      const ring = rings.get(shard) ?? [];
      const first = ring[0]?.position;
      if (first !== undefined && first <= after + 1) {
        for (const entry of ring) tell(subscription, shard, entry);
        continue;
      }
      const page = await store.stream(shard, after, pageSize);
      if (page.kind === 'expired' || page.entries.length === 0) return false;
      for (const entry of page.entries) tell(subscription, shard, entry);
    }
  };

  return {
    publish(record, position) {
      if (position === null) return;
      const shard = shardOf(record.address as Address);
      const entry = { position, record };
      const rewound = position <= (current.get(shard) ?? 0);
      current.set(shard, position);
      if (rewound) {
        // The store lost its tail: positions are used again, so what was remembered by them is void.
        rings.delete(shard);
        for (const subscription of subscriptions)
          if (shardsOf(subscription.filter).includes(shard)) snapshot(subscription);
        return;
      }
      let ring = rings.get(shard);
      if (!ring) rings.set(shard, (ring = []));
      ring.push(entry);
      if (ring.length > ringSize * 2) ring.splice(0, ring.length - ringSize);
      for (const subscription of subscriptions) {
        if (subscription.filter.tenant !== null && shard !== `t:${subscription.filter.tenant}`) continue;
        if (subscription.backlog) subscription.backlog.push({ shard, entry });
        else tell(subscription, shard, entry);
      }
    },
    async subscribe(filter, from, handlers) {
      const subscription: Subscription = {
        filter,
        handlers,
        positions: new Map(),
        backlog: null,
        closed: false,
      };
      const positions = from === null ? null : decodePosition(from);
      subscriptions.add(subscription);
      if (!positions) {
        snapshot(subscription);
      } else {
        subscription.backlog = [];
        for (const shard of shardsOf(filter)) subscription.positions.set(shard, positions.get(shard) ?? 0);
        let whole = true;
        for (const shard of shardsOf(filter)) whole = whole && (await catchUp(subscription, shard));
        const backlog = subscription.backlog;
        subscription.backlog = null;
        if (!whole && !subscription.closed) snapshot(subscription);
        for (const { shard, entry } of backlog) tell(subscription, shard, entry);
      }
      return { close: () => close(subscription) };
    },
    restore(positions) {
      for (const [shard, position] of positions) current.set(shard, position);
    },
    get watchers() {
      return subscriptions.size;
    },
  };
}

function matches(filter: WatchFilter, record: StreamRecord): boolean {
  const { kind, id } = parseAddress(record.address);
  if (filter.kinds !== null && !filter.kinds.includes(kind)) return false;
  return filter.id === null || filter.id === id;
}

function encodePosition(positions: ReadonlyMap<Shard, number>): string {
  return Buffer.from(JSON.stringify(Object.fromEntries(positions))).toString('base64url');
}

function decodePosition(text: string): ReadonlyMap<Shard, number> {
  try {
    const entries = Object.entries(
      JSON.parse(Buffer.from(text, 'base64url').toString()) as Record<string, unknown>,
    );
    if (entries.every(([, position]) => Number.isSafeInteger(position)))
      return new Map(entries as [Shard, number][]);
  } catch {
    // Told below, in words.
  }
  throw new TroupeError(
    'INVALID_PARAMETER',
    `"${text.slice(0, 40)}" is not a position of this stream; watch again without one`,
  );
}
