/**
 * What a capsule and its members say to each other. A member is a container of
 * its own chart; the capsule has its sandbox, its place and its quota, and says
 * when it is its turn.
 */
import type { Restored, Undeliverable } from './delivery.ts';
import type { Amounts } from './container.ts';
import type { Candidate, ContainerDeadlines, ContainerMessage } from './events.ts';
import type { SandboxAnswer } from './network-events.ts';
import type { NetworkRequest, Port, PublishedPort } from './network.ts';
import type { PlacementTerms } from './placement.ts';

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

/** A member as its capsule is begun with it. */
export interface CapsuleMember {
  readonly containerId: string;
  readonly name: string;
  /** Run to its end before the next one is called. */
  readonly isInit: boolean;
}

export interface CapsuleInput {
  readonly id: string;
  readonly tenant: string;
  /** Of all its members together. */
  readonly amounts: Amounts;
  readonly terms: PlacementTerms;
  /** Init containers first, in their order. */
  readonly members: readonly CapsuleMember[];
  readonly networks: readonly NetworkRequest[];
  readonly published: readonly PublishedPort[];
  /** Ranked at admission; empty = the chart asks. */
  readonly candidates: readonly Candidate[];
  readonly deadlines: ContainerDeadlines;
}

export type CapsuleCommand = { readonly type: 'capsule.delete' };

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

export type CapsuleEvent =
  | CapsuleCommand
  | MemberMessage
  | SandboxAnswer
  | Extract<ContainerMessage, { type: 'claim.granted' | 'claim.refused' | 'host.lost' }>
  | Undeliverable
  | Restored;
