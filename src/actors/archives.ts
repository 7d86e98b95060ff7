/** Files of a container, where the container is now: streamed from its host and to it, nothing held. */
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { fromFailure, TroupeError } from '../errors/errors.ts';
import type { HostLinks } from '../link/host-links.ts';
import type { OperationOutcome } from '../link/protocol.ts';
import type { ContainerContext } from '../machines/container/context.ts';
import type { PathStat } from '../model/archive.ts';

/** Of what a host says before the bytes: a path may be long, and more is none. */
const lineMostBytes = 64 * 1024;
const newline = 10;

/** @throws TroupeError HOST_UNREACHABLE, TIMED_OUT, or what its engine answered */
export async function getArchive(
  links: HostLinks,
  { id, hostId }: ContainerContext,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly stat: PathStat; readonly tar: Readable }> {
  const stream = await links.openStream(hostId ?? '', id, { kind: 'getArchive', path }, signal);
  const { line, rest } = await firstLine(stream);
  const tar = Readable.from(rest, { objectMode: false });
  tar.once('close', () => stream.destroy());
  return { stat: JSON.parse(line) as PathStat, tar };
}

/**
 * Resolves once all is unpacked. What had come before a failure stays.
 * @param tar destroyed in the end
 * @throws TroupeError as {@link getArchive}; how `tar` fails, when it does
 */
export async function putArchive(
  links: HostLinks,
  { id, tenant, generation, hostId }: ContainerContext,
  path: string,
  tar: Readable,
  signal: AbortSignal,
): Promise<void> {
  try {
    const stream = await links.openStream(
      hostId ?? '',
      id,
      { kind: 'putArchive', tenant, generation, path },
      signal,
    );
    // How sending fails is told by the tar, or by what the host answers.
    const sent = pipeline(tar, stream).catch(() => {});
    try {
      const outcome = JSON.parse((await firstLine(stream)).line) as OperationOutcome;
      if (!outcome.ok) throw fromFailure(outcome.failure);
      await sent;
    } catch (error) {
      throw tar.errored ?? error;
    } finally {
      stream.destroy();
    }
  } finally {
    tar.destroy();
  }
}

/** What a host says in words, and the bytes that follow. @throws TroupeError HOST_UNREACHABLE */
async function firstLine(
  stream: Readable,
): Promise<{ readonly line: string; readonly rest: AsyncIterable<Buffer> }> {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterableIterator<Buffer>;
  let begun: Buffer = Buffer.alloc(0);
  while (begun.length < lineMostBytes) {
    const { done, value } = await chunks.next();
    if (done) break;
    const from = begun.length;
    begun = Buffer.concat([begun, value]);
    const end = begun.indexOf(newline, from);
    if (end < 0) continue;
    const left = begun.subarray(end + 1);
    async function* rest(): AsyncGenerator<Buffer> {
      if (left.length > 0) yield left;
      yield* chunks;
    }
    return { line: begun.toString('utf8', 0, end), rest: rest() };
  }
  stream.destroy();
  throw new TroupeError('HOST_UNREACHABLE', 'The host went away while files were copied; try again');
}
