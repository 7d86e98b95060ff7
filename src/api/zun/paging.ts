/** `limit`, `marker`, `sort_key`, `sort_dir` of every list. @see zun-api 2.3 */
import { TroupeError } from '../../errors/errors.ts';

/** Zun's `[api] max_limit`: the default page and the largest. */
const pageMost = 1_000;

export interface Page {
  readonly items: readonly Record<string, unknown>[];
  /** Query of the next page, or null on the last. */
  readonly next: string | null;
}

export const pagingParameters = ['limit', 'marker', 'sort_key', 'sort_dir'] as const;

/**
 * @param items views in order of creation
 * @param sortKeys views have these keys; `id` is the order of creation
 * @throws TroupeError INVALID_VALUE, CONTAINER_NOT_FOUND for a marker that is not there
 */
export function page(
  items: readonly Record<string, unknown>[],
  query: Readonly<Record<string, unknown>>,
  idKey: string,
): Page {
  const { limit: asked, marker, sort_key: sortKey = 'id', sort_dir: direction = 'asc' } = query;
  const limit = asked === undefined ? pageMost : Number(asked);
  if (!Number.isSafeInteger(limit) || limit <= 0)
    throw new TroupeError('INVALID_VALUE', 'Limit must be positive integer');
  if (direction !== 'asc' && direction !== 'desc') {
    throw new TroupeError(
      'INVALID_VALUE',
      `Invalid sort direction: ${String(direction)}. Acceptable values are 'asc' or 'desc'`,
    );
  }
  const key = String(sortKey);
  const [sample] = items;
  if (key !== 'id' && sample && !(key in sample))
    throw new TroupeError('INVALID_VALUE', `The sort_key value "${key}" is invalid for sorting`);
  const sorted = key === 'id' ? [...items] : [...items].sort((a, b) => compare(a[key], b[key]));
  if (direction === 'desc') sorted.reverse();
  let from = 0;
  if (marker !== undefined) {
    from = sorted.findIndex((item) => item[idKey] === marker) + 1;
    if (from === 0)
      throw new TroupeError('CONTAINER_NOT_FOUND', `Container ${String(marker)} could not be found.`);
  }
  const size = Math.min(limit, pageMost);
  const selected = sorted.slice(from, from + size);
  const last = selected.at(-1);
  const next =
    selected.length === size && last
      ? new URLSearchParams({
          sort_key: key,
          sort_dir: direction,
          limit: String(size),
          marker: String(last[idKey]),
        }).toString()
      : null;
  return { items: selected, next };
}

function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  const [one, other] = [String(a ?? ''), String(b ?? '')];
  return one < other ? -1 : one > other ? 1 : 0;
}
