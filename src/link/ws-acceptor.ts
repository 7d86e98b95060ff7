/**
 * Takes agents' WebSockets off an HTTP server: control at `/link`, bytes at
 * `/link/data`. In clear only from this machine, unless the site allows it.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { createWebSocketStream, WebSocketServer } from 'ws';
import type { HostLinks } from './host-links.ts';
import { maxFrameBytes } from './protocol.ts';
import { webSocketConnection } from './ws-connection.ts';

export interface WsAcceptorOptions {
  readonly links: HostLinks;
  readonly allowInsecure: boolean;
}

/** Agents that have not said hello yet, at most. */
const unauthenticatedMost = 256;

/** Answers the upgrade of `/link` and `/link/data`; leaves all others alone. Returns whether it took the request. */
export function createLinkAcceptor({
  links,
  allowInsecure,
}: WsAcceptorOptions): (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean {
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: maxFrameBytes });
  return (request, socket, head) => {
    const path = (request.url ?? '').split('?')[0];
    if (path !== '/link' && path !== '/link/data') return false;
    const encrypted = 'encrypted' in request.socket;
    const remote = request.socket.remoteAddress;
    if (!encrypted && !allowInsecure && remote !== undefined && !isLocal(remote)) {
      refuse(
        socket,
        '426 Upgrade Required',
        'Host links from other machines need TLS: dial wss://, or set link.allowInsecure on the control plane\n',
      );
      return true;
    }
    if (server.clients.size >= unauthenticatedMost + links.online().size * 4) {
      refuse(socket, '503 Service Unavailable', 'Too many links are being opened; try again\n');
      return true;
    }
    server.handleUpgrade(request, socket, head, (webSocket) => {
      if (path === '/link') return links.accept(webSocketConnection(webSocket), remote ?? 'local');
      webSocket.once('message', (ticket: Buffer) => {
        if (!links.acceptStream(ticket.toString('utf8'), createWebSocketStream(webSocket)))
          webSocket.close(1008, 'Unknown ticket');
      });
    });
    return true;
  };
}

/** Puts the acceptor alone on a server, for a listener that serves nothing else. */
export function attachLinkAcceptor(server: Server, accept: ReturnType<typeof createLinkAcceptor>): void {
  server.on('upgrade', (request, socket, head) => {
    if (!accept(request, socket, head)) refuse(socket, '404 Not Found', '');
  });
}

const isLocal = (address: string): boolean =>
  address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.');

function refuse(socket: Duplex, status: string, body: string): void {
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
