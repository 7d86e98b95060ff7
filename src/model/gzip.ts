/** What gzip has made, taken apart only as far as its size and ratio are to be believed. */
import { once } from 'node:events';
import { pipeline, Readable } from 'node:stream';
import { createGunzip, type Gunzip } from 'node:zlib';

export interface UnpackLimits {
  /** Of what is unpacked. */
  readonly bytesMost: number;
  /** Unpacked ÷ packed. */
  readonly ratioMost: number;
}

/** The error for what passes a limit. */
export type TooLarge = (limit: 'bytes' | 'ratio') => Error;

/** So much may come of a few bytes before their ratio says anything. */
const ratioFromBytes = 1024 * 1024;
/** Begins what gzip has made. @see RFC 1952 2.3.1 */
const magic = Buffer.from([0x1f, 0x8b]);

/** Without gzip, where there is any. Fails with what `tooLarge` says, as the source does, or as zlib does for what breaks off. */
export async function* plainOf(
  source: AsyncIterable<Buffer>,
  limits: UnpackLimits,
  tooLarge: TooLarge,
): AsyncGenerator<Buffer> {
  const { isPacked, content } = await begun(source);
  if (!isPacked) return yield* content;
  const gunzip = createGunzip();
  pipeline(Readable.from(content, { objectMode: false }), gunzip, () => {});
  yield* bounded(gunzip, limits, tooLarge);
}

/** As it is; fails like {@link plainOf} where it would. For whoever hands on what others unpack. */
export async function* packedWithin(
  source: AsyncIterable<Buffer>,
  limits: UnpackLimits,
  tooLarge: TooLarge,
): AsyncGenerator<Buffer> {
  const { isPacked, content } = await begun(source);
  if (!isPacked) return yield* content;
  const gunzip = createGunzip();
  let isOver = false;
  const counted = (async () => {
    for await (const chunk of bounded(gunzip, limits, tooLarge)) void chunk;
  })().finally(() => (isOver = true));
  // It is waited for below.
  counted.catch(() => {});
  gunzip.on('error', () => {});
  for await (const chunk of content) {
    if (!isOver && !gunzip.write(chunk)) await Promise.race([once(gunzip, 'drain'), counted]);
    yield chunk;
  }
  gunzip.end();
  await counted;
}

async function* bounded(
  gunzip: Gunzip,
  { bytesMost, ratioMost }: UnpackLimits,
  tooLarge: TooLarge,
): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of gunzip as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ratioFromBytes && bytes > gunzip.bytesWritten * ratioMost) throw tooLarge('ratio');
    if (bytes > bytesMost) throw tooLarge('bytes');
    yield chunk;
  }
}

async function begun(
  source: AsyncIterable<Buffer>,
): Promise<{ readonly isPacked: boolean; readonly content: AsyncIterable<Buffer> }> {
  const chunks = source[Symbol.asyncIterator]();
  let begin: Buffer = Buffer.alloc(0);
  while (begin.length < magic.length) {
    const { done, value } = await chunks.next();
    if (done) break;
    begin = Buffer.concat([begin, value]);
  }
  return {
    isPacked: begin.subarray(0, magic.length).equals(magic),
    content: (async function* () {
      if (begin.length > 0) yield begin;
      for (;;) {
        const { done, value } = await chunks.next();
        if (done) return;
        yield value;
      }
    })(),
  };
}
