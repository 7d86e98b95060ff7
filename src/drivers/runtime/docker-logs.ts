/** A container's output as plain bytes. */
import type { IncomingMessage } from 'node:http';
import { pipeline, Readable, Transform } from 'node:stream';
import { TroupeError } from '../../errors/errors.ts';
import type { DockerEngine } from './docker-engine.ts';
import { refusal } from './docker-errors.ts';
import { requireContainer } from './docker-find.ts';
import type { LogOptions } from './runtime-driver.ts';

/**
 * Opens the output of a container. Destroying the stream, or aborting the
 * signal, ends the request; a slow reader holds the engine back.
 *
 * @throws TroupeError CONTAINER_GONE
 */
export async function openLogs(
  engine: DockerEngine,
  containerId: string,
  options: LogOptions,
  signal: AbortSignal,
): Promise<Readable> {
  const info = await requireContainer(engine, containerId, signal);
  // Docker refuses a request for neither.
  if (!options.stdout && !options.stderr) return Readable.from([]);
  const reply = await engine.open({
    method: 'GET',
    path: `/containers/${info.Id}/logs`,
    query: {
      stdout: flag(options.stdout),
      stderr: flag(options.stderr),
      timestamps: flag(options.timestamps),
      follow: flag(options.follow),
      tail: String(options.tail),
      ...(options.sinceSeconds > 0 && { since: String(options.sinceSeconds) }),
    },
    signal,
  });
  if (!reply.ok) {
    if (reply.status === 404 || reply.status === 409) throw gone(containerId);
    throw refusal('The output of the container could not be read', reply.status, reply.message);
  }
  // With a terminal there is one stream, without frames.
  return info.Config.Tty ? reply.body : withoutFrames(reply.body);
}

function withoutFrames(body: IncomingMessage): Readable {
  // The reader hears of errors on the stream it was given.
  return pipeline(body, new Demultiplexer(), () => undefined);
}

/**
 * Takes off Docker's frames: one byte of stream (1 = stdout, 2 = stderr),
 * three zero bytes, four bytes of length (big-endian), then that many bytes.
 *
 * @see https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
 */
export class Demultiplexer extends Transform {
  #header = Buffer.alloc(0);
  #left = 0;

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#left > 0) {
        const end = Math.min(at + this.#left, chunk.length);
        this.push(chunk.subarray(at, end));
        this.#left -= end - at;
        at = end;
      } else {
        const end = Math.min(at + frameHeader - this.#header.length, chunk.length);
        this.#header = Buffer.concat([this.#header, chunk.subarray(at, end)]);
        at = end;
        if (this.#header.length === frameHeader) {
          this.#left = this.#header.readUInt32BE(4);
          this.#header = Buffer.alloc(0);
        }
      }
    }
    done();
  }
}

const frameHeader = 8;

function flag(value: boolean): string {
  return value ? '1' : '0';
}

function gone(containerId: string): TroupeError {
  return new TroupeError('CONTAINER_GONE', `Container "${containerId}" is not on this host`);
}
