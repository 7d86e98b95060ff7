/** Dials the control plane: `wss://…`, `ws://…` on loopback, or `ws+unix:<socket>:`. */
import { pipeline } from 'node:stream/promises';
import { createWebSocketStream, WebSocket, type ClientOptions } from 'ws';
import { TroupeError } from '../errors/errors.ts';
import { maxFrameBytes } from './protocol.ts';
import type { Dialer } from './transport.ts';
import { webSocketConnection } from './ws-connection.ts';

export interface WsDialerOptions {
  /** Base URL without path, e.g. `wss://control:9518`, `ws+unix:/run/troupe/link.sock:`. */
  readonly url: string;
  /** PEM; trusts this authority instead of the system's. */
  readonly ca?: string;
  /** Speaks in clear to other machines. */
  readonly allowInsecure: boolean;
}

const handshakeTimeout = 10_000;

/** @throws TroupeError INVALID_CONFIG when the URL would speak in clear beyond this machine */
export function createWsDialer({ url, ca, allowInsecure }: WsDialerOptions): Dialer {
  if (url.startsWith('ws:') && !allowInsecure && !isLoopback(new URL(url).hostname)) {
    throw new TroupeError(
      'INVALID_CONFIG',
      `agent.controlUrl "${url}" would send credentials in clear to another machine; use wss://, or set link.allowInsecure`,
    );
  }
  const options: ClientOptions = {
    perMessageDeflate: false,
    maxPayload: maxFrameBytes,
    handshakeTimeout,
    ...(ca === undefined ? {} : { ca }),
  };
  const connect = (path: string, signal: AbortSignal): Promise<WebSocket> =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(`${url}${path}`, options);
      const abort = (): void => socket.terminate();
      signal.addEventListener('abort', abort, { once: true });
      socket.once('open', () => {
        signal.removeEventListener('abort', abort);
        resolve(socket);
      });
      socket.once('error', (error) =>
        reject(
          new TroupeError(
            'HOST_UNREACHABLE',
            `The control plane at "${url}" can't be reached: ${error.message}`,
            { cause: error },
          ),
        ),
      );
    });
  return {
    dial: async (signal) => webSocketConnection(await connect('/link', signal)),
    async stream(ticket, source, signal) {
      const socket = await connect('/link/data', signal);
      socket.send(ticket);
      await pipeline(source, createWebSocketStream(socket), { signal });
    },
  };
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || host.startsWith('127.');
}
