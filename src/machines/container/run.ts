/** From created to running and back: starts, exits, restarts, stops. */
import { restartBackoffMs } from '../restart-policy.ts';
import { permits, whenDeleted, whenLost } from './permits.ts';
import { hostInput } from './setup/effects.ts';
import { containerSetup } from './setup.ts';
import { pauseBefore } from '../retry-policy.ts';

const gone = { guard: 'isOurContainerGone', target: '#container.gone' } as const;
const lost = whenLost;
const startedOutside = {
  guard: 'isCurrentRun',
  target: '#container.running',
  actions: ['recordObservation', 'recordRun', 'wantRunning'],
} as const;

export const created = containerSetup.createStateConfig({
  description: 'It exists on its host and was never started.',
  tags: 'settled',
  meta: { status: 'Created', taskState: null },
  entry: { type: 'tellCapsule', params: { is: 'created' } },
  on: {
    ...permits.created,
    'container.start': { target: '#container.readying', actions: 'wantRunning' },
    'container.stop': { actions: { type: 'refuse', params: { reason: 'It was never started' } } },
    'container.delete': whenDeleted,
    'runtime.started': startedOutside,
    'runtime.gone': gone,
    'host.lost': lost,
  },
});

export const starting = containerSetup.createStateConfig({
  description: 'The engine starts it.',
  tags: 'transient',
  meta: { status: 'Created', taskState: 'container_starting' },
  entry: ['beginStep', 'forgetKill'],
  invoke: {
    id: 'start.deadline',
    src: 'deadline',
    input: ({ context }) => ({ ms: context.deadlines.startMs }),
    onDone: { target: '#container.error', actions: { type: 'sayOverdue', params: { step: 'starting it' } } },
    onError: '#container.error',
  },
  on: {
    'container.start': { actions: { type: 'queue', params: { reason: 'It is being started already' } } },
    'container.stop': { target: '#container.stopping', actions: ['wantStopped', 'recordGrace'] },
    // An exit of the run before this one is no news.
    'runtime.exited': {
      guard: 'isChangedRun',
      target: '#container.exited',
      actions: ['recordObservation', 'recordRun'],
    },
    'runtime.gone': {
      guard: 'isOurContainerGone',
      target: '#container.acquiring',
      actions: 'forgetContainer',
    },
  },
  initial: 'attempting',
  states: {
    attempting: {
      tags: 'transient',
      invoke: {
        id: 'startContainer',
        src: 'startContainer',
        input: ({ context }) => hostInput(context, context.deadlines.startMs),
        onDone: [
          {
            guard: 'hasExitedAlready',
            target: '#container.exited',
            actions: ['recordObservation', 'recordRun'],
          },
          { target: '#container.running', actions: ['recordObservation', 'recordRun'] },
        ],
        onError: [
          { guard: 'isContainerGone', target: '#container.acquiring', actions: 'forgetContainer' },
          { guard: 'isSandboxGone', target: '#container.mending', actions: 'doubtSandbox' },
          { guard: 'isRetryable', target: 'waiting', actions: 'recordFailure' },
          { target: '#container.error', actions: 'recordFailure' },
        ],
      },
    },
    waiting: pauseBefore(
      'attempting',
      'start.backoff',
      'It could not be started; it will be tried again.',
      '#container.error',
    ),
  },
});

export const running = containerSetup.createStateConfig({
  description: 'It runs. Exits, health and removal arrive as facts.',
  tags: ['settled', 'active'],
  meta: { status: 'Running', taskState: null },
  entry: ['endRebuild', { type: 'tellCapsule', params: { is: 'running' } }],
  on: {
    ...permits.running,
    'container.start': { actions: { type: 'refuse', params: { reason: 'It is running already' } } },
    'container.stop': { target: '#container.stopping', actions: ['wantStopped', 'recordGrace'] },
    'runtime.exited': [
      { guard: 'isKilled', target: '#container.stopped', actions: ['recordObservation', 'explainKill'] },
      {
        guard: 'isStoppedCurrent',
        target: '#container.stopped',
        actions: [
          'recordObservation',
          'wantStopped',
          { type: 'say', params: { reason: 'Stopped outside Troupe' } },
        ],
      },
      { guard: 'isCurrentRun', target: '#container.exited', actions: 'recordObservation' },
    ],
    'runtime.started': [
      {
        guard: 'isPausedCurrent',
        target: '#container.paused',
        actions: ['recordObservation', { type: 'say', params: { reason: 'Paused outside Troupe' } }],
      },
      {
        guard: 'isNewRunByAgent',
        target: '.assessing',
        actions: ['recordObservation', 'recordRun', 'countAgentRestart'],
      },
      { guard: 'isChangedRun', target: '.assessing', actions: 'recordObservation' },
      { guard: 'isChangedHealth', target: '.assessing', actions: 'recordObservation' },
    ],
    'runtime.health': { guard: 'isCurrentRun', target: '.assessing', actions: 'recordObservation' },
    'runtime.gone': gone,
    'host.lost': lost,
    // Others of its capsule live in another namespace from now on.
    'sandbox.granted': {
      guard: 'isSandboxRemade',
      target: '#container.rebooting',
      actions: ['recordSandbox', 'wantRunning'],
    },
  },
  initial: 'assessing',
  states: {
    assessing: {
      tags: 'settled',
      always: [
        { guard: 'isHealthChecked', target: 'checking' },
        { guard: 'isHealthy', target: 'healthy' },
        { guard: 'isUnhealthy', target: 'unhealthy' },
        { target: 'up' },
      ],
    },
    up: { description: 'It runs; it has no health check.', tags: 'settled' },
    checking: { description: 'It runs; its health check has not decided yet.', tags: 'settled' },
    healthy: { description: 'It runs and is healthy.', tags: 'settled' },
    unhealthy: {
      description: 'It runs and its health check fails.',
      tags: 'settled',
      entry: 'explainHealth',
    },
  },
});

/** It has ended by itself: policy decides, in the same turn. */
export const exited = containerSetup.createStateConfig({
  tags: 'transient',
  always: [
    { guard: 'isRestartDue', target: '#container.backingOff', actions: 'countRestart' },
    { guard: 'isAutoRemoved', target: '#container.removing' },
    { target: '#container.stopped', actions: 'explainExit' },
  ],
});

/** Somebody removed it at the engine: policy decides, in the same turn. */
export const gone_ = containerSetup.createStateConfig({
  tags: 'transient',
  entry: 'forgetContainer',
  always: [
    { guard: 'isAutoRemoved', target: '#container.removing' },
    {
      guard: 'isRecreationDue',
      target: '#container.backingOff',
      actions: [
        'countRestart',
        { type: 'say', params: { reason: 'It was removed outside Troupe; it is made again' } },
      ],
    },
    {
      target: '#container.error',
      actions: { type: 'say', params: { reason: 'It was removed outside Troupe' } },
    },
  ],
});

export const backingOff = containerSetup.createStateConfig({
  description: 'It waits before it is started again.',
  tags: 'transient',
  meta: { status: 'Restarting', taskState: null },
  entry: { type: 'tellCapsule', params: { is: 'restarting' } },
  invoke: {
    id: 'restart.backoff',
    src: 'deadline',
    input: ({ context }) => ({ ms: restartBackoffMs(context.restarts) }),
    onDone: '#container.resuming',
    onError: '#container.resuming',
  },
  on: {
    'container.start': { target: '#container.resuming', actions: 'wantRunning' },
    'container.stop': [
      {
        guard: 'isContainerHeld',
        target: '#container.stopped',
        actions: [
          'wantStopped',
          { type: 'say', params: { reason: 'Stopped while it waited to be restarted' } },
        ],
      },
      {
        target: '#container.error',
        actions: ['wantStopped', { type: 'say', params: { reason: 'It was removed outside Troupe' } }],
      },
    ],
    'runtime.started': startedOutside,
    'runtime.gone': { guard: 'isOurContainerGone', actions: 'forgetContainer' },
    'host.lost': lost,
  },
});

/** Back to running from wherever it got to: started, made again, or placed anew. */
export const resuming = containerSetup.createStateConfig({
  tags: 'transient',
  entry: 'wantRunning',
  always: [
    { guard: 'isContainerHeld', target: '#container.readying' },
    { guard: 'isPlaced', target: '#container.acquiring' },
    { target: '#container.placing', actions: 'forgetPlacement' },
  ],
});

export const stopping = containerSetup.createStateConfig({
  description: 'The engine stops it, gently and then for good.',
  tags: 'transient',
  meta: { status: 'Running', taskState: 'container_stopping' },
  entry: 'beginStep',
  invoke: {
    id: 'stop.deadline',
    src: 'deadline',
    input: ({ context }) => ({ ms: context.graceMs + context.deadlines.stopMs }),
    onDone: [
      {
        guard: 'isObservedAlive',
        target: '#container.settling',
        actions: [{ type: 'sayOverdue', params: { step: 'stopping it' } }, 'giveUpStop'],
      },
      { target: '#container.error', actions: { type: 'sayOverdue', params: { step: 'stopping it' } } },
    ],
    onError: '#container.error',
  },
  on: {
    'container.start': {
      actions: ['wantRunning', { type: 'queue', params: { reason: 'It starts again once it has stopped' } }],
    },
    'container.stop': {
      actions: ['wantStopped', { type: 'queue', params: { reason: 'It is being stopped already' } }],
    },
    'runtime.exited': { guard: 'isCurrentRun', actions: 'recordObservation' },
    'runtime.health': { guard: 'isCurrentRun', actions: 'refreshObservation' },
    'runtime.gone': { guard: 'isOurContainerGone', target: '#container.gone' },
  },
  initial: 'attempting',
  states: {
    attempting: {
      tags: 'transient',
      invoke: {
        id: 'stopContainer',
        src: 'stopContainer',
        input: ({ context }) => hostInput(context, context.graceMs + context.deadlines.stopMs),
        onDone: [
          { guard: 'isNothingLeft', target: '#container.gone' },
          { guard: 'isRunningWanted', target: '#container.readying', actions: 'recordObservation' },
          { guard: 'isAutoRemoved', target: '#container.removing', actions: 'recordObservation' },
          { target: '#container.stopped', actions: 'recordObservation' },
        ],
        onError: [
          { guard: 'isRetryable', target: 'waiting', actions: 'recordFailure' },
          {
            guard: 'isObservedAlive',
            target: '#container.settling',
            actions: ['recordFailure', 'giveUpStop'],
          },
          { target: '#container.error', actions: 'recordFailure' },
        ],
      },
    },
    waiting: {
      ...pauseBefore(
        'attempting',
        'stop.backoff',
        'It could not be stopped; it will be tried again.',
        '#container.error',
      ),
      // Its host sees it again, so that there is no need to wait longer.
      on: { 'runtime.started': { guard: 'isRunningCurrent', target: 'attempting' } },
    },
  },
});

export const stopped = containerSetup.createStateConfig({
  description: 'It has ended or was stopped.',
  tags: 'settled',
  meta: { status: 'Stopped', taskState: null },
  entry: { type: 'tellCapsule', params: { is: 'ended' } },
  on: {
    ...permits.stopped,
    'container.start': { target: '#container.readying', actions: 'wantRunning' },
    'container.stop': { actions: { type: 'refuse', params: { reason: 'It is stopped already' } } },
    'container.delete': whenDeleted,
    'runtime.started': startedOutside,
    'runtime.exited': { guard: 'isCurrentRun', actions: 'refreshObservation' },
    'runtime.gone': gone,
    'host.lost': lost,
  },
});
