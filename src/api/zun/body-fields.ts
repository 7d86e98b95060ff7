/** Readers of a JSON body's fields: each gives the value, null when it is absent, or says which rule is broken. */
import type { TroupeError } from '../../errors/errors.ts';
import { flagIn, integerIn, invalidField, numberIn } from './values.ts';

export type Body = Readonly<Record<string, unknown>>;

export interface Bounds {
  readonly least: number;
  readonly most: number;
}

/** @throws TroupeError INVALID_INPUT */
export function text(body: Body, key: string, { least, most }: Bounds, pattern: RegExp = /^/): string | null {
  const value = body[key];
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string') throw invalidField(key, value, 'It must be a string');
  if (value.length < least || value.length > most)
    throw invalidField(key, value, `It must have ${least} to ${most} characters`);
  if (!pattern.test(value)) throw invalidField(key, value, `It must match ${pattern.source}`);
  if (value.includes('\0')) throw withNul(key, value);
  return value;
}

/** A JSON boolean or one of Python's spellings. @throws TroupeError INVALID_INPUT */
export function flag(body: Body, key: string, fallback: boolean): boolean {
  const value = body[key];
  if (value === undefined || value === null) return fallback;
  const read = flagIn(value);
  if (read === null) throw invalidField(key, value, 'It must be a boolean: true or false');
  return read;
}

/** @throws TroupeError INVALID_INPUT */
export function number(body: Body, key: string, { least, most }: Bounds): number | null {
  const value = body[key];
  if (value === undefined || value === null) return null;
  const parsed = numberIn(value);
  if (parsed === null) throw invalidField(key, value, 'It must be a number');
  if (parsed < least || parsed > most)
    throw invalidField(key, value, `It must be between ${least} and ${most}`);
  return parsed;
}

/** @throws TroupeError INVALID_INPUT */
export function integer(body: Body, key: string, { least, most }: Bounds): number | null {
  const value = body[key];
  if (value === undefined || value === null) return null;
  const parsed = integerIn(value);
  if (parsed === null) throw invalidField(key, value, 'It must be an integer');
  if (parsed < least || parsed > most)
    throw invalidField(key, value, `It must be between ${least} and ${most}`);
  return parsed;
}

/** Null also when it is empty. @throws TroupeError INVALID_INPUT */
export function list(body: Body, key: string): readonly string[] | null {
  const value = body[key];
  if (value === undefined || value === null) return null;
  if (!Array.isArray(value) || !value.every((each) => typeof each === 'string'))
    throw invalidField(key, value, 'It must be a list of strings');
  if (value.some((each) => each.includes('\0'))) throw withNul(key, value);
  return value.length === 0 ? null : value;
}

/** @param only the keys it may have; null = any. @throws TroupeError INVALID_INPUT */
export function object(body: Body, key: string, only: readonly string[] | null = null): Body | null {
  const value = body[key];
  if (value === undefined || value === null) return null;
  if (typeof value !== 'object' || Array.isArray(value))
    throw invalidField(key, value, 'It must be an object');
  if (only && Object.keys(value).some((each) => !only.includes(each)))
    throw invalidField(key, value, `It has ${only.join(', ')} only`);
  return value as Body;
}

/** Clients make a repeated key a list, and engines know strings only: anything else is written as JSON. */
export function texts(body: Body, key: string): Readonly<Record<string, string>> {
  const entries = Object.entries(object(body, key) ?? {}).map(
    ([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)] as const,
  );
  for (const [name, value] of entries)
    if (`${name}${value}`.includes('\0')) throw withNul(`${key}.${name}`, value);
  return Object.fromEntries(entries);
}

/**
 * Variables of the environment. What is wrong with one is told without its
 * value, which may be a password.
 * @throws TroupeError INVALID_INPUT
 */
export function variables(body: Body, key: string): Readonly<Record<string, string>> {
  const value = body[key];
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value))
    throw invalidField(key, hidden, 'It must be an object of strings');
  for (const [name, each] of Object.entries(value)) {
    if (name === '' || /[=\0]/.test(name))
      throw invalidField(key, name, 'A variable’s name must not be empty, nor contain = or NUL');
    if (typeof each !== 'string') throw invalidField(`${key}.${name}`, hidden, 'It must be a string');
    if (each.includes('\0')) throw withNul(`${key}.${name}`, hidden);
  }
  return { ...(value as Record<string, string>) };
}

const hidden = '***';

const withNul = (key: string, value: unknown): TroupeError =>
  invalidField(key, value, 'It must not contain a NUL character');
