/** The container chart's vocabulary: events, guards, actions and the effects it names. */
import { assign, emit, enqueueActions, setup, type EventObject } from 'xstate';
import {
  capsuleAddress,
  hostAddress,
  imageAddress,
  sandboxAddress,
  tenantAddress,
  volumeAddress,
  type Address,
} from '../../model/address.ts';
import type { MemberMessage, MemberState } from '../../model/member-events.ts';
import type { Amounts, HotMount, Made, Observation } from '../../model/container.ts';
import type { Restored, Undeliverable } from '../../model/delivery.ts';
import type {
  ContainerCommand,
  ContainerFact,
  ContainerInput,
  ContainerMessage,
  EffectResults,
  Emitted,
} from '../../model/events.ts';
import type { Failure } from '../../model/failure.ts';
import { committedImage } from '../../model/image.ts';
import type { ImageInput } from '../../model/image-events.ts';
import type { SandboxInput } from '../../model/network-events.ts';
import { namedUuid } from '../../model/named-uuid.ts';
import {
  defaultNetworkId,
  isLikeOthers,
  networksKey,
  poolId,
  requestOf,
  type NetworkRequest,
  type NeutronRequest,
} from '../../model/network.ts';
import type { VolumeInput } from '../../model/volume-events.ts';
import { equal, noAmounts, plus } from '../amounts.ts';
import { grown, shrunk } from '../resize.ts';
import { decideRestart, countedRestarts } from '../restart-policy.ts';
import { unbound } from '../unbound.ts';
import { foundContext, type ContainerContext, type HeldMount } from './context.ts';
import { noSandbox } from '../own-sandbox.ts';
import {
  networksOn,
  notPlacing,
  placingGuards,
  ranked,
  refused,
  refusalsInWords,
  withoutFirst,
} from '../placing.ts';
import { failedAttempt, failureOf, mostTries, noAttempt } from '../retry-policy.ts';
import { commandAnswer } from '../command-answer.ts';

type Message = Extract<Emitted, { type: 'message' }>;

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

export interface CreateInput extends HostEffectInput {
  /** What is wanted of it is that it runs. */
  readonly start: boolean;
}

export const hostInput = (context: ContainerContext, deadlineMs: number): HostEffectInput => ({
  containerId: context.id,
  tenant: context.tenant,
  hostId: context.hostId ?? '',
  run: context.run + 1,
  graceMs: context.graceMs,
  deadlineMs,
});

const observationOf = (event: EventObject): Observation | null => {
  const { observation, output } = event as {
    observation?: Observation;
    output?: { observation?: Observation | null };
  };
  return observation ?? output?.observation ?? null;
};

/** A run that we did not know of. */
const hasBegun = ({ observation }: ContainerContext, event: EventObject): boolean =>
  (observationOf(event)?.startedAt ?? 0) > (observation?.startedAt ?? 0);

const hasEnded = ({ state }: Observation): boolean => state === 'exited' || state === 'dead';

const tellsOfEnd = (event: EventObject): boolean => {
  const observation = observationOf(event);
  return observation !== null && hasEnded(observation);
};

const runs = (observation: Observation | null): boolean =>
  observation?.state === 'running' || observation?.state === 'paused';

const isAlive = ({ observation }: ContainerContext): boolean => runs(observation);

const isOfGeneration = (
  { generation }: ContainerContext,
  { observation }: { readonly observation: Observation },
): boolean => observation.generation === generation;

/** Of our host and generation, of no earlier run, and of the same run not before its end: the greater observation wins. */
const isCurrent = (context: ContainerContext, event: EventObject): boolean => {
  const { hostId } = event as { hostId?: string };
  const observation = observationOf(event);
  const known = context.observation;
  if (!observation || hostId !== context.hostId || observation.generation !== context.generation)
    return false;
  const [started, knownStart] = [observation.startedAt ?? 0, known?.startedAt ?? 0];
  if (started !== knownStart) return started > knownStart;
  return hasEnded(observation) || !known || !hasEnded(known);
};

/** Signals whose meaning is the end; the exit after one of them is no crash. @see signal(7) */
const endingSignals: ReadonlySet<string> = new Set([
  'KILL',
  'TERM',
  'INT',
  'QUIT',
  'ABRT',
  '9',
  '15',
  '2',
  '3',
  '6',
]);

const groupedAs = (known: NetworkRequest | undefined, now: NeutronRequest): NeutronRequest => ({
  ...now,
  ...known?.neutron,
  securityGroups: now.securityGroups,
});

/** Known once it has a host, or asks one. */
const livesApart = ({ sandbox, candidates }: ContainerContext): boolean =>
  sandbox === 'own' || (sandbox === 'auto' && (candidates[0]?.makesNetworks ?? false));

/** The networks of a sandbox made ahead that would do; one with wishes of its own needs its own. */
const poolOf = (context: ContainerContext): string | null => {
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

const imageOf = (
  { tenant, hostId, id, generation, deadlines }: ContainerContext,
  { imageId, commitId, repository, tag, isStored }: Extract<ContainerCommand, { type: 'container.commit' }>,
): ImageInput => ({
  id: imageId,
  tenant,
  hostId: hostId ?? '',
  // What is on its way to Glance is nothing that its project could name yet.
  reference: isStored ? committedImage(tenant, imageId, 'commit') : committedImage(tenant, repository, tag),
  name: `${repository}:${tag}`,
  origin: { kind: 'commit', commitId, containerId: id, generation },
  storedId: isStored ? imageId : null,
  deadlines: { makeMs: deadlines.imageMs, removeMs: deadlines.removeMs },
});

const volumeOf = (context: ContainerContext, id: string, { sizeGib, isKept, cinder }: Made): VolumeInput => ({
  id,
  tenant: context.tenant,
  name: null,
  hostId: context.hostId ?? '',
  sizeGib,
  // Of Cinder's it is the attachment, which is kept for nobody.
  isEphemeral: isKept !== true || cinder !== undefined,
  cinder: cinder ? { ...cinder, holderId: context.capsuleId ?? context.id } : null,
  deadlines: { makeMs: context.deadlines.sandboxMs, removeMs: context.deadlines.removeMs },
});

const isOfCinder = ({ made }: ContainerContext['mounts'][number]): boolean => made?.cinder !== undefined;

const isImageReady = ({ imagePresent, imagePullPolicy }: ContainerContext): boolean =>
  imagePresent && imagePullPolicy !== 'always';

const isSandboxReady = ({ sandbox, sandboxSound }: ContainerContext): boolean =>
  sandbox === 'engine' || sandboxSound;

const areMountsGranted = ({ mounts }: ContainerContext): boolean =>
  mounts.every((mount) => mount.granted || isLeaving(mount));

/** What its agent mounts into it. */
export const hotMounts = (mounts: readonly HeldMount[]): readonly HotMount[] =>
  mounts.flatMap(({ volumeId, hot }) => (hot ? [{ volumeId, ...hot }] : []));

const isLeaving = ({ leaving }: HeldMount): boolean => leaving === true;

const withoutMount = ({ mounts }: ContainerContext, id: string): readonly HeldMount[] =>
  mounts.filter(({ volumeId }) => volumeId !== id);

/** To a volume that is to be let go of; begun by it where it never was, since Cinder may have made one for it. */
const detachMessage = (context: ContainerContext, { volumeId, made }: HeldMount): Message => ({
  type: 'message',
  to: volumeAddress(context.tenant, volumeId),
  event: { type: 'volume.detach', containerId: context.id },
  ...(made?.cinder && { begin: volumeOf(context, volumeId, made) }),
});

/** To the volumes that have yet to be granted. */
const mountMessages = (context: ContainerContext): readonly Message[] =>
  context.mounts
    .filter(({ granted, leaving }) => !granted && !leaving)
    .map(({ volumeId, made }) => ({
      type: 'message',
      to: volumeAddress(context.tenant, volumeId),
      event: { type: 'volume.attach', containerId: context.id },
      ...(made && { begin: volumeOf(context, volumeId, made) }),
    }));

/** It has a place on a host: by a claim of its own, or its capsule's. */
const isPlaced = ({ claimHeld, capsuleId, hostId }: ContainerContext): boolean =>
  claimHeld || (capsuleId !== null && hostId !== null);

/** Who is asked for its sandbox: the sandbox itself, or the capsule that has it. */
const sandboxHolderOf = ({ tenant, capsuleId, sandboxId }: ContainerContext): Address =>
  capsuleId === null ? sandboxAddress(tenant, sandboxId ?? '') : capsuleAddress(tenant, capsuleId);

const amountsMessage = ({ id, tenant, generation, amounts }: ContainerContext) => ({
  containerId: id,
  tenant,
  generation,
  amounts,
});

/** For its host, which decides by more than amounts. */
const claimMessage = (context: ContainerContext) => ({ ...amountsMessage(context), terms: context.terms });

/** What the tenant counts for it: with what a resize that is under way adds. */
const reserved = ({ amounts, resize }: ContainerContext): Amounts =>
  resize ? plus(amounts, grown(amounts, resize.to)) : amounts;

/** What its host counts for it. */
const claimed = ({ amounts, resize }: ContainerContext): Amounts =>
  resize?.granted ? plus(amounts, grown(amounts, resize.to)) : amounts;

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
    createContainer: unbound<EffectResults['createContainer'], CreateInput>('createContainer'),
    startContainer: unbound<EffectResults['startContainer'], HostEffectInput>('startContainer'),
    stopContainer: unbound<EffectResults['stopContainer'], HostEffectInput>('stopContainer'),
    removeContainer: unbound<EffectResults['removeContainer'], HostEffectInput>('removeContainer'),
    pauseContainer: unbound<EffectResults['pauseContainer'], HostEffectInput>('pauseContainer'),
    unpauseContainer: unbound<EffectResults['unpauseContainer'], HostEffectInput>('unpauseContainer'),
    killContainer: unbound<EffectResults['killContainer'], HostEffectInput>('killContainer'),
    updateContainer: unbound<EffectResults['updateContainer'], HostEffectInput>('updateContainer'),
    remountContainer: unbound<EffectResults['remountContainer'], HostEffectInput>('remountContainer'),
  },
  guards: {
    ...placingGuards,
    isFromOurHost: ({ context, event }) => 'hostId' in event && event.hostId === context.hostId,
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
    isImageReady: ({ context }) => isImageReady(context),
    isSandboxReady: ({ context }) => isSandboxReady(context),
    isProvided: ({ context }) =>
      isImageReady(context) && isSandboxReady(context) && areMountsGranted(context),
    isMember: ({ context }) => context.capsuleId !== null,
    /** Its capsule has one for it, or makes one. */
    isSandboxHeld: ({ context }) => context.sandboxId !== null || context.capsuleId !== null,
    /** What a member hears of sandboxes it hears from its capsule, whichever that has now. */
    isFromItsSandbox: ({ context, event }) =>
      'sandboxId' in event && (event.sandboxId === context.sandboxId || context.capsuleId !== null),
    isSandboxRemade: ({ event }) => event.type === 'sandbox.granted' && event.isRemade === true,
    isCapsuleGone: ({ context, event }) =>
      event.type === 'message.undeliverable' &&
      context.capsuleId !== null &&
      event.to === capsuleAddress(context.tenant, context.capsuleId),
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
    areMountsGranted: ({ context }) => areMountsGranted(context),
    isBeingRemounted: ({ context, event }) =>
      'volumeId' in event
        ? event.volumeId === context.remounting
        : event.type === 'message.undeliverable' &&
          event.message.type === 'volume.attach' &&
          event.to === volumeAddress(context.tenant, context.remounting ?? ''),
    isMountLeaving: ({ context }) => context.mounts.some(isLeaving),
    isMountedThere: ({ context, event }) =>
      event.type === 'container.attachVolume' &&
      context.mounts.some(
        ({ volumeId, made, hot }) =>
          volumeId === event.mount.volumeId ||
          hot?.destination === event.mount.destination ||
          (made?.cinder && made.cinder.volumeId === event.mount.made?.cinder?.volumeId),
      ),
    isHotMount: ({ context, event }) =>
      'volumeId' in event && context.mounts.some(({ volumeId, hot }) => volumeId === event.volumeId && hot),
    isMountReturned: ({ context, event }) => isCurrent(context, event) && context.mounts.some(isLeaving),
    isOfItsMounts: ({ context, event }) =>
      'volumeId' in event && context.mounts.some(({ volumeId }) => volumeId === event.volumeId),
    /** Volumes of Cinder that it has yet to let go of. */
    isVolumeHeld: ({ context }) => context.mounts.some(isOfCinder),
    /** Nothing of it is elsewhere. */
    isLostWithHost: ({ context, event }) =>
      'hostId' in event && event.hostId === context.hostId && !context.mounts.some(isOfCinder),
    isForced: ({ event }) => event.type === 'container.delete' && event.mode === 'force',
    isLeftBounced: ({ event }) =>
      event.type === 'message.undeliverable' && event.message.type === 'volume.detach',
    isMountBounced: ({ event }) =>
      event.type === 'message.undeliverable' && event.message.type === 'volume.attach',
    isPlaced: ({ context }) => isPlaced(context),
    isContainerHeld: ({ context }) => context.containerHeld,
    isRunningWanted: ({ context }) => context.wanted === 'running',
    isDeletionWanted: ({ context }) => context.wanted === 'deleted',
    isRebuilding: ({ context }) => context.rebuilding,
    isStartDue: ({ context, event }) => context.startQueued && isCurrent(context, event),
    isRetryable: ({ event }) => failureOf(event).retryable,
    isImageMissing: ({ context, event }) =>
      failureOf(event).code === 'IMAGE_NOT_FOUND' &&
      context.imagePresent &&
      context.imagePullPolicy !== 'never',
    isContainerGone: ({ event }) => failureOf(event).code === 'CONTAINER_GONE',
    isCurrentRun: ({ context, event }) =>
      isCurrent(context, event) && (observationOf(event)?.startedAt ?? null) !== null,
    isNeverRun: ({ context, event }) =>
      isCurrent(context, event) && (observationOf(event)?.startedAt ?? null) === null,
    isOurContainerGone: ({ context, event }) =>
      event.type === 'runtime.gone' &&
      event.hostId === context.hostId &&
      event.generation === context.generation &&
      context.containerHeld,
    /** The engine has no such container any more. */
    isNothingLeft: ({ event }) =>
      (event as { output?: { observation?: Observation | null } }).output?.observation === null,
    hasExitedAlready: ({ event }) => tellsOfEnd(event),
    hasBegun: ({ context, event }) => hasBegun(context, event),
    hasBegunAndEnded: ({ context, event }) => tellsOfEnd(event) && hasBegun(context, event),
    hasBegunUnwanted: ({ context, event }) => context.wanted !== 'running' && hasBegun(context, event),
    isRestartDue: ({ context: { observation, restartPolicy, restarts } }) =>
      decideRestart(restartPolicy, observation?.exitCode ?? null, countedRestarts(observation, restarts))
        .restart,
    isRecreationDue: ({ context }) =>
      context.wanted === 'running' &&
      (context.restartPolicy.name === 'always' || context.restartPolicy.name === 'unless-stopped'),
    isAutoRemoved: ({ context }) => context.autoRemove,
    isStoppedCurrent: ({ context, event }) =>
      event.type === 'runtime.exited' && event.stoppedOutside && isCurrent(context, event),
    isChangedRun: ({ context, event }) => isCurrent(context, event) && hasBegun(context, event),
    /** An inventory tells what was said of the run while nobody heard. */
    isChangedHealth: ({ context, event }) =>
      isCurrent(context, event) &&
      observationOf(event)?.startedAt === context.observation?.startedAt &&
      observationOf(event)?.health !== context.observation?.health,
    isNewRunByAgent: ({ context, event }) =>
      event.type === 'runtime.started' &&
      event.byAgent &&
      isCurrent(context, event) &&
      hasBegun(context, event),
    isStopDue: ({ context, event }) => context.wanted === 'stopped' && isCurrent(context, event),
    isGraceful: ({ context, event }) =>
      ((event.type === 'container.delete' && event.mode === 'stop') || event.type === 'capsule.deleted') &&
      context.containerHeld &&
      isAlive(context),
    isOnlyIfStopped: ({ event }) => event.type === 'container.delete' && event.mode === 'ifStopped',
    isObservedAlive: ({ context }) => isAlive(context),
    isObservedRunning: ({ context }) => context.observation?.state === 'running',
    isObservedPaused: ({ context }) => context.observation?.state === 'paused',
    isNeverStarted: ({ context }) => (context.observation?.startedAt ?? null) === null,
    isPausedCurrent: ({ context, event }) =>
      observationOf(event)?.state === 'paused' && isCurrent(context, event),
    isRunningCurrent: ({ context, event }) =>
      observationOf(event)?.state === 'running' && isCurrent(context, event),
    isKilled: ({ context, event }) => context.killedWith !== null && isCurrent(context, event),
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
    isAttachedTo: ({ context, event }) =>
      'networkId' in event && context.networks.some(({ networkId }) => networkId === event.networkId),
    isOnAskedNetwork: ({ context, event }) =>
      event.type === 'container.attachNetwork' &&
      context.networks.some(({ networkId }) => networkId === event.request.networkId),
    isInGroup: ({ context, event }) =>
      'groupId' in event &&
      context.ports.every(({ neutron }) => !neutron || neutron.securityGroups.includes(event.groupId)),
    isInNoGroup: ({ context, event }) =>
      'groupId' in event &&
      !context.ports.some(({ neutron }) => neutron?.securityGroups.includes(event.groupId)),
    hasOwnSandbox: ({ context }) => context.sandbox === 'own' && context.sandboxId !== null,
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
    explainHealth: assign({
      reason: ({ context }) => {
        if (context.reason !== null) return context.reason;
        const why = context.observation?.healthReason;
        return `Its health check fails${why ? `: ${why}` : ''}`;
      },
    }),
    recordFailure: assign(({ context, event }) => failedAttempt(context.tries, event)),
    beginStep: assign({ ...noAttempt, startQueued: false }),
    recordContainer: assign({
      containerHeld: true,
      observation: ({ event }) => observationOf(event),
    }),
    recordRun: assign({ run: ({ context }) => context.run + 1 }),
    recordReturn: assign({
      observation: ({ context, event }) => observationOf(event) ?? context.observation,
      run: ({ context, event }) => (hasBegun(context, event) ? context.run + 1 : context.run),
      wanted: 'running',
      startQueued: false,
      failure: null,
      reason: null,
    }),
    refreshObservation: assign({
      observation: ({ context, event }) => observationOf(event) ?? context.observation,
    }),
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
    keepContainer: assign({ containerHeld: true }),
    forgetContainer: assign({ containerHeld: false }),
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
    askCommit: emit(({ context, event }) => {
      const asked = event as Extract<ContainerCommand, { type: 'container.commit' }>;
      const { origin, ...begin } = imageOf(context, asked);
      return {
        type: 'message' as const,
        to: imageAddress(context.tenant, asked.imageId),
        event: { type: 'image.commit', origin },
        begin: { ...begin, origin },
      };
    }),
    doubtSandbox: assign({ sandboxSound: false }),
    recordBreach: assign({
      sandboxSound: false,
      reason: ({ event }) => ('reason' in event ? `Its network is gone: ${event.reason ?? ''}` : null),
    }),
    recordPorts: assign(({ context, event }) => {
      if (event.type !== 'sandbox.changed') return {};
      return {
        ports: event.ports,
        networks: event.ports.map((port) => {
          const { networkId } = port.network;
          const known = context.networks.find((each) => each.networkId === networkId);
          const request = requestOf(port);
          const isDefault = networkId === defaultNetworkId(context.tenant, context.hostId ?? '');
          // Addresses of the user's choice stay, security groups are those it has now.
          return {
            ...request,
            isDefault,
            ...known,
            ...(request.neutron && { neutron: groupedAs(known, request.neutron) }),
          };
        }),
        reason: event.reason,
      };
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
    askAttach: emit(({ context, event }) => ({
      type: 'message' as const,
      to: sandboxAddress(context.tenant, context.sandboxId ?? ''),
      event: {
        type: 'sandbox.attach',
        containerId: context.id,
        request: (event as Extract<ContainerCommand, { type: 'container.attachNetwork' }>).request,
      },
    })),
    askDetach: emit(({ context, event }) => ({
      type: 'message' as const,
      to: sandboxAddress(context.tenant, context.sandboxId ?? ''),
      event: {
        type: 'sandbox.detach',
        containerId: context.id,
        networkId: (event as Extract<ContainerCommand, { type: 'container.detachNetwork' }>).networkId,
      },
    })),
    askRegroup: emit(({ context, event }) => ({
      type: 'message' as const,
      to: sandboxAddress(context.tenant, context.sandboxId ?? ''),
      event: {
        type: 'sandbox.regroup',
        containerId: context.id,
        change: {
          groupId: 'groupId' in event ? event.groupId : '',
          isAdded: event.type === 'container.addSecurityGroup',
        },
      },
    })),
    askMounts: enqueueActions(({ enqueue, context }) => {
      for (const message of mountMessages(context)) enqueue.emit(message);
    }),
    recordMount: assign({
      mounts: ({ context, event }) =>
        context.mounts.map((mount) =>
          'volumeId' in event && mount.volumeId === event.volumeId ? { ...mount, granted: true } : mount,
        ),
    }),
    /** Asked for or granted: a volume that knows nothing of it takes no harm. */
    releaseMounts: enqueueActions(({ enqueue, context }) => {
      if (!isPlaced(context)) return;
      for (const { volumeId } of context.mounts) {
        enqueue.emit({
          type: 'message',
          to: volumeAddress(context.tenant, volumeId),
          event: { type: 'volume.detach', containerId: context.id },
        });
      }
      enqueue.assign({ mounts: [] });
    }),
    /** Those of Cinder are waited for. */
    releaseVolumes: enqueueActions(({ enqueue, context }) => {
      for (const mount of context.mounts.filter(isOfCinder)) enqueue.emit(detachMessage(context, mount));
    }),
    forgetVolume: assign({
      mounts: ({ context, event }) => withoutMount(context, 'volumeId' in event ? event.volumeId : ''),
    }),
    addMount: assign({
      mounts: ({ context, event }) => {
        if (event.type !== 'container.attachVolume') return context.mounts;
        const { volumeId, made, destination, readOnly } = event.mount;
        return [...context.mounts, { volumeId, made, hot: { destination, readOnly }, granted: false }];
      },
      remounting: ({ event }) => (event.type === 'container.attachVolume' ? event.mount.volumeId : null),
      failure: null,
      reason: null,
    }),
    /** What was on its way in goes out again. */
    turnBack: assign({
      mounts: ({ context }) =>
        context.mounts.map((mount) =>
          mount.volumeId === context.remounting ? { ...mount, leaving: true as const } : mount,
        ),
    }),
    sendOut: assign({
      mounts: ({ context, event }) =>
        context.mounts.map((mount) =>
          'volumeId' in event && mount.volumeId === event.volumeId
            ? { ...mount, leaving: true as const }
            : mount,
        ),
      remounting: ({ event }) => ('volumeId' in event ? event.volumeId : null),
      failure: null,
      reason: null,
    }),
    /** It is in use there, or its host does not say: who had it has it on. */
    keepMount: assign({
      mounts: ({ context }) =>
        context.mounts.map(({ leaving, ...mount }) =>
          leaving && !(mount.granted && mount.volumeId === context.remounting)
            ? { ...mount, leaving }
            : mount,
        ),
    }),
    /** A volume of its host is let go of at once, one of Cinder's says when it is. */
    releaseLeaving: enqueueActions(({ enqueue, context }) => {
      for (const mount of context.mounts.filter(isLeaving)) enqueue.emit(detachMessage(context, mount));
      enqueue.assign({ mounts: context.mounts.filter((mount) => !isLeaving(mount) || isOfCinder(mount)) });
    }),
    /** It has ended already. */
    forgetLeft: assign({
      mounts: ({ context, event }) =>
        context.mounts.filter(
          ({ volumeId }) => !('to' in event) || event.to !== volumeAddress(context.tenant, volumeId),
        ),
    }),
    returnLateMount: emit(({ context, event }) => ({
      type: 'message' as const,
      to: volumeAddress(context.tenant, 'volumeId' in event ? event.volumeId : ''),
      event: { type: 'volume.detach', containerId: context.id },
    })),
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
    tellCapsule: enqueueActions(({ enqueue, context }, params: { readonly is: MemberState }) => {
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
    forgetPlacement: assign({
      hostId: null,
      hostname: null,
      ...notPlacing,
      imagePresent: false,
    }),
    recordRanking: assign(({ context, event }) => ranked(context, event)),
    forgetRefusals: assign({ refusedBy: [], refusals: [] }),
    recordRefusal: assign(({ context }, { reason }: { readonly reason: string }) => refused(context, reason)),
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
    explainRefusals: assign({ reason: ({ context }) => refusalsInWords(context) }),
    explainExit: assign({
      reason: ({ context }) => {
        const { reason } = decideRestart(
          context.restartPolicy,
          context.observation?.exitCode ?? null,
          countedRestarts(context.observation, context.restarts),
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
        event: { type: 'host.release', ...claimMessage(context), amounts: claimed(context) },
      });
      enqueue.assign({ claimHeld: false });
    }),
    giveBackReservation: enqueueActions(({ enqueue, context }) => {
      if (!context.reservationHeld) return;
      enqueue.emit({
        type: 'message',
        to: tenantAddress(context.tenant),
        event: { type: 'tenant.release', ...amountsMessage(context), amounts: reserved(context) },
      });
      enqueue.assign({ reservationHeld: false });
    }),
    forgetImage: assign({ imagePresent: false }),
    recordImage: assign({ imagePresent: true }),
    dropCandidate: assign(({ context }) => withoutFirst(context)),
    countRestart: assign(({ context: { observation, restartPolicy, restarts: before } }) => {
      const earlier = countedRestarts(observation, before);
      const { reason } = decideRestart(restartPolicy, observation?.exitCode ?? null, earlier);
      return { restarts: earlier + 1, reason: `Restarting: ${reason}` };
    }),
    recordKill: assign({
      signal: ({ context, event }) => (event.type === 'container.kill' ? event.signal : context.signal),
      killedWith: ({ event }) =>
        event.type === 'container.kill' && endingSignals.has(event.signal) ? event.signal : null,
    }),
    forgetKill: assign({ killedWith: null }),
    /** It lives on, so that is what it is; should this run end after all, that was the stop. */
    giveUpStop: assign({ wanted: 'running', killedWith: 'TERM' }),
    explainKill: assign(({ context }) => ({
      wanted: 'stopped' as const,
      reason: `It was ended with SIG${context.killedWith ?? ''}, as asked`,
      killedWith: null,
    })),
    beginRebuild: assign({
      generation: ({ context }) => context.generation + 1,
      imagePresent: false,
      observation: null,
      run: 0,
      restarts: 0,
      killedWith: null,
    }),
    recordRebuild: assign({
      rebuilding: true,
      specVersion: ({ context }) => context.specVersion + 1,
      imagePullPolicy: ({ context, event }) =>
        event.type === 'container.rebuild' ? event.imagePullPolicy : context.imagePullPolicy,
      graceMs: ({ context, event }) => ('graceMs' in event ? event.graceMs : context.graceMs),
      wanted: ({ context }) =>
        context.observation?.state === 'running' || context.observation?.state === 'paused'
          ? 'running'
          : 'created',
    }),
    endRebuild: assign({ rebuilding: false }),
    recordSpec: assign({ specVersion: ({ context }) => context.specVersion + 1 }),
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
    wantRunning: assign({ wanted: 'running' }),
    wantStopped: assign({ wanted: 'stopped', startQueued: false }),
    wantCreated: assign({ wanted: 'created' }),
    /** For its host to keep, so that its removal goes on even if the store forgets. */
    wantDeleted: assign({ wanted: 'deleted' }),
    recordGrace: assign({
      graceMs: ({ context, event }) => ('graceMs' in event ? event.graceMs : context.graceMs),
    }),
    sayRefused: assign({
      reason: (_, params: { readonly reason: string }) => params.reason,
      tries: ({ context }) => Math.min(context.tries + 1, mostTries),
    }),
    say: assign({ reason: (_, params: { readonly reason: string }) => params.reason }),
    claimHost: emit(({ context }) => ({
      type: 'message' as const,
      to: hostAddress(context.candidates[0]?.hostId ?? ''),
      event: { type: 'host.claim', ...claimMessage(context), pool: poolOf(context) },
    })),
    queueStart: assign({ wanted: 'running', startQueued: true }),
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
    confirmReservation: enqueueActions(({ enqueue, context }) => {
      if (!context.reservationHeld) return;
      enqueue.emit({
        type: 'message',
        to: tenantAddress(context.tenant),
        event: { type: 'tenant.confirm', ...amountsMessage(context) },
      });
    }),
    refuse: emit((_, params: { readonly reason: string }) => commandAnswer('refused', params.reason)),
    queue: emit((_, params: { readonly reason: string }) => commandAnswer('queued', params.reason)),
  },
});
