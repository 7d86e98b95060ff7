/**
 * The difference between two JSON values as a merge patch.
 *
 * @see RFC 7396
 */
export function mergePatch(before: unknown, after: unknown): unknown {
  if (!isObject(before) || !isObject(after)) return after;
  const patch: Record<string, unknown> = {};
  for (const key of Object.keys(before)) if (!(key in after)) patch[key] = null;
  for (const key of Object.keys(after)) {
    const old = before[key];
    const value = after[key];
    if (old === value) continue;
    if (isObject(old) && isObject(value)) {
      const inner = mergePatch(old, value) as object;
      if (Object.keys(inner).length > 0) patch[key] = inner;
    } else if (!Array.isArray(old) || !Array.isArray(value) || !isSameArray(old, value)) {
      patch[key] = value;
    }
  }
  return patch;
}

/** Two that are empty are the most usual case. */
const isSameArray = (one: readonly unknown[], other: readonly unknown[]): boolean =>
  one.length === other.length && (one.length === 0 || JSON.stringify(one) === JSON.stringify(other));

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
