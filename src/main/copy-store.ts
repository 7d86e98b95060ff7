/** A world from one store into another, together with the key that opens what is sealed in it. */
import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { notEmpty } from '../actors/stores/copy-errors.ts';
import type { Store } from '../actors/stores/store.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { TroupeError } from '../errors/errors.ts';
import { createEnvironment } from './environment.ts';
import { loggerOf } from './logger.ts';
import { writePrivateFile } from './private-file.ts';
import { claimProcess, type ProcessClaim } from './process-file.ts';
import { paths } from './settings.ts';
import { checkControlPlaneFiles, prepareState } from './site-files.ts';
import { storeOf } from './stores.ts';

/**
 * Takes the source over, so that nobody writes while it is copied: a Troupe
 * that is up on either state directory, or holds an embedded store, is in the
 * way; a control plane elsewhere over the same Redis is fenced, as by any newer
 * owner, and stops. Tokens and the agent's state are not of the world and stay.
 *
 * @throws TroupeError INVALID_CONFIG when the source holds no world, the target holds anything or another site's key, or a
 *   Troupe is up; STORE_UNAVAILABLE when an actor can't be read; STALE_OWNER when somebody took the source meanwhile
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
    if (await source.isEmpty())
      throw new TroupeError('INVALID_CONFIG', `There is no world to copy in the ${nameOf(from.config)}`);
    if (!(await target.isEmpty())) throw notEmpty(`The ${nameOf(to.config)}`, 'an empty one');
    const key = siteKeyFor(from, to);
    await source.open({ hostname: hostname(), pid: process.pid, startedAt: environment.now() }, 0);
    await readWhole(source);
    if (key !== null) writePrivateFile(paths(to.config).siteKey, key);
    await target.load(source.dump());
  } finally {
    await target.close();
    await source.close();
    for (const claim of claims) claim.release();
  }
}

/** Nothing is written while anything can't be read. */
async function readWhole(source: Store): Promise<void> {
  for await (const item of source.dump()) void item;
}

/** The key that the target still needs; null when it has it. */
function siteKeyFor(from: LoadedConfig, to: LoadedConfig): string | null {
  const [ours, theirs] = [paths(from.config).siteKey, paths(to.config).siteKey];
  if (!existsSync(ours))
    throw new TroupeError(
      'INVALID_CONFIG',
      `There is no site key in "${ours}", without which the world can't be read; copy with the state.directory it belongs to`,
    );
  const key = readFileSync(ours, 'utf8');
  if (!existsSync(theirs)) return key;
  if (readFileSync(theirs, 'utf8').trim() === key.trim()) return null;
  throw new TroupeError(
    'INVALID_CONFIG',
    `"${theirs}" is another site's key than "${ours}", and would not open what the copy holds; give the target a state.directory of its own`,
  );
}

const nameOf = (config: Config): string =>
  config.store.kind === 'embedded'
    ? `embedded store in "${paths(config).store}"`
    : `Redis store under "${config.store.redisPrefix}"`;
