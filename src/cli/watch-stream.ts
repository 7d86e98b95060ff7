/**
 * `WS /v1/watch` as an endless stream: a lost connection is taken up again
 * after the last position, by itself, and told.
 *
 * W1. A frame is handed on once: what follows a loss begins after the last
 *     position, or with a new snapshot when the server no longer has it.
 * W2. Only the first connection may fail for want of an answer; a later one is
 *     tried until it succeeds, or until the server says that it makes no sense.
 */
import pRetry from 'p-retry';
import { WebSocket, type ClientOptions as SocketOptions } from 'ws';
import type { WatchFrame } from '../model/watch.ts';
import { ApiError, unreachable, type ClientOptions } from './api-error.ts';

export interface WatchWish {
  readonly allProjects?: boolean;
  readonly id?: string;
  readonly kinds?: readonly string[];
  /** Resume after this position. */
  readonly from?: string;
}

export interface WatchHandlers {
  frame(frame: WatchFrame, text: string): void;
  /** The connection was lost, in words with what comes next; and, later, that it is back. */
  say(text: string): void;
}

/** Resolves when `signal` ends it. @throws ApiError when nobody answers at first, or the server won't have it */
export type WatchStream = (wish: WatchWish, handlers: WatchHandlers, signal: AbortSignal) => Promise<void>;

/** The server's own words that trying again is no use. @see src/api/stream/watch.ts */
const refusals: Readonly<Record<number, number>> = { 1008: 400, 4403: 403 };
/** The server pings each 15 s; who misses two of them has no connection. */
const silenceMs = 35_000;
const again = { retries: Infinity, minTimeout: 100, maxTimeout: 5_000, factor: 2, randomize: true };

export function watchStream({ url, token, tls, schedule }: ClientOptions): WatchStream {
  return async (wish, { frame, say }, signal) => {
    // What ws hands on to node:tls, which its types know only in part.
    const socketOptions = { ...tls } as unknown as SocketOptions;
    let position = wish.from ?? null;
    let lost = false;

    /** An open connection; its end, as soon as it has one. */
    const connect = (): Promise<{ readonly ended: Promise<string> }> =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return resolve({ ended: Promise.resolve('') });
        const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/v1/watch`, socketOptions);
        const leave = (): void => socket.terminate();
        signal.addEventListener('abort', leave);
        let cancel = schedule(silenceMs, leave);
        const heard = (): void => {
          cancel();
          cancel = schedule(silenceMs, leave);
        };
        socket.on('ping', heard);
        const ended = new Promise<string>((tell, refuse) => {
          socket.on('close', (code, why) => {
            signal.removeEventListener('abort', leave);
            cancel();
            const status = refusals[code];
            const words = why.toString('utf8');
            if (status !== undefined && !signal.aborted)
              refuse(new ApiError(status, words || `closed with ${code}`));
            else tell(code === 4429 ? 'we read too slowly' : words || `closed with ${code}`);
          });
        });
        // It is waited for only once the connection is open.
        ended.catch(() => {});
        socket.on('error', (error) => reject(new ApiError(503, unreachable(url, error))));
        socket.on('open', () => {
          socket.send(
            JSON.stringify({
              token,
              all_projects: wish.allProjects === true,
              ...(wish.id === undefined ? {} : { id: wish.id }),
              ...(wish.kinds === undefined ? {} : { kinds: wish.kinds }),
              ...(position === null ? {} : { from: position }),
            }),
          );
          resolve({ ended });
        });
        socket.on('message', (data: Buffer) => {
          const text = data.toString('utf8');
          const told = JSON.parse(text) as WatchFrame;
          if (told.type === 'hello') {
            if (lost) say('the watch is back');
            return;
          }
          if (lost && told.type === 'snapshot')
            say('the server no longer has all that was missed: this is how it is now');
          lost = false;
          position = told.position;
          frame(told, text);
        });
      });

    let connection = await connect();
    for (;;) {
      const why = await connection.ended;
      if (signal.aborted) return;
      lost = true;
      say(`the watch was cut (${why}); it goes on after its last position`);
      connection = await pRetry(connect, { ...again, signal }).catch((error: unknown) => {
        if (signal.aborted) return { ended: Promise.resolve('') };
        throw error;
      });
    }
  };
}
