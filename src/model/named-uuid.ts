import { createHash } from 'node:crypto';

/** The UUID v5 of a name, so that who asks twice under the same name means the same thing. @see RFC 9562 section 5.5 */
export function namedUuid(name: string): string {
  const hash = createHash('sha1').update(`troupe:${name}`).digest();
  hash[6] = (hash[6]! & 0x0f) | 0x50;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  const hex = hash.toString('hex', 0, 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
