import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tokenHash } from '../../src/api/auth/static-tokens.ts';

/** A token of a user of one project, for a site that has been started once. @param directory its state's */
export function addToken(directory: string, project: string): string {
  const token = randomUUID();
  const path = join(directory, 'tokens.json');
  const { tokens } = JSON.parse(readFileSync(path, 'utf8')) as { tokens: object[] };
  const identity = { userId: project, userName: project, projectId: project, projectName: project };
  writeFileSync(
    path,
    JSON.stringify({ tokens: [...tokens, { sha256: tokenHash(token), ...identity, roles: [] }] }),
  );
  return token;
}
