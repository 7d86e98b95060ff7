/** What is neither coming nor going: broken, or on a host nobody hears. */
import { containerSetup } from './setup.ts';

export const error = containerSetup.createStateConfig({
  description: 'It failed and stays as it is until somebody acts.',
  tags: 'settled',
  meta: { status: 'Error', taskState: null },
  on: {
    'container.start': { target: '#container.resuming' },
    'container.stop': { actions: { type: 'refuse', params: { reason: 'It does not run' } } },
    'container.delete': { target: '#container.removing', actions: 'recordGrace' },
    'runtime.started': {
      guard: 'isCurrentRun',
      target: '#container.running',
      actions: ['recordObservation', 'recordRun', 'wantRunning', 'keepContainer'],
    },
    'runtime.exited': { guard: 'isCurrentRun', actions: 'refreshObservation' },
    'runtime.gone': { guard: 'isOurContainerGone', actions: 'forgetContainer' },
  },
});

export const lost = containerSetup.createStateConfig({
  description: 'Its host is not heard. Whether it runs is not known.',
  tags: 'settled',
  meta: { status: 'Unknown', taskState: null },
  on: {
    'container.start': {
      actions: [
        'wantRunning',
        { type: 'queue', params: { reason: 'It is looked after once its host is heard again' } },
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
      {
        guard: 'isOnlyIfStopped',
        actions: {
          type: 'refuse',
          params: { reason: 'Its host is not heard, so it may be running; delete it with stop or force' },
        },
      },
      { target: '#container.deleted' },
    ],
    'runtime.started': [
      { guard: 'isStopDue', target: '#container.stopping', actions: 'recordObservation' },
      { guard: 'isCurrentRun', target: '#container.running', actions: ['recordReturn'] },
    ],
    'runtime.exited': [
      { guard: 'isNeverRun', target: '#container.created', actions: 'recordObservation' },
      { guard: 'isCurrentRun', target: '#container.returned', actions: 'recordObservation' },
    ],
    'runtime.gone': { guard: 'isOurContainerGone', target: '#container.gone' },
  },
});

/** Its host came back and it had ended meanwhile. */
export const returned = containerSetup.createStateConfig({
  tags: 'transient',
  always: [{ guard: 'isRunningWanted', target: '#container.exited' }, { target: '#container.stopped' }],
});
