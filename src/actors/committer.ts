/**
 * Group commit: all turns staged within one turn of the event loop go to the
 * store in one call, one call at a time, and each learns its own outcome.
 *
 * C1. Turns of one actor reach the store in the order they were staged.
 * C2. An unknown outcome is settled by committing the same again (S1 of the
 *     store); until then its whole shard waits behind it, other shards go on.
 */
import type { Shard } from '../model/address.ts';
import { shardOf } from '../model/address.ts';
import type { Environment } from '../model/environment.ts';
import type { Acknowledgement, Outcome, Store, TurnWrite } from './stores/store.ts';

export interface CommitRequest {
  readonly write: TurnWrite;
  /** Told exactly once, with an outcome that is known. */
  readonly settled: (outcome: Exclude<Outcome, { kind: 'unknown' }>) => void;
}

export interface Committer {
  enqueue(request: CommitRequest): void;
  /** Rides along with the next commit; losing it costs a redelivery. */
  acknowledge(acknowledgement: Acknowledgement): void;
  /** Why shards are waiting for the store, or null. */
  waiting(): string | null;
  readonly commits: number;
  /** Resolves when nothing is pending or in flight. */
  idle(): Promise<void>;
}

/** Milliseconds between attempts to settle an unknown outcome. */
const retryMs = [50, 100, 200, 400, 800, 1_600];

/** How long acknowledgements wait for turns to ride with. */
const passengerMs = 50;

export function createCommitter(environment: Environment, store: Store): Committer {
  let pending: CommitRequest[] = [];
  let acknowledgements: Acknowledgement[] = [];
  let inFlight = false;
  let scheduled = false;
  let commits = 0;
  let passenger = false;
  /** Sent, and the outcome was not told. */
  const doubtful = new Set<CommitRequest>();
  let idleWaiters: (() => void)[] = [];
  const held = new Map<Shard, { requests: CommitRequest[]; attempt: number; reason: string }>();

  const flush = async (): Promise<void> => {
    scheduled = false;
    if (inFlight) return;
    const batch = held.size === 0 ? pending : pending.filter((request) => !isHeld(request));
    pending = [];
    if (batch.length > 0 || acknowledgements.length > 0) {
      inFlight = true;
      await commit(batch);
      inFlight = false;
    }
    if (pending.length > 0) schedule();
    else if (acknowledgements.length > 0) schedulePassenger();
    else if (held.size === 0) {
      for (const resolve of idleWaiters.splice(0)) resolve();
    }
  };

  /** Puts a turn behind the others of its shard that wait, if any do. */
  const isHeld = (request: CommitRequest): boolean => {
    const waiting = held.get(shardOf(request.write.record.address));
    waiting?.requests.push(request);
    return waiting !== undefined;
  };

  const commit = async (batch: readonly CommitRequest[]): Promise<void> => {
    const acknowledged = acknowledgements;
    acknowledgements = [];
    const outcomes = await store.commit(
      batch.map(({ write }) => write),
      acknowledged,
    );
    commits += 1;
    const unknown = new Map<Shard, { requests: CommitRequest[]; reason: string }>();
    const isUnknown = (request: CommitRequest, outcome: Outcome): boolean =>
      // What was in doubt once may be written: that the store takes nothing now does not say that it took nothing then.
      outcome.kind === 'unknown' ||
      (outcome.kind === 'refused' && outcome.cause === 'full' && doubtful.has(request));
    batch.forEach((request, index) => {
      const outcome = outcomes[index] ?? { kind: 'unknown' as const, reason: 'The store gave no outcome' };
      // Once one turn of a shard is in doubt, its later ones are asked again behind it (C1).
      const uncertain = unknown.size > 0 && unknown.get(shardOf(request.write.record.address));
      if (uncertain) uncertain.requests.push(request);
      else if (isUnknown(request, outcome))
        unknown.set(shardOf(request.write.record.address), {
          requests: [request],
          reason: 'reason' in outcome ? outcome.reason : '',
        });
      else {
        doubtful.delete(request);
        request.settled(outcome as Exclude<Outcome, { kind: 'unknown' }>);
      }
    });
    for (const [shard, { requests, reason }] of unknown) hold(shard, requests, reason);
  };

  const hold = (shard: Shard, requests: CommitRequest[], reason: string): void => {
    for (const request of requests) doubtful.add(request);
    const waiting = held.get(shard);
    const attempt = waiting ? waiting.attempt + 1 : 0;
    held.set(shard, { requests: [...requests, ...(waiting?.requests ?? [])], attempt, reason });
    if (attempt === 0) environment.log.warn({ shard, reason }, 'commit outcome unknown, asking again');
    const delay = retryMs[Math.min(attempt, retryMs.length - 1)]!;
    environment.schedule(delay, () => void settle(shard));
  };

  const settle = async (shard: Shard): Promise<void> => {
    const waiting = held.get(shard)!;
    const requests = waiting.requests.splice(0);
    await commit(requests);
    const still = held.get(shard)!;
    if (still.attempt > waiting.attempt) return;
    held.delete(shard);
    environment.log.info({ shard, turns: requests.length }, 'commit outcome settled');
    if (still.requests.length > 0) pending.unshift(...still.requests);
    schedule();
  };

  const schedule = (): void => {
    if (scheduled || inFlight) return;
    scheduled = true;
    environment.defer(() => void flush());
  };

  /** Acknowledgements ride with the next turns, and go alone only when none come. */
  const schedulePassenger = (): void => {
    // Who waits for the end waits for no company.
    if (idleWaiters.length > 0) return schedule();
    if (passenger) return;
    passenger = true;
    environment.schedule(passengerMs, () => {
      passenger = false;
      if (acknowledgements.length > 0) schedule();
    });
  };

  return {
    enqueue(request) {
      pending.push(request);
      schedule();
    },
    acknowledge(acknowledgement) {
      acknowledgements.push(acknowledgement);
      schedulePassenger();
    },
    waiting: () => {
      for (const [shard, { reason }] of held) return `Shard ${shard} waits for the store: ${reason}`;
      return null;
    },
    get commits() {
      return commits;
    },
    idle: () =>
      new Promise((resolve) => {
        if (pending.length === 0 && !inFlight && held.size === 0 && acknowledgements.length === 0) resolve();
        else {
          idleWaiters.push(resolve);
          schedule();
        }
      }),
  };
}
