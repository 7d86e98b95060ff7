/** Standalone authentication: a fixed list of tokens, of which only hashes are kept. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Authenticator, Identity } from './identity.ts';

export interface StaticToken extends Identity {
  /** Hex SHA-256 of the token. */
  readonly sha256: string;
}

export const tokenHash = (token: string): string => createHash('sha256').update(token).digest('hex');

/** @param tokens read anew on each call, so that a changed file counts at once */
export function createStaticAuthenticator(tokens: () => readonly StaticToken[]): Authenticator {
  return {
    challenge: 'Keystone uri="standalone"',
    async authenticate({ token }) {
      const given = Buffer.from(tokenHash(token), 'hex');
      let found: Identity | null = null;
      // Every entry is compared, so that time does not tell which one came close.
      for (const { sha256, userId, userName, projectId, projectName, roles } of tokens()) {
        const expected = Buffer.from(sha256, 'hex');
        if (expected.length === given.length && timingSafeEqual(expected, given)) {
          found = { userId, userName, projectId, projectName, roles };
        }
      }
      return found;
    },
  };
}
