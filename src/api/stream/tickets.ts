/** One-use tickets: who may open one socket, once, soon. Never in a URL. */
import type { Environment } from '../../model/environment.ts';
import type { Identity } from '../auth/identity.ts';

/** A ticket nobody used is void after this. */
const ticketMs = 30_000;
const ticketsMost = 10_000;

export interface Tickets {
  issue(identity: Identity): { readonly ticket: string; readonly expiresInSeconds: number };
  /** The identity it was issued to; null when it is unknown, used or expired. */
  redeem(ticket: string): Identity | null;
}

export function createTickets(environment: Environment): Tickets {
  const issued = new Map<string, { readonly identity: Identity; readonly until: number }>();
  const sweep = (): void => {
    const now = environment.monotonic();
    for (const [ticket, { until }] of issued) {
      // In order of issue: the first that still lives ends the sweep.
      if (until > now && issued.size < ticketsMost) return;
      issued.delete(ticket);
    }
  };
  return {
    issue(identity) {
      sweep();
      const ticket = `${environment.id()}${environment.id()}`;
      issued.set(ticket, { identity, until: environment.monotonic() + ticketMs });
      return { ticket, expiresInSeconds: ticketMs / 1000 };
    },
    redeem(ticket) {
      const found = issued.get(ticket);
      issued.delete(ticket);
      return found && found.until > environment.monotonic() ? found.identity : null;
    },
  };
}
