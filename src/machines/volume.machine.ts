/**
 * A volume of one host: made, attached to containers, removed when nobody has
 * it. Data is removed only by a delete, or with the container that it was made for.
 * Of a volume of Cinder it is the attachment, which goes with who mounts it (`volume/cinder.ts`);
 * or the promise of one that a request has made there (`volume/promise.ts`).
 */
import type { Chart } from './chart.ts';
import { describeBy } from './describe.ts';
import { metaOf } from './meta.ts';
import { pauseBefore, untilReleased } from './retry-policy.ts';
import { atItsHost, completing, connecting, detaching, disconnecting, reserving } from './volume/cinder.ts';
import type { VolumeContext } from './volume/context.ts';
import { discarding, promised } from './volume/promise.ts';
import { attachedMost, volumeSetup } from './volume/setup.ts';

export const volumeMachine = volumeSetup.createMachine({
  id: 'volume',
  context: ({ input }) => ({
    ...input,
    // A message that an earlier release sent says nothing of it.
    cinder: input.cinder ?? null,
    attached: [],
    leaving: [],
    attachmentId: null,
    isConnected: false,
    tries: 0,
    failure: null,
    reason: null,
  }),
  on: {
    'volume.*': { actions: { type: 'refuseCommand', params: { reason: 'A volume does not know this' } } },
    'volume.delete': { target: '.deleting' },
    'volume.attach': { actions: { type: 'refuse', params: { reason: null } } },
    'volume.detach': { actions: ['detach', 'release'] },
    'volume.keep': {},
    'message.undeliverable': { guard: 'isContainerGone', actions: 'takeBack' },
    'host.lost': {},
    'volume.unmounted': {},
    'host.removed': [
      { guard: 'isLostWithHost', target: '.gone' },
      // Nobody is there to disconnect it any more.
      { guard: 'isOnItsHost', target: '.deleting.detaching', actions: 'recordDisconnect' },
    ],
    'resource.seen': {},
    'actor.restored': {},
  },
  initial: 'making',
  states: {
    making: {
      tags: 'transient',
      meta: { status: 'creating', acquires: 'volume' },
      entry: 'beginStep',
      invoke: {
        id: 'make.deadline',
        src: 'deadline',
        input: ({ context }) => ({ ms: context.deadlines.makeMs }),
        onDone: {
          target: 'failed',
          actions: { type: 'sayOverdue', params: { what: 'It was not made in time' } },
        },
        onError: 'failed',
      },
      on: {
        'volume.attach': [
          {
            guard: 'isCrowded',
            actions: { type: 'refuse', params: { reason: 'Too many containers wait for it' } },
          },
          { actions: 'attach' },
        ],
        'volume.detach': [
          { guard: 'isLastOfEphemeral', target: 'deleting', actions: ['detach', 'recordLeaving'] },
          { actions: ['detach', 'release'] },
        ],
      },
      initial: 'deciding',
      states: {
        deciding: {
          tags: 'transient',
          always: [
            { guard: 'isPromised', target: '#volume.promised' },
            { guard: 'isOfCinder', target: 'reserving' },
            { target: 'attempting' },
          ],
        },
        reserving,
        connecting,
        completing,
        attempting: {
          description: 'Its host makes it.',
          tags: 'transient',
          invoke: {
            id: 'ensureVolume',
            src: 'ensureVolume',
            input: ({ context }) => ({ hostId: context.hostId, deadlineMs: context.deadlines.makeMs }),
            onDone: { target: '#volume.available', actions: ['recordMade', 'grantWaiting'] },
            onError: [
              { guard: 'isRetryable', target: 'waiting', actions: 'recordFailure' },
              { target: '#volume.failed', actions: 'recordFailure' },
            ],
          },
        },
        waiting: pauseBefore('attempting', 'make.backoff', 'It could not be made; it will be tried again.'),
      },
    },
    promised,
    available: {
      description: 'It may be attached.',
      tags: 'settled',
      meta: { status: 'available' },
      on: {
        'volume.attach': [
          { guard: 'isAttachedHere', actions: 'grant' },
          {
            guard: 'isCrowded',
            actions: { type: 'refuse', params: { reason: `It is attached to ${attachedMost} containers` } },
          },
          { actions: ['attach', 'grant'] },
        ],
        'volume.detach': [
          { guard: 'isLastOfEphemeral', target: 'deleting', actions: ['detach', 'recordLeaving'] },
          { actions: ['detach', 'release'] },
        ],
        'volume.unmounted': { guard: 'isLostConnection', target: 'making.connecting' },
        'volume.delete': [
          {
            guard: 'isAttached',
            actions: {
              type: 'refuseCommand',
              params: { reason: 'Containers have it; delete them or detach it first' },
            },
          },
          { target: 'deleting' },
        ],
      },
    },
    failed: {
      description: 'It could not be made.',
      tags: 'settled',
      meta: { status: 'error' },
      entry: 'refuseWaiting',
      on: {
        'volume.attach': { target: 'making', actions: 'attach' },
        'volume.unmounted': { guard: 'isLostConnection', target: 'making.connecting' },
        'volume.detach': { guard: 'isLastOfEphemeral', target: 'deleting', actions: 'recordLeaving' },
      },
    },
    deleting: {
      tags: 'transient',
      meta: { status: 'deleting' },
      entry: 'beginStep',
      on: {
        'volume.delete': {
          actions: { type: 'queueCommand', params: { reason: 'It is being deleted already' } },
        },
        'volume.promise': {
          actions: {
            type: 'refuseCommand',
            params: { reason: 'What was made for this request before is being deleted; send it again later' },
          },
        },
        'volume.attach': { actions: { type: 'refuse', params: { reason: 'It is being deleted' } } },
        'volume.detach': { actions: ['detach', 'recordLeaving'] },
        'host.lost': { guard: 'isLostWithHost', target: 'gone' },
      },
      initial: 'deciding',
      states: {
        deciding: {
          tags: 'transient',
          always: [
            { guard: 'isPromised', target: 'discarding' },
            { guard: 'isConnected', target: 'disconnecting' },
            { guard: 'isOfCinder', target: 'detaching' },
            { target: 'attempting' },
          ],
        },
        discarding,
        disconnecting,
        detaching,
        ...untilReleased({
          description: 'Its host removes it.',
          releases: 'volume',
          deadlineId: 'remove.deadline',
          overdue: {
            target: 'waiting',
            actions: { type: 'say', params: { reason: 'Its host does not remove it' } },
          },
          id: 'removeVolume',
          src: 'removeVolume',
          input: atItsHost('removeMs'),
          onDone: '#volume.gone',
          onError: { target: 'waiting', actions: 'recordFailure' },
          backoff: {
            id: 'remove.backoff',
            description: 'It could not be removed; it will be tried again.',
          },
        }),
      },
    },
    gone: {
      description: 'Nothing of it is left.',
      type: 'final',
      tags: 'settled',
      meta: { status: 'deleted' },
      entry: 'releaseLeaving',
    },
  },
});

const descriptions: Readonly<Record<string, (context: VolumeContext) => string>> = {
  'make.deadline': () => 'the time to make it to run out',
  ensureVolume: ({ hostId }) => `host ${hostId} to make it`,
  attachVolume: () => 'Cinder to attach it',
  'attach.backoff': () => 'the pause before Cinder is asked again',
  connectVolume: ({ hostId }) => `host ${hostId} to connect and mount it`,
  'connect.backoff': () => 'the pause before it is connected again',
  completeVolume: () => 'Cinder to take note that it is attached',
  'complete.backoff': () => 'the pause before Cinder is told again',
  'disconnect.deadline': () => 'the time to disconnect it to run out',
  disconnectVolume: ({ hostId }) => `host ${hostId} to unmount and disconnect it`,
  'disconnect.backoff': () => 'the pause before it is disconnected again',
  'detach.deadline': () => 'the time to detach it to run out',
  detachVolume: () => 'Cinder to end its attachment',
  'detach.backoff': () => 'the pause before Cinder is asked again',
  'make.backoff': () => 'the pause before it is made again',
  'promise.deadline': () => 'the request that has it made to come to its end',
  'discard.deadline': () => 'the time to delete it in Cinder to run out',
  discardPromised: () => 'Cinder to delete it',
  'discard.backoff': () => 'the pause before Cinder is asked again',
  'remove.deadline': () => 'the time to remove it to run out',
  removeVolume: ({ hostId }) => `host ${hostId} to remove it`,
  'remove.backoff': () => 'the pause before it is removed again',
};

export const volumeChart: Chart = {
  kind: 'volume',
  version: 3,
  machine: volumeMachine,
  project: (paths, context) => ({
    status: metaOf(volumeMachine, paths).status ?? 'creating',
    taskState: null,
    reason: (context as VolumeContext).reason,
  }),
  describe: describeBy('volume', descriptions),
  commands: [{ type: 'volume.delete' }],
  migrations: {
    // Version 3: promises, before which what was made in vain was an attachment that is being let go of.
    2: (envelope) => envelope,
    // Version 2: attachments of volumes of Cinder.
    1: ({ context, ...envelope }) => ({
      ...envelope,
      context: { ...(context as object), cinder: null, leaving: [], attachmentId: null, isConnected: false },
    }),
  },
};
