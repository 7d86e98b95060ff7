/** Placing it as one: the scheduler ranks, the host actor decides for all its members together. */
import { whenFound } from './news.ts';
import { capsuleSetup } from './setup.ts';

/** Between looks for a host while one is away. */
const awayPauseMs = 1_000;

export const placing = capsuleSetup.createStateConfig({
  description: 'Looking for a host that takes it, with all its members.',
  tags: 'transient',
  meta: { status: 'Creating' },
  invoke: {
    id: 'placing.deadline',
    src: 'deadline',
    input: ({ context }) => ({ ms: context.deadlines.placingMs }),
    onDone: {
      target: '#capsule.failed',
      actions: { type: 'say', params: { reason: 'No host took it in time' } },
    },
    onError: '#capsule.failed',
  },
  on: { 'capsule.found': whenFound },
  initial: 'choosing',
  states: {
    choosing: {
      description: 'The scheduler ranks the hosts.',
      tags: 'transient',
      invoke: {
        id: 'rankHosts',
        src: 'rankHosts',
        input: ({ context }) => ({ containerId: context.id, tenant: context.tenant }),
        onDone: { target: 'ranked', actions: 'recordRanking' },
        onError: { target: '#capsule.failed', actions: 'recordFailure' },
      },
    },
    ranked: {
      tags: 'transient',
      always: [
        { guard: 'hasCandidate', target: 'claiming' },
        { guard: 'isWorthWaiting', target: 'waiting', actions: 'explainRefusals' },
        { target: '#capsule.failed', actions: 'explainRefusals' },
      ],
    },
    waiting: {
      description: 'No host takes it now; one that is only away for the moment is waited for.',
      tags: 'transient',
      exit: 'forgetRefusals',
      invoke: {
        id: 'placing.backoff',
        src: 'deadline',
        input: { ms: awayPauseMs },
        onDone: 'choosing',
        onError: 'choosing',
      },
    },
    claiming: {
      description: 'The best host is asked for room.',
      tags: 'transient',
      meta: { acquires: 'claim' },
      entry: 'claimHost',
      invoke: {
        id: 'claim.deadline',
        src: 'deadline',
        input: ({ context }) => ({ ms: context.deadlines.claimMs }),
        onDone: {
          target: 'refused',
          actions: { type: 'recordRefusal', params: { reason: 'it did not answer in time' } },
        },
        onError: 'refused',
      },
      on: {
        'claim.granted': { guard: 'isFromAskedHost', target: '#capsule.opening', actions: 'recordClaim' },
        'claim.refused': {
          guard: 'isFromAskedHost',
          target: 'refused',
          actions: { type: 'recordRefusal', params: ({ event }) => ({ reason: event.reason }) },
        },
        'message.undeliverable': {
          guard: 'isClaimBounced',
          target: 'refused',
          actions: { type: 'recordRefusal', params: { reason: 'it is no longer known' } },
        },
      },
    },
    refused: {
      tags: 'transient',
      always: [
        { guard: 'hasAnotherCandidate', target: 'claiming', actions: 'dropCandidate', reenter: true },
        { target: 'choosing', actions: 'dropCandidate' },
      ],
    },
  },
});
