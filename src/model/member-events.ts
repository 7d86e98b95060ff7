/**
 * What a capsule and its members say to each other. A member is a container of
 * its own chart; the capsule has its sandbox, its place and its quota, and says
 * when it is its turn.
 */
import type { Port } from './network.ts';

/** What a member said last of itself. */
export type MemberState =
  /** It is there and waits to be called. */
  | 'waiting'
  | 'created'
  | 'running'
  | 'paused'
  | 'restarting'
  /** Its run is over and its restart policy leaves it at that. */
  | 'ended'
  | 'failed'
  /** Its host is not heard. */
  | 'unknown'
  | 'gone';

/** From its members. */
export type MemberMessage =
  | {
      readonly type: 'member.became';
      readonly containerId: string;
      readonly is: MemberState;
      /** Of a run that has ended. */
      readonly exitCode: number | null;
      readonly reason: string | null;
    }
  /** It is about to start, and does not know the sandbox to be sound; `isSuspect`: it could not join the one it knows. */
  | { readonly type: 'sandbox.claim'; readonly containerId: string; readonly isSuspect: boolean };

/** To its members. */
export type CapsuleAnswer =
  /** It is its turn. */
  | {
      readonly type: 'capsule.called';
      readonly hostId: string;
      readonly hostname: string;
      readonly sandboxId: string;
      readonly engineId: string | null;
      readonly ports: readonly Port[];
    }
  /** It will never be its turn. */
  | { readonly type: 'capsule.failed'; readonly reason: string }
  | { readonly type: 'capsule.deleted'; readonly graceMs: number };
