/** Its sandbox: one made ahead, one of its own, or its capsule’s. */
import { capsuleAddress, sandboxAddress, type Address } from '../../../model/address.ts';
import { namedUuid } from '../../../model/named-uuid.ts';
import type { SandboxInput } from '../../../model/network-events.ts';
import { isLikeOthers, networksKey, poolId } from '../../../model/network.ts';
import { noSandbox } from '../../own-sandbox.ts';
import { failureOf } from '../../retry-policy.ts';
import type { ContainerContext } from '../context.ts';
import { assign, emit, enqueueActions, type Guards } from './types.ts';

/** Known once it has a host, or asks one. */
export const livesApart = ({ sandbox, candidates }: ContainerContext): boolean =>
  sandbox === 'own' || (sandbox === 'auto' && (candidates[0]?.makesNetworks ?? false));

/** The networks of a sandbox made ahead that would do; one with wishes of its own needs its own. */
export const poolOf = (context: ContainerContext): string | null => {
  const { pool, published, askedHostname, networks } = context;
  const isFromPool =
    livesApart(context) &&
    pool !== null &&
    published.length === 0 &&
    askedHostname === null &&
    networks.every(isLikeOthers);
  return isFromPool ? networksKey(networks) : null;
};

const sandboxOf = (context: ContainerContext, id: string): SandboxInput => {
  const { tenant, hostId, networks, published, askedHostname, pool, deadlines } = context;
  return {
    id,
    tenant,
    hostId: hostId ?? '',
    hostname: askedHostname,
    networks,
    published,
    claimedBy: context.id,
    isOfCapsule: false,
    pool: pool && poolOf(context) !== null ? { id: poolId(hostId ?? '', networks), ...pool } : null,
    deadlines: {
      // A network may have to be made first, by a host that is away for a moment.
      allocateMs: deadlines.sandboxMs,
      makeMs: deadlines.sandboxMs,
      removeMs: deadlines.removeMs,
      idleMs: deadlines.networkIdleMs,
    },
  };
};

/** Who is asked for its sandbox: the sandbox itself, or the capsule that has it. */
export const sandboxHolderOf = ({ tenant, capsuleId, sandboxId }: ContainerContext): Address =>
  capsuleId === null ? sandboxAddress(tenant, sandboxId ?? '') : capsuleAddress(tenant, capsuleId);

export const sandboxGuards = {
  isSandboxReady: ({ context: { sandbox, sandboxSound } }) => sandbox === 'engine' || sandboxSound,
  /** Its capsule has one for it, or makes one. */
  isSandboxHeld: ({ context }) => context.sandboxId !== null || context.capsuleId !== null,
  hasOwnSandbox: ({ context }) => context.sandbox === 'own' && context.sandboxId !== null,
  /** What a member hears of sandboxes it hears from its capsule, whichever that has now. */
  isFromItsSandbox: ({ context, event }) =>
    'sandboxId' in event && (event.sandboxId === context.sandboxId || context.capsuleId !== null),
  isSandboxRemade: ({ event }) => event.type === 'sandbox.granted' && event.isRemade === true,
  isRetryableRefusal: ({ context, event }) =>
    event.type === 'sandbox.refused' && event.retryable && event.sandboxId === context.sandboxId,
  isSandboxBounced: ({ context, event }) =>
    event.type === 'message.undeliverable' &&
    event.message.type === 'sandbox.claim' &&
    event.to === sandboxAddress(context.tenant, context.sandboxId ?? ''),
  isSandboxMessageBounced: ({ context, event }) =>
    event.type === 'message.undeliverable' &&
    event.to === sandboxAddress(context.tenant, context.sandboxId ?? ''),
  isSandboxGone: ({ context, event }) =>
    failureOf(event).code === 'SANDBOX_GONE' && context.sandbox === 'own',
} satisfies Guards;

export const sandboxActions = {
  claimSandbox: emit(({ context }) => ({
    type: 'message' as const,
    to: sandboxHolderOf(context),
    event: {
      type: 'sandbox.claim',
      containerId: context.id,
      // One that it had before, and asks for again.
      isSuspect: context.sandboxEngineId !== null || context.ports.length > 0,
    },
  })),
  /** One of its own, begun by the message that asks for it. */
  openSandbox: enqueueActions(({ enqueue, context }) => {
    const sandboxesAsked = context.sandboxesAsked + 1;
    const id = namedUuid(`sandbox/${context.id}/${sandboxesAsked}`);
    enqueue.assign({ sandboxesAsked, sandboxId: id, sandboxSound: false });
    enqueue.emit({
      type: 'message',
      to: sandboxAddress(context.tenant, id),
      event: { type: 'sandbox.claim', containerId: context.id, isSuspect: false },
      begin: sandboxOf(context, id),
    });
  }),
  recordSandbox: assign(({ context, event }) =>
    event.type === 'sandbox.granted'
      ? {
          sandboxId: event.sandboxId,
          sandboxSound: true,
          sandboxEngineId: event.engineId,
          ports: event.ports,
          reason: null,
        }
      : context,
  ),
  doubtSandbox: assign({ sandboxSound: false }),
  recordBreach: assign({
    sandboxSound: false,
    reason: ({ event }) => ('reason' in event ? `Its network is gone: ${event.reason ?? ''}` : null),
  }),
  forgetSandbox: assign(noSandbox),
  /** It is not needed any more, whether or not it was ever granted. */
  releaseSandbox: enqueueActions(({ enqueue, context }) => {
    if (context.sandboxId === null) return;
    if (context.capsuleId === null)
      enqueue.emit({
        type: 'message',
        to: sandboxAddress(context.tenant, context.sandboxId),
        event: { type: 'sandbox.release', containerId: context.id },
      });
    enqueue.assign(noSandbox);
  }),
  /** A grant that nobody waits for. */
  returnLateSandbox: enqueueActions(({ enqueue, context, event }) => {
    if (event.type !== 'sandbox.granted' || event.sandboxId === context.sandboxId) return;
    enqueue.emit({
      type: 'message',
      to: sandboxAddress(context.tenant, event.sandboxId),
      event: { type: 'sandbox.release', containerId: context.id },
    });
  }),
};
