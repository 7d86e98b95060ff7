/**
 * A sandbox: a network namespace that is made and plugged apart from the
 * container that joins it, and outlives every restart of it (DESIGN rule 15).
 *
 * It owns its namespace and its addresses from the first to the last; a claim
 * is a state of it. A namespace that one container had is never handed to
 * another.
 */
import type { Chart } from './chart.ts';
import { metaOf } from './meta.ts';
import type { SandboxContext } from './sandbox/context.ts';
import {
  attachBinding,
  attachWiring,
  binding,
  givingBack,
  marking,
  regrouping,
  releasing,
  wiring,
} from './sandbox/neutron.ts';
import { hostInput, sandboxSetup } from './sandbox/setup.ts';
import { toVersion2 } from './sandbox/version2.ts';
import { toVersion3 } from './sandbox/version3.ts';
import { pauseBefore } from './retry-policy.ts';
import { describeBy } from './describe.ts';

/** How long one attempt may take once the host is known to hang, and between attempts then. */
const stuckAttemptMs = 30_000;
const stuckPauseMs = 15_000;

/** Before it is known to be made: its host knows better what it has. */
const restored = {
  'sandbox.found': { guard: 'isFoundOtherwise', target: '#sandbox.allocating', actions: 'recordFound' },
  'sandbox.displaced': { guard: 'isItsAddress', target: '#sandbox.allocating', actions: 'dropAddress' },
} as const;

const allocating = sandboxSetup.createStateConfig({
  description: 'Its networks are asked for addresses, one after the other.',
  tags: 'transient',
  meta: { status: 'making', acquires: 'address' },
  on: restored,
  initial: 'deciding',
  states: {
    deciding: {
      tags: 'transient',
      always: [
        { guard: 'isOfNobody', target: '#sandbox.draining' },
        { guard: 'isPortLacking', target: 'binding' },
        { guard: 'isAddressLacking', target: 'asking' },
        { target: '#sandbox.making' },
      ],
    },
    asking: {
      tags: 'transient',
      entry: 'askAddress',
      invoke: {
        id: 'allocate.deadline',
        src: 'deadline',
        input: ({ context }) => ({ ms: context.deadlines.allocateMs }),
        onDone: {
          target: '#sandbox.failed',
          actions: { type: 'say', params: { reason: 'Its network gave no address in time' } },
        },
        onError: '#sandbox.failed',
      },
      on: {
        'network.allocated': { guard: 'isAskedPort', target: 'deciding', actions: 'recordPort' },
        'network.refused': {
          guard: 'isAskedPort',
          target: '#sandbox.failed',
          actions: { type: 'say', params: ({ event }) => ({ reason: event.reason }) },
        },
        'message.undeliverable': {
          guard: 'isBounceOfAllocation',
          target: '#sandbox.failed',
          actions: { type: 'say', params: { reason: 'Its network is no longer there' } },
        },
      },
    },
    binding,
  },
});

const making = sandboxSetup.createStateConfig({
  tags: 'transient',
  meta: { status: 'making', acquires: 'namespace' },
  entry: 'beginStep',
  on: restored,
  invoke: {
    id: 'make.deadline',
    src: 'deadline',
    input: ({ context }) => ({ ms: context.deadlines.makeMs }),
    onDone: {
      target: 'failed',
      actions: { type: 'say', params: { reason: 'Its network namespace could not be made in time' } },
    },
    onError: 'failed',
  },
  initial: 'attempting',
  states: {
    attempting: {
      description: 'The host makes its namespace and plugs it.',
      tags: 'transient',
      invoke: {
        id: 'makeSandbox',
        src: 'makeSandbox',
        input: ({ context }) => hostInput(context, context.deadlines.makeMs),
        onDone: [
          { guard: 'hasNeutronPort', target: '#sandbox.wiring', actions: 'recordMade' },
          { target: '#sandbox.made', actions: 'recordMade' },
        ],
        onError: [
          { guard: 'isRetryable', target: 'waiting', actions: 'recordFailure' },
          { target: '#sandbox.failed', actions: 'recordFailure' },
        ],
      },
    },
    waiting: pauseBefore(
      'attempting',
      'make.backoff',
      'Its namespace could not be made; it will be tried again.',
    ),
  },
});

/** One more network, on the living namespace. */
const attaching = sandboxSetup.createStateConfig({
  tags: 'transient',
  meta: { status: 'changing' },
  entry: ['beginStep', 'recordAttach'],
  invoke: {
    id: 'attach.deadline',
    src: 'deadline',
    input: ({ context }) => ({ ms: context.deadlines.allocateMs + context.deadlines.makeMs }),
    onDone: {
      target: 'detaching',
      actions: [{ type: 'say', params: { reason: 'The network was not attached in time' } }, 'giveUpAttach'],
    },
    onError: { target: 'detaching', actions: 'giveUpAttach' },
  },
  initial: 'deciding',
  states: {
    deciding: {
      tags: 'transient',
      always: [{ guard: 'isPortLacking', target: 'binding' }, { target: 'asking' }],
    },
    binding: attachBinding,
    asking: {
      description: 'The network is asked for an address.',
      tags: 'transient',
      entry: 'askAddress',
      on: {
        'network.allocated': { guard: 'isAskedPort', target: 'plugging', actions: 'recordPort' },
        'network.refused': {
          guard: 'isAskedPort',
          target: '#sandbox.detaching',
          actions: [{ type: 'say', params: ({ event }) => ({ reason: event.reason }) }, 'giveUpAttach'],
        },
        'message.undeliverable': {
          guard: 'isBounceOfAllocation',
          target: '#sandbox.detaching',
          actions: [{ type: 'say', params: { reason: 'The network is no longer there' } }, 'giveUpAttach'],
        },
      },
    },
    plugging: {
      description: 'The host plugs it.',
      tags: 'transient',
      invoke: {
        id: 'plugPort',
        src: 'makeSandbox',
        input: ({ context }) => hostInput(context, context.deadlines.makeMs),
        onDone: [
          { guard: 'hasNeutronPort', target: 'wiring', actions: 'recordMade' },
          { target: '#sandbox.claimed', actions: ['recordMade', 'tellChanged'] },
        ],
        onError: [
          { guard: 'isRetryable', target: 'waiting', actions: 'recordFailure' },
          { target: '#sandbox.detaching', actions: ['recordFailure', 'giveUpAttach'] },
        ],
      },
    },
    waiting: pauseBefore('plugging', 'plug.backoff', 'It could not be plugged; it will be tried again.'),
    wiring: attachWiring,
  },
});

/** One network less; the address is given back once it is unplugged. */
const detaching = sandboxSetup.createStateConfig({
  tags: 'transient',
  meta: { status: 'changing' },
  initial: 'deciding',
  states: {
    deciding: {
      tags: 'transient',
      always: [
        { guard: 'isLeavingPlugged', target: 'attempting' },
        // It was never plugged.
        { guard: 'isPortLeaving', target: 'givingBack' },
        { target: '#sandbox.claimed', actions: 'tellChanged' },
      ],
    },
    attempting: {
      description: 'The host unplugs it.',
      tags: 'transient',
      invoke: [
        {
          id: 'unplug.deadline',
          src: 'deadline',
          input: ({ context }) => ({ ms: context.deadlines.removeMs }),
          onDone: 'waiting',
          onError: 'waiting',
        },
        {
          id: 'unplugPort',
          src: 'unplugPort',
          input: ({ context }) => hostInput(context, context.deadlines.removeMs),
          onDone: [
            { guard: 'isPortLeaving', target: 'givingBack' },
            { target: '#sandbox.claimed', actions: ['releaseLeaving', 'tellChanged'] },
          ],
          onError: { target: 'waiting', actions: 'recordFailure' },
        },
      ],
    },
    waiting: pauseBefore(
      'attempting',
      'unplug.backoff',
      'It could not be unplugged; it will be tried again.',
    ),
    givingBack,
  },
});

const draining = sandboxSetup.createStateConfig({
  tags: 'transient',
  meta: { status: 'draining' },
  entry: 'beginStep',
  on: {
    'sandbox.release': {},
    'sandbox.displaced': { guard: 'isItsAddress', actions: 'dropAddress' },
    'sandbox.claim': { actions: { type: 'refuseClaim', params: { reason: 'It is being removed' } } },
    'host.lost': { guard: 'isOnItsHost', target: '#sandbox.releasing' },
    'message.undeliverable': {},
  },
  initial: 'attempting',
  states: {
    attempting: {
      description: 'The host removes its namespace.',
      tags: 'transient',
      meta: { releases: 'namespace' },
      invoke: [
        {
          id: 'remove.deadline',
          src: 'deadline',
          input: ({ context }) => ({ ms: context.deadlines.removeMs }),
          onDone: {
            target: 'stuck',
            actions: { type: 'say', params: { reason: 'Its host does not remove it' } },
          },
          onError: 'stuck',
        },
        {
          id: 'removeSandbox',
          src: 'removeSandbox',
          input: ({ context }) => hostInput(context, context.deadlines.removeMs),
          onDone: '#sandbox.releasing',
          onError: { target: 'waiting', actions: 'recordFailure' },
        },
      ],
    },
    waiting: pauseBefore('attempting', 'remove.backoff', 'It could not be removed; it will be tried again.'),
    stuck: {
      description: 'Its host does not answer; it is asked again.',
      tags: 'transient',
      invoke: {
        id: 'stuck.pause',
        src: 'deadline',
        input: { ms: stuckPauseMs },
        onDone: 'again',
        onError: 'again',
      },
    },
    again: {
      description: 'The host is asked again to remove its namespace.',
      tags: 'transient',
      meta: { releases: 'namespace' },
      invoke: [
        {
          id: 'stuck.deadline',
          src: 'deadline',
          input: { ms: stuckAttemptMs },
          onDone: 'stuck',
          onError: 'stuck',
        },
        {
          id: 'stuck.removeSandbox',
          src: 'removeSandbox',
          input: ({ context }) => hostInput(context, stuckAttemptMs),
          onDone: '#sandbox.releasing',
          onError: { target: 'stuck', actions: 'recordFailure' },
        },
      ],
    },
  },
});

export const sandboxMachine = sandboxSetup.createMachine({
  id: 'sandbox',
  context: ({ input: { found, ...input } }) => ({
    ...input,
    ...(found ?? { ports: [], portsAsked: 0 }),
    leaving: null,
    portIntent: null,
    // Nor is it known of one that was found.
    marksOwed: input.claimedBy === null || found !== undefined,
    regroup: null,
    engineId: null,
    tries: 0,
    failure: null,
    reason: null,
  }),
  on: {
    'sandbox.claim': [
      // Asked again: the answer is on its way, or comes once it is made.
      { guard: 'isItsContainer' },
      { actions: { type: 'refuseClaim', params: { reason: 'It belongs to another container' } } },
    ],
    'sandbox.release': { guard: 'isItsContainer', target: '.draining' },
    'sandbox.attach': {
      guard: 'isItsContainer',
      actions: { type: 'refuseChange', params: { reason: 'Its network is being changed; try again' } },
    },
    'sandbox.detach': {
      guard: 'isItsContainer',
      actions: { type: 'refuseChange', params: { reason: 'Its network is being changed; try again' } },
    },
    'sandbox.regroup': {
      guard: 'isItsContainer',
      actions: { type: 'refuseChange', params: { reason: 'Its network is being changed; try again' } },
    },
    'sandbox.dismiss': {},
    'network.allocated': { actions: 'returnLatePort' },
    'network.refused': {},
    'sandbox.died': {},
    'sandbox.found': {},
    'sandbox.displaced': {},
    'host.lost': {},
    'host.removed': { guard: 'isOnItsHost', target: '.releasing' },
    'message.undeliverable': { guard: 'isContainerGone', target: '.draining' },
    'resource.seen': {},
    'actor.restored': {},
  },
  entry: 'tellUseFromStart',
  initial: 'allocating',
  states: {
    allocating,
    making,
    wiring,
    made: {
      tags: 'transient',
      always: [
        { guard: 'isClaimed', target: 'claimed', actions: 'grant' },
        { target: 'ready', actions: ['offer', { type: 'tellPool', params: { type: 'pool.joined' } }] },
      ],
    },
    ready: {
      description: 'It was made ahead and waits for its container.',
      tags: 'settled',
      meta: { status: 'ready' },
      on: {
        'sandbox.claim': {
          target: 'claimed',
          actions: ['recordClaim', 'grant', { type: 'tellPool', params: { type: 'pool.used', ahead: true } }],
        },
        'sandbox.dismiss': {
          target: 'draining',
          actions: { type: 'tellPool', params: { type: 'pool.left', wasReady: true } },
        },
        'sandbox.died': {
          guard: 'isOnItsHost',
          target: 'draining',
          actions: ['withdraw', { type: 'tellPool', params: { type: 'pool.left', wasReady: true } }],
        },
        'sandbox.displaced': {
          guard: 'isItsAddress',
          target: 'draining',
          actions: [
            'dropAddress',
            'withdraw',
            { type: 'tellPool', params: { type: 'pool.left', wasReady: true } },
          ],
        },
      },
    },
    claimed: {
      meta: { status: 'claimed' },
      initial: 'deciding',
      states: {
        deciding: {
          tags: 'transient',
          always: [{ guard: 'areMarksOwed', target: 'marking', actions: 'beginStep' }, { target: 'settled' }],
        },
        marking,
        settled: { description: 'A container lives in it.', tags: 'settled' },
      },
      on: {
        'sandbox.claim': [
          { guard: 'isSuspectedByIts', target: 'making' },
          { guard: 'isItsContainer', actions: 'grant' },
          { actions: { type: 'refuseClaim', params: { reason: 'It belongs to another container' } } },
        ],
        'sandbox.died': { guard: 'isOnItsHost', target: 'broken', actions: ['recordDeath', 'tellBroken'] },
        'sandbox.attach': [
          {
            guard: 'isAttachedAlready',
            actions: { type: 'refuseChange', params: { reason: 'It is attached to that network already' } },
          },
          { guard: 'isItsContainer', target: 'attaching' },
        ],
        'sandbox.detach': [
          { guard: 'isAttached', target: 'detaching', actions: ['beginStep', 'recordDetach'] },
          { actions: { type: 'refuseChange', params: { reason: 'It is not attached to that network' } } },
        ],
        'sandbox.regroup': { guard: 'isItsContainer', target: 'regrouping' },
      },
    },
    broken: {
      description: 'Its namespace is gone; it is made again before its container starts.',
      tags: 'settled',
      meta: { status: 'broken' },
      on: {
        // It is given another when it is made again.
        'sandbox.displaced': { guard: 'isItsAddress', actions: 'dropAddress' },
        'sandbox.claim': [
          { guard: 'isItsContainer', target: 'allocating' },
          { actions: { type: 'refuseClaim', params: { reason: 'It belongs to another container' } } },
        ],
        'sandbox.attach': {
          guard: 'isItsContainer',
          actions: { type: 'refuseChange', params: { reason: 'Its namespace is gone; start it first' } },
        },
        'sandbox.detach': {
          guard: 'isItsContainer',
          actions: { type: 'refuseChange', params: { reason: 'Its namespace is gone; start it first' } },
        },
        'sandbox.regroup': {
          guard: 'isItsContainer',
          actions: { type: 'refuseChange', params: { reason: 'Its namespace is gone; start it first' } },
        },
      },
    },
    regrouping,
    attaching,
    detaching,
    failed: {
      tags: 'transient',
      entry: 'tellFailed',
      always: [
        { guard: 'isClaimed', target: 'draining' },
        {
          target: 'draining',
          actions: { type: 'tellPool', params: { type: 'pool.left', wasReady: false } },
        },
      ],
    },
    draining,
    releasing,
    gone: {
      description: 'Nothing of it is left.',
      type: 'final',
      tags: 'settled',
      meta: { status: 'gone', releases: 'address' },
      entry: ['releaseLeaving', 'releasePorts'],
    },
  },
});

const onHost = ({ hostId }: SandboxContext): string => `host ${hostId}`;

const descriptions: Readonly<Record<string, (context: SandboxContext) => string>> = {
  'allocate.deadline': ({ networks, ports }) =>
    `network ${networks[ports.length]?.networkId ?? ''} to give an address`,
  'make.deadline': () => 'the time to make its namespace to run out',
  'bind.deadline': () => 'the time for Neutron to give its port to run out',
  ensurePort: () => 'Neutron to give its port',
  makeWay: () => 'sandboxes made ahead to give way',
  'bind.backoff': () => 'the pause before Neutron is asked for its port again',
  'wire.deadline': () => 'the time for Neutron’s agent to wire its ports to run out',
  awaitPorts: (context) => `Neutron’s agent on ${onHost(context)} to wire its ports`,
  'wire.backoff': () => 'the pause before Neutron is asked again whether its ports are wired',
  'attach.ensurePort': () => 'Neutron to give its port',
  'attach.makeWay': () => 'sandboxes made ahead to give way',
  'attach.bind.backoff': () => 'the pause before Neutron is asked for its port again',
  'attach.awaitPorts': (context) => `Neutron’s agent on ${onHost(context)} to wire its ports`,
  'attach.wire.backoff': () => 'the pause before Neutron is asked again whether its ports are wired',
  'giveBack.deadline': () => 'the time for Neutron to take its port back to run out',
  giveBack: () => 'Neutron to take its port back',
  'giveBack.backoff': () => 'the pause before its port is given back to Neutron again',
  'mark.deadline': () => 'the time for Neutron to take note of whose its ports are to run out',
  markPorts: () => 'Neutron to take note of whose its ports are',
  'mark.backoff': () => 'the pause before Neutron is told again whose its ports are',
  'regroup.deadline': () => 'the time for Neutron to change its security groups to run out',
  regroupPorts: () => 'Neutron to change its security groups',
  'regroup.backoff': () => 'the pause before Neutron is asked again to change its security groups',
  'return.deadline': () => 'the time for Neutron to take its ports back to run out',
  returnPorts: () => 'Neutron to take its ports back',
  'return.backoff': () => 'the pause before its ports are given back to Neutron again',
  makeSandbox: (context) => `${onHost(context)} to make and plug its namespace`,
  'make.backoff': () => 'the pause before its namespace is made again',
  'attach.deadline': () => 'the time to attach the network to run out',
  plugPort: (context) => `${onHost(context)} to plug the network`,
  'plug.backoff': () => 'the pause before the network is plugged again',
  'unplug.deadline': () => 'the time to unplug the network to run out',
  unplugPort: (context) => `${onHost(context)} to unplug the network`,
  'unplug.backoff': () => 'the pause before the network is unplugged again',
  'remove.deadline': () => 'the time to remove its namespace to run out',
  removeSandbox: (context) => `${onHost(context)} to remove its namespace`,
  'remove.backoff': () => 'the pause before its namespace is removed again',
  'stuck.pause': (context) => `the pause before ${onHost(context)} is asked again to remove it`,
  'stuck.deadline': (context) => `${onHost(context)}, which hangs, to answer in time`,
  'stuck.removeSandbox': (context) => `${onHost(context)}, which hangs, to remove its namespace`,
};

export const sandboxChart: Chart = {
  kind: 'sandbox',
  version: 3,
  machine: sandboxMachine,
  project: (paths, context) => ({
    status: metaOf(sandboxMachine, paths).status ?? 'making',
    taskState: null,
    reason: (context as SandboxContext).reason,
  }),
  describe: describeBy('sandbox', descriptions),
  commands: [],
  migrations: {
    // Version 2 may be a capsule's, and have ports of Neutron.
    1: toVersion2,
    // Version 3 may have been made ahead with ports of Neutron.
    2: toVersion3,
  },
};
