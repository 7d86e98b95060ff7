/** Placing: which host takes it. The scheduler ranks, the host actor decides; a member goes where its capsule is. */
import { placingDeadline, placingStates } from '../placing.ts';
import { whenFound } from './permits.ts';
import { containerSetup } from './setup.ts';

export const placing = containerSetup.createStateConfig({
  description: 'Looking for a host that takes it.',
  tags: 'transient',
  meta: { status: 'Creating', taskState: null },
  invoke: placingDeadline('#container.error'),
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
    ...placingStates('#container.placed', '#container.error'),
  },
});

/** It has its host. As a rule nothing is to be acquired there, and three looks for it side by side would cost more than one. */
export const placed = containerSetup.createStateConfig({
  tags: 'transient',
  always: [{ guard: 'isProvided', target: '#container.creating' }, { target: '#container.acquiring' }],
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
