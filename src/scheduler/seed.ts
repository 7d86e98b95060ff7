/** Whole numbers of 32 bits from texts and from each other, equal for equal input. Not for secrets. */

/** FNV-1a, then mixed, since ids that differ in their last letter must not come out beside each other. */
export function seedOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return mixed(hash);
}

/** The finaliser of MurmurHash3. */
export function mixed(seed: number): number {
  let hash = seed;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Uniform in [0, 1). */
export const fractionOf = (seed: number): number => (seed >>> 0) / 2 ** 32;
