/** A world from the store of one configuration into that of another. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { notEmpty } from '../actors/stores/copy-errors.ts';
import type { Store } from '../actors/stores/store.ts';
import type { Config } from '../config/schema.ts';
import { TroupeError } from '../errors/errors.ts';
import type { Environment } from '../model/environment.ts';
import { paths } from './settings.ts';
import { storeOf } from './stores.ts';

/**
 * Takes the source over, so that nobody writes while it is copied: an embedded
 * store must be held by no process; a control plane over Redis is fenced, as by
 * any newer owner, and stops. The site's key comes along, since specs can't be
 * read without it. Tokens and the agent's state are not of the world and stay.
 *
 * @throws TroupeError INVALID_CONFIG when the source is held or holds nothing, the target is not empty or has another
 *   key; STORE_UNAVAILABLE when an actor can't be read; STALE_OWNER when somebody took the source meanwhile
 */
export async function copyStore(from: Config, to: Config, environment: Environment): Promise<void> {
  const source = storeOf(from, environment);
  const target = storeOf(to, environment);
  try {
    if (await source.isEmpty())
      throw new TroupeError('INVALID_CONFIG', `There is no world to copy in ${nameOf(from)}`);
    if (!(await target.isEmpty())) throw notEmpty(capital(nameOf(to)), 'an empty one');
    const key = keyFor(paths(from).siteKey, paths(to).siteKey);
    await source.open({ hostname: 'store copy', pid: process.pid, startedAt: environment.now() }, 0);
    await readWhole(source);
    if (key !== null) writeKey(paths(to).siteKey, key);
    await target.load(source.dump());
  } finally {
    await source.close();
    await target.close();
  }
}

/** Nothing is written while anything can't be read. */
async function readWhole(source: Store): Promise<void> {
  for await (const item of source.dump()) void item;
}

/** What the target's file must hold; null when it does already. */
function keyFor(source: string, target: string): string | null {
  if (!existsSync(source))
    throw new TroupeError(
      'INVALID_CONFIG',
      `There is no site key in "${source}", without which the world can't be read; give the state.directory it belongs to`,
    );
  const key = readFileSync(source, 'utf8');
  if (!existsSync(target)) return key;
  if (readFileSync(target, 'utf8').trim() === key.trim()) return null;
  throw new TroupeError(
    'INVALID_CONFIG',
    `"${target}" holds another site key than "${source}", so the world could not be read there; use a state.directory without one`,
  );
}

function writeKey(path: string, key: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, key, { mode: 0o600, flag: 'wx' });
}

const nameOf = (config: Config): string =>
  config.store.kind === 'embedded'
    ? `the embedded store in "${paths(config).store}"`
    : `the Redis store under "${config.store.redisPrefix}"`;

const capital = (text: string): string => `${text[0]!.toUpperCase()}${text.slice(1)}`;
