/** Signals as Zun's clients spell them. @see signal(7) */
import { constants } from 'node:os';
import { invalidQuery } from './values.ts';

const byNumber = new Map(
  Object.entries(constants.signals).map(([name, number]) => [String(number), name.slice(3)]),
);
const names = new Set(byNumber.values());

/**
 * A name without SIG: of a name with or without it in any case, of a number, of nothing (KILL).
 * @throws TroupeError INVALID_INPUT
 */
export function signalOf(value: unknown): string {
  if (value === undefined || value === null || value === '' || value === 'None') return 'KILL';
  const text = String(value).toUpperCase();
  const name = byNumber.get(text) ?? text.replace(/^SIG/, '');
  if (names.has(name)) return name;
  throw invalidQuery('signal', value, 'It must be the name or number of a signal, such as TERM');
}
