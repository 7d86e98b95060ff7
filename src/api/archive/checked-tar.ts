/**
 * Makes of what a client sent a tar that holds what was looked at, and nothing
 * else: each entry is read, judged, and written anew. So no engine sees a header
 * that means something else to it than to us, and none is asked to unpack what is compressed.
 *
 * Bytes go through as they come, no faster than they are taken.
 */
import { once, type EventEmitter } from 'node:events';
import { pipeline, Readable } from 'node:stream';
import { extract, pack, type Header, type Pack } from 'tar-stream';
import { TroupeError } from '../../errors/errors.ts';
import { entryProblem, type ArchiveEntry, type ArchiveLimits } from '../../model/archive.ts';
import { plainOf } from '../../model/gzip.ts';

/** Of one entry in a tar, beside its content: its header, and a long name's. */
const headerMostBytes = 16 * 1024;

/**
 * @param source a tar, plain or of gzip; destroyed with what is answered
 * @returns a plain tar. It fails with INVALID_SPEC for what is no tar, breaks off, or holds an entry that is not
 *   copied; with TOO_LARGE above a limit. What came before has been told by then
 */
export function checkedTar(source: Readable, limits: ArchiveLimits): Readable {
  const out = pack();
  const checked = Readable.from(out as unknown as AsyncIterable<Buffer>, { objectMode: false });
  // It may fail before somebody reads it, who then is told.
  checked.on('error', () => {});
  source.on('error', () => {});
  checked.once('close', () => {
    source.destroy();
    out.destroy();
  });
  copyEntries(source, out, limits).then(
    () => out.finalize(),
    (error: unknown) => out.destroy(asRefusal(error, source)),
  );
  return checked;
}

async function copyEntries(source: Readable, out: Pack, limits: ArchiveLimits): Promise<void> {
  const left = new AbortController();
  out.once('close', () => left.abort());
  const entries = extract();
  // How it fails is told by the entries, which are waited for.
  pipeline(unpackedOf(source, limits), entries as unknown as NodeJS.WritableStream, () => {});
  let bytes = 0;
  let count = 0;
  for await (const entry of entries) {
    const { header } = entry;
    const problem = problemOf(header);
    if (problem !== null) throw invalid(problem);
    const isFile = header.type === 'file' || header.type === 'contiguous-file';
    const size = isFile ? header.size : 0;
    count += 1;
    bytes += size;
    if (count > limits.entriesMost) throw tooMany(limits);
    if (bytes > limits.bytesMost) throw tooManyBytes(limits);
    const sink = out.entry(plainHeader(header, size));
    // How it fails is told by `out`.
    sink.on('error', () => {});
    for await (const chunk of entry as unknown as AsyncIterable<Buffer>) {
      if (isFile && !sink.write(chunk))
        await once(sink as unknown as EventEmitter, 'drain', { signal: left.signal });
    }
    if (isFile) sink.end(null);
  }
  if (count === 0) throw invalid('they are no tar, or there is nothing in it');
}

/** What is copied of a header; extended attributes are not, and what else a later reader might understand in its own way. */
const plainHeader = (
  { name, type, linkname, mode, uid, gid, mtime, uname, gname }: Header,
  size: number,
): Partial<Header> & { readonly name: string } => ({
  name,
  size,
  type: type === 'contiguous-file' ? 'file' : type,
  linkname,
  mode,
  uid,
  gid,
  mtime,
  uname,
  gname,
});

function problemOf(header: Header): string | null {
  const problem = entryProblem(header as ArchiveEntry);
  return problem === null ? null : `"${header.name.slice(0, 200)}" ${problem}`;
}

/** What was unpacked, too. */
const unpackedOf = (source: Readable, limits: ArchiveLimits): AsyncIterable<Buffer> =>
  plainOf(
    source,
    { bytesMost: limits.bytesMost + limits.entriesMost * headerMostBytes, ratioMost: limits.ratioMost },
    (limit) => (limit === 'ratio' ? tooPacked(limits) : tooManyBytes(limits)),
  );

const tooPacked = ({ ratioMost }: ArchiveLimits): TroupeError =>
  new TroupeError(
    'TOO_LARGE',
    `The files were not copied: they unpack to more than ${ratioMost} times their size; send them as they are`,
    { details: { ratio_most: ratioMost } },
  );

function asRefusal(error: unknown, source: Readable): TroupeError {
  if (error instanceof TroupeError) return error;
  if (source.errored !== null || (source.destroyed && !source.readableEnded))
    return invalid('they broke off before their end', error);
  return invalid(`they are not a tar: ${error instanceof Error ? error.message : String(error)}`, error);
}

const invalid = (why: string, cause?: unknown): TroupeError =>
  new TroupeError('INVALID_SPEC', `The files were not copied: ${why}`, { cause });

const tooMany = ({ entriesMost }: ArchiveLimits): TroupeError =>
  new TroupeError(
    'TOO_LARGE',
    `The files were not copied: they are more than ${entriesMost}; copy them in parts`,
    {
      details: { entries_most: entriesMost },
    },
  );

const tooManyBytes = ({ bytesMost }: ArchiveLimits): TroupeError =>
  new TroupeError(
    'TOO_LARGE',
    `The files were not copied: they are more than ${Math.floor(bytesMost / 1024 / 1024)} MiB; copy them in parts`,
    { details: { bytes_most: bytesMost } },
  );
