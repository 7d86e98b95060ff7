/** Other limits while it lives: more is asked for first, less is given back afterwards. */
import { hostAddress, tenantAddress } from '../../../model/address.ts';
import type { Amounts } from '../../../model/container.ts';
import type { Failure } from '../../../model/failure.ts';
import { equal, noAmounts } from '../../amounts.ts';
import { grown, shrunk } from '../../resize.ts';
import type { ContainerContext } from '../context.ts';
import { amountsMessage, claimMessage } from './claims.ts';
import { assign, emit, enqueueActions, type Guards, type Message } from './types.ts';

/** To the tenant, and to the host when that has granted it; nothing is not worth a message. */
function giveBack(
  enqueue: { emit(message: Message): void },
  context: ContainerContext,
  amounts: Amounts,
  isGranted: boolean,
): void {
  if (equal(amounts, noAmounts)) return;
  const change = { ...claimMessage(context), amounts };
  enqueue.emit({
    type: 'message',
    to: tenantAddress(context.tenant),
    event: { type: 'tenant.release', ...change },
  });
  if (!isGranted) return;
  enqueue.emit({
    type: 'message',
    to: hostAddress(context.hostId ?? ''),
    event: { type: 'host.release', ...change },
  });
}

export const resizeGuards = {
  /** A host's answer to the resize that is under way. */
  isResizing: ({ context, event }) =>
    context.claimHeld &&
    'hostId' in event &&
    event.hostId === context.hostId &&
    'generation' in event &&
    event.generation === context.resize?.generation,
  isReclaimed: ({ context }) => context.resize?.granted ?? true,
  isReclaimBounced: ({ context, event }) =>
    event.type === 'message.undeliverable' &&
    event.message.type === 'host.reclaim' &&
    event.message['generation'] === context.resize?.generation,
} satisfies Guards;

export const resizeActions = {
  /** The reservation that was made for it is taken, and its host is asked for what is more. */
  beginResize: enqueueActions(({ enqueue, context, event }) => {
    if (event.type !== 'container.resize') return;
    const more = grown(context.amounts, event.amounts);
    const changes = { ...claimMessage(context), generation: context.specVersion + 1, amounts: more };
    enqueue.assign({
      specVersion: context.specVersion + 1,
      resize: { to: event.amounts, generation: changes.generation, granted: equal(more, noAmounts) },
    });
    if (equal(more, noAmounts)) return;
    enqueue.emit({
      type: 'message',
      to: tenantAddress(context.tenant),
      event: { type: 'tenant.confirm', ...changes },
    });
    enqueue.emit({
      type: 'message',
      to: hostAddress(context.hostId ?? ''),
      event: { type: 'host.reclaim', ...changes },
    });
  }),
  recordReclaim: assign({
    resize: ({ context }) => context.resize && { ...context.resize, granted: true },
  }),
  /** A grant that comes after it was given up. */
  returnLateReclaim: emit(({ context, event }) => ({
    type: 'message' as const,
    to: hostAddress('hostId' in event ? event.hostId : ''),
    event: {
      type: 'host.release',
      ...claimMessage(context),
      amounts: event.type === 'reclaim.granted' ? event.amounts : noAmounts,
    },
  })),
  /** Its host has no room for more: the tenant gets its reservation back. */
  giveUpReclaim: enqueueActions(({ enqueue, context, event }) => {
    if (!context.resize) return;
    enqueue.emit({
      type: 'message',
      to: tenantAddress(context.tenant),
      event: {
        type: 'tenant.release',
        ...amountsMessage(context),
        amounts: grown(context.amounts, context.resize.to),
      },
    });
    enqueue.assign({
      resize: null,
      reason: `It could not be resized: ${'reason' in event ? (event.reason ?? '') : 'its host is no longer known'}`,
    });
  }),
  /** The engine obeyed: what is less now is given back. */
  recordResize: enqueueActions(({ enqueue, context }) => {
    if (!context.resize) return;
    giveBack(enqueue, context, shrunk(context.amounts, context.resize.to), true);
    enqueue.assign({ amounts: context.resize.to, resize: null, failure: null, reason: null });
  }),
  /** It did not: what was claimed for it is given back, and the old spec holds. */
  revertResize: enqueueActions(({ enqueue, context, event }) => {
    if (!context.resize) return;
    giveBack(enqueue, context, grown(context.amounts, context.resize.to), context.resize.granted);
    const failure = (event as unknown as { error?: Failure }).error;
    enqueue.assign({
      resize: null,
      reason: `It could not be resized: ${failure?.message ?? 'its engine did not answer in time'}`,
    });
  }),
};
