/**
 * Carries outbox messages between actors, at least once, in order for each
 * pair (DESIGN rule 13). A message is acknowledged once its receiver's turn is
 * durable; one to nobody comes back to its sender as `message.undeliverable`.
 */
import { shardOf, type Address } from '../model/address.ts';
import type { Environment } from '../model/environment.ts';
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
  /** `last`: the sender has ended with this turn. */
  carry(from: Address, revision: number, messages: readonly OutboxMessage[], last: boolean): void;
  undelivered(): Iterable<Undelivered>;
  /** Unacknowledged messages of one sender, for a store that lost them. */
  of(from: Address): readonly OutboxMessage[];
}

export function createCourier(
  environment: Environment,
  committer: Committer,
  find: (address: Address) => Cell | undefined,
  hasEnded: (address: Address) => boolean,
  isUnreadable: (address: Address) => boolean,
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
      source: { kind: 'fact' },
      settled: () => acknowledge(from, message),
    });
  };

  return {
    carry(from, revision, messages, last) {
      for (const message of messages) {
        let mine = underway.get(from);
        if (!mine) underway.set(from, (mine = new Map()));
        if (mine.has(message.sequence)) continue;
        mine.set(message.sequence, { from, message, since: environment.now() });
        const receiver = find(message.to);
        // It is there, and could not be restored: the message waits in the outbox for the start at which it can.
        if (!receiver && isUnreadable(message.to)) continue;
        if (!receiver) {
          bounce(from, message, hasEnded(message.to));
          continue;
        }
        receiver.deliver({
          event: message.event,
          cause: { kind: 'actor', address: from, revision, requestId: message.requestId },
          source: { kind: 'message', from, message, last },
          settled: () => acknowledge(from, message),
          gone: () => bounce(from, message, true),
          // Quarantined or fenced: it stays in the outbox for the next start.
          failed: () => underway.get(from)?.delete(message.sequence),
        });
      }
    },
    *undelivered() {
      for (const messages of underway.values()) yield* messages.values();
    },
    of: (from) => [...(underway.get(from)?.values() ?? [])].map(({ message }) => message),
  };
}
