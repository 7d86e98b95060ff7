import type { CapsuleInput, CapsuleMember } from '../../model/capsule-events.ts';
import type { MemberState } from '../../model/member-events.ts';
import type { Amounts } from '../../model/container.ts';
import type { Failure } from '../../model/failure.ts';
import type { NetworkRequest, Port, PublishedPort } from '../../model/network.ts';
import type { PlacementTerms } from '../../model/placement.ts';
import type { Placing } from '../placing.ts';

export interface CapsuleContext extends Placing {
  readonly id: string;
  readonly tenant: string;
  readonly amounts: Amounts;
  readonly terms: PlacementTerms;
  readonly networks: readonly NetworkRequest[];
  readonly published: readonly PublishedPort[];
  readonly promises?: readonly string[];
  readonly deadlines: CapsuleInput['deadlines'];
  /** As many as the template named: the list never grows. */
  readonly members: readonly Member[];

  readonly reservationHeld: boolean;
  readonly claimHeld: boolean;
  readonly sandboxId: string | null;
  /** It was granted, and nobody has doubted it since. */
  readonly sandboxSound: boolean;
  readonly sandboxEngineId: string | null;
  /** Why its members have no network now; null while they have. */
  readonly breach: string | null;
  /** Counts the sandboxes made for it, so that no two share an id. */
  readonly sandboxesAsked: number;
  /** Members that are told once the sandbox has answered. */
  readonly awaiting: readonly string[];
  readonly ports: readonly Port[];

  /** Failed attempts of the step in progress; sets its back-off. Bounded. */
  readonly tries: number;
  readonly failure: Failure | null;
  /** Why it is where it is, in words. */
  readonly reason: string | null;
}

/** A member, and what it said last. */
export interface Member extends CapsuleMember {
  /** `absent`: nothing has been heard of it yet. */
  readonly is: MemberState | 'absent';
  readonly isCalled: boolean;
  readonly exitCode: number | null;
  readonly reason: string | null;
}

/** It has run to the end that it was meant to come to. */
export const isDone = ({ is, exitCode }: Member): boolean => is === 'ended' && exitCode === 0;

/** It runs no more and was meant to come to another end. */
export const isBroken = ({ is, exitCode }: Member): boolean =>
  is === 'failed' || (is === 'ended' && exitCode !== 0);

/** What is told of those that are not as they should be; null when all are. */
export function membersInWords(members: readonly Member[]): string | null {
  const told = members.filter((member) => member.is !== 'running' && !(member.isInit && isDone(member)));
  if (told.length === 0) return null;
  return told.map(({ name, is, reason }) => `"${name}": ${reason ?? inWords[is]}`).join('; ');
}

const inWords: Readonly<Record<Member['is'], string>> = {
  absent: 'it is being written down',
  waiting: 'it is on its way',
  created: 'it was created and not started',
  running: 'it runs',
  paused: 'it is paused',
  restarting: 'it waits to be started again',
  ended: 'it has ended',
  failed: 'it failed',
  unknown: 'its host is not heard',
  gone: 'it is deleted',
};
