/**
 * A volume of one host: made, attached to containers, removed when nobody has
 * it. Data is removed only by a delete, or with the container that it was made for.
 */
import { assign, emit, enqueueActions, setup } from 'xstate';
import { containerAddress } from '../model/address.ts';
import type { Emitted } from '../model/events.ts';
import type { VolumeAnswer, VolumeEffectResults, VolumeEvent, VolumeInput } from '../model/volume-events.ts';
import type { Chart } from './chart.ts';
import { metaOf } from './meta.ts';
import { unbound } from './unbound.ts';
import type { VolumeContext } from './volume/context.ts';
import { failedAttempt, failureOf, noAttempt, pauseBefore } from './retry-policy.ts';
import { describeBy } from './describe.ts';
import { commandAnswer } from './command-answer.ts';

/** Containers that may share one volume. */
const attachedMost = 64;

interface VolumeEffectInput {
  readonly hostId: string;
  readonly deadlineMs: number;
}

const containerOf = (event: VolumeEvent): string => ('containerId' in event ? event.containerId : '');

const answer = (context: VolumeContext, containerId: string, event: VolumeAnswer) => ({
  type: 'message' as const,
  to: containerAddress(context.tenant, containerId),
  event,
});

const volumeSetup = setup({
  types: {
    input: {} as VolumeInput,
    context: {} as VolumeContext,
    events: {} as VolumeEvent,
    emitted: {} as Emitted,
    tags: {} as 'transient' | 'settled',
    meta: {} as { readonly status?: string; readonly acquires?: string; readonly releases?: string },
  },
  actors: {
    deadline: unbound<VolumeEffectResults['deadline'], { readonly ms: number }>('deadline'),
    ensureVolume: unbound<VolumeEffectResults['ensureVolume'], VolumeEffectInput>('ensureVolume'),
    removeVolume: unbound<VolumeEffectResults['removeVolume'], VolumeEffectInput>('removeVolume'),
  },
  guards: {
    isAttached: ({ context }) => context.attached.length > 0,
    isAttachedHere: ({ context, event }) => context.attached.includes(containerOf(event)),
    isCrowded: ({ context }) => context.attached.length >= attachedMost,
    isLastOfEphemeral: ({ context, event }) =>
      context.isEphemeral && context.attached.every((id) => id === containerOf(event)),
    isOnItsHost: ({ context, event }) => 'hostId' in event && event.hostId === context.hostId,
    isRetryable: ({ event }) => failureOf(event).retryable,
    isContainerGone: ({ event }) =>
      event.type === 'message.undeliverable' && event.message.type === 'volume.granted',
  },
  actions: {
    beginStep: assign(noAttempt),
    recordFailure: assign(({ context, event }) => failedAttempt(context.tries, event)),
    recordMade: assign({ failure: null, reason: null }),
    attach: assign({
      attached: ({ context, event }) =>
        context.attached.includes(containerOf(event))
          ? context.attached
          : [...context.attached, containerOf(event)],
    }),
    detach: assign({
      attached: ({ context, event }) => context.attached.filter((id) => id !== containerOf(event)),
    }),
    /** A grant that found nobody. */
    takeBack: assign({
      attached: ({ context, event }) =>
        event.type === 'message.undeliverable'
          ? context.attached.filter((id) => containerAddress(context.tenant, id) !== event.to)
          : context.attached,
    }),
    grant: emit(({ context, event }) =>
      answer(context, containerOf(event), { type: 'volume.granted', volumeId: context.id }),
    ),
    grantWaiting: enqueueActions(({ enqueue, context }) => {
      for (const id of context.attached)
        enqueue.emit(answer(context, id, { type: 'volume.granted', volumeId: context.id }));
    }),
    refuse: emit(({ context, event }, params: { readonly reason: string | null }) =>
      answer(context, containerOf(event), {
        type: 'volume.refused',
        volumeId: context.id,
        reason: params.reason ?? context.reason ?? 'It could not be made',
      }),
    ),
    refuseWaiting: enqueueActions(({ enqueue, context }) => {
      for (const id of context.attached)
        enqueue.emit(
          answer(context, id, {
            type: 'volume.refused',
            volumeId: context.id,
            reason: context.reason ?? 'It could not be made',
          }),
        );
      enqueue.assign({ attached: [] });
    }),
    say: assign({ reason: (_, params: { readonly reason: string }) => params.reason }),
    refuseCommand: emit((_, params: { readonly reason: string }) => commandAnswer('refused', params.reason)),
    queueCommand: emit((_, params: { readonly reason: string }) => commandAnswer('queued', params.reason)),
  },
});

export const volumeMachine = volumeSetup.createMachine({
  id: 'volume',
  context: ({ input }) => ({ ...input, attached: [], tries: 0, failure: null, reason: null }),
  on: {
    'volume.*': { actions: { type: 'refuseCommand', params: { reason: 'A volume does not know this' } } },
    'volume.delete': { target: '.deleting' },
    'volume.attach': { actions: { type: 'refuse', params: { reason: null } } },
    'volume.detach': { actions: 'detach' },
    'message.undeliverable': { guard: 'isContainerGone', actions: 'takeBack' },
    'host.lost': {},
    'host.removed': { guard: 'isOnItsHost', target: '.gone' },
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
          actions: { type: 'say', params: { reason: 'Its host did not make it in time' } },
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
          { guard: 'isLastOfEphemeral', target: 'deleting', actions: 'detach' },
          { actions: 'detach' },
        ],
      },
      initial: 'attempting',
      states: {
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
          { guard: 'isLastOfEphemeral', target: 'deleting', actions: 'detach' },
          { actions: 'detach' },
        ],
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
        'volume.detach': { guard: 'isLastOfEphemeral', target: 'deleting' },
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
        'volume.attach': { actions: { type: 'refuse', params: { reason: 'It is being deleted' } } },
        'host.lost': { guard: 'isOnItsHost', target: 'gone' },
      },
      initial: 'attempting',
      states: {
        attempting: {
          description: 'Its host removes it.',
          tags: 'transient',
          meta: { releases: 'volume' },
          invoke: [
            {
              id: 'remove.deadline',
              src: 'deadline',
              input: ({ context }) => ({ ms: context.deadlines.removeMs }),
              onDone: {
                target: 'waiting',
                actions: { type: 'say', params: { reason: 'Its host does not remove it' } },
              },
              onError: 'waiting',
            },
            {
              id: 'removeVolume',
              src: 'removeVolume',
              input: ({ context }) => ({ hostId: context.hostId, deadlineMs: context.deadlines.removeMs }),
              onDone: '#volume.gone',
              onError: { target: 'waiting', actions: 'recordFailure' },
            },
          ],
        },
        waiting: pauseBefore(
          'attempting',
          'remove.backoff',
          'It could not be removed; it will be tried again.',
        ),
      },
    },
    gone: {
      description: 'Nothing of it is left.',
      type: 'final',
      tags: 'settled',
      meta: { status: 'deleted' },
    },
  },
});

const descriptions: Readonly<Record<string, (context: VolumeContext) => string>> = {
  'make.deadline': () => 'the time to make it to run out',
  ensureVolume: ({ hostId }) => `host ${hostId} to make it`,
  'make.backoff': () => 'the pause before it is made again',
  'remove.deadline': () => 'the time to remove it to run out',
  removeVolume: ({ hostId }) => `host ${hostId} to remove it`,
  'remove.backoff': () => 'the pause before it is removed again',
};

export const volumeChart: Chart = {
  kind: 'volume',
  version: 1,
  machine: volumeMachine,
  project: (paths, context) => ({
    status: metaOf(volumeMachine, paths).status ?? 'creating',
    taskState: null,
    reason: (context as VolumeContext).reason,
  }),
  describe: describeBy('volume', descriptions),
  commands: [{ type: 'volume.delete' }],
  migrations: {},
};
