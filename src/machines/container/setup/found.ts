/** What was found of it on its host, though the store forgot. */
import { hostAddress, sandboxAddress } from '../../../model/address.ts';
import type { Observation } from '../../../model/container.ts';
import { foundContext, type ContainerContext } from '../context.ts';
import { claimMessage } from './claims.ts';
import { runs } from './observation.ts';
import { sandboxHolderOf } from './sandbox.ts';
import { enqueueActions, type Guards } from './types.ts';
import { mountMessages } from './volumes.ts';

const isOfGeneration = (
  { generation }: ContainerContext,
  { observation }: { readonly observation: Observation },
): boolean => observation.generation === generation;

export const foundGuards = {
  isFoundUnplaced: ({ context, event }) =>
    event.type === 'runtime.found' && isOfGeneration(context, event) && context.hostId === null,
  /** What does not run, and is not in the sandbox that is meant for it, is made anew there. */
  isFound: ({ context, event }) =>
    event.type === 'runtime.found' &&
    isOfGeneration(context, event) &&
    !context.containerHeld &&
    (context.hostId === null ||
      (context.hostId === event.hostId &&
        (runs(event.observation) || [null, event.sandboxId].includes(context.sandboxId)))),
} satisfies Guards;

export const foundActions = {
  recordFound: enqueueActions(({ enqueue, context, event }) => {
    if (event.type !== 'runtime.found') return;
    const { type: _, ...found } = event;
    const isItsOwn = context.sandboxId !== null && context.capsuleId === null;
    if (isItsOwn && context.sandboxId !== found.sandboxId)
      enqueue.emit({
        type: 'message',
        to: sandboxAddress(context.tenant, context.sandboxId ?? ''),
        event: { type: 'sandbox.release', containerId: context.id },
      });
    enqueue.assign(foundContext(found));
  }),
  /** Its host counts it, its sandbox (or its capsule) and its volumes are its own: each is told, and begun if it was forgotten too. */
  takeUp: enqueueActions(({ enqueue, context }) => {
    if (!context.claimHeld && context.capsuleId === null) {
      enqueue.emit({
        type: 'message',
        to: hostAddress(context.hostId ?? ''),
        event: { type: 'host.keep', ...claimMessage(context) },
      });
      enqueue.assign({ claimHeld: true });
    }
    if (context.sandboxId !== null) {
      enqueue.emit({
        type: 'message',
        to: sandboxHolderOf(context),
        event: { type: 'sandbox.claim', containerId: context.id, isSuspect: false },
      });
    }
    for (const message of mountMessages(context)) enqueue.emit(message);
  }),
};
