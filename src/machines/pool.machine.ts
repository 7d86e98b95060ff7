/**
 * How many sandboxes are kept ahead for one project on one network of one
 * host. Starts at none, grows with use, shrinks without; it keeps numbers, the
 * host the list, each sandbox itself.
 */
import { assign, emit, setup, type EventObject } from 'xstate';
import { hostAddress } from '../model/address.ts';
import type { Emitted } from '../model/events.ts';
import type { Failure } from '../model/failure.ts';
import type { NetworkEffectResults, PoolEvent, PoolInput } from '../model/network-events.ts';
import type { Chart } from './chart.ts';
import { metaOf } from './meta.ts';
import type { PoolContext } from './pool/context.ts';
import { unbound } from './unbound.ts';
import { describeBy } from './describe.ts';
import { commandAnswer } from './command-answer.ts';

/** After a use, before one is made in its place: starts that come together go first. */
const quietMs = 500;
/** Made at once: making them takes the engine from the starts they are for. */
const madeAtOnce = 2;
/** For the control plane to begin them, and between attempts. */
const fillMs = 30_000;
const pauseMs = 5_000;
/** One that is being made and was never heard of again is not counted for ever. */
const makingMs = 120_000;

/** What so many uses in a window ask for. A port of Neutron is somebody's quota: a first use alone keeps none ahead. */
const wantedFor = ({ networks, target }: PoolContext, used: number): number =>
  target === 0 && used < 2 && networks.some(({ neutron }) => neutron) ? 0 : used;

const missing = ({ target, making, ready }: PoolContext): number =>
  Math.min(madeAtOnce - making, target - making - ready);

export const poolMachine = setup({
  types: {
    input: {} as PoolInput,
    context: {} as PoolContext,
    events: {} as PoolEvent,
    emitted: {} as Emitted,
    tags: {} as 'transient' | 'settled',
    meta: {} as { readonly status?: string },
  },
  actors: {
    deadline: unbound<NetworkEffectResults['deadline'], { readonly ms: number }>('deadline'),
    fillPool: unbound<NetworkEffectResults['fillPool'], { readonly count: number }>('fillPool'),
  },
  guards: {
    isMissing: ({ context }) => missing(context) > 0,
    isMaking: ({ context }) => context.making > 0,
    isTooMany: ({ context }) => context.ready > context.target,
    isShort: (_, params: { readonly short: NetworkEffectResults['fillPool']['short'] }) =>
      params.short !== null,
    isOnItsHost: ({ context, event }) => 'hostId' in event && event.hostId === context.hostId,
    isEmpty: ({ context }) => context.target === 0 && context.ready === 0 && context.making === 0,
  },
  actions: {
    countUse: assign(({ context, event }) => {
      if (event.type !== 'pool.used') return {};
      const used = context.used + 1;
      return {
        used,
        target: Math.min(context.ceiling, Math.max(context.target, wantedFor(context, used))),
        ready: event.ahead ? Math.max(0, context.ready - 1) : context.ready,
      };
    }),
    countJoin: assign({
      making: ({ context }) => Math.max(0, context.making - 1),
      ready: ({ context }) => context.ready + 1,
    }),
    countLeave: assign(({ context, event }) => {
      if (event.type !== 'pool.left') return {};
      return event.wasReady
        ? { ready: Math.max(0, context.ready - 1) }
        : { making: Math.max(0, context.making - 1) };
    }),
    countBegun: assign({
      making: ({ context, event }) =>
        context.making + (event as unknown as { output: NetworkEffectResults['fillPool'] }).output.begun,
      reason: null,
    }),
    recordFailure: assign({
      reason: ({ event }) => ((event as EventObject & { error: Failure }).error as Failure).message,
    }),
    /** Use of the window that ends decides how many the next one keeps; without use they halve. */
    endWindow: assign({
      target: ({ context }) =>
        Math.min(context.ceiling, Math.max(wantedFor(context, context.used), Math.floor(context.target / 2))),
      used: 0,
    }),
    forgetMaking: assign({ making: 0 }),
    shrink: emit(({ context }) => ({
      type: 'message' as const,
      to: hostAddress(context.hostId),
      event: { type: 'pool.shrink', poolId: context.id, tenant: context.tenant, keep: context.target },
    })),
    sayBounded: assign({
      reason: 'The memory that its host keeps for sandboxes made ahead is used up (site.poolMemoryMib)',
    }),
    sayShort: assign({
      reason: (_, params: { readonly short: NetworkEffectResults['fillPool']['short'] }) =>
        params.short === 'project'
          ? 'Sandboxes made ahead have as many ports as a project may keep in them (site.poolPortsPerProject)'
          : 'Sandboxes made ahead have as many ports as the site may keep in them (site.poolPorts)',
    }),
    forgetReason: assign({ reason: null }),
    wantNone: assign({ target: 0, used: 0 }),
    refuse: emit((_, params: { readonly reason: string }) => commandAnswer('refused', params.reason)),
  },
}).createMachine({
  id: 'pool',
  context: ({ input }) => ({ ...input, target: 0, making: 0, ready: 0, used: 0, reason: null }),
  on: {
    'pool.*': { actions: { type: 'refuse', params: { reason: 'A pool does not know this' } } },
    'pool.used': { actions: 'countUse' },
    'pool.joined': { actions: 'countJoin' },
    'pool.left': { actions: 'countLeave' },
    'pool.bounded': { target: '.bounded', actions: 'sayBounded' },
    'pool.flush': { target: '.shrinking', actions: 'wantNone' },
    'host.removed': { guard: 'isOnItsHost', target: '.gone' },
    'message.undeliverable': {},
    'actor.restored': {},
  },
  initial: 'empty',
  states: {
    empty: {
      description: 'Nobody uses it: nothing is kept ahead.',
      tags: 'settled',
      meta: { status: 'empty' },
      on: { 'pool.used': { target: 'pausing', actions: 'countUse' } },
    },
    pausing: {
      description: 'It was used; in a moment it is filled again.',
      tags: 'transient',
      meta: { status: 'filling' },
      invoke: {
        id: 'quiet',
        src: 'deadline',
        input: { ms: quietMs },
        onDone: 'deciding',
        onError: 'deciding',
      },
    },
    deciding: {
      tags: 'transient',
      always: [
        { guard: 'isMissing', target: 'filling' },
        { guard: 'isMaking', target: 'making' },
        { guard: 'isTooMany', target: 'shrinking' },
        { guard: 'isEmpty', target: 'empty' },
        { target: 'keeping' },
      ],
    },
    filling: {
      description: 'Sandboxes are begun ahead.',
      tags: 'transient',
      meta: { status: 'filling' },
      invoke: [
        {
          id: 'fillPool',
          src: 'fillPool',
          input: ({ context }) => ({ count: missing(context) }),
          onDone: [
            {
              guard: { type: 'isShort', params: ({ event }) => ({ short: event.output.short }) },
              target: 'bounded',
              actions: [
                'countBegun',
                { type: 'sayShort', params: ({ event }) => ({ short: event.output.short }) },
              ],
            },
            { target: 'making', actions: 'countBegun' },
          ],
          onError: { target: 'failing', actions: 'recordFailure' },
        },
        {
          id: 'fill.deadline',
          src: 'deadline',
          input: { ms: fillMs },
          onDone: 'failing',
          onError: 'failing',
        },
      ],
    },
    failing: {
      description: 'None could be made; it is tried again, with fewer each time that nobody uses them.',
      tags: 'transient',
      meta: { status: 'filling' },
      invoke: {
        id: 'fill.pause',
        src: 'deadline',
        input: { ms: pauseMs },
        onDone: { target: 'deciding', actions: 'endWindow' },
        onError: { target: 'deciding', actions: 'endWindow' },
      },
    },
    making: {
      description: 'Sandboxes are being made ahead.',
      tags: 'transient',
      meta: { status: 'filling' },
      invoke: {
        id: 'making.deadline',
        src: 'deadline',
        input: { ms: makingMs },
        onDone: { target: 'deciding', actions: 'forgetMaking' },
        onError: { target: 'deciding', actions: 'forgetMaking' },
      },
      on: {
        'pool.joined': { target: 'deciding', actions: 'countJoin' },
        // What could not be made once is not tried again at once.
        'pool.left': { target: 'failing', actions: 'countLeave' },
      },
    },
    keeping: {
      description: 'As many are ready as its use asks for.',
      tags: ['settled'],
      meta: { status: 'ready' },
      invoke: {
        id: 'window',
        src: 'deadline',
        input: ({ context }) => ({ ms: context.windowMs }),
        onDone: { target: 'deciding', actions: 'endWindow' },
        onError: { target: 'deciding', actions: 'endWindow' },
      },
      on: {
        'pool.used': { target: 'pausing', actions: 'countUse' },
        'pool.left': { target: 'pausing', actions: 'countLeave' },
      },
    },
    bounded: {
      description:
        'There is no memory of its host, or no port, for more; in a while it is tried again, if it is still used.',
      tags: 'transient',
      meta: { status: 'bounded' },
      invoke: {
        id: 'bounded.window',
        src: 'deadline',
        input: ({ context }) => ({ ms: context.windowMs }),
        onDone: { target: 'deciding', actions: ['endWindow', 'forgetReason'] },
        onError: { target: 'deciding', actions: ['endWindow', 'forgetReason'] },
      },
    },
    shrinking: {
      description: 'More are ready than its use asks for; the host lets some go.',
      tags: 'transient',
      meta: { status: 'shrinking' },
      entry: 'shrink',
      invoke: {
        id: 'shrink.deadline',
        src: 'deadline',
        input: { ms: pauseMs },
        onDone: 'deciding',
        onError: 'deciding',
      },
    },
    gone: {
      description: 'Its host is no host any more.',
      type: 'final',
      tags: 'settled',
      meta: { status: 'gone' },
    },
  },
});

const descriptions: Readonly<Record<string, string>> = {
  quiet: 'a moment without starts, before sandboxes are made ahead',
  fillPool: 'the control plane to begin sandboxes',
  'fill.deadline': 'the time to begin sandboxes to run out',
  'fill.pause': 'the pause before sandboxes are begun again',
  'making.deadline': 'sandboxes that are being made to be ready',
  window: 'the time over which its use is counted to end',
  'bounded.window': 'memory of its host, or ports, for more sandboxes made ahead',
  'shrink.deadline': 'its host to let sandboxes go',
};

export const poolChart: Chart = {
  kind: 'pool',
  version: 1,
  machine: poolMachine,
  project: (paths, context) => ({
    status: metaOf(poolMachine, paths).status ?? 'empty',
    taskState: null,
    reason: (context as PoolContext).reason,
  }),
  describe: describeBy('pool', descriptions),
  commands: [{ type: 'pool.flush' }],
  migrations: {},
};
