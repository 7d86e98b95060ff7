/** The tenant chart's vocabulary: events, guards, actions and the effects it names. */
import { assign, emit, setup } from 'xstate';
import type { Amounts, LimitChanges } from '../../model/container.ts';
import type { Restored, Undeliverable } from '../../model/delivery.ts';
import type {
  EffectResults,
  Emitted,
  TenantCommand,
  TenantFact,
  TenantInput,
  TenantMessage,
} from '../../model/events.ts';
import { isLooser, type Neighbours } from '../../model/placement.ts';
import { equal, minus, noAmounts, plus } from '../amounts.ts';
import { unbound } from '../unbound.ts';
import { neighboursOf, tenantLimits, type TenantContext } from './context.ts';

type TenantEvent = TenantCommand | TenantFact | TenantMessage | Undeliverable | Restored;

/** Zun's names of the resources, in the order in which it lists them. */
const resources = [
  ['containers', 'containers'],
  ['cpuMillis', 'cpu'],
  ['memoryMib', 'memory'],
  ['diskGib', 'disk'],
] as const satisfies readonly (readonly [keyof Amounts, string])[];

type Reserving = Pick<TenantMessage, 'containerId' | 'generation'>;

/** A resize reserves under the container's next generation. */
export const reservationKey = ({ containerId, generation }: Reserving): string =>
  `${containerId}/${generation}`;

const reservedAs = ({ reservations }: TenantContext, reserving: Reserving): Amounts =>
  reservations[reservationKey(reserving)]?.amounts ?? noAmounts;

/** A reservation made again, with other amounts, takes the place of the first. */
const exceeded = (context: TenantContext, asked: Reserving & { amounts: Amounts }): readonly string[] => {
  const { amounts } = asked;
  const totals = minus(context.totals, reservedAs(context, asked));
  const limits = tenantLimits(context);
  return resources.flatMap(([field, name]) => {
    const limit = limits[field];
    return limit >= 0 && amounts[field] > 0 && totals[field] + amounts[field] > limit ? [name] : [];
  });
};

const without = (
  reservations: TenantContext['reservations'],
  reserving: Reserving,
): TenantContext['reservations'] =>
  Object.fromEntries(Object.entries(reservations).filter(([key]) => key !== reservationKey(reserving)));

const reserved = ({ reservations }: TenantContext): Amounts =>
  Object.values(reservations).reduce((sum, { amounts }) => plus(sum, amounts), noAmounts);

export const tenantSetup = setup({
  types: {
    input: {} as TenantInput,
    context: {} as TenantContext,
    events: {} as TenantEvent,
    emitted: {} as Emitted,
    tags: {} as 'transient' | 'settled',
    meta: {} as { readonly status?: string },
  },
  actors: {
    deadline: unbound<EffectResults['deadline'], { readonly ms: number }>('deadline'),
    tellHosts: unbound<EffectResults['tellHosts'], { readonly neighbours: Neighbours }>('tellHosts'),
  },
  guards: {
    isReservedAlready: ({ context, event }) =>
      event.type === 'tenant.reserve' &&
      reservationKey(event) in context.reservations &&
      equal(reservedAs(context, event), event.amounts),
    isWithinLimits: ({ context, event }) =>
      event.type === 'tenant.reserve' && exceeded(context, event).length === 0,
    isLastReservation: ({ context, event }) =>
      'containerId' in event &&
      Object.keys(context.reservations).every((key) => key === reservationKey(event)),
    hasReservations: ({ context }) => Object.keys(context.reservations).length > 0,
    isCountedRight: ({ context, event }) =>
      event.type === 'tenant.recount' && equal(context.totals, plus(event.totals, reserved(context))),
    isLooserThanSite: ({ context, event }) =>
      event.type === 'tenant.isolate' && isLooser(event.neighbours, context.siteNeighbours),
    /** What holds for its containers is another from now on. */
    isChangeOfNeighbours: ({ context, event }) =>
      neighboursOf(context) !== neighboursOf({ ...context, ...wish(event) }),
  },
  actions: {
    reserve: assign(({ context, event }) => {
      if (event.type !== 'tenant.reserve') return {};
      const { generation, amounts, at } = event;
      return {
        totals: plus(minus(context.totals, reservedAs(context, event)), amounts),
        reservations: { ...context.reservations, [reservationKey(event)]: { generation, amounts, at } },
      };
    }),
    refuseReservation: emit(({ context, event }) => ({
      type: 'answer' as const,
      answer: 'refused' as const,
      reason: `Quota exceeded for resources: [${exceeded(
        context,
        event as Extract<TenantEvent, { type: 'tenant.reserve' }>,
      )
        .map((name) => `'${name}'`)
        .join(', ')}]`,
    })),
    // What the container says it holds counts, be it that its reservation has expired or was made anew meanwhile.
    confirm: assign(({ context, event }) => {
      const confirmed = event as TenantMessage;
      return {
        totals: plus(minus(context.totals, reservedAs(context, confirmed)), confirmed.amounts),
        reservations: without(context.reservations, confirmed),
      };
    }),
    // Reservations stay: a container confirms before it releases, so one that is here is another's.
    release: assign({
      totals: ({ context, event }) => minus(context.totals, (event as TenantMessage).amounts),
    }),
    expire: assign(({ context, event }) => {
      const { at } = (event as unknown as { output: EffectResults['deadline'] }).output;
      const isDue = (reservation: { readonly at: number }): boolean =>
        at - reservation.at >= context.reservationMs;
      const entries = Object.entries(context.reservations);
      return {
        totals: entries.reduce(
          (totals, [, reservation]) => (isDue(reservation) ? minus(totals, reservation.amounts) : totals),
          context.totals,
        ),
        reservations: Object.fromEntries(entries.filter(([, reservation]) => !isDue(reservation))),
      };
    }),
    setLimits: assign(({ context, event }) =>
      event.type === 'tenant.limit'
        ? { ownLimits: given({ ...context.ownLimits, ...event.limits }) as Partial<Amounts> }
        : {},
    ),
    recordSiteLimits: assign(({ context: { ownLimits, siteLimits }, event }) => {
      if (event.type !== 'tenant.configured') return {};
      const { limits } = event;
      if (siteLimits !== null) return { siteLimits: limits };
      // Version 2 did not tell a limit of its own from the site's: what is the same is the site's.
      const own = resources.filter(([field]) => ownLimits[field] !== limits[field]);
      return {
        siteLimits: limits,
        ownLimits: Object.fromEntries(own.map(([field]) => [field, ownLimits[field]])) as Partial<Amounts>,
      };
    }),
    recordWish: assign(({ event }) => wish(event)),
    recount: assign(({ context, event }) =>
      event.type === 'tenant.recount' ? { totals: plus(event.totals, reserved(context)) } : {},
    ),
    refuse: emit((_, params: { readonly reason: string }) => ({
      type: 'answer' as const,
      answer: 'refused' as const,
      reason: params.reason,
    })),
    refuseToLoosen: emit(({ context }) => ({
      type: 'answer' as const,
      answer: 'refused' as const,
      reason: `This site has neighbours of one tenant "${context.siteNeighbours}"; a tenant may only tighten that`,
    })),
  },
});

/** Without those that are the site's. */
const given = (limits: LimitChanges): LimitChanges =>
  Object.fromEntries(Object.entries(limits).filter(([, limit]) => limit !== null));

function wish(event: TenantEvent): Partial<Pick<TenantContext, 'neighbours' | 'siteNeighbours'>> {
  if (event.type === 'tenant.isolate') return { neighbours: event.neighbours };
  return event.type === 'tenant.configured' ? { siteNeighbours: event.neighbours } : {};
}
