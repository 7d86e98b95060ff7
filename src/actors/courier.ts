/**
 * Carries outbox messages between actors, at least once, in order for each
 * pair (DESIGN rule 13). A message is acknowledged once its receiver's turn is
 * durable; one to nobody comes back to its sender as `message.undeliverable`.
 */
import { toFailure } from '../errors/errors.ts';
import { shardOf, type Address } from '../model/address.ts';
import type { Environment } from '../model/environment.ts';
import type { Cause } from '../model/journal.ts';
import type { Cell } from './cell.ts';
import type { Committer } from './committer.ts';
import type { OutboxMessage } from './stores/store.ts';

export interface Undelivered {
  readonly from: Address;
  readonly message: OutboxMessage;
  /** Epoch ms when it was first carried by this process. */
  readonly since: number;
}

export interface Courier {
  /** `last`: the sender has ended with this turn. In order for each pair. */
  carry(from: Address, revision: number, messages: readonly OutboxMessage[], last: boolean): void;
  undelivered(): Iterable<Undelivered>;
  /** Unacknowledged messages of one sender, for a store that lost them. */
  of(from: Address): readonly OutboxMessage[];
}

/** Before an actor that the store had no room for is begun again. */
const bearAgainMs = 500;

export function createCourier(
  environment: Environment,
  committer: Committer,
  find: (address: Address) => Cell | undefined,
  hasEnded: (address: Address) => boolean,
  isUnreadable: (address: Address) => boolean,
  /** Makes the receiver of a message that brings its input; resolves once its first turn is durable. @throws TroupeError */
  begin: (address: Address, input: unknown, cause: Cause) => Promise<unknown>,
): Courier {
  const underway = new Map<Address, Map<number, Undelivered>>();

  const acknowledge = (from: Address, message: OutboxMessage): void => {
    const messages = underway.get(from);
    if (!messages?.delete(message.sequence)) return;
    if (messages.size === 0) underway.delete(from);
    committer.acknowledge({ from, to: message.to, sequence: message.sequence });
  };

  const bounce = (from: Address, message: OutboxMessage, gone: boolean): void => {
    const sender = find(from);
    if (!sender) {
      environment.log.warn(
        { from, to: message.to, event: message.event.type, shard: shardOf(from) },
        'message to nobody from an ended actor',
      );
      return acknowledge(from, message);
    }
    sender.deliver({
      event: { type: 'message.undeliverable', to: message.to, gone, message: message.event },
      cause: { kind: 'runtime', reason: gone ? `"${message.to}" has ended` : `"${message.to}" is not known` },
      // Its acknowledgement may be lost as any other's: what was undone once is not undone again.
      source: { kind: 'message', from: `undeliverable/${message.to}`, message, last: gone },
      settled: () => acknowledge(from, message),
      gone: () => acknowledge(from, message),
    });
  };

  /** Receivers that are being made, with what waits for them, in order. */
  const unborn = new Map<Address, (() => void)[]>();
  /** Their charts refuse their input: what is for them comes back. */
  const unbearable = new Set<Address>();

  /** Makes the receiver, and then hands over all that came for it meanwhile. */
  const bear = (to: Address, input: unknown, cause: Cause): void => {
    const settle = (): void => {
      const waiting = unborn.get(to) ?? [];
      unborn.delete(to);
      for (const hand of waiting) hand();
    };
    begin(to, input, cause).then(settle, (error: unknown) => {
      const { retryable, message } = toFailure(error);
      environment.log.warn({ actor: to, reason: message }, 'an actor could not be begun');
      if (retryable) environment.schedule(bearAgainMs, () => bear(to, input, cause));
      else {
        unbearable.add(to);
        settle();
      }
    });
  };
  const hand = (from: Address, revision: number, message: OutboxMessage, last: boolean): void => {
    const { to } = message;
    const cause: Cause = { kind: 'actor', address: from, revision, requestId: message.requestId };
    const waiting = unborn.get(to);
    if (waiting) return void waiting.push(() => hand(from, revision, message, last));
    const receiver = find(to);
    if (receiver) {
      return receiver.deliver({
        event: message.event,
        cause,
        source: { kind: 'message', from, message, last },
        settled: () => acknowledge(from, message),
        gone: () => bounce(from, message, true),
        // Quarantined or fenced: it stays in the outbox for the next start.
        failed: () => underway.get(from)?.delete(message.sequence),
      });
    }
    // It is there, and could not be restored: the message waits in the outbox for the start at which it can.
    if (isUnreadable(to)) return;
    if (message.begin === undefined || hasEnded(to) || unbearable.has(to))
      return bounce(from, message, hasEnded(to));
    unborn.set(to, [() => hand(from, revision, message, last)]);
    bear(to, message.begin, cause);
  };

  return {
    carry(from, revision, messages, last) {
      for (const message of messages) {
        let mine = underway.get(from);
        if (!mine) underway.set(from, (mine = new Map()));
        if (mine.has(message.sequence)) continue;
        mine.set(message.sequence, { from, message, since: environment.now() });
        hand(from, revision, message, last);
      }
    },
    *undelivered() {
      for (const messages of underway.values()) yield* messages.values();
    },
    of: (from) => [...(underway.get(from)?.values() ?? [])].map(({ message }) => message),
  };
}
