/**
 * Takes agents' WebSockets off an HTTP server: control at `/link`, bytes at
 * `/link/data`. In clear only from this machine, unless the site allows it.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type ServerOptions, type WebSocket } from 'ws';
import type { Environment } from '../model/environment.ts';
import type { HostLinks } from './host-links.ts';
import { maxFrameBytes } from './protocol.ts';
import { closeTimeout, webSocketConnection } from './ws-connection.ts';
import { webSocketStream } from './ws-stream.ts';

export interface WsAcceptorOptions {
  readonly environment: Pick<Environment, 'schedule'>;
  readonly links: HostLinks;
  readonly allowInsecure: boolean;
  /** Sockets that have proved nothing yet. Default 1,000. */
  readonly unauthenticatedMost?: number;
}

/** For the first frame of a data socket. */
const ticketMs = 10_000;

/** Answers the upgrade of `/link` and `/link/data`; leaves all others alone. Returns whether it took the request. */
export function createLinkAcceptor({
  environment,
  links,
  allowInsecure,
  unauthenticatedMost = 1_000,
}: WsAcceptorOptions): (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean {
  const options: ServerOptions & { closeTimeout: number } = {
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: maxFrameBytes,
    closeTimeout,
  };
  const server = new WebSocketServer(options);
  const unauthenticated = new Set<WebSocket>();

  const acceptData = (socket: WebSocket): void => {
    const giveUp = (): void => socket.close(1008, 'Unknown ticket');
    const cancel = environment.schedule(ticketMs, giveUp);
    socket.once('close', cancel);
    // A socket that breaks before its ticket came is nobody's loss.
    socket.on('error', () => socket.terminate());
    socket.once('message', (ticket: Buffer) => {
      cancel();
      unauthenticated.delete(socket);
      const bytes = webSocketStream(socket, false);
      if (links.acceptStream(ticket.toString('utf8'), bytes)) return;
      bytes.on('error', () => {});
      giveUp();
    });
  };

  return (request, socket, head) => {
    const path = (request.url ?? '').split('?')[0];
    if (path !== '/link' && path !== '/link/data') return false;
    socket.on('error', () => socket.destroy());
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
    if (unauthenticated.size >= unauthenticatedMost) {
      refuse(socket, '503 Service Unavailable', 'Too many links are being opened; try again\n');
      return true;
    }
    server.handleUpgrade(request, socket, head, (webSocket) => {
      unauthenticated.add(webSocket);
      webSocket.once('close', () => unauthenticated.delete(webSocket));
      if (path === '/link/data') return acceptData(webSocket);
      links.accept(webSocketConnection(webSocket), remote ?? 'local', () =>
        unauthenticated.delete(webSocket),
      );
    });
    return true;
  };
}

/** Puts the acceptor alone on a server, for a listener that serves nothing else. */
export function attachLinkAcceptor(server: Server, accept: ReturnType<typeof createLinkAcceptor>): void {
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
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
