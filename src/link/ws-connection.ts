/** A control connection over a WebSocket. */
import type { WebSocket } from 'ws';
import type { Connection } from './transport.ts';

/** Bytes waiting for a peer that does not read; beyond this it is given up. */
const bufferedMost = 64 * 1024 * 1024;

export function webSocketConnection(socket: WebSocket): Connection {
  const closeListeners: ((code: number, reason: string) => void)[] = [];
  let ended = false;
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
  return {
    send(frame) {
      if (ended || socket.readyState !== socket.OPEN) return;
      if (socket.bufferedAmount > bufferedMost) {
        socket.terminate();
        return;
      }
      socket.send(frame);
    },
    get bufferedBytes() {
      return socket.bufferedAmount;
    },
    close(code, reason) {
      if (ended) return;
      socket.close(code, reason.slice(0, 120));
      // A peer that is gone never answers the close: we don't wait for it.
      socket.terminate();
      end(code, reason);
    },
    onFrame: (listener) => void socket.on('message', (data) => listener((data as Buffer).toString('utf8'))),
    onClose: (listener) => void closeListeners.push(listener),
  };
}
