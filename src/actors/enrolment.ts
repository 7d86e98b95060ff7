/**
 * Who may be a host: one-time join tokens and per-host credentials. Only
 * hashes are stored.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { TroupeError } from '../errors/errors.ts';
import type { Environment } from '../model/environment.ts';
import type { Store } from './stores/store.ts';

const tokenKey = (token: string): string => `join/${digest(token)}`;
const credentialKey = (hostId: string): string => `credential/${hostId}`;
/** A join token nobody used is void after a day. */
const tokenMs = 24 * 3600 * 1000;

export interface Enrolment {
  createJoinToken(): Promise<string>;
  /** Uses the token up. @throws TroupeError LINK_REFUSED */
  enrol(joinToken: string): Promise<{ readonly hostId: string; readonly credential: string }>;
  /** @throws TroupeError LINK_REFUSED */
  authenticate(hostId: string, credential: string): Promise<void>;
}

export function createEnrolment(environment: Environment, store: Store): Enrolment {
  // Tokens being used right now, so that two agents with one token can't both get in.
  const using = new Set<string>();
  const secret = (): string => `${environment.id()}${environment.id()}`.replaceAll('-', '');
  return {
    async createJoinToken() {
      const token = `troupe-join-${secret()}`;
      await store.putSetting(tokenKey(token), String(environment.now()));
      return token;
    },
    async enrol(joinToken) {
      const key = tokenKey(joinToken);
      const refused = new TroupeError(
        'LINK_REFUSED',
        'The join token is unknown, used or expired; make a new one with "troupe join-token"',
      );
      if (using.has(key)) throw refused;
      using.add(key);
      try {
        const born = (await store.settings(key))[key];
        if (born === undefined || environment.now() - Number(born) > tokenMs) throw refused;
        const hostId = environment.id();
        const credential = secret();
        await store.putSetting(key, null);
        await store.putSetting(credentialKey(hostId), digest(credential));
        return { hostId, credential };
      } finally {
        using.delete(key);
      }
    },
    async authenticate(hostId, credential) {
      const key = credentialKey(hostId);
      const expected = (await store.settings(key))[key] ?? '';
      const given = Buffer.from(digest(credential));
      if (expected.length !== given.length || !timingSafeEqual(Buffer.from(expected), given)) {
        throw new TroupeError(
          'LINK_REFUSED',
          `Host "${hostId}" is not known here, or its credential is wrong; join it again with a new token`,
        );
      }
    },
  };
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
