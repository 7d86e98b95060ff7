/** Pauses between attempts of a step that failed but may yet work. */
const firstMs = 500;
const longestMs = 15_000;
/** Attempts beyond this are not counted: the pause no longer grows. */
export const mostTries = 6;

/** Milliseconds after `tries` failed attempts (from 1). */
export const retryBackoffMs = (tries: number): number =>
  Math.min(firstMs * 2 ** Math.max(0, tries - 1), longestMs);
