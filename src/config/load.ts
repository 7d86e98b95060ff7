/**
 * A site's configuration: flags over environment over file over defaults, with
 * the source of each value. A bad one is one line that names the key.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';
import { TroupeError } from '../errors/errors.ts';
import { configSchema, type Config } from './schema.ts';

export interface ConfigInput {
  /** `section.key` → value, from the command line. */
  readonly flags: Readonly<Record<string, string>>;
  /** `TROUPE_SECTION__KEY`, e.g. `TROUPE_API__PORT`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Given by `--config`: must exist. */
  readonly file: string | null;
  /** Looked for otherwise, the first that exists. */
  readonly usualFiles: readonly string[];
}

export interface LoadedConfig {
  readonly config: Config;
  /** `section.key` → `flag`, `TROUPE_…`, the file's path or `default`. */
  readonly sources: ReadonlyMap<string, string>;
}

const check = Compile(configSchema);
type Sections = Record<string, Record<string, unknown>>;

/** @throws TroupeError INVALID_CONFIG: one line that names the key, its source, and the rule */
export function loadConfig({ flags, environment, file, usualFiles }: ConfigInput): LoadedConfig {
  const sources = new Map<string, string>();
  const values: Sections = {};
  for (const section of Object.keys(configSchema.properties)) {
    values[section] = {};
    for (const key of keysOf(section)) sources.set(`${section}.${key}`, 'default');
  }

  const set = (path: string, value: unknown, source: string): void => {
    const [section = '', key = ''] = path.split('.');
    if (!sources.has(path))
      throw bad(path, source, `is not a setting; did you mean "${nearest(path, [...sources.keys()])}"?`);
    values[section]![key] = value;
    sources.set(path, source);
  };

  const path = file ?? usualFiles.find(exists) ?? null;
  if (path !== null) {
    for (const [section, content] of Object.entries(readYaml(path))) {
      if (typeof content !== 'object' || content === null)
        throw bad(section, path, 'must be a section of settings');
      for (const [key, value] of Object.entries(content)) set(`${section}.${key}`, value, path);
    }
  }
  const known = new Map([...sources.keys()].map((each) => [variable(each), each]));
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined || !/^TROUPE_[A-Z]+__/.test(name)) continue;
    const setting = known.get(name);
    if (!setting)
      throw bad(
        name,
        'the environment',
        `is not a setting; did you mean "${nearest(name, [...known.keys()])}"?`,
      );
    set(setting, fromText(setting, value, name), name);
  }
  for (const [setting, value] of Object.entries(flags)) {
    if (!sources.has(setting))
      throw bad(
        setting,
        'a flag',
        `is not a setting; did you mean "${nearest(setting, [...sources.keys()])}"?`,
      );
    set(setting, fromText(setting, value, 'a flag'), 'flag');
  }

  const filled = Value.Default(configSchema, values) as Config;
  if (!check.Check(filled)) {
    const [error] = check.Errors(filled);
    const at = (error?.instancePath ?? '').split('/').filter(Boolean).slice(0, 2).join('.');
    throw bad(at, sources.get(at) ?? 'the configuration', error?.message ?? 'is not valid');
  }
  if (Boolean(filled.api.certFile) !== Boolean(filled.api.keyFile)) {
    throw bad('api.certFile', sources.get('api.certFile') ?? 'default', 'and api.keyFile belong together');
  }
  if (filled.link.leaseMs >= filled.host.lostMs) {
    throw bad(
      'link.leaseMs',
      sources.get('link.leaseMs') ?? 'default',
      `must be shorter than host.lostMs (${filled.host.lostMs})`,
    );
  }
  return { config: filled, sources };
}

/** `api.allowedOrigins` → `TROUPE_API__ALLOWED_ORIGINS`. */
export function variable(setting: string): string {
  const [section = '', key = ''] = setting.split('.');
  return `TROUPE_${section.toUpperCase()}__${key.replaceAll(/([A-Z])/g, '_$1').toUpperCase()}`;
}

function keysOf(section: string): readonly string[] {
  const schema = (configSchema.properties as unknown as Record<string, { properties: object }>)[section];
  return Object.keys(schema?.properties ?? {});
}

/** Text from a flag or a variable, as the type of its setting. */
function fromText(setting: string, value: string, source: string): unknown {
  const [section = '', key = ''] = setting.split('.');
  const schemas = configSchema.properties as unknown as Record<
    string,
    { properties: Record<string, { type?: string }> }
  >;
  const type = schemas[section]?.properties[key]?.type;
  if (type === 'integer' || type === 'number') {
    if (value.trim() === '' || Number.isNaN(Number(value)))
      throw bad(setting, source, `must be a number, not "${value}"`);
    return Number(value);
  }
  if (type === 'boolean') {
    if (value !== 'true' && value !== 'false')
      throw bad(setting, source, `must be true or false, not "${value}"`);
    return value === 'true';
  }
  if (type === 'array') return value === '' ? [] : value.split(',').map((each) => each.trim());
  if (type === 'object')
    return Object.fromEntries(
      value
        .split(',')
        .filter(Boolean)
        .map((pair) => pair.split(/=(.*)/s).slice(0, 2)),
    );
  return value;
}

function readYaml(path: string): Record<string, unknown> {
  let content: unknown;
  try {
    content = parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw bad(path, 'the file', `can't be read: ${(error as Error).message.split('\n')[0]}`);
  }
  if (content === null || content === undefined) return {};
  if (typeof content !== 'object' || Array.isArray(content))
    throw bad(path, 'the file', 'must hold sections of settings');
  return content as Record<string, unknown>;
}

function exists(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
}

const bad = (key: string, source: string, rule: string): TroupeError =>
  new TroupeError('INVALID_CONFIG', `"${key}" (from ${source}) ${rule}`);

/** The known name that shares most of its pairs of letters. @see Dice's coefficient */
function nearest(name: string, known: readonly string[]): string {
  const pairs = (text: string): ReadonlySet<string> =>
    new Set([...text.toLowerCase()].map((letter, index, all) => letter + (all[index + 1] ?? '')));
  const mine = pairs(name);
  const score = (other: string): number =>
    [...pairs(other)].filter((pair) => mine.has(pair)).length / (mine.size + other.length);
  return [...known].sort((a, b) => score(b) - score(a))[0] ?? '';
}
