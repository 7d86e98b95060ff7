/** Its sandbox: asked for before it is created, and looked after before it starts again. */
import { containerSetup } from './setup.ts';
import { askingForSandbox } from '../own-sandbox.ts';
import { pauseBefore } from '../retry-policy.ts';

const deciding = containerSetup.createStateConfig({
  tags: 'transient',
  always: [
    { guard: 'isSandboxReady', target: 'ready' },
    { guard: 'isSandboxHeld', target: 'claiming' },
    { target: 'opening' },
  ],
});

/** Of `acquiring.network`: one made ahead, else one of its own. */
export const acquiringNetwork = {
  deciding,
  claiming: containerSetup.createStateConfig({
    description: 'The sandbox that is meant for it is claimed.',
    tags: 'transient',
    meta: { acquires: 'sandbox' },
    entry: 'claimSandbox',
    invoke: {
      id: 'claimSandbox.deadline',
      src: 'deadline',
      input: ({ context }) => ({ ms: context.deadlines.sandboxMs }),
      onDone: [
        {
          guard: 'isMember',
          target: '#container.error',
          actions: { type: 'sayOverdue', params: { step: 'waiting for its capsule’s network' } },
        },
        { target: 'opening', actions: 'releaseSandbox' },
      ],
      onError: [
        { guard: 'isMember', target: '#container.error' },
        { target: 'opening', actions: 'releaseSandbox' },
      ],
    },
    on: {
      'sandbox.granted': { guard: 'isFromItsSandbox', target: 'ready', actions: 'recordSandbox' },
      'sandbox.refused': [
        {
          guard: 'isMember',
          target: '#container.error',
          actions: [
            { type: 'sayRefused', params: ({ event }) => ({ reason: event.reason }) },
            'forgetSandbox',
          ],
        },
        { guard: 'isFromItsSandbox', target: 'opening', actions: 'forgetSandbox' },
      ],
      'message.undeliverable': { guard: 'isSandboxBounced', target: 'opening', actions: 'forgetSandbox' },
    },
  }),
  opening: containerSetup.createStateConfig({
    tags: 'transient',
    entry: 'beginStep',
    invoke: {
      id: 'sandbox.deadline',
      src: 'deadline',
      input: ({ context }) => ({ ms: context.deadlines.sandboxMs }),
      onDone: {
        target: '#container.error',
        actions: { type: 'sayOverdue', params: { step: 'making its network' } },
      },
      onError: '#container.error',
    },
    initial: 'asking',
    states: {
      asking: askingForSandbox(
        'A sandbox of its own is being made.',
        { target: '#container.acquiring.network.ready', actions: 'recordSandbox' },
        '#container.error',
      ),
      waiting: pauseBefore(
        'asking',
        'sandbox.backoff',
        'Its network could not be made; it will be tried again.',
      ),
    },
  }),
};

/** Before each start: its network first, then the container. */
export const readying = containerSetup.createStateConfig({
  tags: 'transient',
  always: [
    { guard: 'isSandboxReady', target: '#container.starting' },
    { guard: 'isSandboxHeld', target: '#container.mending' },
    { target: '#container.acquiring' },
  ],
});

/** The engine is then asked again to create it: what joined a namespace that is no more is made anew in the new one. */
export const mending = containerSetup.createStateConfig({
  description: 'Its network namespace is made and plugged again before it starts.',
  tags: 'transient',
  meta: { status: 'Created', taskState: 'container_starting' },
  entry: 'claimSandbox',
  invoke: {
    id: 'mending.deadline',
    src: 'deadline',
    input: ({ context }) => ({ ms: context.deadlines.sandboxMs }),
    onDone: {
      target: '#container.error',
      actions: { type: 'sayOverdue', params: { step: 'making its network again' } },
    },
    onError: '#container.error',
  },
  on: {
    'container.start': { actions: { type: 'queue', params: { reason: 'It is being started already' } } },
    'container.stop': {
      target: '#container.stopped',
      actions: ['wantStopped', { type: 'say', params: { reason: 'Stopped before it was started' } }],
    },
    'sandbox.granted': { guard: 'isFromItsSandbox', target: '#container.creating', actions: 'recordSandbox' },
    'sandbox.refused': {
      guard: 'isFromItsSandbox',
      target: '#container.acquiring',
      actions: 'forgetSandbox',
    },
    'message.undeliverable': {
      guard: 'isSandboxBounced',
      target: '#container.acquiring',
      actions: 'forgetSandbox',
    },
  },
});

/** One network more or less, on the living container. */
export const rewiring = containerSetup.createStateConfig({
  description: 'Its networks are being changed.',
  tags: 'transient',
  initial: 'attaching',
  invoke: {
    id: 'rewiring.deadline',
    src: 'deadline',
    input: ({ context }) => ({ ms: context.deadlines.claimMs + 2 * context.deadlines.sandboxMs }),
    onDone: {
      target: '#container.settling',
      actions: { type: 'sayOverdue', params: { step: 'changing its networks' } },
    },
    onError: '#container.settling',
  },
  on: {
    'sandbox.changed': { guard: 'isFromItsSandbox', target: '#container.settling', actions: 'recordPorts' },
    'runtime.exited': { guard: 'isCurrentRun', actions: 'recordObservation' },
    'runtime.health': { guard: 'isCurrentRun', actions: 'refreshObservation' },
    'runtime.started': { guard: 'isCurrentRun', actions: 'recordObservation' },
    'runtime.gone': { guard: 'isOurContainerGone', target: '#container.gone' },
    'host.lost': { guard: 'isFromOurHost', target: '#container.lost' },
    'message.undeliverable': {
      guard: 'isSandboxMessageBounced',
      target: '#container.settling',
      actions: 'doubtSandbox',
    },
  },
  states: {
    attaching: { tags: 'transient', meta: { taskState: 'network_attaching' } },
    detaching: { tags: 'transient', meta: { taskState: 'network_detaching' } },
    grouping: { tags: 'transient', meta: { taskState: 'sg_adding' } },
    ungrouping: { tags: 'transient', meta: { taskState: 'sg_removing' } },
  },
});
