/**
 * Who may be a host: one-time join tokens and per-host credentials. Only
 * hashes are stored.
 *
 * A token stands for one host, decided when it is made. Until that host has
 * said hello, enrolling again gives it a new credential, since the answer with
 * the first may have been lost; from its hello on the token is used up. A host
 * that was removed comes back as another, with another token.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { TroupeError } from '../errors/errors.ts';
import type { Environment } from '../model/environment.ts';
import type { Store } from './stores/store.ts';

const tokenKey = (token: string): string => `join/${digest(token)}`;
const credentialKey = (hostId: string): string => `credential/${hostId}`;
const joinedKey = (hostId: string): string => `joined/${hostId}`;

interface JoinRecord {
  /** Epoch ms. */
  readonly born: number;
  readonly hostId: string;
}

/** A join token nobody used is void after a day. */
const tokenMs = 24 * 3600 * 1000;

export interface Enrolment {
  /** @param kept a token made before: given back while its host can still join with it */
  createJoinToken(kept?: string | null): Promise<string>;
  /** @throws TroupeError LINK_REFUSED */
  enrol(joinToken: string): Promise<{ readonly hostId: string; readonly credential: string }>;
  /** @throws TroupeError LINK_REFUSED */
  authenticate(hostId: string, credential: string): Promise<void>;
  /** Neither its credential nor the token that it joined with is good for anything any more; revoked again, nothing changes. */
  revoke(hostId: string): Promise<void>;
}

export function createEnrolment(
  environment: Environment,
  store: Pick<Store, 'putSetting' | 'settings'>,
): Enrolment {
  const secret = (): string => `${environment.id()}${environment.id()}`.replaceAll('-', '');
  /** Null when it is unknown, used or expired. */
  const usable = async (joinToken: string): Promise<JoinRecord | null> => {
    const key = tokenKey(joinToken);
    const found = (await store.settings(key))[key];
    const record = found === undefined ? null : (JSON.parse(found) as JoinRecord);
    return record && environment.now() - record.born <= tokenMs ? record : null;
  };
  return {
    async createJoinToken(kept = null) {
      if (kept !== null && (await usable(kept))) return kept;
      const token = `troupe-join-${secret()}`;
      await store.putSetting(
        tokenKey(token),
        JSON.stringify({ born: environment.now(), hostId: environment.id() } satisfies JoinRecord),
      );
      return token;
    },
    async enrol(joinToken) {
      const record = await usable(joinToken);
      if (!record) {
        throw new TroupeError(
          'LINK_REFUSED',
          'The join token is unknown, used or expired; make a new one with "troupe join-token"',
          {
            details: { fatal: true },
          },
        );
      }
      const credential = secret();
      await Promise.all([
        store.putSetting(joinedKey(record.hostId), tokenKey(joinToken)),
        store.putSetting(credentialKey(record.hostId), digest(credential)),
      ]);
      return { hostId: record.hostId, credential };
    },
    async authenticate(hostId, credential) {
      const key = credentialKey(hostId);
      const expected = (await store.settings(key))[key] ?? '';
      const given = Buffer.from(digest(credential));
      if (expected.length !== given.length || !timingSafeEqual(Buffer.from(expected), given)) {
        throw new TroupeError(
          'LINK_REFUSED',
          `Host "${hostId}" is not known here, or its credential is wrong; join it again with a new token`,
          {
            details: { fatal: true },
          },
        );
      }
      const joined = (await store.settings(joinedKey(hostId)))[joinedKey(hostId)];
      if (joined === undefined) return;
      await Promise.all([store.putSetting(joined, null), store.putSetting(joinedKey(hostId), null)]);
    },
    async revoke(hostId) {
      await store.putSetting(credentialKey(hostId), null);
      const joined = (await store.settings(joinedKey(hostId)))[joinedKey(hostId)];
      if (joined === undefined) return;
      // Which token it was is forgotten last.
      await store.putSetting(joined, null);
      await store.putSetting(joinedKey(hostId), null);
    },
  };
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');
