/**
 * Authentication by Keystone's tokens.
 *
 * K1. What Keystone said of a token counts for `recheckMs` without asking again:
 *     so long may one that was revoked be used. It is kept under a hash, bounded.
 * K2. While Keystone is away, what it said last counts until the token ends.
 *     A token that it was never asked about is answered 503, never 401.
 * K3. The end of a token is reckoned from the moment it was validated, by the
 *     monotonic clock: a clock that is set ends none early and none never.
 * K4. A token that has ended is taken from a service that shows one of its own.
 */
import { LRUCache } from 'lru-cache';
import { TroupeError } from '../../errors/errors.ts';
import type { Environment } from '../../model/environment.ts';
import type { Authenticator, Credentials, Identity } from './identity.ts';
import { tokenHash } from './static-tokens.ts';

/** What Keystone says of a token that is good. */
export interface TokenFacts {
  readonly userId: string;
  readonly userName: string;
  readonly project: { readonly id: string; readonly name: string } | null;
  readonly roles: readonly string[];
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

export interface TokenValidator {
  /** Null when it is unknown, expired or revoked. @throws TroupeError CLOUD_UNAVAILABLE, CLOUD_REFUSED */
  validate(
    token: string,
    options: { readonly allowExpired: boolean; readonly requestId: string | null },
  ): Promise<TokenFacts | null>;
}

export interface KeystoneAuthOptions {
  readonly environment: Environment;
  readonly validator: TokenValidator;
  /** Where clients get their tokens. */
  readonly publicUrl: string;
  readonly recheckMs: number;
}

interface Known {
  readonly facts: TokenFacts;
  /** Monotonic. */
  readonly askedAt: number;
  readonly endsAt: number;
}

const knownMost = 10_000;
/** A token that was refused is not asked about again so soon: a client that goes on with it costs Keystone nothing. */
const refusedMs = 5_000;
const refusedMost = 1_000;
/** Roles that let somebody in, and the one of services that act for others. */
const ourRoles = ['admin', 'member', 'reader'];
const serviceRole = 'service';
/** Whatever a header can hold; Fernet and JWS tokens are far shorter than this. */
const tokenPattern = /^[\x21-\x7e]{1,8192}$/;

export function createKeystoneAuthenticator(options: KeystoneAuthOptions): Authenticator {
  const { environment, validator, publicUrl, recheckMs } = options;
  const known = new LRUCache<string, Known>({ max: knownMost });
  const refused = new LRUCache<string, number>({ max: refusedMost });
  const asking = new Map<string, Promise<Known | null>>();

  const ask = async (key: string, token: string, allowExpired: boolean, requestId: string | null) => {
    const askedAt = environment.monotonic();
    const facts = await validator.validate(token, { allowExpired, requestId });
    if (!facts) {
      known.delete(key);
      refused.set(key, environment.monotonic() + refusedMs);
      return null;
    }
    const found = { facts, askedAt, endsAt: askedAt + facts.expiresAt - environment.now() };
    known.set(key, found);
    return found;
  };

  /** One question at a time about one token, however many ask. */
  const askOnce = (key: string, ...rest: [string, boolean, string | null]): Promise<Known | null> => {
    const pending = asking.get(key);
    if (pending) return pending;
    const asked = ask(key, ...rest).finally(() => asking.delete(key));
    asking.set(key, asked);
    return asked;
  };

  const find = async (
    token: string,
    allowExpired: boolean,
    requestId: string | null,
  ): Promise<Known | null> => {
    if (!tokenPattern.test(token)) return null;
    // Whether it may have ended is part of what was asked.
    const key = `${allowExpired ? 'ended' : 'good'} ${tokenHash(token)}`;
    const now = environment.monotonic();
    if ((refused.get(key) ?? 0) > now) return null;
    const before = known.get(key);
    if (before && now - before.askedAt < recheckMs && (allowExpired || before.endsAt > now)) return before;
    try {
      return await askOnce(key, token, allowExpired, requestId);
    } catch (error) {
      if (!isAway(error) || !before || before.endsAt <= environment.monotonic()) throw error;
      return before;
    }
  };

  const authenticate = async ({ token, serviceToken = null, requestId = null }: Credentials) => {
    if (serviceToken !== null) {
      const service = await find(serviceToken, false, requestId);
      if (!service?.facts.roles.includes(serviceRole)) return null;
    }
    const found = await find(token, serviceToken !== null, requestId);
    return found && identityOf(found, { token, requestId });
  };

  const identityOf = ({ facts, askedAt, endsAt }: Known, credentials: Credentials): Identity => {
    const { userId, userName, project, roles } = facts;
    if (!project)
      throw new TroupeError('FORBIDDEN', 'This token is of no project; get one that is scoped to a project');
    if (!roles.some((role) => ourRoles.includes(role)))
      throw new TroupeError(
        'FORBIDDEN',
        `User "${userName}" has none of the roles ${ourRoles.join(', ')} in project "${project.name}"`,
      );
    return {
      userId,
      userName,
      projectId: project.id,
      projectName: project.name,
      roles,
      validity: {
        // Never at once: while Keystone is away it has been due for long.
        dueMs: () => Math.max(1_000, Math.min(askedAt + recheckMs, endsAt) - environment.monotonic()),
        // A service that acted for its bearer has gone: from here on the token stands for itself.
        async stillHolds() {
          if (endsAt <= environment.monotonic()) return false;
          return authenticate(credentials).then(
            (identity) => identity !== null,
            (error: unknown) => isAway(error),
          );
        },
      },
    };
  };

  return { challenge: `Keystone uri="${publicUrl}"`, authenticate };
}

/** Nobody said anything about the token. */
const isAway = (error: unknown): boolean => error instanceof TroupeError && error.kind === 'unavailable';
