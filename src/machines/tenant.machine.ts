/**
 * A tenant: its limits, and what is taken of them. Reservations are exact
 * under parallel creates because they are this actor's turns.
 */
import { assign, emit, setup } from 'xstate';
import type { Amounts } from '../model/container.ts';
import type {
  EffectResults,
  Emitted,
  Restored,
  TenantCommand,
  TenantInput,
  TenantMessage,
  Undeliverable,
} from '../model/events.ts';
import { equal, minus, noAmounts, plus } from './amounts.ts';
import type { Chart } from './chart.ts';
import type { TenantContext } from './tenant/context.ts';
import { metaOf } from './meta.ts';
import { unbound } from './unbound.ts';

type TenantEvent = TenantCommand | TenantMessage | Undeliverable | Restored;

/** Zun's names of the resources, in the order in which it lists them. */
const resources = [
  ['containers', 'containers'],
  ['cpuMillis', 'cpu'],
  ['memoryMib', 'memory'],
  ['diskGib', 'disk'],
] as const satisfies readonly (readonly [keyof Amounts, string])[];

const exceeded = ({ limits, totals }: TenantContext, amounts: Amounts): readonly string[] =>
  resources.flatMap(([field, name]) =>
    limits[field] >= 0 && amounts[field] > 0 && totals[field] + amounts[field] > limits[field] ? [name] : [],
  );

const without = (
  reservations: TenantContext['reservations'],
  containerId: string,
): TenantContext['reservations'] =>
  Object.fromEntries(Object.entries(reservations).filter(([id]) => id !== containerId));

const reserved = ({ reservations }: TenantContext): Amounts =>
  Object.values(reservations).reduce((sum, { amounts }) => plus(sum, amounts), noAmounts);

export const tenantMachine = setup({
  types: {
    input: {} as TenantInput,
    context: {} as TenantContext,
    events: {} as TenantEvent,
    emitted: {} as Emitted,
    tags: {} as 'transient' | 'settled',
    meta: {} as { readonly status?: string },
  },
  actors: { deadline: unbound<EffectResults['deadline'], { readonly ms: number }>('deadline') },
  guards: {
    isReservedAlready: ({ context, event }) =>
      event.type === 'tenant.reserve' && event.containerId in context.reservations,
    isWithinLimits: ({ context, event }) =>
      event.type === 'tenant.reserve' && exceeded(context, event.amounts).length === 0,
    isLastReservation: ({ context, event }) =>
      'containerId' in event && Object.keys(context.reservations).every((id) => id === event.containerId),
    hasReservations: ({ context }) => Object.keys(context.reservations).length > 0,
    isCountedRight: ({ context, event }) =>
      event.type === 'tenant.recount' && equal(context.totals, plus(event.totals, reserved(context))),
  },
  actions: {
    reserve: assign(({ context, event }) => {
      if (event.type !== 'tenant.reserve') return {};
      const { containerId, generation, amounts, at } = event;
      return {
        totals: plus(context.totals, amounts),
        reservations: { ...context.reservations, [containerId]: { generation, amounts, at } },
      };
    }),
    refuseReservation: emit(({ context, event }) => ({
      type: 'answer' as const,
      answer: 'refused' as const,
      reason: `Quota exceeded for resources: [${exceeded(context, (event as { amounts: Amounts }).amounts)
        .map((name) => `'${name}'`)
        .join(', ')}]`,
    })),
    confirm: assign(({ context, event }) => {
      const { containerId, amounts } = event as TenantMessage;
      // A reservation that expired meanwhile is counted again: the container is there.
      const totals = containerId in context.reservations ? context.totals : plus(context.totals, amounts);
      return { totals, reservations: without(context.reservations, containerId) };
    }),
    release: assign(({ context, event }) => {
      const { containerId, amounts } = event as TenantMessage;
      return {
        totals: minus(context.totals, amounts),
        reservations: without(context.reservations, containerId),
      };
    }),
    expire: assign(({ context, event }) => {
      const { at } = (event as unknown as { output: EffectResults['deadline'] }).output;
      const expired = Object.entries(context.reservations).filter(
        ([, reservation]) => at - reservation.at >= context.reservationMs,
      );
      return {
        totals: expired.reduce((totals, [, { amounts }]) => minus(totals, amounts), context.totals),
        reservations: expired.reduce((left, [id]) => without(left, id), context.reservations),
      };
    }),
    setLimits: assign({
      limits: ({ context, event }) => (event.type === 'tenant.limit' ? event.limits : context.limits),
    }),
    recount: assign(({ context, event }) =>
      event.type === 'tenant.recount' ? { totals: plus(event.totals, reserved(context)) } : {},
    ),
    refuse: emit((_, params: { readonly reason: string }) => ({
      type: 'answer' as const,
      answer: 'refused' as const,
      reason: params.reason,
    })),
  },
}).createMachine({
  id: 'tenant',
  context: ({ input }) => ({
    id: input.id,
    limits: input.limits,
    totals: noAmounts,
    reservations: {},
    reservationMs: input.reservationMs,
  }),
  on: {
    'tenant.*': { actions: { type: 'refuse', params: { reason: 'A tenant does not know this' } } },
    'tenant.reserve': { actions: 'refuseReservation' },
    'tenant.confirm': { actions: 'confirm' },
    'tenant.release': { actions: 'release' },
    'tenant.limit': { actions: 'setLimits' },
    'tenant.recount': [{ guard: 'isCountedRight' }, { actions: 'recount' }],
    'message.undeliverable': {},
    'actor.restored': {},
  },
  initial: 'settled',
  states: {
    deciding: {
      tags: 'transient',
      always: [{ guard: 'hasReservations', target: 'reserving' }, { target: 'settled' }],
    },
    settled: {
      description: 'All that is counted belongs to a container.',
      tags: 'settled',
      meta: { status: 'active' },
      on: { 'tenant.reserve': { guard: 'isWithinLimits', target: 'reserving', actions: 'reserve' } },
    },
    reserving: {
      description: 'Room is reserved for containers that are being admitted.',
      tags: 'transient',
      meta: { status: 'active' },
      invoke: {
        id: 'reservation.deadline',
        src: 'deadline',
        input: ({ context }) => ({ ms: context.reservationMs }),
        onDone: { target: 'deciding', actions: 'expire' },
        onError: { target: 'deciding' },
      },
      on: {
        'tenant.reserve': [{ guard: 'isReservedAlready' }, { guard: 'isWithinLimits', actions: 'reserve' }],
        'tenant.confirm': [
          { guard: 'isLastReservation', target: 'settled', actions: 'confirm' },
          { actions: 'confirm' },
        ],
        'tenant.release': [
          { guard: 'isLastReservation', target: 'settled', actions: 'release' },
          { actions: 'release' },
        ],
      },
    },
  },
});

export const tenantChart: Chart = {
  kind: 'tenant',
  version: 1,
  machine: tenantMachine,
  project: (paths) => ({
    status: metaOf(tenantMachine, paths).status ?? 'active',
    taskState: null,
    reason: null,
  }),
  describe(invokeId) {
    if (invokeId !== 'reservation.deadline')
      throw new RangeError(`The tenant chart has no invoke "${invokeId}"`);
    return 'containers that were promised room to come into being';
  },
  commands: [],
  migrations: {},
};
