/** Where an actor is, what it waits for, and what would move it: read from its chart, tried out on a copy. */
import type { Chart } from '../machines/chart.ts';
import type { ContainerContext } from '../machines/container/context.ts';
import { parseAddress } from '../model/address.ts';
import type { Failure } from '../model/failure.ts';
import type { Cell } from './cell.ts';
import { answerOf, type Decider, type Decision, type Invoke } from './decide.ts';
import type { ImageTransfers } from './image-transfers.ts';
import type {
  AllowedEvent,
  Lifecycle,
  NextRestart,
  RelatedActor,
  StartedEffect,
  WaitingFor,
  Progress,
} from '../model/lifecycle.ts';
import type { TurnEvent } from './turn.ts';

/** @param related the actors that it is bound to, @param progressOf how far an operation has come with its bytes */
export function lifecycleOf(
  cell: Cell,
  decider: Decider,
  related: readonly RelatedActor[],
  progressOf: ImageTransfers['progress'],
): Lifecycle | null {
  const state = cell.committed;
  if (!state) return null;
  const { record, paths, projection } = state;
  const { chart } = decider;
  return {
    address: cell.address,
    kind: parseAddress(cell.address).kind,
    chartVersion: record.chartVersion,
    revision: record.revision,
    statePaths: paths,
    ...projection,
    since: record.since,
    waitingFor: Object.entries(record.operations).map(([invokeId, operation]): WaitingFor => {
      const progress = progressOf(operation.opId);
      const ms = operation.src === 'deadline' ? (operation.input as { ms: number }).ms : null;
      return {
        ...operation,
        invokeId,
        deadlineAt: ms === null ? null : operation.startedAt + ms,
        description: `${chart.describe(invokeId, record.context)}${progress ? `, ${inWords(progress)}` : ''}`,
        progress,
      };
    }),
    nextRestart: nextRestartOf(state),
    lastError: (record.context as { failure?: Failure | null }).failure ?? null,
    allowedEvents: chart.commands.map((command) => allowed(cell, decider, command)),
    services: (chart.services ?? []).map((type) => {
      const { answer, reason } = permitOf(cell, { type });
      return { type, answer, reason };
    }),
    related,
    quarantined: cell.quarantined,
  };
}

const mib = 1024 * 1024;

function inWords({ doneBytes, totalBytes }: Progress): string {
  const done = (doneBytes / mib).toFixed(1);
  return totalBytes === null
    ? `${done} MiB are on their way`
    : `${done} of ${(totalBytes / mib).toFixed(1)} MiB are on their way`;
}

function nextRestartOf({ record, projection }: NonNullable<Cell['committed']>): NextRestart | null {
  const backoff = record.operations['restart.backoff'];
  if (!backoff) return null;
  const { restarts, restartPolicy } = record.context as ContainerContext;
  return {
    at: backoff.startedAt + (backoff.input as { readonly ms: number }).ms,
    attempt: restarts,
    attemptsMost: restartPolicy.maximumRetryCount > 0 ? restartPolicy.maximumRetryCount : null,
    reason: projection.reason,
  };
}

function allowed(cell: Cell, decider: Decider, sample: Chart['commands'][number]): AllowedEvent {
  const { answer, reason, decision } = permitOf(cell, sample);
  return {
    ...sample,
    answer,
    reason,
    to: decision ? decider.paths(decision.snapshot) : [],
    starts: decision ? startsOf(decider, decision) : [],
  };
}

/** What a decision would set off. */
export const startsOf = (decider: Decider, { started, snapshot }: Decision): readonly StartedEffect[] =>
  started.map((invoke) => startedEffect(decider, invoke, snapshot.context));

export const startedEffect = (
  { chart }: Decider,
  { id, src }: Pick<Invoke, 'id' | 'src'>,
  context: unknown,
): StartedEffect => ({ invokeId: id, src, description: chart.describe(id, context) });

/** What the chart would answer now. */
export function permitOf(
  cell: Cell,
  event: TurnEvent,
): Pick<AllowedEvent, 'answer' | 'reason'> & { readonly decision: Decision | null } {
  const decision = cell.quarantined ? null : cell.tryOut(event);
  if (!decision) return { answer: 'refused', reason: 'The actor is quarantined', decision };
  return { ...answerOf(decision), decision };
}
