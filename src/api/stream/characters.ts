/** UTF-8 in parts: clients decode each frame by itself, so that none may hold half a character. */

/** Bytes of the longest character. */
const longest = 4;

/**
 * How many bytes of `bytes` end with a whole character. What is no UTF-8 counts as whole: it is handed on as it is.
 * @see RFC 3629, 3
 */
export function wholeLength(bytes: Buffer): number {
  for (let back = 1; back < longest && back <= bytes.length; back += 1) {
    const byte = bytes[bytes.length - back]!;
    if (isContinuation(byte)) continue;
    return lengthFrom(byte) > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

const isContinuation = (byte: number): boolean => (byte & 0xc0) === 0x80;

/** Of the character that begins with this byte. */
const lengthFrom = (byte: number): number =>
  byte >= 0xf8 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
