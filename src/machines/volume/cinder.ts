/**
 * What the attachment of a volume of Cinder needs beside: Cinder is asked for
 * it, its host connects and mounts it, and Cinder is told that it is there;
 * given up in the reverse order. Cinder is asked by the control plane, never by
 * a host.
 */
import { untilAnswered, untilReleased } from '../retry-policy.ts';
import type { VolumeContext } from './context.ts';
import { volumeSetup, type VolumeEffectInput } from './setup.ts';

const refused = [{ target: '#volume.failed', actions: 'recordFailure' }] as const;

export const atItsHost =
  (deadline: keyof VolumeContext['deadlines']) =>
  ({ context }: { readonly context: VolumeContext }): VolumeEffectInput => ({
    hostId: context.hostId,
    deadlineMs: context.deadlines[deadline],
  });

/** Of `making`, whose deadline all three share. Known by who has it, which is durable before Cinder is asked. */
export const reserving = volumeSetup.createStateConfig({
  tags: 'transient',
  meta: { acquires: 'attachment' },
  ...untilAnswered({
    src: 'attachVolume',
    id: 'attachVolume',
    description: 'Cinder attaches it.',
    backoff: { id: 'attach.backoff', description: 'Cinder did not attach it yet; it will be asked again.' },
    onDone: { target: '#volume.making.connecting', actions: 'recordAttachment' },
    refused,
  }),
});

export const connecting = volumeSetup.createStateConfig({
  tags: 'transient',
  meta: { acquires: 'connection' },
  ...untilAnswered({
    src: 'connectVolume',
    id: 'connectVolume',
    description: 'Its host connects and mounts it.',
    input: atItsHost('makeMs'),
    backoff: { id: 'connect.backoff', description: 'It could not be connected; it will be tried again.' },
    onDone: '#volume.making.completing',
    refused,
  }),
});

export const completing = volumeSetup.createStateConfig({
  tags: 'transient',
  ...untilAnswered({
    src: 'completeVolume',
    id: 'completeVolume',
    description: 'Cinder is told that its host has it.',
    backoff: {
      id: 'complete.backoff',
      description: 'Cinder could not be told that its host has it; it will be told again.',
    },
    onDone: { target: '#volume.available', actions: ['recordMade', 'grantWaiting'] },
    refused,
  }),
});

/** Of `deleting`. Who waits for it hears why it takes so long. */
export const disconnecting = volumeSetup.createStateConfig({
  tags: 'transient',
  initial: 'attempting',
  states: untilReleased({
    description: 'Its host unmounts and disconnects it.',
    releases: 'connection',
    deadlineId: 'disconnect.deadline',
    overdue: {
      target: 'waiting',
      actions: [{ type: 'say', params: { reason: 'Its host does not disconnect it' } }, 'tellHeld'],
    },
    id: 'disconnectVolume',
    src: 'disconnectVolume',
    input: atItsHost('removeMs'),
    onDone: { target: '#volume.deleting.detaching', actions: 'recordDisconnect' },
    onError: { target: 'waiting', actions: ['recordFailure', 'tellHeld'] },
    backoff: {
      id: 'disconnect.backoff',
      description: 'It could not be disconnected; it will be tried again.',
    },
  }),
});

export const detaching = volumeSetup.createStateConfig({
  tags: 'transient',
  initial: 'attempting',
  states: untilReleased({
    description: 'Cinder ends its attachment.',
    releases: 'attachment',
    deadlineId: 'detach.deadline',
    overdue: {
      target: 'waiting',
      actions: [{ type: 'say', params: { reason: 'Cinder does not end its attachment' } }, 'tellHeld'],
    },
    id: 'detachVolume',
    src: 'detachVolume',
    onDone: '#volume.gone',
    onError: { target: 'waiting', actions: ['recordFailure', 'tellHeld'] },
    backoff: {
      id: 'detach.backoff',
      description: 'Cinder did not end its attachment; it will be asked again.',
    },
  }),
});
