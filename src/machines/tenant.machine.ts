/**
 * A tenant: its limits, what is taken of them, and whether it bears neighbours
 * on its hosts. Reservations are exact under parallel creates and resizes
 * because they are this actor's turns.
 */
import type { Chart } from './chart.ts';
import { noAmounts } from './amounts.ts';
import { metaOf } from './meta.ts';
import { neighboursOf } from './tenant/context.ts';
import { tenantSetup } from './tenant/setup.ts';

const quota = tenantSetup.createStateConfig({
  meta: { status: 'active' },
  initial: 'settled',
  on: { 'tenant.configured': { actions: 'recordSiteLimits' } },
  states: {
    deciding: {
      tags: 'transient',
      always: [{ guard: 'hasReservations', target: 'reserving' }, { target: 'settled' }],
    },
    settled: {
      description: 'All that is counted belongs to a container.',
      tags: 'settled',
      on: { 'tenant.reserve': { guard: 'isWithinLimits', target: 'reserving', actions: 'reserve' } },
    },
    reserving: {
      description: 'Room is reserved for containers that are being admitted or resized.',
      tags: 'transient',
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
      },
    },
  },
});

const isolation = tenantSetup.createStateConfig({
  initial: 'told',
  on: {
    'tenant.isolate': [
      { guard: 'isLooserThanSite', actions: 'refuseToLoosen' },
      { guard: 'isChangeOfNeighbours', target: '.telling', actions: 'recordWish' },
      { actions: 'recordWish' },
    ],
    'tenant.configured': [
      { guard: 'isChangeOfNeighbours', target: '.telling', actions: 'recordWish' },
      { actions: 'recordWish' },
    ],
  },
  states: {
    told: { description: 'Its hosts know whether it bears neighbours.', tags: 'settled' },
    telling: {
      description: 'Hosts that have containers of it are told whether it bears neighbours.',
      tags: 'transient',
      invoke: [
        {
          id: 'tellHosts',
          src: 'tellHosts',
          input: ({ context }) => ({ neighbours: neighboursOf(context) }),
          onDone: 'told',
          onError: 'pausing',
        },
        {
          id: 'tell.deadline',
          src: 'deadline',
          input: { ms: 60_000 },
          onDone: 'pausing',
          onError: 'pausing',
        },
      ],
    },
    pausing: {
      description: 'Its hosts could not all be told; they are told again.',
      tags: 'transient',
      invoke: {
        id: 'tell.pause',
        src: 'deadline',
        input: { ms: 5_000 },
        onDone: 'telling',
        onError: 'telling',
      },
    },
  },
});

export const tenantMachine = tenantSetup.createMachine({
  id: 'tenant',
  context: ({ input }) => ({
    id: input.id,
    ownLimits: {},
    siteLimits: input.limits,
    totals: noAmounts,
    reservations: {},
    reservationMs: input.reservationMs,
    neighbours: 'off',
    siteNeighbours: input.neighbours,
  }),
  type: 'parallel',
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
  states: { quota, isolation },
});

const descriptions: Readonly<Record<string, string>> = {
  'reservation.deadline': 'containers that were promised room to take it',
  tellHosts: 'its hosts to take note of whether it bears neighbours',
  'tell.deadline': 'the time to tell its hosts to run out',
  'tell.pause': 'the pause before its hosts are told again',
};

export const tenantChart: Chart = {
  kind: 'tenant',
  version: 3,
  machine: tenantMachine,
  project: (paths) => ({
    status: metaOf(tenantMachine, paths).status ?? 'active',
    taskState: null,
    reason: null,
  }),
  describe(invokeId) {
    const description = descriptions[invokeId];
    if (!description) throw new RangeError(`The tenant chart has no invoke "${invokeId}"`);
    return description;
  },
  commands: [
    { type: 'tenant.isolate', neighbours: 'enforced' },
    { type: 'tenant.isolate', neighbours: 'off' },
  ],
  migrations: {
    // Version 3 tells a tenant's own limits from the site's, which it hears at the start.
    2: ({ value, context, chartVersion }) => {
      const { limits, ...rest } = context as { readonly limits: object };
      return { value, chartVersion, context: { ...rest, ownLimits: limits, siteLimits: null } };
    },
    // Version 2 has isolation, and reservations for resizes.
    1: ({ value, context, chartVersion }) => {
      const { reservations, ...rest } = context as {
        reservations: Record<string, { readonly generation: number }>;
      };
      const renamed = Object.entries(reservations).map(
        ([containerId, reservation]) => [`${containerId}/${reservation.generation}`, reservation] as const,
      );
      return {
        value: { quota: value, isolation: 'told' },
        chartVersion,
        context: {
          ...rest,
          reservations: Object.fromEntries(renamed),
          neighbours: 'off',
          siteNeighbours: 'off',
        },
      };
    },
  },
};
