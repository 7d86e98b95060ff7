/** What the runtime itself tells every chart. */
import type { Address } from './address.ts';

/** A message that could not be delivered: its receiver is gone (tombstone) or was never known. */
export interface Undeliverable {
  readonly type: 'message.undeliverable';
  readonly to: Address;
  readonly gone: boolean;
  readonly message: { readonly type: string; readonly [field: string]: unknown };
}

/** Its host has it. Changes nothing: what was under way when the host was looked at comes before it. */
export interface Seen {
  readonly type: 'resource.seen';
  readonly hostId: string;
}

/** Sent first to every restored actor, since `always` is not re-evaluated by a restore. */
export interface Restored {
  readonly type: 'actor.restored';
}
