/** Its host: which one it asks, and what it has with the claim. */
import { hostAddress, sandboxAddress } from '../../../model/address.ts';
import {
  networksOn,
  notPlacing,
  placingGuards,
  ranked,
  refusalsInWords,
  withoutFirst,
} from '../../placing.ts';
import type { ContainerContext } from '../context.ts';
import { claimMessage } from './claims.ts';
import { livesApart, poolOf } from './sandbox.ts';
import { assign, emit, enqueueActions, type Guards } from './types.ts';

/** It has a place on a host: by a claim of its own, or its capsule's. */
export const isPlaced = ({ claimHeld, capsuleId, hostId }: ContainerContext): boolean =>
  claimHeld || (capsuleId !== null && hostId !== null);

export const placementGuards = {
  ...placingGuards,
  isPlaced: ({ context }) => isPlaced(context),
} satisfies Guards;

export const placementActions = {
  recordRanking: assign(({ context, event }) => ranked(context, event)),
  forgetRefusals: assign({ refusedBy: [], refusals: [] }),
  dropCandidate: assign(({ context }) => withoutFirst(context)),
  explainRefusals: assign({ reason: ({ context }) => refusalsInWords(context) }),
  claimHost: emit(({ context }) => ({
    type: 'message' as const,
    to: hostAddress(context.candidates[0]?.hostId ?? ''),
    event: { type: 'host.claim', ...claimMessage(context), pool: poolOf(context) },
  })),
  recordClaim: assign({
    hostId: ({ event }) => (event.type === 'claim.granted' ? event.hostId : null),
    hostname: ({ event }) => (event.type === 'claim.granted' ? event.hostname : null),
    claimHeld: true,
    sandbox: ({ context }) => (livesApart(context) ? 'own' : 'engine'),
    sandboxId: ({ context, event }) =>
      event.type === 'claim.granted' && livesApart(context) ? event.sandboxId : null,
    networks: ({ context, event }) =>
      event.type === 'claim.granted' ? networksOn(event.hostId, context) : context.networks,
    imagePresent: ({ context }) => context.candidates[0]?.imagePresent ?? false,
    ...notPlacing,
  }),
  returnLateClaim: enqueueActions(({ enqueue, context, event }) => {
    if (event.type !== 'claim.granted') return;
    enqueue.emit({
      type: 'message',
      to: hostAddress(event.hostId),
      event: { type: 'host.release', ...claimMessage(context) },
    });
    if (event.sandboxId === null) return;
    enqueue.emit({
      type: 'message',
      to: sandboxAddress(context.tenant, event.sandboxId),
      event: { type: 'sandbox.dismiss' },
    });
  }),
  forgetPlacement: assign({
    hostId: null,
    hostname: null,
    ...notPlacing,
    imagePresent: false,
  }),
};
