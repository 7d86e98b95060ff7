/**
 * One volume more or less, on the living container. In: attached as one that it
 * is created with, then mounted by its agent, which does so at each start from
 * then on. Out: unmounted in it first; what is in use there stays, and says by
 * whom. What can't be got in goes out the same way. An engine that does not
 * answer is asked again for a while, both ways.
 */
import { untilAnswered } from '../retry-policy.ts';
import type { ContainerContext } from './context.ts';
import { whenLost } from './permits.ts';
import { hostInput } from './setup/effects.ts';
import { containerSetup } from './setup.ts';

const input = ({ context }: { readonly context: ContainerContext }) =>
  hostInput(context, context.deadlines.startMs);

export const remounting = containerSetup.createStateConfig({
  tags: 'transient',
  initial: 'attaching',
  on: {
    'runtime.exited': { guard: 'isCurrentRun', actions: 'refreshObservation' },
    'runtime.health': { guard: 'isCurrentRun', actions: 'refreshObservation' },
    'runtime.started': { guard: 'isCurrentRun', actions: 'refreshObservation' },
    'runtime.gone': { guard: 'isOurContainerGone', target: '#container.gone', actions: 'turnBack' },
    // It goes out once its host is heard again.
    'host.lost': { ...whenLost, actions: 'turnBack' },
  },
  states: {
    attaching: {
      description: 'A volume is attached.',
      tags: 'transient',
      meta: { taskState: 'volume_attaching', acquires: 'volume' },
      entry: 'askMounts',
      invoke: {
        id: 'attaching.deadline',
        src: 'deadline',
        input: ({ context }) => ({ ms: context.deadlines.sandboxMs }),
        onDone: {
          target: 'releasing',
          actions: [{ type: 'sayOverdue', params: { step: 'attaching a volume' } }, 'turnBack'],
        },
        onError: { target: 'releasing', actions: 'turnBack' },
      },
      on: {
        'volume.granted': { guard: 'isBeingRemounted', target: 'mounting', actions: 'recordMount' },
        'volume.refused': {
          guard: 'isBeingRemounted',
          target: 'releasing',
          actions: [{ type: 'sayRefused', params: ({ event }) => ({ reason: event.reason }) }, 'turnBack'],
        },
        'message.undeliverable': {
          guard: 'isBeingRemounted',
          target: '#container.settling',
          actions: ['forgetLeft', { type: 'say', params: { reason: 'The volume is no longer there' } }],
        },
      },
    },
    mounting: {
      tags: 'transient',
      meta: { taskState: 'volume_attaching' },
      entry: 'beginStep',
      invoke: {
        id: 'mount.deadline',
        src: 'deadline',
        input: ({ context }) => ({ ms: context.deadlines.startMs }),
        onDone: {
          target: 'unmounting',
          actions: [{ type: 'sayOverdue', params: { step: 'mounting a volume' } }, 'turnBack'],
        },
        onError: { target: 'unmounting', actions: 'turnBack' },
      },
      ...untilAnswered({
        src: 'remountContainer',
        id: 'mountVolume',
        description: 'Its agent mounts the volume.',
        input,
        backoff: { id: 'mount.backoff', description: 'It could not be mounted; that will be tried again.' },
        onDone: { target: '#container.settling', actions: 'beginStep' },
        refused: [{ target: '#container.remounting.unmounting', actions: ['recordFailure', 'turnBack'] }],
      }),
    },
    unmounting: {
      tags: 'transient',
      meta: { taskState: 'volume_detaching' },
      invoke: {
        id: 'unmount.deadline',
        src: 'deadline',
        input: ({ context }) => ({ ms: context.deadlines.startMs }),
        onDone: {
          target: '#container.settling',
          actions: [{ type: 'sayOverdue', params: { step: 'unmounting a volume' } }, 'keepMount'],
        },
        onError: { target: '#container.settling', actions: 'keepMount' },
      },
      ...untilAnswered({
        src: 'remountContainer',
        id: 'unmountVolume',
        description: 'Its agent unmounts the volume.',
        input,
        backoff: {
          id: 'unmount.backoff',
          description: 'It could not be unmounted; that will be tried again.',
        },
        onDone: '#container.remounting.releasing',
        refused: [{ target: '#container.settling', actions: ['recordFailure', 'keepMount'] }],
      }),
    },
    releasing: {
      tags: 'transient',
      meta: { taskState: 'volume_detaching', releases: 'volume' },
      entry: 'releaseLeaving',
      initial: 'deciding',
      // Its volume goes on to try; till then nobody else has it, and it is told why.
      invoke: {
        id: 'releasing.deadline',
        src: 'deadline',
        input: ({ context }) => ({ ms: context.deadlines.removeMs }),
        onDone: {
          target: '#container.settling',
          actions: { type: 'sayOverdue', params: { step: 'detaching a volume' } },
        },
        onError: '#container.settling',
      },
      on: {
        'volume.released': { guard: 'isOfItsMounts', target: '.deciding', actions: 'forgetVolume' },
        'volume.held': {
          target: '#container.settling',
          actions: { type: 'say', params: ({ event }) => ({ reason: event.reason }) },
        },
        'message.undeliverable': { guard: 'isLeftBounced', target: '.deciding', actions: 'forgetLeft' },
      },
      states: {
        deciding: {
          tags: 'transient',
          always: [{ guard: 'isMountLeaving', target: 'waiting' }, { target: '#container.settling' }],
        },
        waiting: { description: 'The volume is detached.', tags: 'transient' },
      },
    },
  },
});
