/**
 * Sessions with processes of containers: asked for by REST, connected to once
 * by their ticket, and known for a while after they have ended. Kept in
 * memory: a control plane that restarts cuts its sessions, and no process of
 * them notices.
 */
import { TroupeError } from '../../errors/errors.ts';
import type { Address } from '../../model/address.ts';
import type { Caller } from '../../model/caller.ts';
import type { ContainerView } from '../../model/container-view.ts';
import type { Environment } from '../../model/environment.ts';
import type { SessionWish } from '../../model/session.ts';
import { createTickets, ticketMs } from './tickets.ts';

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

export interface Session {
  /** 64 hexadecimal digits, as engines name theirs; ours, since its process is made when somebody connects. */
  readonly id: string;
  readonly caller: Caller;
  readonly address: Address;
  readonly containerId: string;
  readonly wish: SessionWish;
  /** It has a terminal. */
  readonly tty: boolean;
  /** `waiting` for its client, `open`, or `over`: ended, or left by its client. */
  state: 'waiting' | 'open' | 'over';
  /** What its engine calls the process, once it was made; null for the main one. */
  execId: string | null;
  exitCode: number | null;
  /** What its terminal was asked to be before there was one. */
  size: TerminalSize | null;
}

export interface Sessions {
  /** @throws TroupeError TOO_MANY_SESSIONS */
  begin(caller: Caller, view: ContainerView, wish: SessionWish): { session: Session; ticket: string };
  /** Null for a ticket that is unknown, used, expired, or of another container or session than the URL says. */
  redeem(ticket: string, containerId: string | null, sessionId: string | null): Session | null;
  /** By REST. @throws TroupeError NOT_FOUND */
  find(view: ContainerView, sessionId: string): Session;
  /** Its client has gone, or its process. */
  over(session: Session, exitCode: number | null): void;
}

/** Sessions that are over and still known: so many, for so long. */
const knownMost = 10_000;
const knownMs = 3_600_000;

/** @param most of one container at once */
export function createSessions(environment: Environment, most: number): Sessions {
  const tickets = createTickets(environment, ({ caller }: Session) => caller.userId);
  /** By id, in order of beginning or of end. */
  const all = new Map<string, { readonly session: Session; readonly until: number }>();
  const byContainer = new Map<Address, Set<Session>>();

  const note = (session: Session, ms: number): void => {
    all.delete(session.id);
    all.set(session.id, { session, until: environment.monotonic() + ms });
  };

  const release = (session: Session): void => {
    const those = byContainer.get(session.address);
    those?.delete(session);
    if (those?.size === 0) byContainer.delete(session.address);
  };

  const forget = (session: Session): void => {
    all.delete(session.id);
    release(session);
  };

  const sweep = (): void => {
    const now = environment.monotonic();
    for (const { session, until } of all.values())
      if (session.state !== 'open' && until <= now) forget(session);
    for (const { session } of all.values()) {
      if (all.size <= knownMost) return;
      if (session.state === 'over') forget(session);
    }
  };

  return {
    begin(caller, { address, id: containerId, spec }, wish) {
      sweep();
      const those = byContainer.get(address) ?? new Set<Session>();
      if (those.size >= most)
        throw new TroupeError(
          'TOO_MANY_SESSIONS',
          `Container ${containerId} has ${most} sessions already; end one, or wait for those that nobody connects to`,
        );
      const session: Session = {
        id: `${environment.id()}${environment.id()}`.replaceAll('-', ''),
        caller,
        address,
        containerId,
        wish,
        tty: wish.kind === 'attach' ? spec.tty : wish.tty,
        state: 'waiting',
        execId: null,
        exitCode: null,
        size: null,
      };
      byContainer.set(address, those.add(session));
      note(session, ticketMs);
      return { session, ticket: tickets.issue(session).ticket };
    },
    redeem(ticket, containerId, sessionId) {
      const session = tickets.redeem(ticket);
      if (!session) return null;
      const isSame =
        (containerId ?? session.containerId) === session.containerId &&
        (sessionId ?? session.id) === session.id;
      if (!isSame) {
        forget(session);
        return null;
      }
      session.state = 'open';
      return session;
    },
    find({ address }, sessionId) {
      sweep();
      const session = all.get(sessionId)?.session;
      if (session?.address !== address || session.wish.kind !== 'execute')
        throw new TroupeError('NOT_FOUND', `The exec instance ${sessionId} could not be found.`);
      return session;
    },
    over(session, exitCode) {
      release(session);
      session.state = 'over';
      session.exitCode = exitCode;
      note(session, knownMs);
      sweep();
    },
  };
}
