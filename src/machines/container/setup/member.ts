/** Its capsule, where it is a member of one. */
import { enqueueActions } from 'xstate';
import { capsuleAddress } from '../../../model/address.ts';
import type { Emitted } from '../../../model/events.ts';
import type { MemberMessage, MemberState } from '../../../model/member-events.ts';
import type { ContainerContext } from '../context.ts';
import { assign, type ContainerEvent, type Guards } from './types.ts';

export const memberGuards = {
  isMember: ({ context }) => context.capsuleId !== null,
  isCapsuleGone: ({ context, event }) =>
    event.type === 'message.undeliverable' &&
    context.capsuleId !== null &&
    event.to === capsuleAddress(context.tenant, context.capsuleId),
} satisfies Guards;

export const memberActions = {
  /** Its capsule says that it is its turn, and where. */
  recordCall: assign(({ context, event }) =>
    event.type === 'capsule.called'
      ? {
          hostId: event.hostId,
          hostname: event.hostname,
          sandboxId: event.sandboxId,
          sandboxSound: true,
          sandboxEngineId: event.engineId,
          ports: event.ports,
        }
      : context,
  ),
  /** Its capsule hears what becomes of it. */
  tellCapsule: enqueueActions<
    ContainerContext,
    ContainerEvent,
    { readonly is: MemberState },
    ContainerEvent,
    never,
    never,
    never,
    never,
    Emitted
  >(({ enqueue, context }, params) => {
    if (context.capsuleId === null) return;
    enqueue.emit({
      type: 'message',
      to: capsuleAddress(context.tenant, context.capsuleId),
      event: {
        type: 'member.became',
        containerId: context.id,
        is: params.is,
        exitCode: params.is === 'ended' ? (context.observation?.exitCode ?? null) : null,
        reason: context.reason,
      } satisfies MemberMessage,
    });
  }),
};
