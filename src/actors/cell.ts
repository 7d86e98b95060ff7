/**
 * One actor: its mailbox, its last committed state, and the turns on their way
 * to the store.
 *
 * K1. `head` is the state after the last staged turn, `committed` after the
 *     last durable one. Nobody outside sees `head`.
 * K2. A refused commit drops that turn and all staged after it; what did not
 *     come from a user is decided again from `committed`.
 * K3. A chart that throws counts against the actor: the event is tried again
 *     after a back-off, the third time the actor is quarantined with it shown.
 *     Its siblings don't notice.
 */
import { TroupeError } from '../errors/errors.ts';
import type { Address } from '../model/address.ts';
import type { Environment } from '../model/environment.ts';
import type { Cause } from '../model/journal.ts';
import type { Committer } from './committer.ts';
import type { Decider, Decision } from './decide.ts';
import { stage } from './stage.ts';
import type { InboxMark, Outcome, TurnWrite } from './stores/store.ts';
import type { ActorState, CellHost, CellView, Delivery, StagedTurn, TurnAnswer, TurnEvent } from './turn.ts';

/** Deliveries a mailbox holds before commands are turned away. */
const mailboxBound = 1_000;
/** Restarts of an actor within `window` before it is quarantined, and the pause before each. */
const restart = { limit: 3, windowMs: 60_000, backoffMs: 100 } as const;
/** Pause after the store has refused a write for want of room. */
const fullRetryMs = 500;

export interface CellOptions {
  readonly address: Address;
  readonly environment: Environment;
  readonly decider: Decider;
  readonly committer: Committer;
  readonly host: CellHost;
  readonly epoch: () => number;
}

interface First {
  readonly input: unknown;
  readonly cause: Cause;
  readonly document: TurnWrite['document'];
  readonly settled: (answer: TurnAnswer) => void;
  readonly failed: (error: TroupeError) => void;
}

export interface Cell extends CellView {
  /** Handles a delivery, at once or when its turn comes. */
  deliver(delivery: Delivery): void;
  /** The first turn of a new actor. */
  begin(first: First): void;
  /** What the chart would answer now, on a copy. */
  tryOut(event: TurnEvent): Decision | null;
  /** Stops deciding: kept as it is, shown to the operator. */
  quarantine(reason: string, event: string | null): void;
  /** No turn of this process happens any more. */
  fence(error: TroupeError): void;
  readonly quarantined: { readonly reason: string; readonly event: string | null } | null;
  readonly depth: number;
  /** True while a turn is staged and not settled. */
  readonly busy: boolean;
}

/** @param restored the stored state and inbox of an actor that exists already */
export function createCell(
  options: CellOptions,
  restored: { state: ActorState; inbox: readonly InboxMark[] } | null,
): Cell {
  const { address, environment, decider, committer, host } = options;
  let committed: ActorState | null = restored?.state ?? null;
  let head: ActorState | null = committed;
  let mailbox: Delivery[] = [];
  let staged: StagedTurn[] = [];
  let pausedUntil: (() => void) | null = null;
  let quarantined: { reason: string; event: string | null } | null = null;
  let fenced: TroupeError | null = null;
  let faults: number[] = [];
  const marks = new Map<string, number>(
    (restored?.inbox ?? []).map(({ from, sequence }) => [from, sequence]),
  );

  const cell: Cell = {
    address,
    get committed() {
      return committed;
    },
    get quarantined() {
      return quarantined;
    },
    get depth() {
      return mailbox.length + staged.length;
    },
    get busy() {
      return staged.length > 0;
    },
    deliver(delivery) {
      if (fenced) return delivery.failed?.(fenced);
      if (delivery.source.kind === 'command') {
        if (quarantined) return delivery.failed?.(quarantineError());
        if (mailbox.length >= mailboxBound) {
          return delivery.failed?.(
            new TroupeError('STORE_UNAVAILABLE', `Too many requests wait for "${address}"; try again later`),
          );
        }
      }
      mailbox.push(delivery);
      drain();
    },
    begin(first) {
      if (fenced) return first.failed(fenced);
      let decision: Decision;
      try {
        decision = decider.initial(first.input);
      } catch (error) {
        return first.failed(
          new TroupeError('INTERNAL', `The chart refused to begin "${address}": ${messageOf(error)}`, {
            cause: error,
          }),
        );
      }
      const delivery: Delivery = {
        event: { type: 'actor.created' },
        cause: first.cause,
        source: { kind: 'command' },
        settled: first.settled,
        failed: first.failed,
      };
      put(decision, delivery, first.document);
    },
    tryOut(event) {
      if (!committed) return null;
      try {
        return decider.next(committed.snapshot, event);
      } catch {
        return null;
      }
    },
    quarantine(reason, event) {
      quarantined = { reason, event };
      host.quarantined(cell, reason, event);
    },
    fence(error) {
      fenced = error;
      for (const { delivery, followers } of staged.splice(0)) {
        delivery?.failed?.(error);
        for (const follower of followers) follower.delivery.failed?.(error);
      }
      for (const delivery of mailbox.splice(0)) delivery.failed?.(error);
    },
  };

  const drain = (): void => {
    while (mailbox.length > 0 && head && !pausedUntil && !quarantined && !fenced) {
      // An actor that is about to end answers no more before its end is durable.
      const ending = head.record.endedAt !== null;
      if (ending && staged.length > 0) return;
      if (ending) turnAway(mailbox.shift()!);
      else take(mailbox.shift()!);
    }
  };

  const turnAway = (delivery: Delivery): void => {
    if (delivery.gone) delivery.gone();
    else if (delivery.source.kind === 'command')
      delivery.failed?.(new TroupeError('CONTAINER_NOT_FOUND', `"${address}" has ended`));
    else delivery.settled?.({ answer: 'accepted', reason: null, revision: head!.record.revision });
  };

  const take = (delivery: Delivery): void => {
    const state = head!;
    const { source } = delivery;
    if (source.kind === 'result' && state.record.operations[source.invokeId]?.opId !== source.opId) {
      return follow(delivery, 'accepted', null);
    }
    if (source.kind === 'message') {
      if (source.message.sequence <= (marks.get(source.from) ?? 0)) {
        return follow(delivery, 'accepted', null);
      }
    }
    let decision: Decision;
    try {
      decision = decider.next(state.snapshot, delivery.event);
    } catch (error) {
      return fault(delivery, error);
    }
    // A message is marked as handled even when it changed nothing, so that it can't act when it comes again;
    // the first turn on a newer chart is written even when it changed nothing else.
    if (
      state.record.chartVersion === decider.chart.version &&
      !decision.changed &&
      decision.emitted.every(({ type }) => type === 'answer') &&
      source.kind !== 'message'
    ) {
      const { answer, reason } = answerOf(decision);
      return follow(delivery, answer, reason);
    }
    put(decision, delivery, null);
  };

  /** Answers a delivery that needs no turn, once what its answer rests on is durable. */
  const follow = (delivery: Delivery, answer: TurnAnswer['answer'], reason: string | null): void => {
    const given = { answer, reason, revision: head!.record.revision };
    const last = staged.at(-1);
    if (last) last.followers.push({ delivery, answer: given });
    else delivery.settled?.(given);
  };

  const put = (decision: Decision, delivery: Delivery, document: TurnWrite['document']): void => {
    const { write, state } = stage(environment, decider, {
      address,
      epoch: options.epoch(),
      before: head,
      decision,
      event: delivery.event,
      cause: delivery.cause,
      source: delivery.source,
      document,
    });
    head = state;
    if (write.inbox) marks.set(write.inbox.from, write.inbox.sequence);
    const turn: StagedTurn = {
      write,
      state,
      delivery,
      answer: { ...answerOf(decision), revision: write.record.revision },
      followers: [],
    };
    staged.push(turn);
    committer.enqueue({ write, settled: (outcome) => settled(turn, outcome) });
  };

  const settled = (turn: StagedTurn, outcome: Exclude<Outcome, { kind: 'unknown' }>): void => {
    // Dropped with an earlier refused turn, or by a fence: its own outcome is of no interest.
    if (staged[0] !== turn) return;
    if (outcome.kind === 'committed') {
      staged.shift();
      const before = committed;
      committed = turn.state;
      if (turn.write.inbox?.last) marks.delete(turn.write.inbox.from);
      host.readOnly(null);
      host.committed(cell, turn, before, outcome.position);
      turn.delivery?.settled?.(turn.answer);
      for (const { delivery, answer } of turn.followers) delivery.settled?.(answer);
      if (mailbox.length > 0) drain();
      return;
    }
    const dropped = staged.splice(0);
    head = committed;
    forgetMarks(dropped);
    if (outcome.cause === 'stale') {
      staged = dropped;
      host.fenced(
        `${outcome.reason} (epoch ${outcome.storedEpoch} owns "${address}", ours is ${options.epoch()})`,
      );
      return;
    }
    again(dropped, outcome);
    if (outcome.cause === 'full') {
      host.readOnly(outcome.reason);
      pause(fullRetryMs);
    } else if (outcome.cause === 'behind') {
      pause(fullRetryMs);
      host.rewound(address, outcome.storedRevision);
    } else {
      environment.log.error(
        { address, storedRevision: outcome.storedRevision },
        'the store holds another turn',
      );
      count(null, `The store holds another turn: ${outcome.reason}`);
    }
  };

  /** What a refusal dropped: users are told, everything else is decided again. */
  const again = (dropped: readonly StagedTurn[], outcome: Extract<Outcome, { kind: 'refused' }>): void => {
    const error = new TroupeError(
      outcome.cause === 'full' ? 'STORE_UNAVAILABLE' : 'COMMIT_REFUSED',
      `Nothing was changed, since the store refused to write: ${outcome.reason}; try again`,
    );
    const retried: Delivery[] = [];
    for (const { delivery, followers } of dropped) {
      for (const each of [delivery, ...followers.map((follower) => follower.delivery)]) {
        if (!each) continue;
        if (each.source.kind === 'command') each.failed?.(error);
        else retried.push(each);
      }
    }
    mailbox = [...retried, ...mailbox];
  };

  const forgetMarks = (dropped: readonly StagedTurn[]): void => {
    // One below the first that was dropped: its sender's messages are taken again, older ones are not.
    for (const { write } of dropped.toReversed()) {
      if (write.inbox) marks.set(write.inbox.from, write.inbox.sequence - 1);
    }
  };

  const fault = (delivery: Delivery, error: unknown): void => {
    environment.log.error({ address, event: delivery.event.type, err: error }, 'the chart threw');
    const retry = delivery.source.kind !== 'command';
    if (retry) mailbox.unshift(delivery);
    else
      delivery.failed?.(
        new TroupeError('INTERNAL', `"${address}" failed on "${delivery.event.type}"`, { cause: error }),
      );
    count(delivery.event.type, messageOf(error));
  };

  const count = (event: string | null, reason: string): void => {
    const now = environment.monotonic();
    faults = [...faults.filter((at) => now - at < restart.windowMs), now];
    if (faults.length >= restart.limit) cell.quarantine(reason, event);
    else pause(restart.backoffMs * 2 ** faults.length);
  };

  const pause = (ms: number): void => {
    pausedUntil?.();
    pausedUntil = environment.schedule(ms, () => {
      pausedUntil = null;
      drain();
    });
  };

  const quarantineError = (): TroupeError =>
    new TroupeError(
      'QUARANTINED',
      `"${address}" is quarantined: ${quarantined?.reason ?? ''}; an operator must look at it`,
    );

  return cell;
}

function answerOf({ emitted }: Decision): { answer: TurnAnswer['answer']; reason: string | null } {
  for (const each of emitted) if (each.type === 'answer') return { answer: each.answer, reason: each.reason };
  return { answer: 'accepted', reason: null };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
