/** Of `acquiring.volumes`: all it mounts is granted before it is created. */
import { containerSetup } from './setup.ts';

export const acquiringVolumes = containerSetup.createStateConfig({
  initial: 'deciding',
  states: {
    deciding: {
      tags: 'transient',
      always: [{ guard: 'areMountsGranted', target: 'ready' }, { target: 'attaching' }],
    },
    attaching: {
      tags: 'transient',
      meta: { acquires: 'volume' },
      entry: 'askMounts',
      invoke: {
        id: 'volumes.deadline',
        src: 'deadline',
        input: ({ context }) => ({ ms: context.deadlines.sandboxMs }),
        onDone: {
          target: '#container.error',
          actions: { type: 'sayOverdue', params: { step: 'attaching its volumes' } },
        },
        onError: '#container.error',
      },
      on: {
        'volume.granted': { guard: 'isOfItsMounts', target: '.counting', actions: 'recordMount' },
        'volume.refused': {
          guard: 'isOfItsMounts',
          target: '#container.error',
          actions: { type: 'sayRefused', params: ({ event }) => ({ reason: event.reason }) },
        },
        'message.undeliverable': {
          guard: 'isMountBounced',
          target: '#container.error',
          actions: { type: 'say', params: { reason: 'A volume that it mounts is no longer there' } },
        },
      },
      initial: 'awaiting',
      states: {
        awaiting: { description: 'Its volumes are attached.', tags: 'transient' },
        counting: {
          tags: 'transient',
          always: [
            { guard: 'areMountsGranted', target: '#container.acquiring.volumes.ready' },
            { target: 'awaiting' },
          ],
        },
      },
    },
    ready: { type: 'final', tags: 'transient' },
  },
});
