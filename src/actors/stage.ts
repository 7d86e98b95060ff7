/**
 * From a decision to one atomic write: snapshot, journal, outbox, operations.
 * Pure but for ids and time, which it is given.
 */
import { kindOf, type Address } from '../model/address.ts';
import type { Environment } from '../model/environment.ts';
import type { Cause, JournalRecord, Operation } from '../model/journal.ts';
import type { Decider, Decision } from './decide.ts';
import { mergePatch } from './merge-patch.ts';
import type { ActorRecord, OutboxMessage, TurnWrite } from './stores/store.ts';
import type { ActorState, Source, TurnEvent } from './turn.ts';

export interface StageInput {
  readonly address: Address;
  readonly epoch: number;
  readonly before: ActorState | null;
  readonly decision: Decision;
  readonly event: TurnEvent;
  readonly cause: Cause;
  readonly source: Source;
  /** Of a new generation; already sealed. */
  readonly document: TurnWrite['document'];
}

export interface Staged {
  readonly write: TurnWrite;
  readonly state: ActorState;
}

/** Messages one actor may send under one owner; the product with any epoch stays a safe integer. */
const sequencesPerEpoch = 1_000_000_000;

export function stage(environment: Environment, decider: Decider, input: StageInput): Staged {
  const { address, before, decision, event, cause } = input;
  const now = environment.now();
  const snapshot = decision.snapshot;
  const ended = snapshot.status === 'done';
  const paths = decider.paths(snapshot);
  const projection = decider.project(snapshot);
  const requestId = requestOf(cause, before);
  const revision = (before?.record.revision ?? 0) + 1;
  const settled = snapshot.hasTag('settled' as never);

  const operations: Record<string, Operation> = {};
  const attempts: Record<string, number> = settled ? {} : { ...before?.record.attempts };
  const started: JournalRecord['started'][number][] = [];
  const held = before?.record.operations ?? {};
  // The first turn on a newer chart: what that waits for and the older did not is started, too.
  const pending =
    before && before.record.chartVersion !== decider.chart.version ? decider.pending(snapshot) : null;
  if (!ended) {
    for (const id of Object.keys(held)) {
      const isOther = pending?.some((each) => each.id === id && each.src !== held[id]!.src) ?? false;
      if (decision.active.has(id) && !isOther) operations[id] = held[id]!;
    }
    const missing = pending?.filter(
      ({ id }) => !operations[id] && !decision.started.some((each) => each.id === id),
    );
    for (const { id, src, input: effectInput } of missing
      ? [...decision.started, ...missing]
      : decision.started) {
      const attempt = (attempts[id] ?? 0) + 1;
      attempts[id] = attempt;
      const opId = environment.id();
      operations[id] = { opId, src, input: effectInput, attempt, startedAt: now, revision, requestId };
      started.push({ id, opId, src });
    }
  }
  const endedOperations = Object.keys(held).filter((id) => operations[id]?.opId !== held[id]!.opId);

  // A sequence never falls, not even when the store lost its tail: each epoch begins above all before it.
  let sequence = Math.max(before?.record.sequence ?? 0, input.epoch * sequencesPerEpoch);
  const outbox: OutboxMessage[] = [];
  let refused: string | null = null;
  for (const emitted of decision.emitted) {
    if (emitted.type === 'message') {
      sequence += 1;
      outbox.push({
        to: emitted.to,
        sequence,
        event: emitted.event,
        requestId,
        ...(emitted.begin !== undefined && { begin: emitted.begin }),
      });
    } else if (emitted.answer === 'refused') {
      refused = emitted.reason;
    }
  }

  const moved = !before || !samePaths(before.paths, paths);
  const record: ActorRecord = {
    address,
    revision,
    turnId: environment.id(),
    epoch: input.epoch,
    chartVersion: decider.chart.version,
    value: snapshot.value,
    context: snapshot.context,
    operations,
    attempts: settled ? {} : attempts,
    sequence,
    createdAt: before?.record.createdAt ?? now,
    since: moved ? now : before.record.since,
    updatedAt: now,
    endedAt: ended ? now : null,
    generation: input.document?.generation ?? before?.record.generation ?? 0,
  };
  const journal: JournalRecord = {
    revision,
    turnId: record.turnId,
    at: now,
    event: forJournal(event),
    cause,
    from: before?.paths ?? [],
    to: paths,
    patch: pending ? snapshot.context : mergePatch(before?.record.context ?? {}, snapshot.context),
    started,
    ended: endedOperations,
    refused,
    chartVersion: decider.chart.version,
  };
  const write: TurnWrite = {
    record,
    journal,
    stream: {
      address,
      revision,
      at: now,
      event: event.type,
      from: before?.paths ?? [],
      to: paths,
      status: projection.status,
      taskState: projection.taskState,
      reason: projection.reason,
      ended,
      requestId,
    },
    outbox,
    inbox:
      input.source.kind === 'message'
        ? [
            {
              from: input.source.from,
              sequence: input.source.message.sequence,
              last: input.source.last,
            },
          ]
        : [],
    document: input.document,
    index: indexChange(address, before, snapshot.context, ended),
  };
  return { write, state: { record, snapshot, paths, projection } };
}

/** The request behind a turn, however many actors and operations lie between. */
function requestOf(cause: Cause, before: ActorState | null): string | null {
  if (cause.kind === 'request') return cause.requestId;
  if (cause.kind === 'actor' || cause.kind === 'operation') return cause.requestId;
  if (cause.kind === 'agent') return null;
  return before ? (Object.values(before.record.operations)[0]?.requestId ?? null) : null;
}

/** Observations are in the context's patch already; a journal need not say them twice. */
export function forJournal(event: TurnEvent): JournalRecord['event'] {
  const summary: Record<string, unknown> & { type: string } = { type: event.type };
  for (const key of Object.keys(event)) summary[key] = withoutObservation(key, event[key]);
  return summary;
}

function withoutObservation(key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (key === 'observation') {
    const { state, startedAt, finishedAt, exitCode, oomKilled } = value as Record<string, unknown>;
    return { state, startedAt, finishedAt, exitCode, oomKilled };
  }
  if (key !== 'output') return value;
  const inner = value as Record<string, unknown>;
  const summary: Record<string, unknown> = {};
  for (const name of Object.keys(inner)) summary[name] = withoutObservation(name, inner[name]);
  return summary;
}

/** Every set that an actor belongs to. */
export function indexOf({ record }: ActorState): TurnWrite['index'] {
  return indexChange(record.address, null, record.context, record.endedAt !== null);
}

/** Which host a container is placed on is an index beside the container, never a list in the host (DESIGN §9). */
function indexChange(
  address: Address,
  before: ActorState | null,
  context: unknown,
  ended: boolean,
): TurnWrite['index'] {
  if (kindOf(address) !== 'container') return { add: [], remove: [] };
  const was = before ? hostIndex(before.record.context) : null;
  const is = ended ? null : hostIndex(context);
  if (was === is) return { add: [], remove: [] };
  return { add: is === null ? [] : [is], remove: was === null ? [] : [was] };
}

function hostIndex(context: unknown): string | null {
  const { hostId } = context as { hostId: string | null };
  return hostId === null ? null : `host:${hostId}`;
}

const samePaths = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((path, index) => path === other[index]);
