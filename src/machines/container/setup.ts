/** The container chart's vocabulary, put together: events, guards, actions and the effects it names. */
import { assign, emit, setup } from 'xstate';
import { commandAnswer } from '../command-answer.ts';
import { refused } from '../placing.ts';
import { failedAttempt, failureOf, mostTries, noAttempt } from '../retry-policy.ts';
import { claimActions } from './setup/claims.ts';
import { containerEffects } from './setup/effects.ts';
import { foundActions, foundGuards } from './setup/found.ts';
import { healthActions, healthGuards } from './setup/health.ts';
import { imageActions, imageGuards } from './setup/image.ts';
import { killActions, killGuards } from './setup/kill.ts';
import { memberActions, memberGuards } from './setup/member.ts';
import { networkActions, networkGuards } from './setup/networks.ts';
import { observationActions, observationGuards } from './setup/observation.ts';
import { placementActions, placementGuards } from './setup/placement.ts';
import { rebuildActions, rebuildGuards } from './setup/rebuild.ts';
import { remountActions, remountGuards } from './setup/remount.ts';
import { resizeActions, resizeGuards } from './setup/resize.ts';
import { restartActions, restartGuards } from './setup/restart.ts';
import { sandboxActions, sandboxGuards } from './setup/sandbox.ts';
import { containerTypes } from './setup/types.ts';
import { volumeActions, volumeGuards } from './setup/volumes.ts';
import { wishActions, wishGuards } from './setup/wish.ts';

export const containerSetup = setup({
  types: containerTypes,
  actors: containerEffects,
  guards: {
    ...placementGuards,
    ...foundGuards,
    ...observationGuards,
    ...healthGuards,
    ...restartGuards,
    ...wishGuards,
    ...killGuards,
    ...imageGuards,
    ...resizeGuards,
    ...sandboxGuards,
    ...networkGuards,
    ...volumeGuards,
    ...remountGuards,
    ...memberGuards,
    ...rebuildGuards,
    isProvided: (heard) =>
      imageGuards.isImageReady(heard) &&
      sandboxGuards.isSandboxReady(heard) &&
      volumeGuards.areMountsGranted(heard),
    isRetryable: ({ event }) => failureOf(event).retryable,
  },
  actions: {
    ...placementActions,
    ...claimActions,
    ...foundActions,
    ...observationActions,
    ...healthActions,
    ...restartActions,
    ...wishActions,
    ...killActions,
    ...imageActions,
    ...resizeActions,
    ...sandboxActions,
    ...networkActions,
    ...volumeActions,
    ...remountActions,
    ...memberActions,
    ...rebuildActions,
    recordFailure: assign(({ context, event }) => failedAttempt(context.tries, event)),
    beginStep: assign({ ...noAttempt, startQueued: false }),
    recordRefusal: assign(({ context }, { reason }: { readonly reason: string }) => refused(context, reason)),
    sayOverdue: assign({
      reason: ({ context }, params: { readonly step: string }) =>
        `Gave up ${params.step} on host "${context.hostname ?? context.hostId ?? ''}" in time${context.failure ? `: ${context.failure.message}` : ''}`,
    }),
    explainStuck: assign({
      reason: ({ context }) =>
        `Deleting, waiting for the engine on host "${context.hostname ?? context.hostId ?? ''}", which does not answer`,
    }),
    sayRefused: assign({
      reason: (_, params: { readonly reason: string }) => params.reason,
      tries: ({ context }) => Math.min(context.tries + 1, mostTries),
    }),
    say: assign({ reason: (_, params: { readonly reason: string }) => params.reason }),
    refuse: emit((_, params: { readonly reason: string }) => commandAnswer('refused', params.reason)),
    queue: emit((_, params: { readonly reason: string }) => commandAnswer('queued', params.reason)),
  },
});
