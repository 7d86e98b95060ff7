/** What is neither coming nor going: broken, or on a host nobody hears. */
import { deletedWithCapsule, permits, whenDeleted } from './permits.ts';
import { containerSetup } from './setup.ts';

export const error = containerSetup.createStateConfig({
  description: 'It failed and stays as it is until somebody acts.',
  tags: 'settled',
  meta: { status: 'Error', taskState: null },
  entry: ['endRebuild', { type: 'tellCapsule', params: { is: 'failed' } }],
  on: {
    ...permits.error,
    'container.start': { target: '#container.resuming' },
    'container.stop': { actions: { type: 'refuse', params: { reason: 'It does not run' } } },
    'container.delete': whenDeleted,
    'runtime.started': {
      guard: 'isCurrentRun',
      target: '#container.running',
      actions: ['recordObservation', 'recordRun', 'wantRunning', 'keepContainer'],
    },
    'runtime.found': { guard: 'isFoundUnplaced', target: '#container.found', actions: 'recordFound' },
    'runtime.created': { guard: 'isNeverRun', actions: ['refreshObservation', 'keepContainer'] },
    'runtime.exited': { guard: 'isCurrentRun', actions: ['refreshObservation', 'keepContainer'] },
    'runtime.gone': { guard: 'isOurContainerGone', actions: 'forgetContainer' },
  },
});

/** A volume of Cinder is nobody else's before its host has let go of it: that is waited for. The rest the host removes when it returns. */
const whenGivenUp = [
  { guard: 'isVolumeHeld', target: '#container.removing', actions: 'recordGrace' },
  { target: '#container.deleted' },
] as const;

export const lost = containerSetup.createStateConfig({
  description: 'Its host is not heard. Whether it runs is not known.',
  tags: 'settled',
  meta: { status: 'Unknown', taskState: null },
  entry: { type: 'tellCapsule', params: { is: 'unknown' } },
  on: {
    ...permits.elsewhere,
    'container.start': {
      actions: [
        'queueStart',
        { type: 'queue', params: { reason: 'It is started once its host is heard again' } },
      ],
    },
    'container.stop': {
      actions: [
        'wantStopped',
        'recordGrace',
        { type: 'queue', params: { reason: 'It is stopped once its host is heard again' } },
      ],
    },
    'container.delete': [
      deletedWithCapsule,
      {
        guard: 'isOnlyIfStopped',
        actions: {
          type: 'refuse',
          params: { reason: 'Its host is not heard, so it may be running; delete it with stop or force' },
        },
      },
      { guard: 'isForced', target: '#container.deleted' },
      ...whenGivenUp,
    ],
    'capsule.deleted': whenGivenUp,
    'runtime.started': [
      { guard: 'isStopDue', target: '#container.stopping', actions: 'recordObservation' },
      { guard: 'isMountReturned', target: '#container.remounting.unmounting', actions: 'recordReturn' },
      { guard: 'isCurrentRun', target: '#container.running', actions: ['recordReturn'] },
    ],
    'runtime.created': [
      { guard: 'isStartDue', target: '#container.readying', actions: 'recordObservation' },
      { guard: 'isNeverRun', target: '#container.created', actions: 'recordObservation' },
    ],
    'runtime.exited': [
      { guard: 'isStartDue', target: '#container.readying', actions: 'recordObservation' },
      { guard: 'isCurrentRun', target: '#container.returned', actions: 'recordObservation' },
    ],
    // Whether or not it was there when its host was lost.
    'runtime.gone': { guard: 'isFromOurHost', target: '#container.gone' },
  },
});

/** Its host came back and it had ended meanwhile. */
export const returned = containerSetup.createStateConfig({
  tags: 'transient',
  always: [
    { guard: 'isMountLeaving', target: '#container.remounting.unmounting' },
    { guard: 'isRunningWanted', target: '#container.exited' },
    { target: '#container.stopped' },
  ],
});
