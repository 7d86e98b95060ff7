/** Acquiring and creating: what a container needs on its host before it can run. */
import { acquiringNetwork } from './network.ts';
import { whenFound } from './permits.ts';
import { hostInput } from './setup/effects.ts';
import { containerSetup } from './setup.ts';
import { acquiringVolumes } from './volumes.ts';
import { pauseBefore } from '../retry-policy.ts';

/** While it comes into being, start and stop only change what it does once it is there. */
const laterCommands = {
  'container.start': {
    actions: ['wantRunning', { type: 'queue', params: { reason: 'It starts once it is created' } }],
  },
  'container.stop': {
    actions: [
      'wantCreated',
      'recordGrace',
      { type: 'queue', params: { reason: 'It is stopped as soon as it is there' } },
    ],
  },
} as const;

export const acquiring = containerSetup.createStateConfig({
  description: 'Its image, its network and its volumes are made ready on the host, side by side.',
  tags: 'transient',
  type: 'parallel',
  meta: { status: 'Creating', taskState: 'container_creating' },
  on: { ...laterCommands, 'runtime.found': whenFound },
  onDone: '#container.creating',
  states: {
    image: {
      initial: 'deciding',
      states: {
        deciding: {
          tags: 'transient',
          always: [{ guard: 'isImageReady', target: 'ready' }, { target: 'pulling' }],
        },
        pulling: {
          tags: 'transient',
          meta: { taskState: 'image_pulling' },
          entry: 'beginStep',
          invoke: {
            id: 'image.deadline',
            src: 'deadline',
            input: ({ context }) => ({ ms: context.deadlines.imageMs }),
            onDone: {
              target: '#container.error',
              actions: { type: 'sayOverdue', params: { step: 'pulling the image' } },
            },
            onError: '#container.error',
          },
          initial: 'attempting',
          states: {
            attempting: {
              description: 'The host ensures the image.',
              tags: 'transient',
              invoke: {
                id: 'pullImage',
                src: 'pullImage',
                input: ({ context }) => hostInput(context, context.deadlines.imageMs),
                onDone: { target: '#container.acquiring.image.ready', actions: 'recordImage' },
                onError: [
                  { guard: 'isRetryable', target: 'waiting', actions: 'recordFailure' },
                  { target: '#container.error', actions: 'recordFailure' },
                ],
              },
            },
            waiting: pauseBefore(
              'attempting',
              'image.backoff',
              'The image could not be pulled; it will be tried again.',
              '#container.error',
            ),
          },
        },
        ready: { type: 'final', tags: 'transient' },
      },
    },
    network: {
      initial: 'deciding',
      states: { ...acquiringNetwork, ready: { type: 'final', tags: 'transient' } },
    },
    volumes: acquiringVolumes,
  },
});

export const creating = containerSetup.createStateConfig({
  description: 'The engine creates it.',
  tags: 'transient',
  meta: { status: 'Creating', taskState: 'container_creating' },
  on: laterCommands,
  entry: 'beginStep',
  invoke: {
    id: 'create.deadline',
    src: 'deadline',
    input: ({ context }) => ({ ms: context.deadlines.createMs }),
    onDone: { target: '#container.error', actions: { type: 'sayOverdue', params: { step: 'creating it' } } },
    onError: '#container.error',
  },
  initial: 'attempting',
  states: {
    attempting: {
      tags: 'transient',
      meta: { acquires: 'container' },
      invoke: {
        id: 'createContainer',
        src: 'createContainer',
        // The host goes on to start it where that is wanted, so that nothing is waited for in between. A start
        // that fails is not told by this: it is asked for again, by itself.
        input: ({ context }) => ({
          ...hostInput(context, context.deadlines.createMs),
          start: context.wanted === 'running',
        }),
        onDone: [
          {
            guard: 'hasBegunUnwanted',
            target: '#container.stopping',
            actions: ['keepContainer', 'recordObservation', 'recordRun', 'wantStopped'],
          },
          {
            guard: 'hasBegunAndEnded',
            target: '#container.exited',
            actions: ['keepContainer', 'recordObservation', 'recordRun'],
          },
          {
            guard: 'hasBegun',
            target: '#container.running',
            actions: ['keepContainer', 'recordObservation', 'recordRun'],
          },
          { guard: 'isRunningWanted', target: '#container.readying', actions: 'recordContainer' },
          { target: '#container.created', actions: ['recordContainer', 'endRebuild'] },
        ],
        onError: [
          { guard: 'isSandboxGone', target: '#container.acquiring', actions: 'doubtSandbox' },
          { guard: 'isImageMissing', target: '#container.acquiring', actions: 'forgetImage' },
          { guard: 'isRetryable', target: 'waiting', actions: 'recordFailure' },
          { target: '#container.error', actions: 'recordFailure' },
        ],
      },
    },
    waiting: pauseBefore(
      'attempting',
      'create.backoff',
      'It could not be created; it will be tried again.',
      '#container.error',
    ),
  },
});
