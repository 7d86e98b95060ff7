/** A control connection over a WebSocket. */
import type { WebSocket } from 'ws';
import { closeReason } from '../model/close-reason.ts';
import type { Connection } from './transport.ts';

/** Bytes waiting for a peer that does not read; beyond this it is given up. */
const bufferedMost = 64 * 1024 * 1024;

/** How long a closed socket waits for the other end to agree before it is destroyed, ms. */
export const closeTimeout = 2_000;

export function webSocketConnection(socket: WebSocket): Connection {
  const closeListeners: ((code: number, reason: string) => void)[] = [];
  let ended = false;
  // Told at once: who closes does not wait for the other end, which may be gone.
  const end = (code: number, reason: string): void => {
    if (ended) return;
    ended = true;
    for (const listener of closeListeners) listener(code, reason);
  };
  socket.on('close', (code, reason) => end(code, reason.toString()));
  socket.on('error', (error) => {
    socket.terminate();
    end(1006, error.message);
  });
  const connection: Connection = {
    send(frame) {
      if (ended || socket.readyState !== socket.OPEN) return;
      if (socket.bufferedAmount > bufferedMost) {
        socket.terminate();
        end(1008, 'The other end does not read');
        return;
      }
      socket.send(frame);
    },
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
    close(code, reason) {
      if (ended) return;
      socket.close(code, closeReason(reason));
      end(code, reason);
    },
    onFrame(listener) {
      socket.on('message', (data, isBinary) => {
        if (ended) return;
        if (isBinary) connection.close(1003, 'Control frames are text');
        else listener((data as Buffer).toString('utf8'));
      });
    },
    onClose: (listener) => void closeListeners.push(listener),
  };
  return connection;
}
