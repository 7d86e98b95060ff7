/** `limit`, `marker`, `sort_key`, `sort_dir` of every list. @see zun-api 2.3 */
import { TroupeError } from '../../errors/errors.ts';

/** Zun's `[api] max_limit`: the default page and the largest. */
const pageMost = 1_000;

export const pagingParameters = ['limit', 'marker', 'sort_key', 'sort_dir'] as const;

export interface Listing<T> {
  readonly id: (item: T) => string;
  /** What it may be sorted by, beside `id`, which is the order in which the items are given. */
  readonly sortKeys: Readonly<Record<string, (item: T) => string | number | boolean | null>>;
  /** For a marker that is no item. */
  readonly notFound: (marker: string) => TroupeError;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Query of the next page, what was asked included; null on the last. */
  readonly next: string | null;
}

/** @throws TroupeError INVALID_VALUE, or what `notFound` gives */
export function page<T>(
  items: Iterable<T>,
  query: Readonly<Record<string, unknown>>,
  { id, sortKeys, notFound }: Listing<T>,
): Page<T> {
  const { limit: asked, marker, sort_key: sortKey = 'id', sort_dir: direction = 'asc' } = query;
  const limit = asked === undefined || asked === 'None' ? pageMost : Number(asked);
  if (!Number.isSafeInteger(limit) || limit <= 0)
    throw new TroupeError('INVALID_VALUE', `Limit must be positive integer, not "${String(asked)}"`);
  if (direction !== 'asc' && direction !== 'desc') {
    throw new TroupeError(
      'INVALID_VALUE',
      `Invalid sort direction: ${String(direction)}. Acceptable values are 'asc' or 'desc'`,
    );
  }
  const key = String(sortKey);
  const valueOf = Object.hasOwn(sortKeys, key) ? sortKeys[key]! : null;
  if (!valueOf && key !== 'id') {
    const known = ['id', ...Object.keys(sortKeys)].join(', ');
    throw new TroupeError(
      'INVALID_VALUE',
      `The sort_key value "${key}" is invalid for sorting; it is one of ${known}`,
    );
  }
  const size = Math.min(limit, pageMost);
  const selected: T[] = [];
  let isBehind = marker === undefined || marker === 'None';
  for (const item of ordered(items, valueOf, direction)) {
    if (!isBehind) isBehind = id(item) === marker;
    else if (selected.push(item) === size) break;
  }
  if (!isBehind) throw notFound(String(marker));
  const last = selected.at(-1);
  const full = selected.length === size && last !== undefined;
  return { items: selected, next: full ? nextQuery(query, key, direction, size, id(last)) : null };
}

/** As they are given they need not all be looked at. */
function ordered<T>(
  items: Iterable<T>,
  valueOf: ((item: T) => Sortable) | null,
  direction: 'asc' | 'desc',
): Iterable<T> {
  if (!valueOf && direction === 'asc') return items;
  const all = [...items];
  if (valueOf) all.sort((a, b) => compare(valueOf(a), valueOf(b)));
  return direction === 'desc' ? all.reverse() : all;
}

function nextQuery(
  query: Readonly<Record<string, unknown>>,
  sortKey: string,
  direction: string,
  limit: number,
  marker: string,
): string {
  const filters = Object.entries(query).filter(
    ([name]) => !(pagingParameters as readonly string[]).includes(name),
  );
  return new URLSearchParams({
    ...Object.fromEntries(filters.map(([name, value]) => [name, String(value)])),
    sort_key: sortKey,
    sort_dir: direction,
    limit: String(limit),
    marker,
  }).toString();
}

type Sortable = string | number | boolean | null;

/** Nothing comes before something. */
function compare(one: Sortable, other: Sortable): number {
  if (one === null || other === null) return Number(one !== null) - Number(other !== null);
  return one < other ? -1 : one > other ? 1 : 0;
}
