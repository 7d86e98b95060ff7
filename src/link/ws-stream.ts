/**
 * A data socket as a stream of bytes both ways. Bytes are binary frames, and
 * an empty one is the end of what its sender has to say: WebSockets can't be
 * closed by halves, and a process's stdin may end long before its output.
 *
 * Who reads slowly holds the other end back: nothing is kept here beyond what
 * one read of the socket brought.
 */
import { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { TroupeError } from '../errors/errors.ts';

const end = Buffer.alloc(0);
const closedInOrder = 1000;

/**
 * Owns `socket` from now on. It is closed in order once both ends have ended; one that closes before the other's end has come
 * was cut off, which is an error HOST_UNREACHABLE. Destroying it cuts the other end off.
 *
 * @param allowHalfOpen false = this end has nothing more to say once it has read the other's end
 */
export function webSocketStream(socket: WebSocket, allowHalfOpen: boolean): Duplex {
  let isOtherDone = false;

  const stream: Duplex = new Duplex({
    allowHalfOpen,
    read: () => socket.resume(),
    write(chunk: Buffer, _encoding, done) {
      if (chunk.length === 0) return done();
      socket.send(chunk, { binary: true }, done);
    },
    final: (done) => socket.send(end, { binary: true }, done),
    destroy(error, done) {
      const isInOrder = error === null && stream.writableFinished;
      if (isInOrder) socket.close(closedInOrder);
      else socket.terminate();
      done(error);
    },
  });
  socket.on('message', (chunk: Buffer) => {
    if (isOtherDone) return;
    if (chunk.length === 0) {
      isOtherDone = true;
      stream.push(null);
    } else if (!stream.push(chunk)) socket.pause();
  });
  socket.on('error', (error) => stream.destroy(cutOff(error)));
  socket.on('close', () => {
    if (stream.destroyed) return;
    if (!isOtherDone) return void stream.destroy(cutOff());
    // What was still to be said to it is not wanted; what it said may still be read.
    if (stream.readableEnded) stream.destroy();
    else stream.once('end', () => stream.destroy());
  });
  return stream;
}

const cutOff = (cause?: Error): TroupeError =>
  new TroupeError('HOST_UNREACHABLE', 'The stream was cut off between control plane and host', { cause });
