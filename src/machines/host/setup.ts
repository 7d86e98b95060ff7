/** The host chart's vocabulary: events, guards, actions and the effects it names. */
import { assign, emit, enqueueActions, setup, type EventObject } from 'xstate';
import { capsuleAddress, containerAddress, type Address } from '../../model/address.ts';
import type { Restored, Undeliverable } from '../../model/delivery.ts';
import type {
  Claim,
  EffectResults,
  Emitted,
  HostCommand,
  HostFact,
  HostInput,
  HostMessage,
  HostSandboxMessage,
  HostTally,
} from '../../model/events.ts';
import { unbound } from '../unbound.ts';
import { isSameTally, refusalOf, shortageOf, withClaim, withoutClaim, withWish } from './claims.ts';
import type { HostContext } from './context.ts';
import { labelProblem, relabelled } from './offer.ts';
import { bounded, dismissal, readyKey, shrunkTo, takeReady, withoutReady, withReady } from './ready.ts';
import { fittedReady, hasRoomForReady } from './warm.ts';
import { commandAnswer } from '../command-answer.ts';

type HostEvent = HostCommand | HostFact | HostMessage | HostSandboxMessage | Undeliverable | Restored;

const tallyOf = ({ totals, tenants, enforcing, groups }: HostTally): HostTally => ({
  totals,
  tenants,
  enforcing,
  groups,
});

const claimantOf = ({ tenant, containerId, isCapsule }: Claim): Address =>
  (isCapsule ? capsuleAddress : containerAddress)(tenant, containerId);

const claimOf = ({ containerId, isCapsule, tenant, generation, amounts, terms }: Claim): Claim => ({
  containerId,
  ...(isCapsule && { isCapsule }),
  tenant,
  generation,
  amounts,
  terms,
});

/** Of what holds a host, so much is named. */
const namedMost = 5;

const residentsOf = (event: EventObject): readonly string[] =>
  (event as unknown as { output: EffectResults['findResidents'] }).output.residents;

function whatHolds(residents: readonly string[]): string {
  const more = residents.length > namedMost ? ` and ${residents.length - namedMost} more` : '';
  const [are, them] = residents.length === 1 ? ['is', 'it'] : ['are', 'them'];
  return `${residents.slice(0, namedMost).join(', ')}${more} ${are} still there; delete ${them} first`;
}

export const hostSetup = setup({
  types: {
    input: {} as HostInput,
    context: {} as HostContext,
    events: {} as HostEvent,
    emitted: {} as Emitted,
    tags: {} as 'transient' | 'settled',
    meta: {} as { readonly status?: string; readonly taskState?: string | null },
  },
  actors: {
    deadline: unbound<EffectResults['deadline'], { readonly ms: number }>('deadline'),
    tellContainers: unbound<EffectResults['tellContainers'], { readonly hostId: string }>('tellContainers'),
    findResidents: unbound<EffectResults['findResidents'], { readonly hostId: string }>('findResidents'),
    dismissHost: unbound<EffectResults['dismissHost'], { readonly hostId: string }>('dismissHost'),
  },
  guards: {
    isThisSession: ({ context, event }) => 'session' in event && event.session === context.session,
    isClaimable: ({ context, event }) => event.type === 'host.claim' && refusalOf(context, event) === null,
    isRoomFor: ({ context, event }) =>
      event.type === 'host.reclaim' && shortageOf(context, event.amounts) === null,
    isEmpty: ({ context }) => context.totals.containers === 0,
    isInhabited: ({ event }) => residentsOf(event).length > 0,
    isCountedRight: ({ context, event }) => event.type === 'host.recount' && isSameTally(context, event),
    isGrantBounced: ({ event }) =>
      event.type === 'message.undeliverable' &&
      (event.message.type === 'claim.granted' || event.message.type === 'reclaim.granted'),
    isLabelled: ({ context, event }) =>
      event.type === 'host.label' && labelProblem(context.labels, event.labels) === null,
    isConcerned: ({ context, event }) =>
      event.type === 'tenant.isolated' &&
      Object.hasOwn(context.tenants, event.tenant) &&
      context.enforcing.includes(event.tenant) !== (event.neighbours === 'enforced'),
  },
  actions: {
    recordSession: assign({
      session: ({ context, event }) => (event.type === 'link.connected' ? event.session : context.session),
      fingerprint: ({ context, event }) => ('fingerprint' in event ? event.fingerprint : context.fingerprint),
      hostname: ({ context, event }) =>
        'fingerprint' in event ? event.fingerprint.hostname : context.hostname,
      reason: null,
    }),
    recordFingerprint: assign({
      fingerprint: ({ context, event }) => ('fingerprint' in event ? event.fingerprint : context.fingerprint),
    }),
    recordCordon: assign({
      cordonedFor: ({ event }) => (event.type === 'host.cordon' ? (event.reason ?? null) : null),
    }),
    forgetCordon: assign({ cordonedFor: null }),
    recordSilence: assign({
      reason: ({ event }) =>
        event.type === 'link.closed' ? `The link has closed: ${event.reason}` : 'It was not heard in time',
    }),
    recordResidents: assign({
      reason: ({ event }) => `It is not heard, and was not removed: ${whatHolds(residentsOf(event))}`,
    }),
    recordPolicy: assign({
      policy: ({ context, event }) => (event.type === 'host.configured' ? event.policy : context.policy),
    }),
    recordLabels: assign({
      labels: ({ context, event }) =>
        event.type === 'host.label' ? relabelled(context.labels, event.labels) : context.labels,
    }),
    recordWish: assign({
      enforcing: ({ context, event }) =>
        event.type === 'tenant.isolated'
          ? withWish(context.enforcing, event.tenant, event.neighbours, true)
          : context.enforcing,
    }),
    grant: enqueueActions(({ enqueue, context, event }) => {
      if (event.type !== 'host.claim') return;
      const claim = claimOf(event);
      const taken =
        event.pool === null
          ? null
          : takeReady(context.ready, readyKey(claim.tenant, `${context.id}.${event.pool}`));
      enqueue.assign({ ...withClaim(context, claim), ...(taken && { ready: taken.left }) });
      enqueue.emit({
        type: 'message',
        to: claimantOf(claim),
        event: {
          type: 'claim.granted',
          hostId: context.id,
          hostname: context.hostname,
          sandboxId: taken?.sandboxId ?? null,
          ...claim,
        },
      });
    }),
    refuseClaim: emit(({ context, event }, params: { readonly reason: string | null }) => {
      const claim = event as HostMessage;
      return {
        type: 'message' as const,
        to: claimantOf(claim),
        event: {
          type: 'claim.refused',
          hostId: context.id,
          generation: claim.generation,
          reason: params.reason ?? refusalOf(context, claim) ?? 'it is not connected',
        },
      };
    }),
    grantMore: enqueueActions(({ enqueue, context, event }) => {
      const claim = claimOf(event as HostMessage);
      enqueue.assign(withClaim(context, claim));
      enqueue.emit({
        type: 'message',
        to: claimantOf(claim),
        event: { type: 'reclaim.granted', hostId: context.id, ...claim },
      });
    }),
    refuseMore: emit(({ context, event }, params: { readonly reason: string | null }) => {
      const claim = event as HostMessage;
      return {
        type: 'message' as const,
        to: claimantOf(claim),
        event: {
          type: 'reclaim.refused',
          hostId: context.id,
          generation: claim.generation,
          reason: params.reason ?? shortageOf(context, claim.amounts) ?? 'it is not connected',
        },
      };
    }),
    keep: assign(({ context, event }) => withClaim(context, event as HostMessage)),
    release: assign(({ context, event }) => withoutClaim(context, event as HostMessage)),
    takeBackGrant: enqueueActions(({ enqueue, context, event }) => {
      const { message } = event as unknown as { message: Claim & { sandboxId?: string | null } };
      enqueue.assign(withoutClaim(context, message));
      if (message.sandboxId) enqueue.emit(dismissal(message.tenant, message.sandboxId));
    }),
    /** One made ahead is kept for a container to come, while there is room for it. */
    keepReady: enqueueActions(({ enqueue, context, event }) => {
      if (event.type !== 'sandbox.ready') return;
      const { sandboxId, tenant, poolId } = event;
      if (!hasRoomForReady(context)) {
        enqueue.emit(dismissal(tenant, sandboxId));
        enqueue.emit(bounded(tenant, poolId));
        return;
      }
      enqueue.assign({ ready: withReady(context.ready, readyKey(tenant, poolId), sandboxId) });
    }),
    /** What the budget or the engine of the host is now may bear fewer than it has. */
    fitReady: enqueueActions(({ enqueue, context }) => {
      const { gone, left } = fittedReady(context);
      if (gone.length === 0) return;
      enqueue.assign({ ready: left });
      for (const { tenant, sandboxId } of gone) enqueue.emit(dismissal(tenant, sandboxId));
    }),
    dropReady: assign({
      ready: ({ context, event }) =>
        event.type === 'sandbox.withdrawn'
          ? withoutReady(context.ready, readyKey(event.tenant, event.poolId), event.sandboxId)
          : context.ready,
    }),
    shrinkReady: enqueueActions(({ enqueue, context, event }) => {
      if (event.type !== 'pool.shrink') return;
      const { gone, left } = shrunkTo(context.ready, readyKey(event.tenant, event.poolId), event.keep);
      enqueue.assign({ ready: left });
      for (const sandboxId of gone) enqueue.emit(dismissal(event.tenant, sandboxId));
    }),
    recount: assign(({ context, event }) => (event.type === 'host.recount' ? tallyOf(event) : context)),
    refuse: emit((_, params: { readonly reason: string }) => commandAnswer('refused', params.reason)),
    queue: emit((_, params: { readonly reason: string }) => commandAnswer('queued', params.reason)),
    refuseLabels: emit(({ context, event }) =>
      commandAnswer(
        'refused',
        event.type === 'host.label' ? labelProblem(context.labels, event.labels) : null,
      ),
    ),
    refuseRemoval: emit(({ context }) =>
      commandAnswer('refused', `${stillThere(context)}; delete what is there first, with stop or force`),
    ),
    refuseWhileHeld: emit(({ context }) =>
      commandAnswer(
        'refused',
        `${stillThere(context)}; drain it, and it is in maintenance once they have left`,
      ),
    ),
  },
});

/** E.g. "3 containers are still there". */
export const stillThere = ({ totals }: HostContext): string =>
  totals.containers === 1 ? '1 container is still there' : `${totals.containers} containers are still there`;
