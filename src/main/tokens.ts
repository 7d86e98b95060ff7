/** The standalone tokens of a site: a file of hashes, and the admin's token made at first start. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createStaticAuthenticator, tokenHash, type StaticToken } from '../api/auth/static-tokens.ts';
import type { Authenticator } from '../api/auth/identity.ts';
import { TroupeError } from '../errors/errors.ts';

/** Makes the admin's token, and the file of hashes, where there are none. Both 0600. */
export function ensureAdminToken(tokensFile: string, adminTokenFile: string): void {
  if (existsSync(tokensFile) && existsSync(adminTokenFile)) return;
  const token = randomBytes(32).toString('base64url');
  const admin: StaticToken = {
    sha256: tokenHash(token),
    userId: 'admin',
    userName: 'admin',
    projectId: 'admin',
    projectName: 'admin',
    roles: ['admin'],
  };
  const others = existsSync(tokensFile)
    ? readTokens(tokensFile).filter(({ userId }) => userId !== 'admin')
    : [];
  mkdirSync(dirname(tokensFile), { recursive: true, mode: 0o700 });
  writeFileSync(adminTokenFile, `${token}\n`, { mode: 0o600 });
  writeFileSync(tokensFile, `${JSON.stringify({ tokens: [admin, ...others] }, null, 2)}\n`, { mode: 0o600 });
}

/** Reads the tokens anew when their file has changed. */
export function fileAuthenticator(tokensFile: string): Authenticator {
  let read = { mtimeMs: 0, tokens: [] as readonly StaticToken[] };
  return createStaticAuthenticator(() => {
    const { mtimeMs } = statSync(tokensFile);
    if (mtimeMs !== read.mtimeMs) read = { mtimeMs, tokens: readTokens(tokensFile) };
    return read.tokens;
  });
}

function readTokens(path: string): readonly StaticToken[] {
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as { tokens: readonly StaticToken[] }).tokens;
  } catch (error) {
    throw new TroupeError(
      'INVALID_CONFIG',
      `The tokens in "${path}" can't be read: ${(error as Error).message}`,
    );
  }
}
