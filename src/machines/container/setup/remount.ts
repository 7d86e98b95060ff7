/** Volumes that are attached or detached while it lives. */
import { volumeAddress } from '../../../model/address.ts';
import { isCurrent } from './observation.ts';
import { assign, emit, enqueueActions, type Guards } from './types.ts';
import { isOfCinder, isLeaving, detachMessage } from './volumes.ts';

export const remountGuards = {
  isBeingRemounted: ({ context, event }) =>
    'volumeId' in event
      ? event.volumeId === context.remounting
      : event.type === 'message.undeliverable' &&
        event.message.type === 'volume.attach' &&
        event.to === volumeAddress(context.tenant, context.remounting ?? ''),
  isMountLeaving: ({ context }) => context.mounts.some(isLeaving),
  isMountedThere: ({ context, event }) =>
    event.type === 'container.attachVolume' &&
    context.mounts.some(
      ({ volumeId, made, hot }) =>
        volumeId === event.mount.volumeId ||
        hot?.destination === event.mount.destination ||
        (made?.cinder && made.cinder.volumeId === event.mount.made?.cinder?.volumeId),
    ),
  isHotMount: ({ context, event }) =>
    'volumeId' in event && context.mounts.some(({ volumeId, hot }) => volumeId === event.volumeId && hot),
  isMountReturned: ({ context, event }) => isCurrent(context, event) && context.mounts.some(isLeaving),
} satisfies Guards;

export const remountActions = {
  addMount: assign({
    mounts: ({ context, event }) => {
      if (event.type !== 'container.attachVolume') return context.mounts;
      const { volumeId, made, destination, readOnly } = event.mount;
      return [...context.mounts, { volumeId, made, hot: { destination, readOnly }, granted: false }];
    },
    remounting: ({ event }) => (event.type === 'container.attachVolume' ? event.mount.volumeId : null),
    failure: null,
    reason: null,
  }),
  /** What was on its way in goes out again. */
  turnBack: assign({
    mounts: ({ context }) =>
      context.mounts.map((mount) =>
        mount.volumeId === context.remounting ? { ...mount, leaving: true as const } : mount,
      ),
  }),
  sendOut: assign({
    mounts: ({ context, event }) =>
      context.mounts.map((mount) =>
        'volumeId' in event && mount.volumeId === event.volumeId
          ? { ...mount, leaving: true as const }
          : mount,
      ),
    remounting: ({ event }) => ('volumeId' in event ? event.volumeId : null),
    failure: null,
    reason: null,
  }),
  /** It is in use there, or its host does not say: who had it has it on. */
  keepMount: assign({
    mounts: ({ context }) =>
      context.mounts.map(({ leaving, ...mount }) =>
        leaving && !(mount.granted && mount.volumeId === context.remounting) ? { ...mount, leaving } : mount,
      ),
  }),
  /** A volume of its host is let go of at once, one of Cinder's says when it is. */
  releaseLeaving: enqueueActions(({ enqueue, context }) => {
    for (const mount of context.mounts.filter(isLeaving)) enqueue.emit(detachMessage(context, mount));
    enqueue.assign({ mounts: context.mounts.filter((mount) => !isLeaving(mount) || isOfCinder(mount)) });
  }),
  returnLateMount: emit(({ context, event }) => ({
    type: 'message' as const,
    to: volumeAddress(context.tenant, 'volumeId' in event ? event.volumeId : ''),
    event: { type: 'volume.detach', containerId: context.id },
  })),
};
