/**
 * Docker's event stream, for ever.
 *
 * E1 A gap is told only when the engine is being listened to again, so what
 *    a listing made after it does not show, an event will.
 * E2 The stream is asked for from a moment before the connection (Docker
 *    subscribes after it has sent the head of its answer), on the engine's
 *    clock. Some events are therefore told twice.
 * E3 While connected nothing is asked of the engine.
 */
import type { Environment } from '../../model/environment.ts';
import type { DockerEngine } from './docker-engine.ts';
import { connectionError, refusal } from './docker-errors.ts';
import { containerIdLabel, sandboxIdLabel, worldLabel } from './docker-labels.ts';
import type { EngineDialect } from './engine-dialect.ts';
import { EventQueue } from './event-queue.ts';
import { jsonLines } from './json-lines.ts';
import type { EngineEvent, EventExit } from './runtime-driver.ts';

/** What a reader may leave unread before it is told to list everything. */
const unreadEvents = 10_000;
const connectTimeoutMs = 10_000;
/** A connection that held this long was a good one: after it the next is tried at once. */
const steadyMs = 1_000;
const firstBackoffMs = 100;
const longestBackoffMs = 5_000;

/** @see https://docs.docker.com/reference/api/engine/version/v1.41/#tag/System/operation/SystemEvents */
interface DockerEvent {
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly time: number;
  readonly timeNano: number;
}

/** Tells events that come from elsewhere, from its call until the signal aborts. */
export type EventSource = (tell: (event: EngineEvent) => void, signal: AbortSignal) => void;

export async function* dockerEvents(
  engine: DockerEngine,
  environment: Pick<Environment, 'schedule' | 'random'>,
  tellMore: EventSource,
  signal: AbortSignal,
): AsyncGenerator<EngineEvent> {
  const queue = new EventQueue(unreadEvents);
  // Ends the listening also when the reader just stops reading.
  const ended = new AbortController();
  const both = AbortSignal.any([signal, ended.signal]);
  tellMore((event) => queue.push(event), both);
  const listening = listenForEver(engine, environment, queue, both);
  try {
    yield* queue.read(both);
  } finally {
    ended.abort();
    await listening;
  }
}

/** Connects, listens, connects again; resolves when the signal aborts. */
async function listenForEver(
  engine: DockerEngine,
  environment: Pick<Environment, 'schedule' | 'random'>,
  queue: EventQueue,
  signal: AbortSignal,
): Promise<void> {
  let since: number | null = null;
  let failures = 0;
  let isDown = false;
  while (!signal.aborted) {
    const connection = await connect(engine, environment, since, signal);
    if (signal.aborted) return;
    if (connection.ok) {
      isDown = false;
      queue.push({ kind: 'gap' });
      const cancel = environment.schedule(steadyMs, () => (failures = 0));
      since = await listen(engine, connection, queue);
      cancel();
    } else {
      if (!isDown) queue.push({ kind: 'down', reason: connection.reason });
      isDown = true;
    }
    if (signal.aborted) return;
    if (failures > 0 || isDown) await pause(environment, backoffMs(failures, environment), signal);
    failures++;
  }
}

function backoffMs(failures: number, environment: Pick<Environment, 'random'>): number {
  return Math.min(longestBackoffMs, firstBackoffMs * 2 ** failures) * (0.5 + environment.random() / 2);
}

type Connection =
  | { readonly ok: true; readonly events: AsyncIterable<Buffer>; readonly since: number }
  | { readonly ok: false; readonly reason: string };

/** Never rejects. An engine that doesn't answer in time is as good as down. */
async function connect(
  engine: DockerEngine,
  environment: Pick<Environment, 'schedule'>,
  lastEvent: number | null,
  signal: AbortSignal,
): Promise<Connection> {
  const late = new AbortController();
  const cancel = environment.schedule(connectTimeoutMs, () => late.abort());
  try {
    const inTime = AbortSignal.any([signal, late.signal]);
    const { engineSeconds } = await engine.negotiate(inTime);
    const since = lastEvent ?? engineSeconds;
    const { filters, isHeadLate } = engine.dialect.events;
    const open = async (until: AbortSignal): Promise<AsyncIterable<Buffer>> => {
      const query = { since: String(since), filters: JSON.stringify(filters) };
      const reply = await engine.open({ method: 'GET', path: '/events', query, signal: until });
      if (!reply.ok) throw refusal('Events could not be read', reply.status, reply.message);
      return reply.body;
    };
    return { ok: true, events: isHeadLate ? whenItComes(open(signal)) : await open(inTime), since };
  } catch (error) {
    return { ok: false, reason: connectionError(error, engine.socketPath).message };
  } finally {
    cancel();
  }
}

async function* whenItComes(stream: Promise<AsyncIterable<Buffer>>): AsyncGenerator<Buffer> {
  yield* await stream;
}

/** Until the stream ends, however it does. @returns the time of the last event, for `since` */
async function listen(
  { dialect }: DockerEngine,
  { events, since }: { readonly events: AsyncIterable<Buffer>; readonly since: number },
  queue: EventQueue,
): Promise<number> {
  let last = since;
  try {
    for await (const value of jsonLines(events)) {
      const event = value as DockerEvent;
      last = event.time;
      const told = toEvent(event, dialect);
      if (told) queue.push(told);
    }
  } catch {
    // Cut off: whether it is an outage shows when connecting again.
  }
  return last;
}

/** Null for what is not ours, or an action we don't know. */
function toEvent(event: DockerEvent, dialect: EngineDialect): EngineEvent | null {
  const { Action, Actor } = event;
  const action = dialect.events.actions[Action.split(':')[0] ?? ''];
  const containerId = Actor.Attributes[containerIdLabel];
  const sandboxId = Actor.Attributes[sandboxIdLabel];
  const worldId = Actor.Attributes[worldLabel];
  if (!action || worldId === undefined) return null;
  if (containerId) {
    const signal = action === 'kill' ? Number(Actor.Attributes['signal'] ?? Number.NaN) : Number.NaN;
    return {
      kind: 'container',
      worldId,
      containerId,
      engineId: Actor.ID,
      action,
      signal: Number.isInteger(signal) ? signal : null,
      exit: action === 'die' && dialect.events.explainsExits ? toExit(event) : null,
    };
  }
  if (sandboxId && (action === 'start' || action === 'die' || action === 'destroy'))
    return { kind: 'sandbox', worldId, sandboxId, engineId: Actor.ID, action };
  return null;
}

function toExit({ Actor, timeNano }: DockerEvent): EventExit | null {
  const exitCode = Number(Actor.Attributes['exitCode'] ?? Number.NaN);
  return Number.isInteger(exitCode) ? { exitCode, at: Math.floor(timeNano / 1e6) } : null;
}

function pause(environment: Pick<Environment, 'schedule'>, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const cancel = environment.schedule(ms, end);
    signal.addEventListener('abort', end);
  });
}
