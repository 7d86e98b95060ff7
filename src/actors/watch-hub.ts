/**
 * Streams of committed turns.
 *
 * W1. Who comes back with its position gets exactly what was missed, or an
 *     explicit new snapshot: when the stream no longer reaches back that far,
 *     belongs to another world, or is not the one that was read (a store that
 *     lost its tail uses positions twice).
 * W2. A record is told to a subscriber of its own tenant, or of all.
 * W3. What a slow reader missed waits in the store, not in our memory: it is
 *     read page by page, each once the one before has been taken.
 */
import { parseAddress, shardOf, type Address, type Shard } from '../model/address.ts';
import type { StreamRecord } from '../model/journal.ts';
import type { WatchChange, WatchSnapshotItem, WatchFilter, WatchHandlers } from '../model/watch.ts';
import type { Store, StreamEntry } from './stores/store.ts';
import { decodePositions, encodePosition, type Mark, type WatchPosition } from './watch-position.ts';

/** Records kept in memory per shard, so that a resume after a blip needs no store, and of all shards. */
const ringSize = 1_000;
const rememberedMost = 100_000;
const pageSize = 500;

export interface WatchHub {
  publish(record: StreamRecord, position: number | null): void;
  subscribe(
    filter: WatchFilter,
    from: readonly string[],
    handlers: WatchHandlers,
  ): Promise<{ close(): void }>;
  /** Positions as the store has them, taken at start. */
  restore(positions: ReadonlyMap<Shard, number>): void;
  readonly watchers: number;
}

interface Subscription {
  readonly filter: WatchFilter;
  readonly handlers: WatchHandlers;
  /** Told what is published as it is; false while it reads what it missed. */
  live: boolean;
  closed: boolean;
}

export function createWatchHub(
  store: Pick<Store, 'stream'>,
  views: (filter: WatchFilter) => readonly WatchSnapshotItem[],
  worldId: () => string,
): WatchHub {
  const last = new Map<Shard, Mark>();
  /** In the order in which shards were last published to. Positions in each follow one another. */
  const rings = new Map<Shard, StreamEntry[]>();
  let remembered = 0;
  /** By tenant; null = of all. */
  const subscriptions = new Map<string | null, Set<Subscription>>();

  const shardsOf = ({ tenant }: WatchFilter): readonly Shard[] =>
    tenant === null ? [...last.keys()] : [`t:${tenant}`];

  const changeOf = (shard: Shard, { position, record }: StreamEntry): WatchChange => ({
    ...record,
    position: encodePosition(worldId(), [[shard, { position, at: record.at }]], false),
  });

  const tell = (subscription: Subscription, change: WatchChange): void => {
    if (subscription.closed || !matches(subscription.filter, change)) return;
    if (!subscription.handlers.change(change)) close(subscription);
  };

  const close = (subscription: Subscription): void => {
    subscription.closed = true;
    const mine = subscriptions.get(subscription.filter.tenant);
    mine?.delete(subscription);
    if (mine?.size === 0) subscriptions.delete(subscription.filter.tenant);
  };

  const snapshot = (subscription: Subscription): void => {
    if (subscription.closed) return;
    subscription.live = true;
    const { filter, handlers } = subscription;
    const marks = shardsOf(filter).map(
      (shard) => [shard, last.get(shard) ?? { position: 0, at: null }] as const,
    );
    const position = encodePosition(worldId(), marks, filter.tenant === null);
    if (!handlers.snapshot(views(filter), position)) close(subscription);
  };

  const forget = (shard: Shard): void => {
    remembered -= rings.get(shard)?.length ?? 0;
    rings.delete(shard);
  };

  const remember = (shard: Shard, entry: StreamEntry): void => {
    const ring = rings.get(shard) ?? [];
    ring.push(entry);
    remembered += 1;
    if (ring.length > ringSize * 2) remembered -= ring.splice(0, ring.length - ringSize).length;
    rings.delete(shard);
    rings.set(shard, ring);
    if (remembered <= rememberedMost) return;
    for (const oldest of rings.keys()) {
      if (remembered <= rememberedMost || oldest === shard) return;
      forget(oldest);
    }
  };

  /** The entries behind `after` if memory has them all, a page at most; null if it doesn't. */
  const fromMemory = (shard: Shard, after: number): readonly StreamEntry[] | null => {
    const ring = rings.get(shard);
    const first = ring?.[0]?.position;
    if (!ring || first === undefined || first > after + 1) return null;
    return ring.slice(after + 1 - first, after + 1 - first + pageSize);
  };

  /** Whether the record that a watcher saw at `mark` is still the one that is there. */
  const isKnown = async (shard: Shard, { position, at }: Mark): Promise<boolean> => {
    if (position === 0 || at === null) return true;
    const remembered = fromMemory(shard, position - 1);
    if (remembered) return remembered[0]?.record.at === at;
    const page = await store.stream(shard, position - 1, 1);
    return page.kind === 'page' && page.entries[0]?.position === position && page.entries[0].record.at === at;
  };

  /** Tells what was missed, and goes live. False = it is no longer all there. */
  const catchUp = async (subscription: Subscription, { marks }: WatchPosition): Promise<boolean> => {
    const { filter, handlers } = subscription;
    const told = new Map<Shard, number>();
    for (const shard of shardsOf(filter)) {
      const mark = marks.get(shard) ?? { position: 0, at: null };
      if (mark.position > (last.get(shard)?.position ?? 0) || !(await isKnown(shard, mark))) return false;
      told.set(shard, mark.position);
    }
    let sinceDrained = 0;
    // A round that waited for nothing and found nothing ends in the same turn of the event loop in which it goes live.
    for (let isBehind = true; isBehind;) {
      isBehind = false;
      for (const shard of shardsOf(filter)) {
        const after = told.get(shard) ?? 0;
        const target = last.get(shard)?.position ?? 0;
        if (after > target) return false;
        if (after === target) continue;
        isBehind = true;
        let entries = fromMemory(shard, after);
        if (!entries) {
          const page = await store.stream(shard, after, pageSize);
          if (page.kind === 'expired' || page.entries.length === 0) return false;
          ({ entries } = page);
        }
        for (const entry of entries) tell(subscription, changeOf(shard, entry));
        if (subscription.closed) return true;
        told.set(shard, entries.at(-1)!.position);
        sinceDrained += entries.length;
        if (sinceDrained < pageSize) continue;
        sinceDrained = 0;
        if (!(await handlers.drained())) close(subscription);
        if (subscription.closed) return true;
      }
    }
    subscription.live = true;
    return true;
  };

  const listenersOf = (tenant: string | null): readonly Subscription[] => {
    const mine = [subscriptions.get(null), tenant === null ? undefined : subscriptions.get(tenant)];
    return mine.flatMap((each) => [...(each ?? [])]).filter(({ live }) => live);
  };

  const begin = async (subscription: Subscription, from: readonly string[]): Promise<void> => {
    const positions = from.length === 0 ? null : decodePositions(worldId(), from);
    const { tenant } = subscription.filter;
    const isEnough =
      positions !== null && (positions.isWhole || (tenant !== null && positions.marks.has(`t:${tenant}`)));
    if (!isEnough || !(await catchUp(subscription, positions))) snapshot(subscription);
  };

  return {
    publish(record, position) {
      if (position === null) return;
      const shard = shardOf(record.address as Address);
      const before = last.get(shard);
      last.set(shard, { position, at: record.at });
      const { tenant } = parseAddress(record.address);
      const listening = subscriptions.size === 0 ? [] : listenersOf(tenant);
      const entry = { position, record };
      if (before && position !== before.position + 1) {
        // The store lost its tail, or was written to past us: what is remembered does not lead here.
        forget(shard);
        remember(shard, entry);
        for (const subscription of listening) snapshot(subscription);
        return;
      }
      remember(shard, entry);
      if (listening.length === 0) return;
      const change = changeOf(shard, entry);
      for (const subscription of listening) tell(subscription, change);
    },
    async subscribe(filter, from, handlers) {
      const subscription: Subscription = { filter, handlers, live: false, closed: false };
      const mine = subscriptions.get(filter.tenant) ?? new Set();
      subscriptions.set(filter.tenant, mine.add(subscription));
      try {
        await begin(subscription, from);
      } catch (error) {
        close(subscription);
        throw error;
      }
      return { close: () => close(subscription) };
    },
    restore(positions) {
      for (const [shard, position] of positions) last.set(shard, { position, at: null });
    },
    get watchers() {
      return [...subscriptions.values()].reduce((sum, { size }) => sum + size, 0);
    },
  };
}

function matches(filter: WatchFilter, { address }: StreamRecord): boolean {
  const { kind, id, tenant } = parseAddress(address);
  if (filter.tenant !== null && filter.tenant !== tenant) return false;
  if (filter.kinds !== null && !filter.kinds.includes(kind)) return false;
  return filter.id === null || filter.id === id;
}
