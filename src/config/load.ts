/**
 * A site's configuration: flags over environment over file over defaults, with
 * the source of each value. A bad one is one line that names the key.
 */
import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';
import { TroupeError } from '../errors/errors.ts';
import { configSchema, type Config } from './schema.ts';
import { ruleOf, sections, settings, variable, withoutSecrets, type SettingSchema } from './setting.ts';

export interface ConfigInput {
  /** `section.key` → value, from the command line. */
  readonly flags: Readonly<Record<string, string>>;
  /** `TROUPE_SECTION__KEY`, e.g. `TROUPE_API__PORT`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Given by name: must exist. */
  readonly file: string | null;
  /** Looked for otherwise, the first that exists. */
  readonly usualFiles: readonly string[];
  /** `section.key` → value in place of the schema's default, e.g. of a user who isn't root. */
  readonly defaults?: Readonly<Record<string, string>>;
}

export interface LoadedConfig {
  readonly config: Config;
  /** `section.key` → `flag`, `TROUPE_…`, the file's path or `default`. */
  readonly sources: ReadonlyMap<string, string>;
}

const check = Compile(configSchema);

/** @throws TroupeError INVALID_CONFIG: one line that names the key, its source, and the rule */
export function loadConfig({
  flags,
  environment,
  file,
  usualFiles,
  defaults = {},
}: ConfigInput): LoadedConfig {
  const sources = new Map([...settings.keys()].map((setting) => [setting, 'default']));
  const values: Record<string, Record<string, unknown>> = {};
  for (const section of Object.keys(sections)) values[section] = {};

  const set = (setting: string, value: unknown, source: string): void => {
    const [section = '', key = ''] = setting.split('.');
    if (!settings.has(setting)) throw unknown(setting, source, 'setting', [...settings.keys()]);
    values[section]![key] = value;
    sources.set(setting, source);
  };

  for (const [setting, value] of Object.entries(defaults)) set(setting, value, 'default');
  const path = file ?? usualFiles.find((each) => existsSync(each)) ?? null;
  if (path !== null) {
    for (const [section, content] of Object.entries(readYaml(path))) {
      if (!Object.hasOwn(sections, section)) throw unknown(section, path, 'section', Object.keys(sections));
      if (content === null) continue;
      if (typeof content !== 'object' || Array.isArray(content))
        throw bad(section, path, 'must be a section of settings');
      for (const [key, value] of Object.entries(content)) set(`${section}.${key}`, value, path);
    }
  }
  const variables = new Map([...settings.keys()].map((each) => [variable(each), each]));
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined || !/^TROUPE_[A-Z]+__/.test(name)) continue;
    const setting = variables.get(name);
    if (setting === undefined) throw unknown(name, 'the environment', 'setting', [...variables.keys()]);
    set(setting, fromText(value, settings.get(setting)!), name);
  }
  for (const [setting, value] of Object.entries(flags)) {
    const schema = settings.get(setting);
    set(setting, schema ? fromText(value, schema) : value, 'flag');
  }

  const filled = Value.Default(configSchema, values) as Config;
  if (!check.Check(filled)) throw invalid(filled, sources);
  for (const [setting, rule] of togetherRules(filled)) throw bad(setting, sources.get(setting)!, rule);
  return { config: filled, sources };
}

/** What one setting demands of another. */
function* togetherRules({ api, auth, host, images, link }: Config): Iterable<readonly [string, string]> {
  if (api.certFile !== '' && api.keyFile === '') yield ['api.certFile', 'needs api.keyFile beside it'];
  if (api.keyFile !== '' && api.certFile === '') yield ['api.keyFile', 'needs api.certFile beside it'];
  const usual = { driver: 'docker', commitsTo: 'host' } as const;
  for (const key of ['driver', 'commitsTo'] as const)
    if (images[key] !== usual[key] && auth.kind !== 'keystone')
      yield [
        `images.${key}`,
        `may be "${images[key]}" only where auth.kind is "keystone": Glance knows its users, and no others`,
      ];
  if (link.leaseMs >= host.lostMs)
    yield [
      'link.leaseMs',
      `must be shorter than host.lostMs, ${host.lostMs}, so that an agent acts alone before its host is given up; it is ${link.leaseMs}`,
    ];
  if (link.leaseMs <= link.heartbeatMs)
    yield [
      'link.leaseMs',
      `must be longer than link.heartbeatMs, ${link.heartbeatMs}, which renews it; it is ${link.leaseMs}`,
    ];
}

function invalid(filled: Config, sources: ReadonlyMap<string, string>): TroupeError {
  const [error] = check.Errors(filled);
  const [section = '', key = ''] = (error?.instancePath ?? '').split('/').filter(Boolean);
  const setting = `${section}.${key}`;
  const schema = settings.get(setting);
  // Every setting that exists has a schema, and no other was let in.
  if (!schema) return bad(setting, 'the configuration', error?.message ?? 'is not valid');
  const value = (filled as unknown as Record<string, Record<string, unknown>>)[section]?.[key];
  const told = schema.secret === undefined ? `, not ${JSON.stringify(value)}` : '';
  return bad(setting, sources.get(setting)!, `must be ${ruleOf(schema)}${told}`);
}

/** Text from a flag or a variable, as the type of its setting; what it can't be stays text, and is refused as such. */
function fromText(text: string, { type }: SettingSchema): unknown {
  if (type === 'integer' || type === 'number') {
    const number = Number(text);
    return text.trim() === '' || Number.isNaN(number) ? text : number;
  }
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (type === 'array') return parts;
  if (type !== 'object') return text;
  return Object.fromEntries(
    parts.map((pair) => {
      const [name = '', value = ''] = pair.split(/=(.*)/s);
      return [name, value];
    }),
  );
}

function readYaml(path: string): Readonly<Record<string, unknown>> {
  let content: unknown;
  try {
    content = parse(readFileSync(path, 'utf8'), { logLevel: 'error' });
  } catch (error) {
    const [line = ''] = (error as Error).message.split('\n');
    throw bad(path, 'the file', `can't be read: ${line.replace(/:$/, '')}`);
  }
  if (content === null || content === undefined) return {};
  if (typeof content !== 'object' || Array.isArray(content))
    throw bad(path, 'the file', 'must hold sections of settings');
  return content as Readonly<Record<string, unknown>>;
}

/** Every setting with its value, as people may see it, and where the value comes from. */
export function shownSettings({ config, sources }: LoadedConfig): readonly {
  readonly setting: string;
  readonly value: unknown;
  readonly source: string;
}[] {
  return [...settings].map(([setting, schema]) => {
    const [section = '', key = ''] = setting.split('.');
    const value = (config as unknown as Record<string, Record<string, unknown>>)[section]?.[key];
    return { setting, value: withoutSecrets(schema, value), source: sources.get(setting)! };
  });
}

/** The error of a setting whose value fails where it is used. `rule` follows the name, as in "must be …". */
export const badSetting = ({ sources }: LoadedConfig, setting: string, rule: string): TroupeError =>
  bad(setting, sources.get(setting) ?? 'default', rule);

const bad = (key: string, source: string, rule: string): TroupeError =>
  new TroupeError('INVALID_CONFIG', `"${key}" (from ${source}) ${rule}`);

const unknown = (key: string, source: string, what: string, known: readonly string[]): TroupeError =>
  bad(key, source, `is not a ${what}; did you mean "${nearest(key, known)}"?`);

/** The known name that shares most of its pairs of letters. @see Dice's coefficient */
function nearest(name: string, known: readonly string[]): string {
  const pairs = (text: string): ReadonlySet<string> =>
    new Set([...text.toLowerCase()].slice(1).map((letter, index) => text[index]!.toLowerCase() + letter));
  const mine = pairs(name);
  const score = (other: string): number => {
    const theirs = pairs(other);
    return (2 * [...theirs].filter((pair) => mine.has(pair)).length) / (mine.size + theirs.size || 1);
  };
  return [...known].sort((a, b) => score(b) - score(a))[0] ?? '';
}
