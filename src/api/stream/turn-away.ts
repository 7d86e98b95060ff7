/** The answer to an upgrade that is refused. */
import type { Duplex } from 'node:stream';

/** @param words for people; nothing of the request */
export function turnAway(socket: Duplex, status: string, headers = '', words = ''): void {
  socket.end(
    `HTTP/1.1 ${status}\r\n${headers}Connection: close\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(words)}\r\n\r\n${words}`,
  );
}
