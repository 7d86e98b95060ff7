/** The container chart's vocabulary: events, guards, actions and the effects it names. */
import { assign, emit, enqueueActions, setup, type EventObject } from 'xstate';
import { hostAddress, tenantAddress } from '../../model/address.ts';
import type { Observation } from '../../model/container.ts';
import type {
  ContainerCommand,
  ContainerFact,
  ContainerInput,
  ContainerMessage,
  EffectResults,
  Emitted,
  Restored,
  Undeliverable,
} from '../../model/events.ts';
import type { Failure } from '../../model/failure.ts';
import { decideRestart, wasStable } from '../restart-policy.ts';
import { mostTries } from '../retry-policy.ts';
import { unbound } from '../unbound.ts';
import type { ContainerContext } from './context.ts';

export type ContainerEvent = ContainerCommand | ContainerFact | ContainerMessage | Undeliverable | Restored;

/** What each host effect is given: ids and numbers only. */
export interface HostEffectInput {
  readonly containerId: string;
  readonly tenant: string;
  readonly hostId: string;
  readonly run: number;
  readonly graceMs: number;
  /** Milliseconds the agent may take. */
  readonly deadlineMs: number;
}

export const hostInput = (context: ContainerContext, deadlineMs: number): HostEffectInput => ({
  containerId: context.id,
  tenant: context.tenant,
  hostId: context.hostId ?? '',
  run: context.run + 1,
  graceMs: context.graceMs,
  deadlineMs,
});

const failureOf = (event: EventObject): Failure => (event as unknown as { error: Failure }).error;

const observationOf = (event: EventObject): Observation | null => {
  const { observation, output } = event as {
    observation?: Observation;
    output?: { observation?: Observation | null };
  };
  return observation ?? output?.observation ?? null;
};

/** Of our host and generation, and of no earlier run: the greater observation wins. */
const isCurrent = (context: ContainerContext, event: EventObject): boolean => {
  const { hostId } = event as { hostId?: string };
  const observation = observationOf(event);
  if (!observation || hostId !== context.hostId || observation.generation !== context.generation)
    return false;
  return (observation.startedAt ?? 0) >= (context.observation?.startedAt ?? 0);
};

const amountsMessage = ({ id, tenant, generation, amounts }: ContainerContext) => ({
  containerId: id,
  tenant,
  generation,
  amounts,
});

/** For its host, which decides by more than amounts. */
const claimMessage = (context: ContainerContext) => ({ ...amountsMessage(context), terms: context.terms });

export const containerSetup = setup({
  types: {
    input: {} as ContainerInput,
    context: {} as ContainerContext,
    events: {} as ContainerEvent,
    emitted: {} as Emitted,
    tags: {} as 'transient' | 'settled' | 'active',
    meta: {} as {
      readonly status?: string;
      readonly taskState?: string | null;
      readonly acquires?: string;
      readonly releases?: string;
    },
  },
  actors: {
    deadline: unbound<EffectResults['deadline'], { readonly ms: number }>('deadline'),
    rankHosts: unbound<EffectResults['rankHosts'], { readonly containerId: string; readonly tenant: string }>(
      'rankHosts',
    ),
    pullImage: unbound<EffectResults['pullImage'], HostEffectInput>('pullImage'),
    ensureSandbox: unbound<EffectResults['ensureSandbox'], HostEffectInput>('ensureSandbox'),
    removeSandbox: unbound<EffectResults['removeSandbox'], HostEffectInput>('removeSandbox'),
    createContainer: unbound<EffectResults['createContainer'], HostEffectInput>('createContainer'),
    startContainer: unbound<EffectResults['startContainer'], HostEffectInput>('startContainer'),
    stopContainer: unbound<EffectResults['stopContainer'], HostEffectInput>('stopContainer'),
    removeContainer: unbound<EffectResults['removeContainer'], HostEffectInput>('removeContainer'),
  },
  guards: {
    hasCandidate: ({ context }) => context.candidates.length > 0,
    isWorthWaiting: ({ context }) => context.mayChange,
    hasAnotherCandidate: ({ context }) => context.candidates.length > 1,
    isFromAskedHost: ({ context, event }) =>
      'hostId' in event && event.hostId === context.candidates[0]?.hostId,
    isFromOurHost: ({ context, event }) => 'hostId' in event && event.hostId === context.hostId,
    isClaimBounced: ({ context, event }) =>
      event.type === 'message.undeliverable' &&
      event.message.type === 'host.claim' &&
      event.to === hostAddress(context.candidates[0]?.hostId ?? ''),
    isImageReady: ({ context }) => context.imagePresent && context.imagePullPolicy !== 'always',
    isSandboxReady: ({ context }) => context.sandbox === 'engine' || context.sandboxId !== null,
    isSandboxHeld: ({ context }) => context.sandbox === 'own' && context.hostId !== null,
    isClaimHeld: ({ context }) => context.claimHeld,
    isContainerHeld: ({ context }) => context.containerHeld,
    isRunningWanted: ({ context }) => context.wanted === 'running',
    isRetryable: ({ event }) => failureOf(event).retryable,
    isImageMissing: ({ context, event }) =>
      failureOf(event).code === 'IMAGE_NOT_FOUND' &&
      context.imagePresent &&
      context.imagePullPolicy !== 'never',
    isContainerGone: ({ context, event }) =>
      failureOf(event).code === 'CONTAINER_GONE' && context.containerHeld,
    isCurrentRun: ({ context, event }) =>
      isCurrent(context, event) && (observationOf(event)?.startedAt ?? null) !== null,
    isNeverRun: ({ context, event }) =>
      isCurrent(context, event) && (observationOf(event)?.startedAt ?? null) === null,
    isOurContainerGone: ({ context, event }) =>
      event.type === 'runtime.gone' &&
      event.hostId === context.hostId &&
      event.generation === context.generation &&
      context.containerHeld,
    hasExitedAlready: ({ event }) => {
      const state = observationOf(event)?.state;
      return state === 'exited' || state === 'dead';
    },
    isRestartDue: ({ context }) =>
      decideRestart(context.restartPolicy, context.observation?.exitCode ?? null, context.restarts).restart,
    isRecreationDue: ({ context }) =>
      context.wanted === 'running' &&
      (context.restartPolicy.name === 'always' || context.restartPolicy.name === 'unless-stopped'),
    isAutoRemoved: ({ context }) => context.autoRemove,
    isStoppedCurrent: ({ context, event }) =>
      event.type === 'runtime.exited' && event.stoppedOutside && isCurrent(context, event),
    isChangedRun: ({ context, event }) =>
      isCurrent(context, event) &&
      (observationOf(event)?.startedAt ?? 0) > (context.observation?.startedAt ?? 0),
    isNewRunByAgent: ({ context, event }) =>
      event.type === 'runtime.started' &&
      event.byAgent &&
      isCurrent(context, event) &&
      (event.observation.startedAt ?? 0) > (context.observation?.startedAt ?? 0),
    isStopDue: ({ context, event }) => context.wanted === 'stopped' && isCurrent(context, event),
    isGraceful: ({ context, event }) =>
      event.type === 'container.delete' &&
      event.mode === 'stop' &&
      context.containerHeld &&
      context.observation?.state === 'running',
    isOnlyIfStopped: ({ event }) => event.type === 'container.delete' && event.mode === 'ifStopped',
    isHealthChecked: ({ context }) => context.observation?.health === 'starting',
    isHealthy: ({ context }) => context.observation?.health === 'healthy',
    isUnhealthy: ({ context }) => context.observation?.health === 'unhealthy',
  },
  actions: {
    recordObservation: assign({
      observation: ({ context, event }) => observationOf(event) ?? context.observation,
      failure: null,
      reason: null,
    }),
    recordFailure: assign({
      failure: ({ event }) => failureOf(event),
      reason: ({ event }) => failureOf(event).message,
      tries: ({ context }) => Math.min(context.tries + 1, mostTries),
    }),
    beginStep: assign({ tries: 0, failure: null, reason: null }),
    recordContainer: assign({
      containerHeld: true,
      observation: ({ event }) => observationOf(event),
    }),
    recordRun: assign({ run: ({ context }) => context.run + 1 }),
    recordReturn: assign({
      observation: ({ context, event }) => observationOf(event) ?? context.observation,
      run: ({ context, event }) =>
        (observationOf(event)?.startedAt ?? 0) > (context.observation?.startedAt ?? 0)
          ? context.run + 1
          : context.run,
      wanted: 'running',
      failure: null,
      reason: null,
    }),
    refreshObservation: assign({
      observation: ({ context, event }) => observationOf(event) ?? context.observation,
    }),
    keepContainer: assign({ containerHeld: true }),
    forgetContainer: assign({ containerHeld: false }),
    forgetSandbox: assign({ sandboxId: null }),
    forgetPlacement: assign({
      hostId: null,
      hostname: null,
      candidates: [],
      refusedBy: [],
      refusals: [],
      imagePresent: false,
    }),
    recordSandbox: assign({
      sandboxId: ({ event }) =>
        (event as unknown as { output: EffectResults['ensureSandbox'] }).output.sandboxId,
    }),
    recordRanking: assign(({ context, event }) => {
      const { candidates, refusals, mayChange } = (event as unknown as { output: EffectResults['rankHosts'] })
        .output;
      return { candidates, mayChange, refusals: [...context.refusals, ...refusals] };
    }),
    forgetRefusals: assign({ refusedBy: [], refusals: [] }),
    recordRefusal: assign({
      refusals: ({ context }, params: { readonly reason: string }) => [
        ...context.refusals,
        { filter: 'claim', hosts: 1, reason: `"${context.candidates[0]?.hostname ?? ''}": ${params.reason}` },
      ],
    }),
    recordClaim: assign({
      hostId: ({ event }) => (event.type === 'claim.granted' ? event.hostId : null),
      hostname: ({ event }) => (event.type === 'claim.granted' ? event.hostname : null),
      claimHeld: true,
      imagePresent: ({ context }) => context.candidates[0]?.imagePresent ?? false,
      candidates: [],
      refusals: [],
      refusedBy: [],
    }),
    explainRefusals: assign({
      reason: ({ context: { refusals } }) =>
        `There are not enough hosts available. ${refusals.map(({ filter, hosts, reason }) => `${filter} (${hosts}): ${reason}`).join('; ')}`,
    }),
    explainExit: assign({
      reason: ({ context }) => {
        const { reason } = decideRestart(
          context.restartPolicy,
          context.observation?.exitCode ?? null,
          context.restarts,
        );
        return context.observation?.oomKilled ? `It ran out of memory; ${reason}` : reason;
      },
    }),
    sayOverdue: assign({
      reason: ({ context }, params: { readonly step: string }) =>
        `Gave up ${params.step} on host "${context.hostname ?? context.hostId ?? ''}" in time${context.failure ? `: ${context.failure.message}` : ''}`,
    }),
    explainStuck: assign({
      reason: ({ context }) =>
        `Deleting, waiting for the engine on host "${context.hostname ?? context.hostId ?? ''}", which does not answer`,
    }),
    countAgentRestart: assign({ restarts: ({ context }) => context.restarts + 1 }),
    giveBackClaim: enqueueActions(({ enqueue, context }) => {
      if (!context.claimHeld) return;
      enqueue.emit({
        type: 'message',
        to: hostAddress(context.hostId ?? ''),
        event: { type: 'host.release', ...claimMessage(context) },
      });
      enqueue.assign({ claimHeld: false });
    }),
    giveBackReservation: enqueueActions(({ enqueue, context }) => {
      if (!context.reservationHeld) return;
      enqueue.emit({
        type: 'message',
        to: tenantAddress(context.tenant),
        event: { type: 'tenant.release', ...amountsMessage(context) },
      });
      enqueue.assign({ reservationHeld: false });
    }),
    forgetImage: assign({ imagePresent: false }),
    recordImage: assign({ imagePresent: true }),
    dropCandidate: assign({
      candidates: ({ context }) => context.candidates.slice(1),
      refusedBy: ({ context }) => [...context.refusedBy, context.candidates[0]?.hostId ?? ''],
    }),
    countRestart: assign({
      restarts: ({ context }) =>
        context.observation && wasStable(context.observation) ? 1 : context.restarts + 1,
      reason: ({ context }) => {
        const { reason } = decideRestart(
          context.restartPolicy,
          context.observation?.exitCode ?? null,
          context.restarts,
        );
        return `Restarting: ${reason}`;
      },
    }),
    wantRunning: assign({ wanted: 'running' }),
    wantStopped: assign({ wanted: 'stopped' }),
    wantCreated: assign({ wanted: 'created' }),
    recordGrace: assign({
      graceMs: ({ context, event }) => ('graceMs' in event ? event.graceMs : context.graceMs),
    }),
    say: assign({ reason: (_, params: { readonly reason: string }) => params.reason }),
    claimHost: emit(({ context }) => ({
      type: 'message' as const,
      to: hostAddress(context.candidates[0]?.hostId ?? ''),
      event: { type: 'host.claim', ...claimMessage(context) },
    })),
    returnLateClaim: emit(({ context, event }) => ({
      type: 'message' as const,
      to: hostAddress('hostId' in event ? event.hostId : ''),
      event: { type: 'host.release', ...claimMessage(context) },
    })),
    confirmReservation: emit(({ context }) => ({
      type: 'message' as const,
      to: tenantAddress(context.tenant),
      event: { type: 'tenant.confirm', ...amountsMessage(context) },
    })),
    refuse: emit((_, params: { readonly reason: string }) => ({
      type: 'answer' as const,
      answer: 'refused' as const,
      reason: params.reason,
    })),
    queue: emit((_, params: { readonly reason: string }) => ({
      type: 'answer' as const,
      answer: 'queued' as const,
      reason: params.reason,
    })),
  },
});
