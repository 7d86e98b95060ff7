/** The link: whether the host is heard; and the host's end, once it is known never to be heard again. */
import { hostSetup } from './setup.ts';

/** Between attempts to tell those that are placed there, and for one. */
const pauseMs = 5_000;
const tellMs = 60_000;

/** What it has claimed for is counted here; what else is placed there is looked for. */
const removable = [
  { guard: 'isEmpty', target: '#host.link.removing' },
  { actions: 'refuseRemoval' },
] as const;

/** Its credential may be gone already. */
const leavingForGood = {
  'link.connected': {
    actions: { type: 'refuse', params: { reason: 'It is being removed; join it again with a new token' } },
  },
} as const;

export const link = hostSetup.createStateConfig({
  initial: 'joining',
  on: {
    'link.connected': { target: '.syncing', actions: ['recordSession', 'fitReady'] },
    'host.giveUp': {
      actions: { type: 'refuse', params: { reason: 'It is heard; stop its agent first' } },
    },
    'host.remove': {
      actions: { type: 'refuse', params: { reason: 'It is heard; drain it and stop its agent first' } },
    },
  },
  states: {
    joining: {
      description: 'It has joined and was never connected.',
      tags: 'settled',
      meta: { status: 'joining' },
      on: {
        'host.giveUp': { actions: { type: 'refuse', params: { reason: 'It was never connected' } } },
        'host.remove': removable,
      },
    },
    syncing: {
      description: 'It is connected and tells what it has.',
      tags: 'transient',
      meta: { status: 'syncing' },
      invoke: {
        id: 'sync.deadline',
        src: 'deadline',
        input: ({ context }) => ({ ms: context.syncMs }),
        onDone: { target: 'suspect', actions: 'recordSilence' },
        onError: 'suspect',
      },
      on: {
        'link.synced': { guard: 'isThisSession', target: 'online' },
        'link.closed': { guard: 'isThisSession', target: 'suspect', actions: 'recordSilence' },
      },
    },
    online: {
      description: 'It is heard and obeys.',
      tags: 'settled',
      meta: { status: 'online' },
      on: { 'link.closed': { guard: 'isThisSession', target: 'suspect', actions: 'recordSilence' } },
    },
    suspect: {
      description: 'It is not heard; it may come back.',
      tags: 'transient',
      meta: { status: 'suspect' },
      invoke: {
        id: 'suspect.deadline',
        src: 'deadline',
        input: ({ context }) => ({ ms: context.lostMs }),
        onDone: 'lost',
        onError: 'lost',
      },
      on: {
        'host.giveUp': 'lost',
        'host.remove': {
          actions: {
            type: 'refuse',
            params: {
              reason: 'It may be heard again any moment; give it up first, or wait until it is lost',
            },
          },
        },
      },
    },
    lost: {
      description: 'It is not heard and its containers are unknown.',
      meta: { status: 'lost' },
      on: {
        'host.giveUp': { actions: { type: 'refuse', params: { reason: 'It is given up already' } } },
        'host.remove': removable,
      },
      initial: 'telling',
      states: {
        telling: {
          description: 'Its containers are told.',
          tags: 'transient',
          invoke: [
            {
              id: 'tellContainers',
              src: 'tellContainers',
              input: ({ context }) => ({ hostId: context.id }),
              onDone: 'told',
              onError: 'pausing',
            },
            {
              id: 'tell.deadline',
              src: 'deadline',
              input: { ms: tellMs },
              onDone: 'pausing',
              onError: 'pausing',
            },
          ],
        },
        pausing: {
          description: 'Its containers could not all be told; they are told again.',
          tags: 'transient',
          invoke: {
            id: 'tell.pause',
            src: 'deadline',
            input: { ms: pauseMs },
            onDone: 'telling',
            onError: 'telling',
          },
        },
        told: { tags: 'settled' },
      },
    },
    removing: {
      tags: 'transient',
      meta: { status: 'removing' },
      on: {
        'host.giveUp': { actions: { type: 'refuse', params: { reason: 'It is being removed' } } },
        'host.remove': { actions: { type: 'queue', params: { reason: 'It is being removed already' } } },
      },
      initial: 'looking',
      states: {
        looking: {
          description: 'What holds it is looked for; while it is, it may still come back.',
          tags: 'transient',
          invoke: [
            {
              id: 'findResidents',
              src: 'findResidents',
              input: ({ context }) => ({ hostId: context.id }),
              onDone: [
                { guard: 'isInhabited', target: '#host.link.lost', actions: 'recordResidents' },
                { target: 'dismissing' },
              ],
              onError: '#host.link.lost',
            },
            {
              id: 'find.deadline',
              src: 'deadline',
              input: { ms: tellMs },
              onDone: '#host.link.lost',
              onError: '#host.link.lost',
            },
          ],
        },
        dismissing: {
          description: 'Its credential is revoked, and what was only there is told that it is gone.',
          tags: 'transient',
          on: leavingForGood,
          invoke: [
            {
              id: 'dismissHost',
              src: 'dismissHost',
              input: ({ context }) => ({ hostId: context.id }),
              onDone: { target: ['#host.link.removed', '#host.admission.removed'] },
              onError: 'pausing',
            },
            {
              id: 'dismiss.deadline',
              src: 'deadline',
              input: { ms: tellMs },
              onDone: 'pausing',
              onError: 'pausing',
            },
          ],
        },
        pausing: {
          description: 'Not all of it could be done; it is done again.',
          tags: 'transient',
          on: leavingForGood,
          invoke: {
            id: 'dismiss.pause',
            src: 'deadline',
            input: { ms: pauseMs },
            onDone: 'dismissing',
            onError: 'dismissing',
          },
        },
      },
    },
    removed: {
      description: 'It is no host any more; a new join token makes it another.',
      type: 'final',
      tags: 'settled',
      meta: { status: 'removed' },
    },
  },
});
