/** What watchers are told: by the control plane, and as frames of `WS /v1/watch`. */
import type { Address } from './address.ts';
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
