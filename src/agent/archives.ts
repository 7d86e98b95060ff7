/** Files of a container over a data socket: out of it, and into it. @see protocol.ts, HostStream */
import { Duplex, PassThrough, Readable } from 'node:stream';
import type { OperationIdentity } from '../drivers/runtime/operation-identity.ts';
import type { ArchivePower } from '../drivers/runtime/runtime-powers.ts';
import { toFailure } from '../errors/errors.ts';
import { line } from '../link/first-words.ts';
import type { OperationOutcome } from '../link/protocol.ts';

/** What the path is, as a line, and then a tar of it. @throws TroupeError INVALID_SPEC, CONTAINER_GONE */
export async function archiveOf(
  archive: ArchivePower,
  containerId: string,
  path: string,
  signal: AbortSignal,
): Promise<Readable> {
  const { stat, tar } = await archive.get(containerId, path, signal);
  async function* bytes(): AsyncGenerator<Buffer> {
    yield line(stat);
    yield* tar as AsyncIterable<Buffer>;
  }
  const source = Readable.from(bytes(), { objectMode: false });
  // One that nobody began to read lets go of the engine, too.
  source.once('close', () => tar.destroy());
  return source;
}

/** Takes a tar, and says in one line what came of it. One that breaks off is the driver's to refuse. */
export function unpackInto(
  archive: ArchivePower,
  identity: OperationIdentity,
  path: string,
  signal: AbortSignal,
): Duplex {
  const tar = new PassThrough();
  tar.on('error', () => {});
  const source = new Duplex({
    read: () => {},
    // After a failure what still comes is dropped.
    write: (chunk: Buffer, _encoding, done) => void tar.write(chunk, () => done()),
    final(done) {
      tar.end();
      done();
    },
    destroy(error, done) {
      tar.destroy();
      done(error);
    },
  });
  archive
    .put(identity, path, tar, signal)
    .then(
      (): OperationOutcome => ({ ok: true, output: null }),
      (error: unknown): OperationOutcome => ({ ok: false, failure: toFailure(error) }),
    )
    .then((outcome) => {
      if (source.destroyed) return;
      source.push(line(outcome));
      source.push(null);
    });
  return source;
}
