/** What a journal says of a moment: computed from its records alone. */
import type { JournalRecord } from '../../model/journal.ts';

/** Index of the last record that is not after a revision; -1 before the first. */
export function indexAt(records: readonly JournalRecord[], revision: number): number {
  return records.findLastIndex((record) => record.revision <= revision);
}

export interface Pending {
  readonly id: string;
  readonly src: string;
  readonly startedAt: number;
}

/** What was waited for after the record at `index`. */
export function pendingAt(records: readonly JournalRecord[], index: number): readonly Pending[] {
  const pending = new Map<string, Pending>();
  for (const { ended, started, at } of records.slice(0, index + 1)) {
    for (const id of ended) pending.delete(id);
    for (const { id, src } of started) pending.set(id, { id, src, startedAt: at });
  }
  return [...pending.values()];
}

type Fields = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** @see RFC 7396, JSON Merge Patch */
function merged(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merged(result[key], value);
  }
  return result;
}

/** What the kept records say of the context; fields that none of them set are not known. */
const contextAt = (records: readonly JournalRecord[], index: number): Fields =>
  records.slice(0, index + 1).reduce<unknown>((context, { patch }) => merged(context, patch), {}) as Fields;

export interface Difference {
  readonly path: string;
  /** Undefined = not there. */
  readonly before: unknown;
  readonly after: unknown;
}

/** What of the context is other at `to` than at `from` (indices). */
export function differences(
  records: readonly JournalRecord[],
  from: number,
  to: number,
): readonly Difference[] {
  const found: Difference[] = [];
  const compare = (path: string, before: unknown, after: unknown): void => {
    if (JSON.stringify(before) === JSON.stringify(after)) return;
    if (!isObject(before) || !isObject(after)) return void found.push({ path, before, after });
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)]))
      compare(path === '' ? key : `${path}.${key}`, before[key], after[key]);
  };
  compare('', contextAt(records, from), contextAt(records, to));
  return found;
}
