/** The capsule chart's vocabulary: events, guards, actions and the effects it names. */
import { assign, emit, enqueueActions, setup } from 'xstate';
import { containerAddress, hostAddress, sandboxAddress, tenantAddress } from '../../model/address.ts';
import type { CapsuleEvent, CapsuleInput } from '../../model/capsule-events.ts';
import type { CapsuleAnswer, MemberMessage, MemberState } from '../../model/member-events.ts';
import type { EffectResults, Emitted } from '../../model/events.ts';
import { namedUuid } from '../../model/named-uuid.ts';
import type { SandboxAnswer, SandboxInput } from '../../model/network-events.ts';
import { commandAnswer } from '../command-answer.ts';
import { keepMessages } from '../kept-volumes.ts';
import { noSandbox } from '../own-sandbox.ts';
import {
  networksOn,
  notPlacing,
  placingGuards,
  ranked,
  refused,
  refusalsInWords,
  withoutFirst,
} from '../placing.ts';
import { failureOf, mostTries, noAttempt } from '../retry-policy.ts';
import { unbound } from '../unbound.ts';
import { isBroken, isDone, type CapsuleContext, type Member } from './context.ts';

/** For a member that runs to stop by itself. Milliseconds; as `docker stop`. */
export const graceMs = 10_000;

const toMember = (
  { tenant }: CapsuleContext,
  { containerId }: Pick<Member, 'containerId'>,
  event: CapsuleAnswer | SandboxAnswer,
) => ({ type: 'message' as const, to: containerAddress(tenant, containerId), event });

const claimMessage = ({ id, tenant, amounts, terms }: CapsuleContext) => ({
  containerId: id,
  isCapsule: true as const,
  tenant,
  generation: 1,
  amounts,
  terms,
});

const reservation = ({ id, tenant, amounts }: CapsuleContext) => ({
  containerId: id,
  tenant,
  generation: 1,
  amounts,
});

const sandboxOf = (context: CapsuleContext, id: string): SandboxInput => {
  const { tenant, hostId, networks, published, deadlines } = context;
  return {
    id,
    tenant,
    hostId: hostId ?? '',
    hostname: null,
    networks,
    published,
    claimedBy: context.id,
    isOfCapsule: true,
    pool: null,
    deadlines: {
      allocateMs: deadlines.sandboxMs,
      makeMs: deadlines.sandboxMs,
      removeMs: deadlines.removeMs,
      idleMs: deadlines.networkIdleMs,
    },
  };
};

const callOf = (context: CapsuleContext): Extract<CapsuleAnswer, { type: 'capsule.called' }> => ({
  type: 'capsule.called',
  hostId: context.hostId ?? '',
  hostname: context.hostname ?? '',
  sandboxId: context.sandboxId ?? '',
  engineId: context.sandboxEngineId,
  ports: context.ports,
});

const grantOf = (context: CapsuleContext, isRemade: boolean): SandboxAnswer => ({
  type: 'sandbox.granted',
  sandboxId: context.sandboxId ?? '',
  engineId: context.sandboxEngineId,
  ports: context.ports,
  isRemade,
});

/** Those that live in its sandbox, or are about to. */
const called = ({ members }: CapsuleContext): readonly Member[] =>
  members.filter(({ isCalled, is }) => isCalled && is !== 'gone');

const isToBeCalled = ({ isCalled, is }: Member): boolean => !isCalled && is !== 'gone';

/** What only a member is that was called. */
const wasThere: ReadonlySet<MemberState> = new Set(['created', 'running', 'paused', 'restarting', 'ended']);

const inits = ({ members }: CapsuleContext): readonly Member[] => members.filter(({ isInit }) => isInit);
const others = ({ members }: CapsuleContext): readonly Member[] => members.filter(({ isInit }) => !isInit);

const without = (context: CapsuleContext, containerId: string): readonly string[] =>
  context.awaiting.filter((each) => each !== containerId);

export const capsuleSetup = setup({
  types: {
    input: {} as CapsuleInput,
    context: {} as CapsuleContext,
    events: {} as CapsuleEvent,
    emitted: {} as Emitted,
    tags: {} as 'transient' | 'settled' | 'active',
    meta: {} as { readonly status?: string; readonly acquires?: string; readonly releases?: string },
  },
  actors: {
    deadline: unbound<EffectResults['deadline'], { readonly ms: number }>('deadline'),
    rankHosts: unbound<EffectResults['rankHosts'], { readonly containerId: string; readonly tenant: string }>(
      'rankHosts',
    ),
  },
  guards: {
    ...placingGuards,
    isMemberUnknown: ({ context }) => context.members.some(({ is }) => is === 'absent'),
    isFromItsSandbox: ({ context, event }) => 'sandboxId' in event && event.sandboxId === context.sandboxId,
    isRetryableRefusal: ({ context, event }) =>
      event.type === 'sandbox.refused' && event.retryable && event.sandboxId === context.sandboxId,
    isSandboxBounced: ({ context, event }) =>
      event.type === 'message.undeliverable' &&
      event.message.type === 'sandbox.claim' &&
      event.to === sandboxAddress(context.tenant, context.sandboxId ?? ''),
    isSandboxHeld: ({ context }) => context.sandboxId !== null,
    isSandboxSound: ({ context }) => context.sandboxSound,
    isSandboxBroken: ({ context }) => context.breach !== null,
    /** What the member asks for is there, as far as anybody knows. */
    isServed: ({ context, event }) =>
      event.type === 'sandbox.claim' && !event.isSuspect && context.sandboxSound,
    hasInitFailed: ({ context }) => inits(context).some((member) => member.isCalled && isBroken(member)),
    isInitUnheard: ({ context }) => inits(context).some(({ is }) => is === 'unknown'),
    isInitUnderWay: ({ context }) => inits(context).some((member) => member.isCalled && !isDone(member)),
    isInitLeft: ({ context }) => inits(context).some(isToBeCalled),
    isMemberLeft: ({ context }) => others(context).some(isToBeCalled),
    hasMemberFailed: ({ context }) => others(context).some(({ is }) => is === 'failed'),
    isMemberUnheard: ({ context }) => others(context).some(({ is }) => is === 'unknown'),
    isMemberToCome: ({ context }) => others(context).some(({ is }) => is === 'waiting'),
    isNoneAlive: ({ context }) => others(context).every(({ is }) => is === 'ended' || is === 'created'),
    areAllRunning: ({ context }) => others(context).every(({ is }) => is === 'running'),
    isEverybodyGone: ({ context }) => context.members.every(({ is }) => is === 'gone'),
    isGone: ({ event }) => event.type === 'member.became' && event.is === 'gone',
    isWaiting: ({ event }) => event.type === 'member.became' && event.is === 'waiting',
    isMemberBounced: ({ context, event }) =>
      event.type === 'message.undeliverable' &&
      context.members.some(({ containerId }) => event.to === containerAddress(context.tenant, containerId)),
  },
  actions: {
    beginStep: assign(noAttempt),
    confirmReservation: emit(({ context }) => ({
      type: 'message' as const,
      to: tenantAddress(context.tenant),
      event: { type: 'tenant.confirm', ...reservation(context) },
    })),
    /** What its request had made in Cinder is its members' from here on. */
    keepVolumes: enqueueActions(({ enqueue, context: { tenant, promises = [] } }) => {
      for (const message of keepMessages(tenant, promises)) enqueue.emit(message);
    }),
    recordMember: assign({
      members: ({ context, event }) => {
        if (event.type !== 'member.became') return context.members;
        const { containerId, is, exitCode, reason } = event;
        return context.members.map((member) => {
          if (member.containerId !== containerId) return member;
          // Whoever waits was never called, as far as it knows; who has been on a host was.
          const isCalled = is !== 'waiting' && (member.isCalled || wasThere.has(is));
          return { ...member, is, isCalled, exitCode, reason };
        });
      },
      awaiting: ({ context, event }) =>
        event.type === 'member.became' ? without(context, event.containerId) : context.awaiting,
    }),
    /** It was never begun, or is no longer there. */
    recordAbsence: assign({
      members: ({ context, event }) =>
        context.members.map((member) =>
          event.type === 'message.undeliverable' &&
          event.to === containerAddress(context.tenant, member.containerId)
            ? { ...member, is: 'gone' as const }
            : member,
        ),
    }),

    recordFound: enqueueActions(({ enqueue, context, event }) => {
      if (event.type !== 'capsule.found') return;
      const { type: _, ...there } = event;
      if (context.sandboxId !== null && context.sandboxId !== there.sandboxId)
        enqueue.emit({
          type: 'message',
          to: sandboxAddress(context.tenant, context.sandboxId),
          event: { type: 'sandbox.release', containerId: context.id },
        });
      enqueue.assign({
        ...there,
        sandboxSound: false,
        ...notPlacing,
        ...noAttempt,
      });
    }),
    /** Its host counts it. */
    takeUp: enqueueActions(({ enqueue, context }) => {
      if (!context.claimHeld) {
        enqueue.emit({
          type: 'message',
          to: hostAddress(context.hostId ?? ''),
          event: { type: 'host.keep', ...claimMessage(context) },
        });
        enqueue.assign({ claimHeld: true });
      }
    }),

    // ── placing ──
    recordRanking: assign(({ context, event }) => ranked(context, event)),
    recordFailure: assign({
      failure: ({ event }) => failureOf(event),
      reason: ({ event }) => failureOf(event).message,
    }),
    recordRefusal: assign(({ context }, { reason }: { readonly reason: string }) => refused(context, reason)),
    forgetRefusals: assign({ refusedBy: [], refusals: [] }),
    explainRefusals: assign({ reason: ({ context }) => refusalsInWords(context) }),
    dropCandidate: assign(({ context }) => withoutFirst(context)),
    claimHost: emit(({ context }) => ({
      type: 'message' as const,
      to: hostAddress(context.candidates[0]?.hostId ?? ''),
      event: { type: 'host.claim', ...claimMessage(context), pool: null },
    })),
    recordClaim: assign(({ context, event }) =>
      event.type === 'claim.granted'
        ? {
            hostId: event.hostId,
            hostname: event.hostname,
            claimHeld: true,
            networks: networksOn(event.hostId, context),
            ...notPlacing,
          }
        : {},
    ),
    returnLateClaim: emit(({ context, event }) => ({
      type: 'message' as const,
      to: hostAddress('hostId' in event ? event.hostId : ''),
      event: { type: 'host.release', ...claimMessage(context) },
    })),

    // ── its sandbox ──
    /** One of its own, begun by the message that asks for it. */
    openSandbox: enqueueActions(({ enqueue, context }) => {
      const sandboxesAsked = context.sandboxesAsked + 1;
      const id = namedUuid(`sandbox/${context.id}/${sandboxesAsked}`);
      enqueue.assign({ sandboxesAsked, sandboxId: id, sandboxSound: false });
      enqueue.emit({
        type: 'message',
        to: sandboxAddress(context.tenant, id),
        event: { type: 'sandbox.claim', containerId: context.id, isSuspect: false },
        begin: sandboxOf(context, id),
      });
    }),
    /** The one that it has. */
    claimSandbox: enqueueActions(({ enqueue, context }) => {
      if (context.sandboxId === null) return;
      enqueue.emit({
        type: 'message',
        to: sandboxAddress(context.tenant, context.sandboxId),
        event: { type: 'sandbox.claim', containerId: context.id, isSuspect: false },
      });
    }),
    /** Once for all members that wait for it. */
    claimSandboxAgain: enqueueActions(({ enqueue, context }) => {
      enqueue.assign({ sandboxSound: false });
      if (context.awaiting.length > 1) return;
      enqueue.emit({
        type: 'message',
        to: sandboxAddress(context.tenant, context.sandboxId ?? ''),
        event: { type: 'sandbox.claim', containerId: context.id, isSuspect: true },
      });
    }),
    recordSandbox: assign(({ event }) =>
      event.type === 'sandbox.granted'
        ? { sandboxSound: true, sandboxEngineId: event.engineId, ports: event.ports, breach: null }
        : {},
    ),
    recordBreach: assign({
      sandboxSound: false,
      breach: ({ event }) => ('reason' in event ? event.reason : null),
    }),
    forgetSandbox: assign(noSandbox),
    releaseSandbox: enqueueActions(({ enqueue, context }) => {
      if (context.sandboxId === null) return;
      enqueue.emit({
        type: 'message',
        to: sandboxAddress(context.tenant, context.sandboxId),
        event: { type: 'sandbox.release', containerId: context.id },
      });
      enqueue.assign(noSandbox);
    }),
    returnLateSandbox: emit(({ context, event }) => ({
      type: 'message' as const,
      to: sandboxAddress(context.tenant, 'sandboxId' in event ? (event.sandboxId ?? '') : ''),
      event: { type: 'sandbox.release', containerId: context.id },
    })),

    // ── its members ──
    callNext: enqueueActions(({ enqueue, context }) => {
      const next = inits(context).find(isToBeCalled);
      if (!next) return;
      enqueue.assign({
        members: context.members.map((member) => (member === next ? { ...member, isCalled: true } : member)),
      });
      enqueue.emit(toMember(context, next, callOf(context)));
    }),
    callMembers: enqueueActions(({ enqueue, context }) => {
      const left = new Set(others(context).filter(isToBeCalled));
      for (const member of left) enqueue.emit(toMember(context, member, callOf(context)));
      enqueue.assign({
        members: context.members.map((member) => (left.has(member) ? { ...member, isCalled: true } : member)),
      });
    }),
    awaitSandbox: assign({
      awaiting: ({ context, event }) =>
        event.type === 'sandbox.claim'
          ? [...without(context, event.containerId), event.containerId]
          : context.awaiting,
    }),
    grantMember: emit(({ context, event }) =>
      toMember(context, event as MemberMessage, grantOf(context, false)),
    ),
    /** Those that asked; where they are in it already, they stay as they are. */
    grantAwaiting: enqueueActions(({ enqueue, context }) => {
      for (const containerId of context.awaiting)
        enqueue.emit(toMember(context, { containerId }, grantOf(context, false)));
      enqueue.assign({ awaiting: [] });
    }),
    /** All, since each may live in a namespace that is no more. */
    grantMembers: enqueueActions(({ enqueue, context }) => {
      for (const member of called(context)) enqueue.emit(toMember(context, member, grantOf(context, true)));
      enqueue.assign({ awaiting: [] });
    }),
    refuseMember: emit(({ context, event }, params: { readonly reason: string }) =>
      toMember(context, event as MemberMessage, {
        type: 'sandbox.refused',
        sandboxId: context.sandboxId ?? '',
        reason: params.reason,
        retryable: false,
      }),
    ),
    refuseMembers: enqueueActions(({ enqueue, context }, params: { readonly reason: string }) => {
      for (const containerId of context.awaiting)
        enqueue.emit(
          toMember(
            context,
            { containerId },
            {
              type: 'sandbox.refused',
              sandboxId: context.sandboxId ?? '',
              reason: params.reason,
              retryable: true,
            },
          ),
        );
      enqueue.assign({ awaiting: [] });
    }),
    tellBroken: enqueueActions(({ enqueue, context, event }) => {
      if (event.type !== 'sandbox.broken') return;
      for (const member of called(context)) enqueue.emit(toMember(context, member, event));
    }),
    /** Those that were never called never will be. */
    failWaiting: enqueueActions(({ enqueue, context }) => {
      for (const member of context.members)
        if (!member.isCalled)
          enqueue.emit(
            toMember(context, member, {
              type: 'capsule.failed',
              reason: context.reason ?? 'Its capsule failed',
            }),
          );
    }),
    failMember: emit(({ context, event }) =>
      toMember(context, event as MemberMessage, {
        type: 'capsule.failed',
        reason: context.reason ?? 'Its capsule failed',
      }),
    ),
    explainInit: assign({
      reason: ({ context }) => {
        const broken = inits(context).find(isBroken);
        return `Its init container "${broken?.name ?? ''}" failed: ${broken?.reason ?? `it exited with ${broken?.exitCode ?? 'no code'}`}`;
      },
    }),
    deleteMembers: enqueueActions(({ enqueue, context }) => {
      for (const member of context.members)
        if (member.is !== 'gone')
          enqueue.emit(toMember(context, member, { type: 'capsule.deleted', graceMs }));
    }),
    deleteMember: emit(({ context, event }) =>
      toMember(context, event as MemberMessage, { type: 'capsule.deleted', graceMs }),
    ),
    explainStuck: assign({
      reason: ({ context }) =>
        `Deleting, waiting for ${context.members
          .filter(({ is }) => is !== 'gone')
          .map(({ name }) => `"${name}"`)
          .join(', ')} on host "${context.hostname ?? context.hostId ?? ''}"`,
    }),
    giveBackClaim: enqueueActions(({ enqueue, context }) => {
      if (!context.claimHeld) return;
      enqueue.emit({
        type: 'message',
        to: hostAddress(context.hostId ?? ''),
        event: { type: 'host.release', ...claimMessage(context) },
      });
      enqueue.assign({ claimHeld: false });
    }),
    giveBackReservation: enqueueActions(({ enqueue, context }) => {
      if (!context.reservationHeld) return;
      enqueue.emit({
        type: 'message',
        to: tenantAddress(context.tenant),
        event: { type: 'tenant.release', ...reservation(context) },
      });
      enqueue.assign({ reservationHeld: false });
    }),

    say: assign({ reason: (_, params: { readonly reason: string }) => params.reason }),
    sayRefused: assign({
      reason: (_, params: { readonly reason: string }) => params.reason,
      tries: ({ context }) => Math.min(context.tries + 1, mostTries),
    }),
    sayOverdue: assign({
      reason: ({ context }, params: { readonly step: string }) =>
        `Gave up ${params.step} on host "${context.hostname ?? context.hostId ?? ''}" in time${context.reason ? `: ${context.reason}` : ''}`,
    }),
    refuse: emit((_, params: { readonly reason: string }) => commandAnswer('refused', params.reason)),
    queue: emit((_, params: { readonly reason: string }) => commandAnswer('queued', params.reason)),
  },
});
