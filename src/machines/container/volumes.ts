/** What it mounts: granted before it is created, and let go of once it is removed. */
import { containerSetup } from './setup.ts';

/** Between the words to those that were not let go of yet. */
const heldPauseMs = 15_000;

/** Of `acquiring`. */
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

/** Of `removing`: a volume of Cinder is not another's before it is detached, so that is waited for, however long. */
export const leaving = containerSetup.createStateConfig({
  tags: 'transient',
  initial: 'deciding',
  states: {
    deciding: {
      tags: 'transient',
      always: [{ guard: 'isVolumeHeld', target: 'waiting' }, { target: '#container.deleted' }],
    },
    waiting: {
      description: 'Its volumes are detached.',
      tags: 'transient',
      meta: { releases: 'volume' },
      entry: 'releaseVolumes',
      invoke: {
        id: 'leaving.pause',
        src: 'deadline',
        input: { ms: heldPauseMs },
        onDone: { target: 'waiting', reenter: true },
        onError: { target: 'waiting', reenter: true },
      },
      on: {
        // What is left then is told by the ledger, until it is detached.
        'container.delete': [
          { guard: 'isForced', target: '#container.deleted' },
          { actions: { type: 'queue', params: { reason: 'It is being deleted already' } } },
        ],
        'volume.released': { target: 'deciding', actions: 'forgetVolume' },
        'volume.held': { actions: { type: 'say', params: ({ event }) => ({ reason: event.reason }) } },
        'message.undeliverable': { guard: 'isLeftBounced', target: 'deciding', actions: 'forgetLeft' },
      },
    },
  },
});
