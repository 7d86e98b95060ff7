/**
 * What a sandbox on a network of Neutron has beside: its port is made before
 * it is plugged, waited for once it is, and given back when it is not any more.
 * Neutron is asked by the control plane, never by a host.
 */
import { pauseBefore, untilAnswered, untilReleased } from '../retry-policy.ts';
import { sandboxSetup } from './setup.ts';

/**
 * A port is asked for; where there is none left, what was made ahead goes first.
 * @param prefix of its effects' ids
 * @param refused where it goes when it is refused
 * @param unmade where it goes when nothing gave way, either
 */
const untilBound = <const D, const R, const U>(prefix: string, onDone: D, refused: R, unmade: U) => {
  const { initial, states } = untilAnswered({
    src: 'ensurePort',
    id: `${prefix}ensurePort`,
    description: 'Neutron is asked for its port.',
    backoff: {
      id: `${prefix}bind.backoff`,
      description: 'Neutron gave it no port yet; it will be asked again.',
    },
    onDone,
    refused: [
      { guard: 'mayBindYet', target: 'waiting', actions: 'recordFailure' },
      { guard: 'isShortForIts', target: 'makingWay', actions: 'recordFailure' },
      refused,
    ],
  });
  return {
    initial,
    states: {
      ...states,
      makingWay: {
        description: 'No port or address is left; sandboxes made ahead give theirs back.',
        tags: 'transient',
        invoke: {
          id: `${prefix}makeWay`,
          src: 'makeWay',
          onDone: [{ guard: 'hasWayBeenMade', target: 'attempting' }, unmade],
          onError: unmade,
        },
      },
    },
  } as const;
};

/** Of `allocating`: one port, known by its intent, which is durable before Neutron is asked. */
export const binding = sandboxSetup.createStateConfig({
  tags: 'transient',
  meta: { status: 'making', acquires: 'port' },
  entry: ['beginStep', 'intendPort'],
  invoke: {
    id: 'bind.deadline',
    src: 'deadline',
    input: ({ context }) => ({ ms: context.deadlines.allocateMs }),
    onDone: {
      target: '#sandbox.failed',
      actions: { type: 'sayOverdue', params: { what: 'Neutron gave it no port in time' } },
    },
    onError: '#sandbox.failed',
  },
  ...untilBound(
    '',
    { target: '#sandbox.allocating.deciding', actions: 'recordBound' },
    { target: '#sandbox.failed', actions: 'recordFailure' },
    { target: '#sandbox.failed' },
  ),
});

/** Plugged, and not joined by anything before Neutron's agent lets packets pass. */
export const wiring = sandboxSetup.createStateConfig({
  tags: 'transient',
  meta: { status: 'making' },
  entry: 'beginStep',
  on: {
    'sandbox.found': { guard: 'isFoundOtherwise', target: '#sandbox.allocating', actions: 'recordFound' },
    'sandbox.died': { guard: 'isOnItsHost', target: '#sandbox.making' },
  },
  invoke: {
    id: 'wire.deadline',
    src: 'deadline',
    input: ({ context }) => ({ ms: context.deadlines.makeMs }),
    onDone: {
      target: '#sandbox.failed',
      actions: {
        type: 'sayOverdue',
        params: { what: 'Neutron’s agent on the host has not wired its port in time' },
      },
    },
    onError: '#sandbox.failed',
  },
  ...untilAnswered({
    src: 'awaitPorts',
    id: 'awaitPorts',
    description: 'Neutron’s agent on the host lets it in.',
    backoff: {
      id: 'wire.backoff',
      description: 'Neutron could not say yet whether its port is wired; it will be asked again.',
    },
    onDone: '#sandbox.made',
    refused: [{ target: '#sandbox.failed', actions: 'recordFailure' }],
  }),
});

/** Of `attaching`: the same for one more port. */
export const attachBinding = sandboxSetup.createStateConfig({
  tags: 'transient',
  meta: { acquires: 'port' },
  entry: 'intendPort',
  ...untilBound(
    'attach.',
    { target: '#sandbox.attaching.plugging', actions: 'recordBound' },
    { target: '#sandbox.detaching', actions: ['recordFailure', 'giveUpAttach'] },
    { target: '#sandbox.detaching', actions: 'giveUpAttach' },
  ),
});

export const attachWiring = sandboxSetup.createStateConfig({
  tags: 'transient',
  ...untilAnswered({
    src: 'awaitPorts',
    id: 'attach.awaitPorts',
    description: 'Neutron’s agent on the host lets it in.',
    backoff: {
      id: 'attach.wire.backoff',
      description: 'Neutron could not say yet whether its port is wired; it will be asked again.',
    },
    onDone: { target: '#sandbox.claimed', actions: ['settle', 'tellChanged'] },
    refused: [{ target: '#sandbox.detaching', actions: ['recordFailure', 'giveUpAttach'] }],
  }),
});

/** Of `detaching`: it is unplugged. */
export const givingBack = sandboxSetup.createStateConfig({
  tags: 'transient',
  initial: 'attempting',
  states: untilReleased({
    description: 'Its port is given back to Neutron.',
    releases: 'port',
    deadlineId: 'giveBack.deadline',
    overdue: 'waiting',
    id: 'giveBack',
    src: 'returnPorts',
    input: { all: false },
    onDone: { target: '#sandbox.claimed', actions: ['releaseLeaving', 'forgetIntent', 'tellChanged'] },
    onError: { target: 'waiting', actions: 'recordFailure' },
    backoff: {
      id: 'giveBack.backoff',
      description: 'Its port could not be given back to Neutron; it will be tried again.',
    },
  }),
});

/** Of `claimed`: its container runs already, in one that was made ahead. */
export const marking = sandboxSetup.createStateConfig({
  initial: 'attempting',
  states: {
    attempting: {
      description: 'A container lives in it; Neutron takes note of whose its ports are.',
      tags: 'transient',
      invoke: [
        {
          id: 'mark.deadline',
          src: 'deadline',
          input: ({ context }) => ({ ms: context.deadlines.allocateMs }),
          onDone: 'waiting',
          onError: 'waiting',
        },
        {
          id: 'markPorts',
          src: 'markPorts',
          onDone: { target: '#sandbox.claimed.settled', actions: 'forgetMarks' },
          onError: [
            { guard: 'isRetryable', target: 'waiting', actions: 'recordFailure' },
            { target: '#sandbox.claimed.settled', actions: 'recordFailure' },
          ],
        },
      ],
    },
    waiting: pauseBefore(
      'attempting',
      'mark.backoff',
      'A container lives in it; Neutron is told again in a moment whose its ports are.',
    ),
  },
});

/** Its ports get or lose a security group; packets go on by the others meanwhile. */
export const regrouping = sandboxSetup.createStateConfig({
  tags: 'transient',
  meta: { status: 'changing' },
  entry: ['beginStep', 'recordRegroup'],
  invoke: {
    id: 'regroup.deadline',
    src: 'deadline',
    input: ({ context }) => ({ ms: context.deadlines.allocateMs }),
    onDone: {
      target: '#sandbox.claimed',
      actions: [
        { type: 'sayOverdue', params: { what: 'Neutron did not change its security groups in time' } },
        'forgetRegroup',
        'tellChanged',
      ],
    },
    onError: { target: '#sandbox.claimed', actions: ['forgetRegroup', 'tellChanged'] },
  },
  ...untilAnswered({
    src: 'regroupPorts',
    id: 'regroupPorts',
    description: 'Neutron changes its security groups.',
    backoff: {
      id: 'regroup.backoff',
      description: 'Neutron did not change its security groups yet; it will be asked again.',
    },
    onDone: { target: '#sandbox.claimed', actions: ['recordGroups', 'tellChanged'] },
    refused: [{ target: '#sandbox.claimed', actions: ['recordFailure', 'forgetRegroup', 'tellChanged'] }],
  }),
});

/** Its namespace is gone, its ports are not yet. */
export const releasing = sandboxSetup.createStateConfig({
  tags: 'transient',
  meta: { status: 'draining' },
  on: {
    'sandbox.release': {},
    'sandbox.claim': { actions: { type: 'refuseClaim', params: { reason: 'It is being removed' } } },
    // Its host was given up, and is back with what it has of it.
    'resource.seen': { guard: 'isOnItsHost', target: '#sandbox.draining' },
    'sandbox.died': { guard: 'isOnItsHost', target: '#sandbox.draining' },
    'host.removed': {},
    'message.undeliverable': {},
  },
  initial: 'deciding',
  states: {
    deciding: {
      tags: 'transient',
      always: [
        { guard: 'isPortHeld', target: 'attempting', actions: 'beginStep' },
        { target: '#sandbox.gone' },
      ],
    },
    ...untilReleased({
      description: 'Its ports are given back to Neutron.',
      releases: 'port',
      deadlineId: 'return.deadline',
      overdue: 'waiting',
      id: 'returnPorts',
      src: 'returnPorts',
      input: { all: true },
      onDone: { target: '#sandbox.gone', actions: 'forgetIntent' },
      onError: { target: 'waiting', actions: 'recordFailure' },
      backoff: {
        id: 'return.backoff',
        description: 'Its ports could not be given back to Neutron; it will be tried again.',
      },
    }),
  },
});
