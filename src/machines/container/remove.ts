/** Removing: everything that was acquired is released, whatever was in flight. */
import { hostInput } from './setup/effects.ts';
import { containerSetup } from './setup.ts';
import { pauseBefore } from '../retry-policy.ts';
import { leaving } from './volumes.ts';

/** How long one attempt may take once the engine is known to hang. */
const stuckAttemptMs = 30_000;
/** Between attempts then. */
const stuckPauseMs = 15_000;

export const removing = containerSetup.createStateConfig({
  description: 'Everything it holds is released.',
  tags: 'transient',
  meta: { status: 'Deleting', taskState: 'container_deleting' },
  entry: ['beginStep', 'wantDeleted'],
  on: {
    'container.delete': { actions: { type: 'queue', params: { reason: 'It is being deleted already' } } },
    'capsule.deleted': {},
    'container.start': { actions: { type: 'refuse', params: { reason: 'It is being deleted' } } },
    'container.stop': { actions: { type: 'refuse', params: { reason: 'It is being deleted' } } },
    'runtime.exited': { guard: 'isCurrentRun', actions: 'refreshObservation' },
    'runtime.gone': { guard: 'isOurContainerGone', actions: 'forgetContainer' },
    'host.lost': { guard: 'isLostWithHost', target: '#container.deleted' },
  },
  initial: 'deciding',
  states: {
    deciding: {
      tags: 'transient',
      always: [
        { guard: 'isGraceful', target: 'stopping' },
        { guard: 'isPlaced', target: 'container' },
        { target: 'leaving' },
      ],
    },
    stopping: {
      description: 'It is stopped first, with its grace.',
      tags: 'transient',
      invoke: [
        {
          id: 'removeStop.deadline',
          src: 'deadline',
          input: ({ context }) => ({ ms: context.graceMs + context.deadlines.stopMs }),
          onDone: 'container',
          onError: 'container',
        },
        {
          id: 'removeStop',
          src: 'stopContainer',
          input: ({ context }) => hostInput(context, context.graceMs + context.deadlines.stopMs),
          onDone: 'container',
          onError: 'container',
        },
      ],
    },
    container: {
      tags: 'transient',
      invoke: {
        id: 'remove.deadline',
        src: 'deadline',
        input: ({ context }) => ({ ms: context.deadlines.removeMs }),
        onDone: 'stuck',
        onError: 'stuck',
      },
      initial: 'attempting',
      states: {
        attempting: {
          description: 'The engine removes it.',
          tags: 'transient',
          meta: { releases: 'container' },
          invoke: {
            id: 'removeContainer',
            src: 'removeContainer',
            input: ({ context }) => hostInput(context, context.deadlines.removeMs),
            onDone: { target: '#container.removing.leaving', actions: 'forgetContainer' },
            onError: { target: 'waiting', actions: 'recordFailure' },
          },
        },
        waiting: pauseBefore(
          'attempting',
          'remove.backoff',
          'It could not be removed; it will be tried again.',
        ),
      },
    },
    leaving,
    stuck: {
      description: 'The engine does not answer. The quota is given back, the room on the host is not.',
      tags: 'transient',
      entry: ['giveBackReservation', 'explainStuck'],
      initial: 'pausing',
      states: {
        pausing: {
          tags: 'transient',
          invoke: {
            id: 'stuck.pause',
            src: 'deadline',
            input: { ms: stuckPauseMs },
            onDone: 'attempting',
            onError: 'attempting',
          },
        },
        attempting: {
          tags: 'transient',
          meta: { releases: 'container' },
          invoke: [
            {
              id: 'stuck.deadline',
              src: 'deadline',
              input: { ms: stuckAttemptMs },
              onDone: 'pausing',
              onError: 'pausing',
            },
            {
              id: 'stuck.removeContainer',
              src: 'removeContainer',
              input: ({ context }) => hostInput(context, stuckAttemptMs),
              onDone: { target: '#container.removing.leaving', actions: 'forgetContainer' },
              onError: 'pausing',
            },
          ],
        },
      },
    },
  },
});

export const deleted = containerSetup.createStateConfig({
  description: 'Nothing of it is left. Its history is kept for a while.',
  type: 'final',
  tags: 'settled',
  meta: { status: 'Deleted', taskState: null, releases: 'claim' },
  entry: [
    'releaseSandbox',
    'releaseMounts',
    'giveBackClaim',
    'giveBackReservation',
    { type: 'tellCapsule', params: { is: 'gone' } },
  ],
});
