/** What a capsule is begun with, and what it hears. */
import type { Restored, Undeliverable } from './delivery.ts';
import type { Amounts } from './container.ts';
import type { ContainerDeadlines, ContainerMessage } from './events.ts';
import type { MemberMessage } from './member-events.ts';
import type { SandboxAnswer } from './network-events.ts';
import type { NetworkRequest, PublishedPort } from './network.ts';
import type { PlacementTerms } from './placement.ts';

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
  /** Of volumes that were made in Cinder for its members; absent where none were. */
  readonly promises?: readonly string[];
  readonly deadlines: ContainerDeadlines;
  /** It is on its host already: the store forgot it. Absent for one that is to be placed. */
  readonly found?: FoundCapsule;
}

/** A capsule as its host has its sandbox; its members tell for themselves how they are. */
export interface FoundCapsule {
  readonly hostId: string;
  readonly hostname: string;
  readonly networks: readonly NetworkRequest[];
  readonly sandboxId: string | null;
  readonly sandboxesAsked: number;
}

export type CapsuleCommand = { readonly type: 'capsule.delete' };

/** Its host has it; the store forgot that. */
export type CapsuleFact = { readonly type: 'capsule.found' } & FoundCapsule;

export type CapsuleEvent =
  | CapsuleCommand
  | CapsuleFact
  | MemberMessage
  | SandboxAnswer
  | Extract<ContainerMessage, { type: 'claim.granted' | 'claim.refused' | 'host.lost' }>
  | Undeliverable
  | Restored;
