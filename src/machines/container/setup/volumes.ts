/** Its volumes: asked for before it is created, released behind it. */
import { volumeAddress } from '../../../model/address.ts';
import type { Made } from '../../../model/container.ts';
import type { VolumeInput } from '../../../model/volume-events.ts';
import type { ContainerContext, HeldMount } from '../context.ts';
import { keepMessages, promisesOf } from '../../kept-volumes.ts';
import { isPlaced } from './placement.ts';
import { assign, enqueueActions, type Guards, type Message } from './types.ts';

const volumeOf = (context: ContainerContext, id: string, { sizeGib, isKept, cinder }: Made): VolumeInput => ({
  id,
  tenant: context.tenant,
  name: null,
  hostId: context.hostId ?? '',
  sizeGib,
  // Of Cinder's it is the attachment, which is kept for nobody.
  isEphemeral: isKept !== true || cinder !== undefined,
  cinder: cinder ? { ...cinder, holderId: context.capsuleId ?? context.id } : null,
  deadlines: { makeMs: context.deadlines.sandboxMs, removeMs: context.deadlines.removeMs },
});

export const isOfCinder = ({ made }: ContainerContext['mounts'][number]): boolean =>
  made?.cinder !== undefined;

export const isLeaving = ({ leaving }: HeldMount): boolean => leaving === true;

export const withoutMount = ({ mounts }: ContainerContext, id: string): readonly HeldMount[] =>
  mounts.filter(({ volumeId }) => volumeId !== id);

/** To a volume that is to be let go of; begun by it where it never was, since Cinder may have made one for it. */
export const detachMessage = (context: ContainerContext, { volumeId, made }: HeldMount): Message => ({
  type: 'message',
  to: volumeAddress(context.tenant, volumeId),
  event: { type: 'volume.detach', containerId: context.id },
  ...(made?.cinder && { begin: volumeOf(context, volumeId, made) }),
});

/** To the volumes that have yet to be granted. */
export const mountMessages = (context: ContainerContext): readonly Message[] =>
  context.mounts
    .filter(({ granted, leaving }) => !granted && !leaving)
    .map(({ volumeId, made }) => ({
      type: 'message',
      to: volumeAddress(context.tenant, volumeId),
      event: { type: 'volume.attach', containerId: context.id },
      ...(made && { begin: volumeOf(context, volumeId, made) }),
    }));

export const volumeGuards = {
  areMountsGranted: ({ context }) => context.mounts.every((mount) => mount.granted || isLeaving(mount)),
  isOfItsMounts: ({ context, event }) =>
    'volumeId' in event && context.mounts.some(({ volumeId }) => volumeId === event.volumeId),
  /** Volumes of Cinder that it has yet to let go of. */
  isVolumeHeld: ({ context }) => context.mounts.some(isOfCinder),
  /** Nothing of it is elsewhere. */
  isLostWithHost: ({ context, event }) =>
    'hostId' in event && event.hostId === context.hostId && !context.mounts.some(isOfCinder),
  isMountBounced: ({ event }) =>
    event.type === 'message.undeliverable' && event.message.type === 'volume.attach',
  isLeftBounced: ({ event }) =>
    event.type === 'message.undeliverable' && event.message.type === 'volume.detach',
} satisfies Guards;

export const volumeActions = {
  /** What its request had made in Cinder is its own from here on, or its capsule's. */
  keepVolumes: enqueueActions(({ enqueue, context: { tenant, capsuleId, mounts } }) => {
    if (capsuleId !== null) return;
    for (const message of keepMessages(tenant, promisesOf(mounts))) enqueue.emit(message);
  }),
  askMounts: enqueueActions(({ enqueue, context }) => {
    for (const message of mountMessages(context)) enqueue.emit(message);
  }),
  recordMount: assign({
    mounts: ({ context, event }) =>
      context.mounts.map((mount) =>
        'volumeId' in event && mount.volumeId === event.volumeId ? { ...mount, granted: true } : mount,
      ),
  }),
  /** Asked for or granted: a volume that knows nothing of it takes no harm. */
  releaseMounts: enqueueActions(({ enqueue, context }) => {
    if (!isPlaced(context)) return;
    for (const { volumeId } of context.mounts) {
      enqueue.emit({
        type: 'message',
        to: volumeAddress(context.tenant, volumeId),
        event: { type: 'volume.detach', containerId: context.id },
      });
    }
    enqueue.assign({ mounts: [] });
  }),
  /** Those of Cinder are waited for. */
  releaseVolumes: enqueueActions(({ enqueue, context }) => {
    for (const mount of context.mounts.filter(isOfCinder)) enqueue.emit(detachMessage(context, mount));
  }),
  forgetVolume: assign({
    mounts: ({ context, event }) => withoutMount(context, 'volumeId' in event ? event.volumeId : ''),
  }),
  /** It has ended already. */
  forgetLeft: assign({
    mounts: ({ context, event }) =>
      context.mounts.filter(
        ({ volumeId }) => !('to' in event) || event.to !== volumeAddress(context.tenant, volumeId),
      ),
  }),
};
