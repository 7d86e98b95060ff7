/** The standalone tokens of a site: a file of hashes, and the admin's token made at first start. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { createStaticAuthenticator, tokenHash, type StaticToken } from '../api/auth/static-tokens.ts';
import type { Authenticator } from '../api/auth/identity.ts';
import { TroupeError } from '../errors/errors.ts';
import { writePrivateFile } from './private-file.ts';

const tokensFileShape = Compile(
  Type.Object({
    tokens: Type.Array(
      Type.Object({
        sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
        userId: Type.String(),
        userName: Type.String(),
        projectId: Type.String({ minLength: 1 }),
        projectName: Type.String(),
        roles: Type.Array(Type.String()),
      }),
    ),
  }),
);

/**
 * Makes the admin's token, and the file of hashes, where there are none. Both 0600.
 * @throws TroupeError INVALID_CONFIG when there is a file of hashes and it can't be read
 */
export function ensureAdminToken(tokensFile: string, adminTokenFile: string): void {
  const known = existsSync(tokensFile) ? readTokens(tokensFile) : [];
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
  const others = known.filter(({ userId }) => userId !== 'admin');
  // The token's own file last: while it is missing, the next start makes another.
  writePrivateFile(tokensFile, `${JSON.stringify({ tokens: [admin, ...others] }, null, 2)}\n`);
  writePrivateFile(adminTokenFile, `${token}\n`);
}

/** The admin's token of this machine alone, for a site whose other tokens are somebody else's: it works while that one is away. */
export function ownAdminAuthenticator(tokensFile: string, adminTokenFile: string): Authenticator {
  const read = tokensIn(tokensFile);
  return createStaticAuthenticator(() => {
    // Without the file there is none, until the next start makes one.
    if (!existsSync(adminTokenFile)) return [];
    const own = tokenHash(readFileSync(adminTokenFile, 'utf8').trim());
    return read().filter(({ sha256 }) => sha256 === own);
  });
}

/** Every token of the file. */
export const fileAuthenticator = (tokensFile: string): Authenticator =>
  createStaticAuthenticator(tokensIn(tokensFile));

/** Reads the tokens anew when their file has changed. While it can't be read, those before count. */
function tokensIn(tokensFile: string): () => readonly StaticToken[] {
  let read = { mtimeMs: 0, tokens: [] as readonly StaticToken[] };
  return () => {
    try {
      const { mtimeMs } = statSync(tokensFile);
      if (mtimeMs !== read.mtimeMs) read = { mtimeMs, tokens: readTokens(tokensFile) };
    } catch (error) {
      if (read.mtimeMs === 0) throw error;
    }
    return read.tokens;
  };
}

function readTokens(path: string): readonly StaticToken[] {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new TroupeError(
      'INVALID_CONFIG',
      `The tokens in "${path}" can't be read: ${(error as Error).message}`,
    );
  }
  if (tokensFileShape.Check(content)) return content.tokens;
  const [wrong] = tokensFileShape.Errors(content);
  throw new TroupeError(
    'INVALID_CONFIG',
    `The tokens in "${path}" can't be read: "${wrong?.instancePath ?? ''}" ${wrong?.message ?? 'is not valid'}`,
  );
}
