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
 *
 * A class, since there is one for each container of the site: what all cells
 * do alike must not be kept once per cell.
 */
import { TroupeError } from '../errors/errors.ts';
import type { Address } from '../model/address.ts';
import type { Cancel, Environment } from '../model/environment.ts';
import type { Cause } from '../model/journal.ts';
import type { Committer } from './committer.ts';
import { answerOf, type Decider, type Decision } from './decide.ts';
import { stage } from './stage.ts';
import { mayBeLostMs, type Bounced, type InboxMark, type Outcome, type TurnWrite } from './stores/store.ts';
import type { ActorState, CellHost, CellView, Delivery, StagedTurn, TurnAnswer, TurnEvent } from './turn.ts';

/** Deliveries a mailbox holds before commands are turned away. */
const mailboxBound = 1_000;
/** Restarts of an actor within `window` before it is quarantined, and the pause before each. */
const restart = { limit: 3, windowMs: 60_000, backoffMs: 100 } as const;
/** Pause after the store has refused a write for want of room. */
const fullRetryMs = 500;

/** What all actors of a kind have in common. */
export interface CellOptions {
  readonly environment: Environment;
  readonly decider: Decider;
  readonly committer: Committer;
  readonly host: CellHost;
  readonly epoch: () => number;
}

interface First {
  readonly input: unknown;
  /** As the journal names it. */
  readonly event: TurnEvent;
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
  address: Address,
  options: CellOptions,
  restored: { state: ActorState; inbox: readonly InboxMark[] } | null,
): Cell {
  return new ActorCell(address, options, restored);
}

class ActorCell implements Cell {
  readonly address: Address;
  readonly #options: CellOptions;
  #committed: ActorState | null;
  #head: ActorState | null;
  #mailbox: Delivery[] = [];
  #staged: StagedTurn[] = [];
  /** The highest sequence taken of each sender. */
  #marks: Map<Address | Bounced, number> | null = null;
  /** Of senders that have ended: kept as long as the store may still lose what it has of them. */
  #lastMarks: { readonly mark: InboxMark; readonly at: number }[] | null = null;
  #faults: number[] | null = null;
  #cancelPause: Cancel | null = null;
  #quarantined: { readonly reason: string; readonly event: string | null } | null = null;
  #fenced: TroupeError | null = null;

  constructor(
    address: Address,
    options: CellOptions,
    restored: { state: ActorState; inbox: readonly InboxMark[] } | null,
  ) {
    this.address = address;
    this.#options = options;
    this.#committed = restored?.state ?? null;
    this.#head = this.#committed;
    for (const { from, sequence } of restored?.inbox ?? []) this.#mark(from, sequence);
  }

  get committed(): ActorState | null {
    return this.#committed;
  }

  get marks(): readonly InboxMark[] {
    return [
      ...[...(this.#marks ?? [])].map(([from, sequence]) => ({ from, sequence, last: false })),
      ...(this.#lastMarks ?? []).map(({ mark }) => mark),
    ];
  }

  get quarantined(): { readonly reason: string; readonly event: string | null } | null {
    return this.#quarantined;
  }

  get depth(): number {
    return this.#mailbox.length + this.#staged.length;
  }

  get busy(): boolean {
    return this.#staged.length > 0;
  }

  deliver(delivery: Delivery): void {
    if (this.#fenced) return delivery.failed?.(this.#fenced);
    if (delivery.source.kind === 'command') {
      if (this.#quarantined) return delivery.failed?.(this.#quarantineError());
      if (this.#mailbox.length >= mailboxBound) {
        return delivery.failed?.(
          new TroupeError(
            'STORE_UNAVAILABLE',
            `Too many requests wait for "${this.address}"; try again later`,
          ),
        );
      }
    }
    this.#mailbox.push(delivery);
    this.#drain();
  }

  begin(first: First): void {
    if (this.#fenced) return first.failed(this.#fenced);
    let decision: Decision;
    try {
      decision = this.#options.decider.initial(first.input);
    } catch (error) {
      return first.failed(
        new TroupeError('INTERNAL', `The chart refused to begin "${this.address}": ${messageOf(error)}`, {
          cause: error,
        }),
      );
    }
    const delivery: Delivery = {
      event: first.event,
      cause: first.cause,
      source: { kind: 'command' },
      settled: first.settled,
      failed: first.failed,
    };
    this.#put(decision, delivery, first.document);
  }

  tryOut(event: TurnEvent): Decision | null {
    if (!this.#committed) return null;
    try {
      return this.#options.decider.next(this.#committed.snapshot, event);
    } catch {
      return null;
    }
  }

  quarantine(reason: string, event: string | null): void {
    this.#quarantined = { reason, event };
    this.#options.host.quarantined(this, reason, event);
  }

  fence(error: TroupeError): void {
    this.#fenced = error;
    for (const { delivery, followers } of this.#staged.splice(0)) {
      delivery?.failed?.(error);
      for (const follower of followers) follower.delivery.failed?.(error);
    }
    for (const delivery of this.#mailbox.splice(0)) delivery.failed?.(error);
  }

  #mark(from: Address | Bounced, sequence: number): void {
    this.#marks ??= new Map();
    this.#marks.set(from, sequence);
  }

  #moveToLast(mark: InboxMark): void {
    const at = this.#options.environment.monotonic();
    this.#marks?.delete(mark.from);
    this.#lastMarks = (this.#lastMarks ?? []).filter((each) => each.at > at - mayBeLostMs);
    this.#lastMarks.push({ mark, at });
  }

  #drain(): void {
    while (
      this.#mailbox.length > 0 &&
      this.#head &&
      !this.#cancelPause &&
      !this.#quarantined &&
      !this.#fenced
    ) {
      // An actor that is about to end answers no more before its end is durable.
      const ending = this.#head.record.endedAt !== null;
      if (ending && this.#staged.length > 0) return;
      if (ending) this.#turnAway(this.#mailbox.shift()!, this.#head);
      else this.#take(this.#mailbox.shift()!, this.#head);
    }
  }

  #turnAway(delivery: Delivery, { record }: ActorState): void {
    if (delivery.gone) delivery.gone();
    else if (delivery.source.kind === 'command')
      delivery.failed?.(new TroupeError('CONTAINER_NOT_FOUND', `"${this.address}" has ended`));
    else delivery.settled?.({ answer: 'accepted', reason: null, revision: record.revision });
  }

  #take(delivery: Delivery, state: ActorState): void {
    const { source } = delivery;
    if (source.kind === 'result' && state.record.operations[source.invokeId]?.opId !== source.opId) {
      return this.#follow(delivery, state, 'accepted', null);
    }
    if (source.kind === 'message' && source.message.sequence <= (this.#marks?.get(source.from) ?? 0)) {
      return this.#follow(delivery, state, 'accepted', null);
    }
    let decision: Decision;
    try {
      decision = this.#options.decider.next(state.snapshot, delivery.event);
    } catch (error) {
      return this.#fault(delivery, error);
    }
    // A message is marked as handled even when it changed nothing, so that it can't act when it comes again;
    // the first turn on a newer chart is written even when it changed nothing else.
    const { answer, reason } = answerOf(decision);
    const revise = answer === 'refused' ? undefined : delivery.revise;
    if (
      !revise &&
      state.record.chartVersion === this.#options.decider.chart.version &&
      !decision.changed &&
      decision.emitted.every(({ type }) => type === 'answer') &&
      source.kind !== 'message'
    ) {
      return this.#follow(delivery, state, answer, reason);
    }
    const generation = state.record.generation + 1;
    this.#put(
      decision,
      delivery,
      revise ? this.#options.host.revised(this.address, generation, revise) : null,
    );
  }

  /** Answers a delivery that needs no turn, once what its answer rests on is durable. */
  #follow(
    delivery: Delivery,
    { record }: ActorState,
    answer: TurnAnswer['answer'],
    reason: string | null,
  ): void {
    const given = { answer, reason, revision: record.revision };
    const last = this.#staged.at(-1);
    if (last) last.followers.push({ delivery, answer: given });
    else delivery.settled?.(given);
  }

  #put(decision: Decision, delivery: Delivery, document: TurnWrite['document']): void {
    const { environment, decider, committer, epoch } = this.#options;
    const { write, state } = stage(environment, decider, {
      address: this.address,
      epoch: epoch(),
      before: this.#head,
      decision,
      event: delivery.event,
      cause: delivery.cause,
      source: delivery.source,
      document,
    });
    this.#head = state;
    for (const { from, sequence } of write.inbox) this.#mark(from, sequence);
    const turn: StagedTurn = {
      write,
      state,
      delivery,
      answer: { ...answerOf(decision), revision: write.record.revision },
      followers: [],
    };
    this.#staged.push(turn);
    committer.enqueue({ write, settled: (outcome) => this.#settled(turn, outcome) });
  }

  #settled(turn: StagedTurn, outcome: Exclude<Outcome, { kind: 'unknown' }>): void {
    // Dropped with an earlier refused turn, or by a fence: its own outcome is of no interest.
    if (this.#staged[0] !== turn) return;
    const { environment, host, epoch } = this.#options;
    if (outcome.kind === 'committed') {
      this.#staged.shift();
      const before = this.#committed;
      this.#committed = turn.state;
      for (const mark of turn.write.inbox) if (mark.last) this.#moveToLast(mark);
      host.readOnly(null);
      host.committed(this, turn, before, outcome.position);
      turn.delivery?.settled?.(turn.answer);
      for (const { delivery, answer } of turn.followers) delivery.settled?.(answer);
      if (this.#mailbox.length > 0) this.#drain();
      return;
    }
    const dropped = this.#staged.splice(0);
    this.#head = this.#committed;
    host.unrevised(this.address);
    this.#forgetMarks(dropped);
    if (outcome.cause === 'stale') {
      this.#staged = dropped;
      host.fenced(
        `${outcome.reason} (epoch ${outcome.storedEpoch} owns "${this.address}", ours is ${epoch()})`,
      );
      return;
    }
    this.#again(dropped, outcome);
    if (outcome.cause === 'full') {
      host.readOnly(outcome.reason);
      this.#pause(fullRetryMs);
    } else if (outcome.cause === 'behind') {
      this.#pause(fullRetryMs);
      host.rewound(this.address, outcome.storedRevision);
    } else {
      environment.log.error(
        { address: this.address, storedRevision: outcome.storedRevision },
        'the store holds another turn',
      );
      this.#count(null, `The store holds another turn: ${outcome.reason}`);
    }
  }

  /** What a refusal dropped: users are told, everything else is decided again. */
  #again(dropped: readonly StagedTurn[], outcome: Extract<Outcome, { kind: 'refused' }>): void {
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
    this.#mailbox = [...retried, ...this.#mailbox];
  }

  #forgetMarks(dropped: readonly StagedTurn[]): void {
    // One below the first that was dropped: its sender's messages are taken again, older ones are not.
    for (const { write } of dropped.toReversed()) {
      for (const { from, sequence } of write.inbox) this.#mark(from, sequence - 1);
    }
  }

  #fault(delivery: Delivery, error: unknown): void {
    const { type } = delivery.event;
    this.#options.environment.log.error(
      { address: this.address, event: type, err: error },
      'the chart threw',
    );
    const retry = delivery.source.kind !== 'command';
    if (retry) this.#mailbox.unshift(delivery);
    else
      delivery.failed?.(
        new TroupeError('INTERNAL', `"${this.address}" failed on "${type}"`, { cause: error }),
      );
    this.#count(type, messageOf(error));
  }

  #count(event: string | null, reason: string): void {
    const now = this.#options.environment.monotonic();
    this.#faults = [...(this.#faults ?? []).filter((at) => now - at < restart.windowMs), now];
    if (this.#faults.length >= restart.limit) this.quarantine(reason, event);
    else this.#pause(restart.backoffMs * 2 ** this.#faults.length);
  }

  #pause(ms: number): void {
    this.#cancelPause?.();
    this.#cancelPause = this.#options.environment.schedule(ms, () => {
      this.#cancelPause = null;
      this.#drain();
    });
  }

  #quarantineError(): TroupeError {
    return new TroupeError(
      'QUARANTINED',
      `"${this.address}" is quarantined: ${this.#quarantined?.reason ?? ''}; an operator must look at it`,
    );
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
