/** One-use tickets: what one socket may open, once, soon. */
import type { Environment } from '../../model/environment.ts';

/** A ticket nobody used is void after this. */
export const ticketMs = 30_000;
/** Unused ones of one user; one more makes its oldest void, and nobody else's. */
const ticketsOfOneMost = 100;

export interface Tickets<Grant> {
  issue(grant: Grant): { readonly ticket: string; readonly expiresInSeconds: number };
  /** What it was issued for; null when it is unknown, used or expired. */
  redeem(ticket: string): Grant | null;
}

/** @param userIdOf whose ticket it is */
export function createTickets<Grant>(
  environment: Environment,
  userIdOf: (grant: Grant) => string,
): Tickets<Grant> {
  /** In order of issue, hence of expiry. */
  const issued = new Map<string, { readonly grant: Grant; readonly until: number }>();
  const byUser = new Map<string, Set<string>>();

  const take = (ticket: string) => {
    const found = issued.get(ticket);
    if (!found) return null;
    issued.delete(ticket);
    const userId = userIdOf(found.grant);
    const mine = byUser.get(userId);
    mine?.delete(ticket);
    if (mine?.size === 0) byUser.delete(userId);
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
    issue(grant) {
      sweep();
      const ticket = `${environment.id()}${environment.id()}`;
      const userId = userIdOf(grant);
      const mine = byUser.get(userId) ?? new Set();
      if (mine.size >= ticketsOfOneMost) for (const oldest of [...mine].slice(0, 1)) take(oldest);
      issued.set(ticket, { grant, until: environment.monotonic() + ticketMs });
      byUser.set(userId, mine.add(ticket));
      return { ticket, expiresInSeconds: ticketMs / 1000 };
    },
    redeem(ticket) {
      const found = take(ticket);
      return found && found.until > environment.monotonic() ? found.grant : null;
    },
  };
}
