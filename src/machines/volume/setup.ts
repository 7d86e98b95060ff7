/** The volume chart's vocabulary: events, guards, actions and the effects it names. */
import { assign, emit, enqueueActions, setup } from 'xstate';
import { containerAddress } from '../../model/address.ts';
import type { Emitted } from '../../model/events.ts';
import type {
  VolumeAnswer,
  VolumeEffectResults,
  VolumeEvent,
  VolumeInput,
} from '../../model/volume-events.ts';
import { commandAnswer } from '../command-answer.ts';
import { failedAttempt, failureOf, noAttempt } from '../retry-policy.ts';
import { unbound } from '../unbound.ts';
import type { VolumeContext } from './context.ts';

/** Containers that may share one volume. */
export const attachedMost = 64;

export interface VolumeEffectInput {
  readonly hostId: string;
  readonly deadlineMs: number;
}

const containerOf = (event: VolumeEvent): string => ('containerId' in event ? event.containerId : '');

const answer = (context: VolumeContext, containerId: string, event: VolumeAnswer) => ({
  type: 'message' as const,
  to: containerAddress(context.tenant, containerId),
  event,
});

export const volumeSetup = setup({
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
    connectVolume: unbound<VolumeEffectResults['connectVolume'], VolumeEffectInput>('connectVolume'),
    disconnectVolume: unbound<VolumeEffectResults['disconnectVolume'], VolumeEffectInput>('disconnectVolume'),
    // The control plane's own, of Cinder.
    attachVolume: unbound<VolumeEffectResults['attachVolume'], undefined>('attachVolume'),
    completeVolume: unbound<VolumeEffectResults['completeVolume'], undefined>('completeVolume'),
    detachVolume: unbound<VolumeEffectResults['detachVolume'], undefined>('detachVolume'),
    discardPromised: unbound<VolumeEffectResults['discardPromised'], undefined>('discardPromised'),
  },
  guards: {
    isAttached: ({ context }) => context.attached.length > 0,
    isAttachedHere: ({ context, event }) => context.attached.includes(containerOf(event)),
    isCrowded: ({ context }) => context.attached.length >= attachedMost,
    isLastOfEphemeral: ({ context, event }) =>
      context.isEphemeral && context.attached.every((id) => id === containerOf(event)),
    /** Data of Cinder's is not lost with a host. */
    isLostWithHost: ({ context, event }) =>
      context.cinder === null && 'hostId' in event && event.hostId === context.hostId,
    isOnItsHost: ({ context, event }) => 'hostId' in event && event.hostId === context.hostId,
    /** Connected once, as far as is known. */
    isLostConnection: ({ context, event }) =>
      context.isConnected && 'hostId' in event && event.hostId === context.hostId,
    isOfCinder: ({ context }) => context.cinder !== null,
    isPromised: ({ context }) => context.promise !== undefined,
    isConnected: ({ context }) => context.isConnected,
    isRetryable: ({ event }) => failureOf(event).retryable,
    isContainerGone: ({ event }) =>
      event.type === 'message.undeliverable' &&
      (event.message.type === 'volume.granted' || event.message.type === 'volume.held'),
  },
  actions: {
    beginStep: assign(noAttempt),
    recordFailure: assign(({ context, event }) => failedAttempt(context.tries, event)),
    recordMade: assign({ failure: null, reason: null }),
    sayOverdue: assign({
      reason: ({ context }, params: { readonly what: string }) =>
        `${params.what}${context.failure ? `: ${context.failure.message}` : ''}`,
    }),
    /** From here on its host may have it. */
    recordAttachment: assign(({ event }) => {
      const { output } = event as unknown as { output: VolumeEffectResults['attachVolume'] };
      return { attachmentId: output.attachmentId, isConnected: true, failure: null, reason: null };
    }),
    recordDisconnect: assign({ isConnected: false, failure: null, reason: null }),
    attach: assign({
      attached: ({ context, event }) =>
        context.attached.includes(containerOf(event))
          ? context.attached
          : [...context.attached, containerOf(event)],
    }),
    detach: assign({
      attached: ({ context, event }) => context.attached.filter((id) => id !== containerOf(event)),
    }),
    /** Who waits until it is let go of. */
    recordLeaving: assign({
      leaving: ({ context, event }) =>
        context.cinder === null || context.leaving.includes(containerOf(event))
          ? context.leaving
          : [...context.leaving, containerOf(event)].slice(-attachedMost),
    }),
    /** Others have it on: for this container it is let go of. */
    release: enqueueActions(({ enqueue, context, event }) => {
      if (context.cinder === null) return;
      enqueue.emit(answer(context, containerOf(event), { type: 'volume.released', volumeId: context.id }));
    }),
    releaseLeaving: enqueueActions(({ enqueue, context }) => {
      for (const id of context.leaving)
        enqueue.emit(answer(context, id, { type: 'volume.released', volumeId: context.id }));
    }),
    tellHeld: enqueueActions(({ enqueue, context }) => {
      const reason = context.reason ?? 'It could not be let go of yet';
      for (const id of context.leaving)
        enqueue.emit(answer(context, id, { type: 'volume.held', volumeId: context.id, reason }));
    }),
    /** A grant that found nobody, or one who does not wait any more. */
    takeBack: assign(({ context, event }) => {
      if (event.type !== 'message.undeliverable') return {};
      const isOther = (id: string): boolean => containerAddress(context.tenant, id) !== event.to;
      return { attached: context.attached.filter(isOther), leaving: context.leaving.filter(isOther) };
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
