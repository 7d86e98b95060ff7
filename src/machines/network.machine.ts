/**
 * A local network: one bridge of one host, whose addresses its actor gives
 * away. A project's default network is made when it is first needed; its
 * bridge goes when nobody has an address any more, and comes back the same.
 */
import { assign, emit, enqueueActions, setup } from 'xstate';
import { sandboxAddress } from '../model/address.ts';
import { giveBack, isTaken, openPool, take, takeNext, type AddressPool } from '../model/address-pool.ts';
import type { Emitted } from '../model/events.ts';
import { macOfAddress } from '../model/mac-address.ts';
import type { NetworkEffectResults, NetworkEvent, NetworkInput } from '../model/network-events.ts';
import type { Chart } from './chart.ts';
import { metaOf } from './meta.ts';
import type { NetworkContext, PendingPort } from './network/context.ts';
import { unbound } from './unbound.ts';
import { failedAttempt, failureOf, noAttempt, pauseBefore, untilReleased } from './retry-policy.ts';
import { describeBy } from './describe.ts';
import { commandAnswer } from './command-answer.ts';

/** Sandboxes that may wait for the network to be made. */
const pendingMost = 64;

interface NetworkEffectInput {
  readonly hostId: string;
  readonly deadlineMs: number;
}

const hostInput = ({ hostId }: NetworkContext, deadlineMs: number): NetworkEffectInput => ({
  hostId,
  deadlineMs,
});

interface Allocation {
  readonly changes: Partial<NetworkContext>;
  readonly message: Extract<Emitted, { type: 'message' }>;
}

/** An address for the port, or why there is none. */
function allocate(context: NetworkContext, { portId, sandboxId, fixedAddress }: PendingPort): Allocation {
  const to = sandboxAddress(context.tenant, sandboxId);
  const refused = (reason: string): Allocation => ({
    changes: {},
    message: { type: 'message', to, event: { type: 'network.refused', portId, reason } },
  });
  const { definition, addresses, name } = context;
  if (!definition || !addresses) return refused(context.reason ?? `Network "${name}" could not be made`);
  const given = (address: string, left: NetworkContext['addresses']): Allocation => ({
    changes: { addresses: left, ports: context.ports + 1 },
    message: {
      type: 'message',
      to,
      event: { type: 'network.allocated', portId, network: definition, address, mac: macOfAddress(address) },
    },
  });
  if (fixedAddress === null) {
    const next = takeNext(addresses);
    return next
      ? given(next.address, next.pool)
      : refused(`Network "${name}" (${definition.subnet}) has no address left; delete containers on it`);
  }
  const taken = take(addresses, fixedAddress);
  if (taken === 'outside')
    return refused(`"${fixedAddress}" is not in network "${name}" (${definition.subnet})`);
  if (taken === 'in-use') return refused(`"${fixedAddress}" is in use on network "${name}"`);
  return given(fixedAddress, taken);
}

/** After a store that lost its tail an address may be given back again: once is enough. */
function without({ addresses, ports }: NetworkContext, address: string): Partial<NetworkContext> {
  if (!addresses || !isTaken(addresses, address)) return {};
  return { addresses: giveBack(addresses, address), ports: Math.max(0, ports - 1) };
}

/** With the addresses that are held, and no others; the search goes on where it was. Those of an earlier subnet are not its own. */
function withFound(
  { addresses: before }: NetworkContext,
  { definition, addresses }: Extract<NetworkEvent, { type: 'network.found' }>,
): { readonly addresses: AddressPool; readonly ports: number } {
  const { subnet, gateway } = definition;
  const empty = openPool(subnet, gateway);
  let pool: AddressPool = { ...empty, last: before?.subnet === subnet ? before.last : empty.last };
  let ports = 0;
  for (const address of addresses) {
    const taken = take(pool, address);
    if (typeof taken === 'string') continue;
    pool = taken;
    ports += 1;
  }
  return { addresses: pool, ports };
}

export const networkMachine = setup({
  types: {
    input: {} as NetworkInput,
    context: {} as NetworkContext,
    events: {} as NetworkEvent,
    emitted: {} as Emitted,
    tags: {} as 'transient' | 'settled',
    meta: {} as { readonly status?: string; readonly acquires?: string; readonly releases?: string },
  },
  actors: {
    deadline: unbound<NetworkEffectResults['deadline'], { readonly ms: number }>('deadline'),
    ensureNetwork: unbound<NetworkEffectResults['ensureNetwork'], NetworkEffectInput>('ensureNetwork'),
    removeNetwork: unbound<NetworkEffectResults['removeNetwork'], NetworkEffectInput>('removeNetwork'),
  },
  guards: {
    isDefault: ({ context }) => context.isDefault,
    isCountedRight: ({ context, event }) => {
      if (event.type !== 'network.found') return false;
      const { addresses, ports } = withFound(context, event);
      return (
        context.ports === ports &&
        context.addresses?.used === addresses.used &&
        context.addresses.subnet === addresses.subnet
      );
    },
    isUsed: ({ context }) => context.ports > 0,
    isLastRelease: ({ context, event }) =>
      context.isDefault &&
      event.type === 'network.release' &&
      (without(context, event.address).ports ?? context.ports) === 0,
    isAwaited: ({ context }) => context.pending.length > 0,
    isCrowded: ({ context }) => context.pending.length >= pendingMost,
    isOnItsHost: ({ context, event }) => 'hostId' in event && event.hostId === context.hostId,
    isRetryable: ({ event }) => failureOf(event).retryable,
    isAllocationBounced: ({ event }) =>
      event.type === 'message.undeliverable' && event.message.type === 'network.allocated',
  },
  actions: {
    beginStep: assign(noAttempt),
    recordFailure: assign(({ context, event }) => failedAttempt(context.tries, event)),
    say: assign({ reason: (_, params: { readonly reason: string }) => params.reason }),
    recordMade: assign(({ context, event }) => {
      const definition = (event as unknown as { output: NetworkEffectResults['ensureNetwork'] }).output;
      return {
        definition,
        addresses:
          context.addresses?.subnet === definition.subnet
            ? context.addresses
            : openPool(definition.subnet, definition.gateway),
        failure: null,
        reason: null,
      };
    }),
    recordFound: assign(({ context, event }) =>
      event.type === 'network.found' ? { definition: event.definition, ...withFound(context, event) } : {},
    ),
    allocate: enqueueActions(({ enqueue, context, event }) => {
      if (event.type !== 'network.allocate') return;
      const { changes, message } = allocate(context, event);
      enqueue.assign(changes);
      enqueue.emit(message);
    }),
    keepWaiting: assign({
      pending: ({ context, event }) => {
        if (event.type !== 'network.allocate') return context.pending;
        const { portId, sandboxId, fixedAddress } = event;
        return [...context.pending, { portId, sandboxId, fixedAddress }];
      },
    }),
    /** All that waited get their answer, be it yes or no. */
    answerWaiting: enqueueActions(({ enqueue, context }) => {
      let current = context;
      for (const port of context.pending) {
        const { changes, message } = allocate(current, port);
        current = { ...current, ...changes };
        enqueue.emit(message);
      }
      enqueue.assign({ addresses: current.addresses, ports: current.ports, pending: [] });
    }),
    refuseAllocation: emit(({ context, event }, params: { readonly reason: string }) => ({
      type: 'message' as const,
      to: sandboxAddress(context.tenant, event.type === 'network.allocate' ? event.sandboxId : ''),
      event: {
        type: 'network.refused',
        portId: event.type === 'network.allocate' ? event.portId : '',
        reason: params.reason,
      },
    })),
    release: assign(({ context, event }) =>
      event.type === 'network.release' ? without(context, event.address) : {},
    ),
    /** An address that was given to a sandbox that is no more. */
    takeBack: assign(({ context, event }) =>
      event.type === 'message.undeliverable' ? without(context, String(event.message['address'])) : {},
    ),
    refuseCommand: emit(({ context }, params: { readonly reason: string | null }) =>
      commandAnswer(
        'refused',
        params.reason ?? `${context.ports} of its addresses are in use; delete their containers first`,
      ),
    ),
    queueCommand: emit((_, params: { readonly reason: string }) => commandAnswer('queued', params.reason)),
  },
}).createMachine({
  id: 'network',
  context: ({ input }) => ({
    ...input,
    definition: null,
    addresses: null,
    ports: 0,
    pending: [],
    tries: 0,
    failure: null,
    reason: null,
  }),
  on: {
    'network.*': { actions: { type: 'refuseCommand', params: { reason: 'A network does not know this' } } },
    'network.delete': [
      {
        guard: 'isDefault',
        actions: {
          type: 'refuseCommand',
          params: { reason: 'It is its project’s own, which comes and goes by itself' },
        },
      },
      { guard: 'isUsed', actions: { type: 'refuseCommand', params: { reason: null } } },
      {
        guard: 'isAwaited',
        actions: { type: 'refuseCommand', params: { reason: 'Containers wait for it to be made' } },
      },
      { target: '.deleting' },
    ],
    'network.release': { actions: 'release' },
    // Its bridge is made sure of as it is found.
    'network.found': [{ guard: 'isCountedRight' }, { target: '.making', actions: 'recordFound' }],
    'message.undeliverable': { guard: 'isAllocationBounced', actions: 'takeBack' },
    'host.lost': {},
    'host.removed': { guard: 'isOnItsHost', target: '.gone' },
    'resource.seen': {},
    'actor.restored': {},
  },
  initial: 'making',
  states: {
    making: {
      tags: 'transient',
      meta: { status: 'creating', acquires: 'network' },
      entry: 'beginStep',
      invoke: {
        id: 'make.deadline',
        src: 'deadline',
        input: ({ context }) => ({ ms: context.deadlines.makeMs }),
        onDone: {
          target: 'failed',
          actions: { type: 'say', params: { reason: 'Its host did not make it in time' } },
        },
        onError: 'failed',
      },
      on: {
        'network.allocate': [
          {
            guard: 'isCrowded',
            actions: { type: 'refuseAllocation', params: { reason: 'Too many containers wait for it' } },
          },
          { actions: 'keepWaiting' },
        ],
      },
      initial: 'attempting',
      states: {
        attempting: {
          description: 'Its host makes its bridge.',
          tags: 'transient',
          invoke: {
            id: 'ensureNetwork',
            src: 'ensureNetwork',
            input: ({ context }) => hostInput(context, context.deadlines.makeMs),
            onDone: { target: '#network.deciding', actions: ['recordMade', 'answerWaiting'] },
            onError: [
              { guard: 'isRetryable', target: 'waiting', actions: 'recordFailure' },
              { target: '#network.failed', actions: 'recordFailure' },
            ],
          },
        },
        waiting: pauseBefore('attempting', 'make.backoff', 'It could not be made; it will be tried again.'),
      },
    },
    deciding: {
      tags: 'transient',
      always: [
        { guard: 'isUsed', target: 'active' },
        { guard: 'isDefault', target: 'idle' },
        { target: 'active' },
      ],
    },
    active: {
      description: 'It gives addresses.',
      tags: 'settled',
      meta: { status: 'active' },
      on: {
        'network.allocate': { actions: 'allocate' },
        'network.release': [
          { guard: 'isLastRelease', target: 'idle', actions: 'release' },
          { actions: 'release' },
        ],
        'message.undeliverable': { guard: 'isAllocationBounced', target: 'deciding', actions: 'takeBack' },
      },
    },
    idle: {
      description: 'Nobody has an address; its bridge goes soon.',
      tags: 'transient',
      meta: { status: 'active' },
      invoke: {
        id: 'idle.deadline',
        src: 'deadline',
        input: ({ context }) => ({ ms: context.idleMs }),
        onDone: 'leaving',
        onError: 'leaving',
      },
      on: { 'network.allocate': { target: 'deciding', actions: 'allocate' } },
    },
    leaving: {
      tags: 'transient',
      meta: { status: 'active' },
      entry: 'beginStep',
      invoke: {
        id: 'leave.deadline',
        src: 'deadline',
        input: ({ context }) => ({ ms: context.deadlines.removeMs }),
        onDone: {
          target: 'idle',
          actions: { type: 'say', params: { reason: 'Its host does not remove its bridge' } },
        },
        onError: 'idle',
      },
      on: {
        'network.allocate': { target: 'making', actions: 'keepWaiting' },
        'host.lost': { guard: 'isOnItsHost', target: 'dormant' },
      },
      initial: 'attempting',
      states: {
        attempting: {
          description: 'Its host removes its bridge, since nobody uses it.',
          tags: 'transient',
          meta: { releases: 'network' },
          invoke: {
            id: 'leaveNetwork',
            src: 'removeNetwork',
            input: ({ context }) => hostInput(context, context.deadlines.removeMs),
            onDone: '#network.dormant',
            onError: { target: 'waiting', actions: 'recordFailure' },
          },
        },
        waiting: pauseBefore(
          'attempting',
          'leave.backoff',
          'Its bridge could not be removed; it will be tried again.',
        ),
      },
    },
    dormant: {
      description: 'It has no bridge, since nobody uses it; the next address makes it again.',
      tags: 'settled',
      meta: { status: 'dormant' },
      on: { 'network.allocate': { target: 'making', actions: 'keepWaiting' } },
    },
    failed: {
      description: 'It could not be made; the next address tries again.',
      tags: 'settled',
      meta: { status: 'error' },
      entry: 'answerWaiting',
      on: { 'network.allocate': { target: 'making', actions: 'keepWaiting' } },
    },
    deleting: {
      tags: 'transient',
      meta: { status: 'deleting' },
      entry: 'beginStep',
      on: {
        'network.delete': {
          actions: { type: 'queueCommand', params: { reason: 'It is being deleted already' } },
        },
        'network.found': {},
        'network.allocate': {
          actions: { type: 'refuseAllocation', params: { reason: 'The network is being deleted' } },
        },
        'host.lost': { guard: 'isOnItsHost', target: 'gone' },
      },
      initial: 'attempting',
      states: untilReleased({
        description: 'Its host removes its bridge.',
        releases: 'network',
        deadlineId: 'remove.deadline',
        overdue: {
          target: 'waiting',
          actions: { type: 'say', params: { reason: 'Its host does not remove its bridge' } },
        },
        id: 'removeNetwork',
        src: 'removeNetwork',
        input: ({ context }: { readonly context: NetworkContext }) =>
          hostInput(context, context.deadlines.removeMs),
        onDone: '#network.gone',
        onError: { target: 'waiting', actions: 'recordFailure' },
        backoff: {
          id: 'remove.backoff',
          description: 'Its bridge could not be removed; it will be tried again.',
        },
      }),
    },
    gone: {
      description: 'Nothing of it is left.',
      type: 'final',
      tags: 'settled',
      meta: { status: 'deleted' },
    },
  },
});

const descriptions: Readonly<Record<string, (context: NetworkContext) => string>> = {
  'make.deadline': () => 'the time to make it to run out',
  ensureNetwork: ({ hostId }) => `host ${hostId} to make its bridge`,
  'make.backoff': () => 'the pause before it is made again',
  'idle.deadline': () => 'somebody to need it, before its bridge goes',
  'leave.deadline': () => 'the time to remove its bridge to run out',
  leaveNetwork: ({ hostId }) => `host ${hostId} to remove its bridge`,
  'leave.backoff': () => 'the pause before its bridge is removed again',
  'remove.deadline': () => 'the time to remove its bridge to run out',
  removeNetwork: ({ hostId }) => `host ${hostId} to remove its bridge`,
  'remove.backoff': () => 'the pause before its bridge is removed again',
};

export const networkChart: Chart = {
  kind: 'network',
  version: 1,
  machine: networkMachine,
  project: (paths, context) => ({
    status: metaOf(networkMachine, paths).status ?? 'creating',
    taskState: null,
    reason: (context as NetworkContext).reason,
  }),
  describe: describeBy('network', descriptions),
  commands: [{ type: 'network.delete' }],
  migrations: {},
};
