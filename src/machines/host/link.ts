/** The link: whether the host is heard. */
import { hostSetup } from './setup.ts';

export const link = hostSetup.createStateConfig({
  initial: 'joining',
  on: {
    'link.connected': { target: '.syncing', actions: ['recordSession', 'fitReady'] },
    'host.giveUp': {
      actions: { type: 'refuse', params: { reason: 'It is heard; stop its agent first' } },
    },
  },
  states: {
    joining: {
      description: 'It has joined and was never connected.',
      tags: 'settled',
      meta: { status: 'joining' },
      on: {
        'host.giveUp': { actions: { type: 'refuse', params: { reason: 'It was never connected' } } },
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
      on: { 'host.giveUp': 'lost' },
    },
    lost: {
      description: 'It is not heard and its containers are unknown.',
      meta: { status: 'lost' },
      on: {
        'host.giveUp': { actions: { type: 'refuse', params: { reason: 'It is given up already' } } },
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
              input: { ms: 60_000 },
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
            input: { ms: 5_000 },
            onDone: 'telling',
            onError: 'telling',
          },
        },
        told: { tags: 'settled' },
      },
    },
  },
});
