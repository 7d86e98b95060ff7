/**
 * A volume that a request has made in Cinder, in its user's name, and that nobody mounts yet. Who is to mount it says so by
 * its own first step (`volume.keep`); where that does not come, Cinder deletes what it made for it.
 */
import { untilReleased } from '../retry-policy.ts';
import { volumeSetup } from './setup.ts';

export const promised = volumeSetup.createStateConfig({
  description: 'A request has it made in Cinder.',
  tags: 'transient',
  meta: { status: 'creating', acquires: 'volume of Cinder' },
  invoke: {
    id: 'promise.deadline',
    src: 'deadline',
    input: ({ context }) => ({ ms: context.promise?.forMs ?? 0 }),
    onDone: {
      target: 'deleting',
      actions: { type: 'say', params: { reason: 'The request that it was made for came to no end' } },
    },
    onError: 'deleting',
  },
  on: {
    'volume.promise': { target: 'promised', reenter: true },
    // From here on it is theirs.
    'volume.keep': 'gone',
  },
});

/** Of `deleting`. */
export const discarding = volumeSetup.createStateConfig({
  tags: 'transient',
  initial: 'attempting',
  states: untilReleased({
    description: 'Cinder deletes it.',
    releases: 'volume of Cinder',
    deadlineId: 'discard.deadline',
    overdue: {
      target: 'waiting',
      actions: { type: 'say', params: { reason: 'Cinder does not delete it' } },
    },
    id: 'discardPromised',
    src: 'discardPromised',
    onDone: '#volume.gone',
    onError: { target: 'waiting', actions: 'recordFailure' },
    backoff: {
      id: 'discard.backoff',
      description: 'Cinder did not delete it; it will be asked again.',
    },
  }),
});
