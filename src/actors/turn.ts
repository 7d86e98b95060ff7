/** The vocabulary of a turn: what comes into a mailbox, what leaves after the commit. */
import type { AnyMachineSnapshot } from 'xstate';
import type { TroupeError } from '../errors/errors.ts';
import type { Address } from '../model/address.ts';
import type { Cause } from '../model/journal.ts';
import type { Projection } from '../machines/chart.ts';
import type { ActorRecord, Bounced, InboxMark, OutboxMessage, TurnWrite } from './stores/store.ts';

/** Where an event comes from decides how it is de-duplicated and whether it is tried again. */
export type Source =
  /** A user's or operator's; refused commits are told to the caller, never retried by us. */
  | { readonly kind: 'command' }
  | { readonly kind: 'fact' }
  /** From another actor's outbox; handled once per (sender, sequence). */
  | {
      readonly kind: 'message';
      readonly from: Address | Bounced;
      readonly message: OutboxMessage;
      readonly last: boolean;
    }
  /** Of the actor's own operation; dropped when that has ended. */
  | { readonly kind: 'result'; readonly invokeId: string; readonly opId: string };

export interface TurnAnswer {
  readonly answer: 'accepted' | 'queued' | 'refused';
  readonly reason: string | null;
  readonly revision: number;
}

/** From an actor's document to the next: of its own kind. Pure. */
export type Revision = (document: never) => unknown;

export type TurnEvent = { readonly type: string; readonly [field: string]: unknown };

export interface Delivery {
  readonly event: TurnEvent;
  readonly cause: Cause;
  readonly source: Source;
  /** Changes the actor's document, durably in the same turn, if the chart does not refuse the event. */
  readonly revise?: Revision;
  /** Told once the turn is durable, or was not needed. */
  readonly settled?: (answer: TurnAnswer) => void;
  /** Told when it will never happen (commands), or not in this process (the actor is quarantined). */
  readonly failed?: (error: TroupeError) => void;
  /** Told when the actor has ended, durably, before it took this. */
  readonly gone?: () => void;
}

/** An actor at one revision. */
export interface ActorState {
  readonly record: ActorRecord;
  readonly snapshot: AnyMachineSnapshot;
  readonly paths: readonly string[];
  readonly projection: Projection;
}

export interface StagedTurn {
  readonly write: TurnWrite;
  readonly state: ActorState;
  readonly delivery: Delivery | null;
  readonly answer: TurnAnswer;
  /** Deliveries that changed nothing but whose answer rests on this turn. */
  readonly followers: { readonly delivery: Delivery; readonly answer: TurnAnswer }[];
}

/** What the cell asks of the runtime around it. */
export interface CellHost {
  /** The next document of an actor, to be written, based on all that were staged before. */
  revised(address: Address, generation: number, revise: Revision): TurnWrite['document'];
  /** What was staged of its documents is not written. */
  unrevised(address: Address): void;
  /** A turn is durable: start and end effects, send messages, publish. `before` is null for the first. */
  committed(cell: CellView, turn: StagedTurn, before: ActorState | null, position: number | null): void;
  /** Another owner has taken over: the process must stop acting. */
  fenced(reason: string): void;
  /** The store holds an older revision than we committed: it lost its tail. */
  rewound(address: Address, storedRevision: number): void;
  /** The store takes no writes (or does again: null). */
  readOnly(reason: string | null): void;
  /** The supervisor's verdict on a turn that could not be decided. */
  quarantined(cell: CellView, reason: string, event: string | null): void;
}

export interface CellView {
  /** Of the messages it has taken; of senders that have ended as long as the store may lose them. */
  readonly marks: readonly InboxMark[];
  readonly address: Address;
  readonly committed: ActorState | null;
}
