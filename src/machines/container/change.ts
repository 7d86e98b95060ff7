/** Changes of a container that is there: paused, killed, rebooted, rebuilt, resized. */
import { hostInput } from './setup/effects.ts';
import { containerSetup } from './setup.ts';
import { permits, whenEnded, whenLost } from './permits.ts';
import { pauseBefore } from '../retry-policy.ts';

/** Facts that a step of the engine is overtaken by. */
const overtaken = {
  'runtime.exited': { guard: 'isCurrentRun', target: '#container.exited', actions: 'recordObservation' },
  'runtime.health': { guard: 'isCurrentRun', actions: 'refreshObservation' },
  'runtime.gone': { guard: 'isOurContainerGone', target: '#container.gone' },
  'host.lost': whenLost,
} as const;

const busy = (reason: string) =>
  ({
    'container.stop': { target: '#container.stopping', actions: ['wantStopped', 'recordGrace'] },
    'container.start': { actions: { type: 'refuse', params: { reason } } },
  }) as const;

export const pausing = containerSetup.createStateConfig({
  description: 'The engine pauses it.',
  tags: 'transient',
  meta: { status: 'Running', taskState: 'container_pausing' },
  on: { ...overtaken, ...busy('It is being paused') },
  invoke: [
    {
      id: 'pause.deadline',
      src: 'deadline',
      input: ({ context }) => ({ ms: context.deadlines.stopMs }),
      onDone: {
        target: '#container.settling',
        actions: { type: 'sayOverdue', params: { step: 'pausing it' } },
      },
      onError: '#container.settling',
    },
    {
      id: 'pauseContainer',
      src: 'pauseContainer',
      input: ({ context }) => hostInput(context, context.deadlines.stopMs),
      onDone: { target: '#container.settling', actions: 'recordObservation' },
      onError: { target: '#container.settling', actions: 'recordFailure' },
    },
  ],
});

export const paused = containerSetup.createStateConfig({
  description: 'Its processes are frozen.',
  tags: 'settled',
  meta: { status: 'Paused', taskState: null },
  entry: { type: 'tellCapsule', params: { is: 'paused' } },
  on: {
    ...permits.paused,
    'container.unpause': { target: '#container.unpausing' },
    'container.start': { actions: { type: 'refuse', params: { reason: 'It is paused; unpause it' } } },
    'runtime.exited': whenEnded,
    'runtime.started': {
      guard: 'isRunningCurrent',
      target: '#container.running',
      actions: 'recordObservation',
    },
    'runtime.health': { guard: 'isCurrentRun', actions: 'refreshObservation' },
    'runtime.gone': { guard: 'isOurContainerGone', target: '#container.gone' },
    'host.lost': whenLost,
  },
});

export const unpausing = containerSetup.createStateConfig({
  description: 'The engine unpauses it.',
  tags: 'transient',
  meta: { status: 'Paused', taskState: 'container_unpausing' },
  on: { ...overtaken, ...busy('It is being unpaused') },
  invoke: [
    {
      id: 'unpause.deadline',
      src: 'deadline',
      input: ({ context }) => ({ ms: context.deadlines.stopMs }),
      onDone: {
        target: '#container.settling',
        actions: { type: 'sayOverdue', params: { step: 'unpausing it' } },
      },
      onError: '#container.settling',
    },
    {
      id: 'unpauseContainer',
      src: 'unpauseContainer',
      input: ({ context }) => hostInput(context, context.deadlines.stopMs),
      onDone: { target: '#container.settling', actions: 'recordObservation' },
      onError: { target: '#container.settling', actions: 'recordFailure' },
    },
  ],
});

/** A signal of the user's. An exit it leads to arrives as a fact, then or later. */
export const signalling = containerSetup.createStateConfig({
  description: 'The engine sends it a signal.',
  tags: 'transient',
  meta: { status: 'Running', taskState: 'container_killing' },
  entry: 'recordKill',
  on: { ...overtaken, ...busy('It is being killed'), 'runtime.exited': whenEnded },
  invoke: [
    {
      id: 'kill.deadline',
      src: 'deadline',
      input: ({ context }) => ({ ms: context.deadlines.stopMs }),
      onDone: {
        target: '#container.settling',
        actions: { type: 'sayOverdue', params: { step: 'sending it a signal' } },
      },
      onError: '#container.settling',
    },
    {
      id: 'killContainer',
      src: 'killContainer',
      input: ({ context }) => hostInput(context, context.deadlines.stopMs),
      onDone: '#container.settling',
      onError: { target: '#container.settling', actions: ['recordFailure', 'forgetKill'] },
    },
  ],
});

/** Stopped, then started, as one wish. */
export const rebooting = containerSetup.createStateConfig({
  tags: 'transient',
  meta: { status: 'Restarting', taskState: 'container_rebooting' },
  entry: 'beginStep',
  invoke: {
    id: 'reboot.deadline',
    src: 'deadline',
    input: ({ context }) => ({ ms: context.graceMs + context.deadlines.stopMs }),
    onDone: {
      target: '#container.error',
      actions: { type: 'sayOverdue', params: { step: 'stopping it for its reboot' } },
    },
    onError: '#container.error',
  },
  on: {
    'container.start': { actions: { type: 'queue', params: { reason: 'It is being rebooted' } } },
    'container.reboot': { actions: { type: 'queue', params: { reason: 'It is being rebooted already' } } },
    'container.stop': { target: '#container.stopping', actions: ['wantStopped', 'recordGrace'] },
    'runtime.exited': { guard: 'isCurrentRun', actions: 'recordObservation' },
    'runtime.gone': { guard: 'isOurContainerGone', target: '#container.gone' },
    'host.lost': whenLost,
  },
  initial: 'attempting',
  states: {
    attempting: {
      description: 'The engine stops it, to start it again.',
      tags: 'transient',
      invoke: {
        id: 'rebootStop',
        src: 'stopContainer',
        input: ({ context }) => hostInput(context, context.graceMs + context.deadlines.stopMs),
        onDone: { target: '#container.readying', actions: 'recordObservation' },
        onError: [
          { guard: 'isRetryable', target: 'waiting', actions: 'recordFailure' },
          { target: '#container.error', actions: 'recordFailure' },
        ],
      },
    },
    waiting: pauseBefore(
      'attempting',
      'reboot.backoff',
      'It could not be stopped; it will be tried again.',
      '#container.error',
    ),
  },
});

/** Made anew from another spec, in the same sandbox, with the same volumes. */
export const rebuilding = containerSetup.createStateConfig({
  tags: 'transient',
  meta: { status: 'Rebuilding', taskState: 'container_rebuilding' },
  on: {
    'container.start': {
      actions: ['wantRunning', { type: 'queue', params: { reason: 'It starts once it is rebuilt' } }],
    },
    'container.stop': {
      actions: ['wantCreated', { type: 'queue', params: { reason: 'It is not started once it is rebuilt' } }],
    },
    'runtime.exited': { guard: 'isCurrentRun', actions: 'refreshObservation' },
    'runtime.gone': { guard: 'isOurContainerGone', actions: 'forgetContainer' },
    'host.lost': whenLost,
  },
  initial: 'stopping',
  states: {
    stopping: {
      description: 'It is stopped first, with its grace.',
      tags: 'transient',
      invoke: [
        {
          id: 'rebuildStop.deadline',
          src: 'deadline',
          input: ({ context }) => ({ ms: context.graceMs + context.deadlines.stopMs }),
          onDone: 'removing',
          onError: 'removing',
        },
        {
          id: 'rebuildStop',
          src: 'stopContainer',
          input: ({ context }) => hostInput(context, context.graceMs + context.deadlines.stopMs),
          onDone: 'removing',
          onError: 'removing',
        },
      ],
    },
    removing: {
      tags: 'transient',
      entry: 'beginStep',
      invoke: {
        id: 'rebuild.deadline',
        src: 'deadline',
        input: ({ context }) => ({ ms: context.deadlines.removeMs }),
        onDone: {
          target: '#container.error',
          actions: [{ type: 'sayOverdue', params: { step: 'removing it for its rebuild' } }, 'endRebuild'],
        },
        onError: { target: '#container.error', actions: 'endRebuild' },
      },
      initial: 'attempting',
      states: {
        attempting: {
          description: 'The engine removes what it was.',
          tags: 'transient',
          meta: { releases: 'container' },
          invoke: {
            id: 'rebuildRemove',
            src: 'removeContainer',
            input: ({ context }) => hostInput(context, context.deadlines.removeMs),
            onDone: { target: '#container.acquiring', actions: ['forgetContainer', 'beginRebuild'] },
            onError: { target: 'waiting', actions: 'recordFailure' },
          },
        },
        waiting: pauseBefore(
          'attempting',
          'rebuild.backoff',
          'It could not be removed; it will be tried again.',
        ),
      },
    },
  },
});

/** `machines/resize.ts` has the protocol; what it holds meanwhile is in `resize`. */
export const resizing = containerSetup.createStateConfig({
  tags: 'transient',
  meta: { taskState: 'container_updating' },
  on: {
    'container.start': { actions: { type: 'refuse', params: { reason: 'It is being resized' } } },
    'container.stop': { actions: { type: 'refuse', params: { reason: 'It is being resized' } } },
    'runtime.exited': { guard: 'isCurrentRun', actions: 'recordObservation' },
    'runtime.started': { guard: 'isChangedRun', actions: ['recordObservation', 'recordRun'] },
    'runtime.health': { guard: 'isCurrentRun', actions: 'recordObservation' },
    'runtime.gone': { guard: 'isOurContainerGone', target: '#container.gone', actions: 'revertResize' },
    'host.lost': { guard: 'isFromOurHost', target: '#container.lost', actions: 'revertResize' },
  },
  initial: 'deciding',
  states: {
    deciding: {
      tags: 'transient',
      always: [{ guard: 'isReclaimed', target: 'applying' }, { target: 'reclaiming' }],
    },
    reclaiming: {
      description: 'Its host is asked for more room.',
      tags: 'transient',
      invoke: {
        id: 'reclaim.deadline',
        src: 'deadline',
        input: ({ context }) => ({ ms: context.deadlines.claimMs }),
        onDone: { target: '#container.settling', actions: 'giveUpReclaim' },
        onError: { target: '#container.settling', actions: 'giveUpReclaim' },
      },
      on: {
        'reclaim.granted': { guard: 'isResizing', target: 'applying', actions: 'recordReclaim' },
        'reclaim.refused': { guard: 'isResizing', target: '#container.settling', actions: 'giveUpReclaim' },
        'message.undeliverable': {
          guard: 'isReclaimBounced',
          target: '#container.settling',
          actions: 'giveUpReclaim',
        },
      },
    },
    applying: {
      description: 'The engine is told its new limits.',
      tags: 'transient',
      invoke: [
        {
          id: 'update.deadline',
          src: 'deadline',
          input: ({ context }) => ({ ms: context.deadlines.stopMs }),
          onDone: { target: '#container.settling', actions: 'revertResize' },
          onError: { target: '#container.settling', actions: 'revertResize' },
        },
        {
          id: 'updateContainer',
          src: 'updateContainer',
          input: ({ context }) => hostInput(context, context.deadlines.stopMs),
          onDone: { target: '#container.settling', actions: 'recordResize' },
          onError: { target: '#container.settling', actions: 'revertResize' },
        },
      ],
    },
  },
});

/** Back to where the last observation says it is. */
export const settling = containerSetup.createStateConfig({
  tags: 'transient',
  always: [
    { guard: 'isObservedPaused', target: '#container.paused' },
    { guard: 'isObservedRunning', target: '#container.running' },
    { guard: 'isNeverStarted', target: '#container.created' },
    { guard: 'isRunningWanted', target: '#container.exited' },
    { target: '#container.stopped' },
  ],
});
