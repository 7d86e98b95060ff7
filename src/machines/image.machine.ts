/**
 * An image at one host's engine: pulled there, made there of a container, or
 * removed. What is only seen there has no actor before somebody wants it gone.
 * One that is made for Glance goes on there, and is its project's from then on.
 */
import { assign, emit, setup, type EventObject } from 'xstate';
import type { Emitted } from '../model/events.ts';
import type { ImageEffectResults, ImageEvent, ImageInput } from '../model/image-events.ts';
import type { Chart } from './chart.ts';
import type { ImageContext } from './image/context.ts';
import { metaOf } from './meta.ts';
import { unbound } from './unbound.ts';
import { failedAttempt, failureOf, mostTries, noAttempt, noticeMs, pauseBefore } from './retry-policy.ts';
import { describeBy } from './describe.ts';
import { commandAnswer } from './command-answer.ts';

interface ImageEffectInput {
  readonly hostId: string;
  readonly deadlineMs: number;
}

/** Of its users, as many are named. */
const namedMost = 5;

const usersOf = (event: EventObject): readonly string[] =>
  (event as unknown as { output: ImageEffectResults['findImageUsers'] }).output.users;

const makeInput = ({ hostId, deadlines }: ImageContext): ImageEffectInput => ({
  hostId,
  deadlineMs: deadlines.makeMs,
});

const imageSetup = setup({
  types: {
    input: {} as ImageInput,
    context: {} as ImageContext,
    events: {} as ImageEvent,
    emitted: {} as Emitted,
    tags: {} as 'transient' | 'settled',
    meta: {} as { readonly status?: string; readonly acquires?: string; readonly releases?: string },
  },
  actors: {
    deadline: unbound<ImageEffectResults['deadline'], { readonly ms: number }>('deadline'),
    pullImage: unbound<ImageEffectResults['pullImage'], ImageEffectInput>('pullImage'),
    commitContainer: unbound<ImageEffectResults['commitContainer'], ImageEffectInput>('commitContainer'),
    storeImage: unbound<ImageEffectResults['storeImage'], ImageEffectInput>('storeImage'),
    lookAtStored: unbound<ImageEffectResults['lookAtStored'], { readonly storedId: string }>('lookAtStored'),
    discardImage: unbound<ImageEffectResults['discardImage'], { readonly storedId: string }>('discardImage'),
    findImageUsers: unbound<ImageEffectResults['findImageUsers'], { readonly hostId: string }>(
      'findImageUsers',
    ),
    removeImage: unbound<ImageEffectResults['removeImage'], ImageEffectInput>('removeImage'),
  },
  guards: {
    isToBePulled: ({ context }) => context.origin.kind === 'pull',
    isToBeCommitted: ({ context }) => context.origin.kind === 'commit',
    isToBeStored: ({ context }) => context.storedId !== null && context.origin.kind === 'commit',
    isLeaving: ({ context }) => context.isLeaving,
    isGlanceBusy: ({ event }) => failureOf(event).code === 'CLOUD_BUSY',
    isStillSaving: ({ event }) =>
      (event as unknown as { output: ImageEffectResults['lookAtStored'] }).output.isSaving,
    isRetryable: ({ event }) => failureOf(event).retryable,
    isUsed: ({ event }) => usersOf(event).length > 0,
    isThere: ({ context }) => context.imageId !== null || context.origin.kind === 'seen',
    isUnderway: ({ context, event }) =>
      event.type === 'image.commit' &&
      context.origin.kind === 'commit' &&
      event.origin.commitId === context.origin.commitId,
    isOfItsHost: ({ context, event }) => 'hostId' in event && event.hostId === context.hostId,
  },
  actions: {
    beginStep: assign(noAttempt),
    recordFailure: assign(({ context, event }) => failedAttempt(context.tries, event)),
    recordOrigin: assign({
      origin: ({ context, event }) => {
        if (event.type === 'image.pull')
          return { kind: 'pull' as const, policy: event.policy, registryId: event.registryId };
        return event.type === 'image.commit' ? event.origin : context.origin;
      },
    }),
    recordMade: assign({
      imageId: ({ event }) => (event as unknown as { output: { imageId: string } }).output.imageId,
      failure: null,
      reason: null,
    }),
    recordLeaving: assign({ isLeaving: true }),
    beginCount: assign({ tries: 0 }),
    /** Why it is discarded counts more than why that takes so long. */
    countAttempt: assign({ tries: ({ context }) => Math.min(context.tries + 1, mostTries) }),
    explainRemains: assign({
      reason: ({ context }) =>
        `${context.reason ?? 'It is deleted'}; what was begun of it in Glance, "${context.storedId ?? ''}", could not be taken away there`,
    }),
    recordUsers: assign(({ context, event }) => {
      const users = usersOf(event);
      const more = users.length > namedMost ? ` and ${users.length - namedMost} more` : '';
      const named = users.slice(0, namedMost).map((name) => `"${name}"`);
      const message = `Image "${context.name}" can't be removed: ${named.join(', ')}${more} ${
        users.length === 1 ? 'is' : 'are'
      } made of it; delete ${users.length === 1 ? 'that container' : 'those containers'} first`;
      return { failure: { code: 'IMAGE_IN_USE', message, retryable: false }, reason: message };
    }),
    recordOverdue: assign((_, params: { readonly step: string }) => {
      const message = `Its host did not end ${params.step} in time`;
      return { failure: { code: 'TIMED_OUT', message, retryable: false }, reason: message };
    }),
    recordCutOff: assign(({ context }) => {
      const message = `Glance was cut off while it took image ${context.storedId ?? ''}, and takes it no more; commit it anew`;
      return { failure: { code: 'CLOUD_CONFLICT', message, retryable: false }, reason: message };
    }),
    refuseCommand: emit((_, params: { readonly reason: string }) => commandAnswer('refused', params.reason)),
    queueCommand: emit((_, params: { readonly reason: string }) => commandAnswer('queued', params.reason)),
  },
});

/** No host is let go of while something of it is in Glance. */
const heldByGlance = {};

const busy = (reason: string) =>
  ({
    'image.pull': { actions: { type: 'refuseCommand', params: { reason } } },
  }) as const;

/** The ways to have an image: its host is asked until it has it, or the time is over. */
const attempted = <S extends 'pullImage' | 'commitContainer'>(
  src: S,
  name: string,
  step: string,
  [attempting, waiting]: readonly [string, string],
) =>
  ({
    tags: 'transient',
    entry: 'beginStep',
    invoke: {
      id: `${name}.deadline`,
      src: 'deadline',
      input: ({ context }: { readonly context: ImageContext }) => ({ ms: context.deadlines.makeMs }),
      onDone: { target: 'failed', actions: { type: 'recordOverdue', params: { step } } },
      onError: { target: 'failed', actions: 'recordFailure' },
    },
    initial: 'attempting',
    states: {
      attempting: {
        description: attempting,
        tags: 'transient',
        meta: { acquires: 'image' },
        invoke: {
          id: src,
          src,
          input: ({ context }: { readonly context: ImageContext }) => makeInput(context),
          onDone: [
            { guard: 'isToBeStored', target: '#image.storing', actions: 'recordMade' },
            { target: '#image.present', actions: 'recordMade' },
          ],
          onError: [
            { guard: 'isRetryable', target: 'waiting', actions: 'recordFailure' },
            { target: '#image.failed', actions: 'recordFailure' },
          ],
        },
      },
      waiting: pauseBefore('attempting', `${name}.backoff`, waiting),
    },
  }) as const;

export const imageMachine = imageSetup.createMachine({
  id: 'image',
  context: ({ input }) => ({
    ...input,
    imageId: null,
    isLeaving: false,
    tries: 0,
    failure: null,
    reason: null,
  }),
  on: {
    'image.*': { actions: { type: 'refuseCommand', params: { reason: 'An image does not know this' } } },
    'image.delete': { target: '.removing' },
    // Whatever it does: its host takes one after the other.
    'image.commit': { target: '.committing', actions: 'recordOrigin' },
    'image.missing': {},
    'host.lost': {},
    'host.removed': { guard: 'isOfItsHost', target: '.gone' },
    'resource.seen': {},
    'actor.restored': {},
  },
  initial: 'beginning',
  states: {
    beginning: {
      tags: 'transient',
      always: [
        { guard: 'isToBePulled', target: 'pulling' },
        { guard: 'isToBeCommitted', target: 'committing' },
        { target: 'removing' },
      ],
    },
    pulling: {
      ...attempted('pullImage', 'pull', 'pulling it', [
        'Its host pulls it.',
        'It could not be pulled; it will be tried again.',
      ]),
      meta: { status: 'pulling' },
      on: busy('It is being pulled already'),
    },
    committing: {
      ...attempted('commitContainer', 'commit', 'making it', [
        'Its host makes it of what the container is now.',
        'It could not be made; it will be tried again.',
      ]),
      meta: { status: 'committing' },
      on: {
        ...busy('It is being made of a container'),
        'image.commit': [
          // What it has begun with.
          { guard: 'isUnderway' },
          { target: 'committing', reenter: true, actions: 'recordOrigin' },
        ],
      },
    },
    storing: {
      tags: 'transient',
      meta: { status: 'storing' },
      entry: 'beginStep',
      on: {
        ...busy('It is being given to Glance'),
        'image.delete': { target: 'discarding', actions: 'recordLeaving' },
        // Each one for Glance has an actor of its own: this is what it has begun with.
        'image.commit': {},
        'host.removed': heldByGlance,
      },
      invoke: {
        id: 'store.deadline',
        src: 'deadline',
        input: ({ context }) => ({ ms: context.deadlines.makeMs }),
        onDone: {
          target: 'discarding',
          actions: { type: 'recordOverdue', params: { step: 'giving it to Glance' } },
        },
        onError: { target: 'discarding', actions: 'recordFailure' },
      },
      initial: 'attempting',
      states: {
        attempting: {
          description: 'Its host gives it to Glance.',
          tags: 'transient',
          meta: { acquires: 'stored image', releases: 'image' },
          invoke: {
            id: 'storeImage',
            src: 'storeImage',
            input: ({ context }) => makeInput(context),
            onDone: '#image.stored',
            onError: [
              { guard: 'isGlanceBusy', target: 'settling', actions: 'recordFailure' },
              { guard: 'isRetryable', target: 'waiting', actions: 'recordFailure' },
              { target: '#image.discarding', actions: 'recordFailure' },
            ],
          },
        },
        waiting: pauseBefore(
          'attempting',
          'store.backoff',
          'Glance could not be given it; it will be tried again.',
        ),
        settling: {
          tags: 'transient',
          entry: 'beginCount',
          invoke: {
            id: 'settling.deadline',
            src: 'deadline',
            input: { ms: noticeMs },
            onDone: { target: '#image.discarding', actions: 'recordCutOff' },
            onError: { target: '#image.discarding', actions: 'recordFailure' },
          },
          initial: 'pausing',
          states: {
            pausing: pauseBefore(
              'looking',
              'settling.backoff',
              'Glance has yet to notice that an earlier upload broke off; it will be looked at again.',
            ),
            looking: {
              description: 'Glance is asked whether it believes to be given it.',
              tags: 'transient',
              invoke: {
                id: 'lookAtStored',
                src: 'lookAtStored',
                input: ({ context }) => ({ storedId: context.storedId ?? '' }),
                onDone: [
                  { guard: 'isStillSaving', target: 'pausing', actions: 'countAttempt' },
                  { target: '#image.storing.attempting' },
                ],
                onError: { target: 'pausing', actions: 'countAttempt' },
              },
            },
          },
        },
      },
    },
    discarding: {
      description: 'What was begun of it in Glance is taken away.',
      tags: 'transient',
      meta: { status: 'discarding' },
      entry: 'beginCount',
      on: {
        ...busy('What was begun of it in Glance is being taken away'),
        'image.delete': {
          actions: [
            'recordLeaving',
            { type: 'queueCommand', params: { reason: 'It is being discarded first' } },
          ],
        },
        'image.commit': {},
        'host.removed': heldByGlance,
      },
      invoke: {
        id: 'discard.deadline',
        src: 'deadline',
        input: ({ context }) => ({ ms: context.deadlines.removeMs }),
        onDone: { target: '.ending', actions: 'explainRemains' },
        onError: { target: '.ending', actions: 'explainRemains' },
      },
      initial: 'attempting',
      states: {
        attempting: {
          tags: 'transient',
          meta: { releases: 'stored image' },
          invoke: {
            id: 'discardImage',
            src: 'discardImage',
            input: ({ context }) => ({ storedId: context.storedId ?? '' }),
            onDone: 'ending',
            onError: [
              { guard: 'isRetryable', target: 'waiting', actions: 'countAttempt' },
              { target: 'ending', actions: 'explainRemains' },
            ],
          },
        },
        waiting: pauseBefore(
          'attempting',
          'discard.backoff',
          'It could not be taken away; it will be tried again.',
        ),
        ending: {
          tags: 'transient',
          always: [{ guard: 'isLeaving', target: '#image.removing' }, { target: '#image.failed' }],
        },
      },
    },
    present: {
      description: 'Its host has it.',
      tags: 'settled',
      meta: { status: 'present' },
      on: {
        'image.pull': {
          actions: {
            type: 'refuseCommand',
            params: { reason: 'It is on that host already; delete it there to pull it anew' },
          },
        },
        'image.missing': { guard: 'isOfItsHost', target: 'gone' },
      },
    },
    failed: {
      description: 'It could not be had.',
      tags: 'settled',
      meta: { status: 'error' },
      on: {
        'image.pull': { target: 'pulling', actions: 'recordOrigin' },
      },
    },
    removing: {
      tags: 'transient',
      meta: { status: 'deleting' },
      entry: 'beginStep',
      on: {
        ...busy('It is being deleted'),
        'image.delete': {
          actions: { type: 'queueCommand', params: { reason: 'It is being deleted already' } },
        },
        'host.lost': { guard: 'isOfItsHost', target: 'gone' },
      },
      invoke: {
        id: 'remove.deadline',
        src: 'deadline',
        input: ({ context }) => ({ ms: context.deadlines.removeMs }),
        onDone: {
          target: '.keeping',
          actions: { type: 'recordOverdue', params: { step: 'removing it' } },
        },
        onError: { target: '.keeping', actions: 'recordFailure' },
      },
      initial: 'checking',
      states: {
        checking: {
          description: 'Containers that are made of it are looked for.',
          tags: 'transient',
          invoke: {
            id: 'findImageUsers',
            src: 'findImageUsers',
            input: ({ context }) => ({ hostId: context.hostId }),
            onDone: [
              { guard: 'isUsed', target: 'keeping', actions: 'recordUsers' },
              { target: 'attempting' },
            ],
            onError: { target: 'keeping', actions: 'recordFailure' },
          },
        },
        attempting: {
          description: 'Its host removes it.',
          tags: 'transient',
          meta: { releases: 'image' },
          invoke: {
            id: 'removeImage',
            src: 'removeImage',
            input: ({ context }) => ({ hostId: context.hostId, deadlineMs: context.deadlines.removeMs }),
            onDone: '#image.gone',
            onError: [
              { guard: 'isRetryable', target: 'waiting', actions: 'recordFailure' },
              { target: 'keeping', actions: 'recordFailure' },
            ],
          },
        },
        waiting: pauseBefore(
          'attempting',
          'remove.backoff',
          'It could not be removed; it will be tried again.',
        ),
        keeping: {
          description: 'It stays.',
          tags: 'transient',
          always: [{ guard: 'isThere', target: '#image.present' }, { target: '#image.failed' }],
        },
      },
    },
    stored: {
      description: 'Glance has it, and it is its project’s.',
      type: 'final',
      tags: 'settled',
      meta: { status: 'stored' },
    },
    gone: {
      description: 'Its host has it no more.',
      type: 'final',
      tags: 'settled',
      meta: { status: 'deleted' },
    },
  },
});

const descriptions: Readonly<Record<string, (context: ImageContext) => string>> = {
  'pull.deadline': () => 'the time to pull it to run out',
  pullImage: ({ hostId }) => `host ${hostId} to pull it`,
  'pull.backoff': () => 'the pause before it is pulled again',
  'commit.deadline': () => 'the time to make it to run out',
  commitContainer: ({ hostId }) => `host ${hostId} to make it of a container`,
  'commit.backoff': () => 'the pause before it is made again',
  'store.deadline': () => 'the time to give it to Glance to run out',
  storeImage: ({ hostId }) => `host ${hostId} to give it to Glance`,
  'store.backoff': () => 'the pause before Glance is given it again',
  'settling.deadline': () => 'Glance to notice that an earlier upload broke off',
  'settling.backoff': () => 'the pause before Glance is looked at again',
  lookAtStored: () => 'Glance to say whether it believes to be given it',
  'discard.deadline': () => 'the time to take it out of Glance to run out',
  discardImage: () => 'Glance to delete what was begun of it',
  'discard.backoff': () => 'the pause before Glance is asked again to delete it',
  'remove.deadline': () => 'the time to remove it to run out',
  findImageUsers: ({ hostId }) => `the containers of host ${hostId} to be looked through`,
  removeImage: ({ hostId }) => `host ${hostId} to remove it`,
  'remove.backoff': () => 'the pause before it is removed again',
};

export const imageChart: Chart = {
  kind: 'image',
  version: 3,
  machine: imageMachine,
  project: (paths, context) => ({
    status: metaOf(imageMachine, paths).status ?? 'pulling',
    taskState: null,
    reason: (context as ImageContext).reason,
  }),
  describe: describeBy('image', descriptions),
  commands: [{ type: 'image.delete' }],
  migrations: {
    // Version 2 gives images to Glance.
    1: ({ context, ...envelope }) => ({
      ...envelope,
      context: { ...(context as object), storedId: null, isLeaving: false },
    }),
    // Version 3 waits by itself for Glance to notice that an upload broke off.
    2: (envelope) => envelope,
  },
};
