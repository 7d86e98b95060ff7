/** One-use tickets: who may open one socket, once, soon. Never in a URL. */
import type { Environment } from '../../model/environment.ts';
import type { Identity } from '../auth/identity.ts';

/** A ticket nobody used is void after this. */
const ticketMs = 30_000;
/** Unused ones of one user; one more makes its oldest void, and nobody else's. */
const ticketsOfOneMost = 100;

export interface Tickets {
  issue(identity: Identity): { readonly ticket: string; readonly expiresInSeconds: number };
  /** The identity it was issued to; null when it is unknown, used or expired. */
  redeem(ticket: string): Identity | null;
}

interface Issued {
  readonly identity: Identity;
  readonly until: number;
}

export function createTickets(environment: Environment): Tickets {
  /** In order of issue, hence of expiry. */
  const issued = new Map<string, Issued>();
  const byUser = new Map<string, Set<string>>();

  const take = (ticket: string): Issued | null => {
    const found = issued.get(ticket);
    if (!found) return null;
    issued.delete(ticket);
    const mine = byUser.get(found.identity.userId);
    mine?.delete(ticket);
    if (mine?.size === 0) byUser.delete(found.identity.userId);
    return found;
  };

  const sweep = (): void => {
    const now = environment.monotonic();
    for (const [ticket, { until }] of issued) {
      if (until > now) return;
      take(ticket);
    }
  };

  return {
    issue(identity) {
      sweep();
      const ticket = `${environment.id()}${environment.id()}`;
      const mine = byUser.get(identity.userId) ?? new Set();
      if (mine.size >= ticketsOfOneMost) for (const oldest of [...mine].slice(0, 1)) take(oldest);
      issued.set(ticket, { identity, until: environment.monotonic() + ticketMs });
      byUser.set(identity.userId, mine.add(ticket));
      return { ticket, expiresInSeconds: ticketMs / 1000 };
    },
    redeem(ticket) {
      const found = take(ticket);
      return found && found.until > environment.monotonic() ? found.identity : null;
    },
  };
}
