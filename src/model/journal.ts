/** Why something happened: a user's request, another actor's turn, an agent's fact, or the runtime itself. */
export type Cause =
  | {
      readonly kind: 'request';
      readonly requestId: string;
      readonly userId: string;
      readonly projectId: string;
    }
  | {
      readonly kind: 'actor';
      readonly address: string;
      readonly revision: number;
      readonly requestId: string | null;
    }
  | {
      readonly kind: 'operation';
      readonly opId: string;
      readonly src: string;
      readonly requestId: string | null;
    }
  | { readonly kind: 'agent'; readonly hostId: string; readonly sequence: number }
  | { readonly kind: 'runtime'; readonly reason: string };

/** One operation of an actor: an invoked child of its chart, with the identity the runtime gave it. */
export interface Operation {
  /** Random, minted when the child starts; a retry is a new child, hence a new id. */
  readonly opId: string;
  /** The chart's name of the effect, e.g. `createContainer` or `deadline`. */
  readonly src: string;
  /** Ids only, never a spec. */
  readonly input: unknown;
  /** Counts starts of this invoke since the actor last settled, from 1. */
  readonly attempt: number;
  /** Epoch ms. */
  readonly startedAt: number;
  /** Revision of the turn that started it. */
  readonly revision: number;
  /** The request that led to it, for the audit. */
  readonly requestId: string | null;
}

/** One turn of one actor, as kept for people and audits. */
export interface JournalRecord {
  readonly revision: number;
  readonly turnId: string;
  readonly at: number;
  /** Event type and payload without secrets. */
  readonly event: { readonly type: string; readonly [field: string]: unknown };
  readonly cause: Cause;
  /** State paths such as `running` or `acquiring.image.pulling`, sorted. */
  readonly from: readonly string[];
  readonly to: readonly string[];
  /** JSON merge patch (RFC 7396) of the context. */
  readonly patch: unknown;
  readonly started: readonly { readonly id: string; readonly opId: string; readonly src: string }[];
  readonly ended: readonly string[];
  readonly refused: string | null;
  readonly chartVersion: number;
}

/** What watchers see of a turn; its position is the shard's commit sequence. */
export interface StreamRecord {
  readonly address: string;
  readonly revision: number;
  readonly at: number;
  readonly event: string;
  readonly from: readonly string[];
  readonly to: readonly string[];
  readonly status: string;
  readonly taskState: string | null;
  readonly reason: string | null;
  /** True on the actor's last record. */
  readonly ended: boolean;
  readonly requestId: string | null;
}
