/** What watchers are told: by the control plane, and as frames of `WS /v1/watch`. */
import type { ActorKind, Address } from './address.ts';
import type { StreamRecord } from './journal.ts';

/** A change as told to watchers; `position` is opaque and resumes the stream of its tenant, or of the hosts, after it. */
export interface WatchChange extends StreamRecord {
  readonly position: string;
}

export interface WatchSnapshotItem {
  readonly address: Address;
  readonly revision: number;
  readonly status: string;
  readonly taskState: string | null;
  readonly reason: string | null;
  readonly statePaths: readonly string[];
  readonly since: number;
}

/** As on the wire: kind, id and project instead of our internal address, what people call it, and where it is now. */
export type Watched<T> = Omit<T, 'address'> & {
  readonly kind: string;
  readonly id: string;
  readonly project_id: string | null;
  readonly name: string | null;
  readonly host: string | null;
};

export type WatchFrame =
  | { readonly type: 'hello'; readonly time: string; readonly project_id: string | null }
  | {
      readonly type: 'snapshot';
      readonly position: string;
      readonly items: readonly Watched<WatchSnapshotItem>[];
    }
  | WatchedChange;

export type WatchedChange = Watched<WatchChange> & { readonly type: 'change' };

export interface WatchFilter {
  /** Null = all shards (admins only). */
  readonly tenant: string | null;
  readonly kinds: readonly ActorKind[] | null;
  readonly id: string | null;
}

export interface WatchHandlers {
  /** The current state of all that matches, before any change. Not told on a resume that has everything. Returns false to be dropped. */
  snapshot(views: readonly WatchSnapshotItem[], position: string): boolean;
  /** Return false to be dropped (a slow reader). The same object is told to every watcher. */
  change(change: WatchChange): boolean;
  /** Resolves once the reader has taken what it was told, false when it has gone; awaited between pages of what it missed. */
  drained(): Promise<boolean>;
}
