/** Tickets by which a data socket finds who waits for its bytes: once, or as long as an operation runs. */
import type { Duplex } from 'node:stream';
import { TroupeError } from '../errors/errors.ts';
import type { Environment } from '../model/environment.ts';

export interface StreamOffer {
  readonly ticket: string;
  withdraw(): void;
}

export interface StreamTickets {
  /**
   * Asks for a stream by a new ticket, and waits for its data socket.
   * @param ask tells the agent the ticket; what it throws is thrown
   * @throws TroupeError TIMED_OUT
   */
  open(ask: (ticket: string) => Promise<void>, signal: AbortSignal): Promise<Duplex>;
  /** A ticket by which `take` gets any number of data sockets, until it is withdrawn. */
  offer(take: (source: Duplex) => void): StreamOffer;
  /** False when nobody waits for this ticket (any more). */
  use(ticket: string, source: Duplex): boolean;
}

export function createStreamTickets(environment: Environment, waitMs: number): StreamTickets {
  const waiting = new Map<string, (source: Duplex) => void>();
  const offers = new Map<string, (source: Duplex) => void>();
  return {
    open(ask, signal) {
      const ticket = environment.id();
      return new Promise((resolve, reject) => {
        const end = (): void => {
          cancel();
          signal.removeEventListener('abort', leave);
          waiting.delete(ticket);
        };
        const fail = (error: unknown): void => {
          end();
          reject(error as Error);
        };
        const leave = (): void => fail(new TroupeError('TIMED_OUT', 'The caller has gone'));
        const cancel = environment.schedule(waitMs, () =>
          fail(new TroupeError('TIMED_OUT', 'The host did not open the stream in time')),
        );
        if (signal.aborted) return leave();
        signal.addEventListener('abort', leave, { once: true });
        waiting.set(ticket, (source) => {
          end();
          resolve(source);
        });
        ask(ticket).catch(fail);
      });
    },
    offer(take) {
      const ticket = environment.id();
      offers.set(ticket, take);
      return { ticket, withdraw: () => void offers.delete(ticket) };
    },
    use(ticket, source) {
      const take = waiting.get(ticket) ?? offers.get(ticket);
      // Who answers what was sent has something to say behind its end.
      if (offers.has(ticket)) source.allowHalfOpen = true;
      if (!take) return false;
      take(source);
      return true;
    },
  };
}
