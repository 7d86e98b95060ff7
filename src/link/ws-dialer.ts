/** Dials the control plane: `wss://…`, `ws://…` on loopback, or `ws+unix:<socket>:`. */
import type { IncomingMessage } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { WebSocket, type ClientOptions } from 'ws';
import { TroupeError } from '../errors/errors.ts';
import { maxFrameBytes } from './protocol.ts';
import type { Dialer } from './transport.ts';
import { closeTimeout, webSocketConnection } from './ws-connection.ts';
import { webSocketStream } from './ws-stream.ts';

export interface WsDialerOptions {
  /** Base URL without path, e.g. `wss://control:9518`, `ws+unix:/run/troupe/link.sock:`. */
  readonly url: string;
  /** PEM; trusts this authority instead of the system's. */
  readonly ca?: string;
  /** Speaks in clear to other machines. */
  readonly allowInsecure: boolean;
}

const unixScheme = 'ws+unix:';
const handshakeTimeout = 10_000;
/** Of an answer that refuses the upgrade, for people. */
const refusalBytes = 1_000;

/** @throws TroupeError INVALID_CONFIG when the URL would speak in clear beyond this machine */
export function createWsDialer({ url, ca, allowInsecure }: WsDialerOptions): Dialer {
  if (url.startsWith('ws:') && !allowInsecure && !isLoopback(new URL(url).hostname)) {
    throw new TroupeError(
      'INVALID_CONFIG',
      `agent.controlUrl "${url}" would send credentials in clear to another machine; use wss://, or set link.allowInsecure`,
    );
  }
  const options: ClientOptions & { closeTimeout: number } = {
    perMessageDeflate: false,
    maxPayload: maxFrameBytes,
    handshakeTimeout,
    closeTimeout,
    ...(ca === undefined ? {} : { ca }),
  };
  // A path is no part of a URL: it may hold blanks, colons and percent signs, which ws would read as one.
  const socketPath = url.startsWith(unixScheme) ? url.slice(unixScheme.length, url.lastIndexOf(':')) : null;
  if (socketPath !== null)
    options.createConnection = (() => connectUnix(socketPath)) as typeof createConnection;
  const base = socketPath === null ? url : 'ws://localhost';
  const unreachable = (why: string, cause?: unknown): TroupeError =>
    new TroupeError('HOST_UNREACHABLE', `The control plane at "${url}" can't be reached: ${why}`, { cause });

  const connect = (path: string, signal: AbortSignal): Promise<WebSocket> =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(unreachable('the agent is stopping'));
      const socket = new WebSocket(`${base}${path}`, options);
      const abort = (): void => socket.terminate();
      signal.addEventListener('abort', abort, { once: true });
      const settle = (): void => signal.removeEventListener('abort', abort);
      socket.once('open', () => {
        settle();
        resolve(socket);
      });
      socket.once('unexpected-response', (request, response) => {
        void refusalOf(response).then((words) => {
          settle();
          reject(unreachable(words));
          request.destroy();
        });
      });
      // Stays for what fails between the opening and the first listener of who opened it.
      socket.on('error', (error) => {
        settle();
        reject(unreachable(error.message, error));
      });
    });
  const open = async (ticket: string, signal: AbortSignal): Promise<Duplex> => {
    const socket = await connect('/link/data', signal);
    const bytes = webSocketStream(socket, true);
    socket.send(ticket);
    return bytes;
  };
  return {
    open,
    dial: async (signal) => webSocketConnection(await connect('/link', signal)),
    async stream(ticket, source, signal) {
      const bytes = await open(ticket, signal);
      if (source instanceof Duplex) bytes.pipe(source);
      else bytes.resume();
      await pipeline(source, bytes, { signal });
      // What is still said to it reaches nobody; the other end closes once it has read all, however slowly.
      if (source instanceof Duplex) bytes.unpipe(source);
      source.destroy();
      bytes.resume();
      // All was said: how the other end leaves is its own affair.
      await finished(bytes, { signal }).catch(() => {});
    },
  };
}

const connectUnix = (path: string): Socket => createConnection({ path });

async function refusalOf(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const part of response as AsyncIterable<Buffer>) {
      parts.push(part);
      length += part.length;
      if (length >= refusalBytes) break;
    }
  } catch {
    // What came before the cut is said.
  }
  const words = Buffer.concat(parts).toString('utf8').slice(0, refusalBytes).trim();
  return words === '' ? `it answered ${response.statusCode}` : words;
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}
