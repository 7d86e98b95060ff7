/** A world from one store into another, together with the key that opens what is sealed in it. */
import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { LoadedConfig } from '../config/load.ts';
import { TroupeError } from '../errors/errors.ts';
import { createEnvironment } from './environment.ts';
import { loggerOf } from './logger.ts';
import { writePrivateFile } from './private-file.ts';
import { claimProcess, type ProcessClaim } from './process-file.ts';
import { paths } from './settings.ts';
import { checkControlPlaneFiles, prepareState } from './site-files.ts';
import { storeOf } from './stores.ts';

/**
 * @throws TroupeError INVALID_CONFIG when the target holds a world or another
 * site's key, or when a Troupe of either side is up
 */
export async function copyStore(from: LoadedConfig, to: LoadedConfig): Promise<void> {
  const claims: ProcessClaim[] = [];
  const environment = createEnvironment(loggerOf(from.config));
  const source = storeOf(from.config, environment);
  const target = storeOf(to.config, environment);
  try {
    for (const side of [from, to]) {
      prepareState(side);
      checkControlPlaneFiles(side);
    }
    for (const path of new Set([paths(from.config).process, paths(to.config).process]))
      claims.push(claimProcess(path, 'troupe store copy'));
    const key = siteKeyFor(from, to);
    // Opening takes the ownership: nobody else writes while we copy.
    await source.open({ hostname: hostname(), pid: process.pid, startedAt: environment.now() }, 0);
    await target.load(source.dump());
    if (key !== null) writePrivateFile(paths(to.config).siteKey, key);
  } finally {
    await target.close();
    await source.close();
    for (const claim of claims) claim.release();
  }
}

/** The key that the target still needs; null when it has it, or when there is none. */
function siteKeyFor(from: LoadedConfig, to: LoadedConfig): string | null {
  const [ours, theirs] = [paths(from.config).siteKey, paths(to.config).siteKey];
  if (!existsSync(ours)) return null;
  const key = readFileSync(ours, 'utf8');
  if (!existsSync(theirs)) return key;
  if (readFileSync(theirs, 'utf8').trim() === key.trim()) return null;
  throw new TroupeError(
    'INVALID_CONFIG',
    `"${theirs}" is another site's key than "${ours}", and would not open what the copy holds; give the target a state.directory of its own`,
  );
}
