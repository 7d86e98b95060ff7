/** A line of JSON at the beginning of a stream of bytes: what one end says before them, or instead. */
import type { Readable } from 'node:stream';

/** A path may be long, and more is none. */
const lineMostBytes = 64 * 1024;
const newline = 10;

export const line = (value: object): Buffer => Buffer.from(`${JSON.stringify(value)}\n`);

/**
 * What the other end says in words, and the bytes that follow.
 * @param gone what is thrown when it goes away, or says what is no object; the stream is then destroyed
 */
export async function firstWords<T extends object>(
  stream: Readable,
  gone: () => Error,
): Promise<{ readonly said: T; readonly rest: AsyncIterable<Buffer> }> {
  // Who stops reading may still have something to say.
  const chunks = stream.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Buffer>;
  let begun: Buffer = Buffer.alloc(0);
  while (begun.length < lineMostBytes) {
    const { done, value } = await chunks.next();
    if (done) break;
    const from = begun.length;
    begun = Buffer.concat([begun, value]);
    const end = begun.indexOf(newline, from);
    if (end < 0) continue;
    const said = objectIn(begun.toString('utf8', 0, end)) as T | null;
    if (said === null) break;
    const left = begun.subarray(end + 1);
    async function* rest(): AsyncGenerator<Buffer> {
      if (left.length > 0) yield left;
      yield* chunks;
    }
    return { said, rest: rest() };
  }
  stream.destroy();
  throw gone();
}

function objectIn(words: string): object | null {
  try {
    const value = JSON.parse(words) as unknown;
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}
