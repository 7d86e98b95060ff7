/** What its engine shows of it: whether that is news, which run it is of, and what is kept of it. */
import type { EventObject } from 'xstate';
import type { Observation } from '../../../model/container.ts';
import { failureOf } from '../../retry-policy.ts';
import type { ContainerContext } from '../context.ts';
import { assign, type Guards } from './types.ts';

export const observationOf = (event: EventObject): Observation | null => {
  const { observation, output } = event as {
    observation?: Observation;
    output?: { observation?: Observation | null };
  };
  return observation ?? output?.observation ?? null;
};

/** A run that we did not know of. */
export const hasBegun = ({ observation }: ContainerContext, event: EventObject): boolean =>
  (observationOf(event)?.startedAt ?? 0) > (observation?.startedAt ?? 0);

const hasEnded = ({ state }: Observation): boolean => state === 'exited' || state === 'dead';

const tellsOfEnd = (event: EventObject): boolean => {
  const observation = observationOf(event);
  return observation !== null && hasEnded(observation);
};

export const runs = (observation: Observation | null): boolean =>
  observation?.state === 'running' || observation?.state === 'paused';

export const isAlive = ({ observation }: ContainerContext): boolean => runs(observation);

/** Of our host and generation, of no earlier run, and of the same run not before its end: the greater observation wins. */
export const isCurrent = (context: ContainerContext, event: EventObject): boolean => {
  const { hostId } = event as { hostId?: string };
  const observation = observationOf(event);
  const known = context.observation;
  if (!observation || hostId !== context.hostId || observation.generation !== context.generation)
    return false;
  const [started, knownStart] = [observation.startedAt ?? 0, known?.startedAt ?? 0];
  if (started !== knownStart) return started > knownStart;
  return hasEnded(observation) || !known || !hasEnded(known);
};

export const observationGuards = {
  isFromOurHost: ({ context, event }) => 'hostId' in event && event.hostId === context.hostId,
  isContainerHeld: ({ context }) => context.containerHeld,
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
  isStoppedCurrent: ({ context, event }) =>
    event.type === 'runtime.exited' && event.stoppedOutside && isCurrent(context, event),
  isChangedRun: ({ context, event }) => isCurrent(context, event) && hasBegun(context, event),
  isNewRunByAgent: ({ context, event }) =>
    event.type === 'runtime.started' &&
    event.byAgent &&
    isCurrent(context, event) &&
    hasBegun(context, event),
  isObservedAlive: ({ context }) => isAlive(context),
  isObservedRunning: ({ context }) => context.observation?.state === 'running',
  isObservedPaused: ({ context }) => context.observation?.state === 'paused',
  isNeverStarted: ({ context }) => (context.observation?.startedAt ?? null) === null,
  isPausedCurrent: ({ context, event }) =>
    observationOf(event)?.state === 'paused' && isCurrent(context, event),
  isRunningCurrent: ({ context, event }) =>
    observationOf(event)?.state === 'running' && isCurrent(context, event),
} satisfies Guards;

export const observationActions = {
  recordObservation: assign({
    observation: ({ context, event }) => observationOf(event) ?? context.observation,
    failure: null,
    reason: null,
  }),
  refreshObservation: assign({
    observation: ({ context, event }) => observationOf(event) ?? context.observation,
  }),
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
  keepContainer: assign({ containerHeld: true }),
  forgetContainer: assign({ containerHeld: false }),
};
