/** Placing: which host takes it. The scheduler ranks, the host actor decides; a member goes where its capsule is. */
import { whenFound } from './permits.ts';
import { containerSetup } from './setup.ts';

/** Between looks for a host while one is away. */
const awayPauseMs = 1_000;

export const placing = containerSetup.createStateConfig({
  description: 'Looking for a host that takes it.',
  tags: 'transient',
  meta: { status: 'Creating', taskState: null },
  invoke: {
    id: 'placing.deadline',
    src: 'deadline',
    input: ({ context }) => ({ ms: context.deadlines.placingMs }),
    onDone: {
      target: '#container.error',
      actions: { type: 'say', params: { reason: 'No host took it in time' } },
    },
    onError: '#container.error',
  },
  on: {
    'runtime.found': whenFound,
    'container.start': {
      actions: ['wantRunning', { type: 'queue', params: { reason: 'It starts once it is created' } }],
    },
    'container.stop': {
      actions: [
        'wantCreated',
        { type: 'queue', params: { reason: 'It will not be started once it is created' } },
      ],
    },
  },
  initial: 'deciding',
  states: {
    deciding: {
      tags: 'transient',
      always: [
        { guard: 'isOnHost', target: '#container.found' },
        { guard: 'isMember', target: '#container.joining' },
        { guard: 'hasCandidate', target: 'claiming' },
        { target: 'choosing' },
      ],
    },
    choosing: {
      description: 'The scheduler ranks the hosts.',
      tags: 'transient',
      invoke: {
        id: 'rankHosts',
        src: 'rankHosts',
        input: ({ context }) => ({ containerId: context.id, tenant: context.tenant }),
        onDone: { target: 'ranked', actions: 'recordRanking' },
        onError: { target: '#container.error', actions: 'recordFailure' },
      },
    },
    ranked: {
      tags: 'transient',
      always: [
        { guard: 'hasCandidate', target: 'claiming' },
        { guard: 'isWorthWaiting', target: 'waiting', actions: 'explainRefusals' },
        { target: '#container.error', actions: 'explainRefusals' },
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
        'claim.granted': { guard: 'isFromAskedHost', target: '#container.acquiring', actions: 'recordClaim' },
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

/** However long others of its capsule run before it: that is theirs to say. */
export const joining = containerSetup.createStateConfig({
  description: 'It waits for its capsule to call it.',
  tags: 'settled',
  meta: { status: 'Creating', taskState: null },
  entry: { type: 'tellCapsule', params: { is: 'waiting' } },
  on: {
    'runtime.found': whenFound,
    'container.start': {
      actions: ['wantRunning', { type: 'queue', params: { reason: 'It starts once its capsule calls it' } }],
    },
    'container.stop': {
      actions: {
        type: 'refuse',
        params: { reason: 'It was never started; it waits for its capsule to call it' },
      },
    },
    'capsule.called': { target: '#container.acquiring', actions: 'recordCall' },
    'capsule.failed': {
      target: '#container.error',
      actions: { type: 'say', params: ({ event }) => ({ reason: event.reason }) },
    },
  },
});
