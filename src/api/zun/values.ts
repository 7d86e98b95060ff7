/** Values as Zun's clients spell them: Python's booleans and None, numbers in strings. */
import { TroupeError } from '../../errors/errors.ts';

const yes = new Set(['true', '1', 'on', 'yes']);
const no = new Set(['false', '0', 'off', 'no']);

/**
 * A boolean of a query. Absent and Python's `None` are the default.
 * @throws TroupeError INVALID_INPUT
 */
export function queryBoolean(name: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined || value === null || value === 'None' || value === '') return fallback;
  const flag = queryFlagIn(value);
  if (flag === null) throw invalidQuery(name, value, 'It must be a boolean such as true or false');
  return flag;
}

/** A boolean as queries spell it; null for what is none. */
export function queryFlagIn(value: unknown): boolean | null {
  if (typeof value === 'boolean') return value;
  const text = String(value).toLowerCase();
  return yes.has(text) ? true : no.has(text) ? false : null;
}

/** A boolean as bodies spell it: JSON's, or one of Python's; null for what is none. */
export function flagIn(value: unknown): boolean | null {
  if (value === true || value === 'true' || value === 'True') return true;
  return value === false || value === 'false' || value === 'False' ? false : null;
}

/** @throws TroupeError INVALID_INPUT */
export function queryInteger(
  name: string,
  value: unknown,
  fallback: number,
  least: number,
  most = Number.MAX_SAFE_INTEGER,
): number {
  if (value === undefined || value === null || value === 'None' || value === '') return fallback;
  const number = integerIn(value);
  if (number === null || number < least || number > most) {
    const rule = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `between ${least} and ${most}`;
    throw invalidQuery(name, value, `It must be an integer ${rule}`);
  }
  return number;
}

/** An integer as JSON or in digits; null for anything else that JavaScript would make a number of. */
export function integerIn(value: unknown): number | null {
  if (typeof value !== 'number' && !(typeof value === 'string' && /^-?\d+$/.test(value))) return null;
  return Number.isSafeInteger(Number(value)) ? Number(value) : null;
}

/** A number as JSON or in digits; null for anything else. */
export function numberIn(value: unknown): number | null {
  if (typeof value === 'number') return value;
  const isNumber = typeof value === 'string' && value !== '' && /^[0-9]*(\.([0-9]+))?$/.test(value);
  return isNumber ? Number(value) : null;
}

/** @throws TroupeError INVALID_VALUE for a parameter that the request does not have */
export function onlyKnown(query: Readonly<Record<string, unknown>>, known: readonly string[]): void {
  const unknown = Object.keys(query).filter((key) => !known.includes(key));
  if (unknown.length > 0)
    throw new TroupeError(
      'INVALID_VALUE',
      `Unknown parameters: ${unknown.join(', ')}. ${known.length > 0 ? `Known are: ${known.join(', ')}` : 'There are none here'}`,
    );
}

export const invalidQuery = (name: string, value: unknown, rule: string): TroupeError =>
  new TroupeError('INVALID_INPUT', `Invalid input for query parameters '${name}'. ${valueIn(value)}${rule}`);

export const invalidField = (name: string, value: unknown, rule: string): TroupeError =>
  new TroupeError('INVALID_INPUT', `Invalid input for field '${name}'. Value: '${shown(value)}'. ${rule}`);

/** What is not there has no value. */
const valueIn = (value: unknown): string => (value === undefined ? '' : `Value: '${shown(value)}'. `);

const shown = (value: unknown): string => {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
};
