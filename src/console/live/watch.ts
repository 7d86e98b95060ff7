/**
 * `WS /v1/watch` in the browser: a snapshot, then every change; what was
 * missed while the connection was away comes before anything new, or a new
 * snapshot instead. Waits between tries, never asks in turns.
 */
import pRetry, { AbortError } from 'p-retry';
import { openSocket } from '../browser.ts';
import type { Watched, WatchedChange, WatchFrame, WatchSnapshotItem } from '../../model/watch.ts';
import { ApiError, callApi } from './api.ts';

export interface WatchHandlers {
  snapshot(items: readonly Watched<WatchSnapshotItem>[]): void;
  change(change: WatchedChange): void;
  /** The server has let us in; what was missed follows. */
  live(): void;
  /** Why, in words; it is tried again. */
  lost(why: string): void;
  /** The token is not good any more. */
  unauthorised(): void;
}

/** The server can't read on from where we were. */
const policyViolation = 1008;
const again = { retries: Infinity, minTimeout: 200, maxTimeout: 5_000, factor: 2, randomize: true };

/** @param all of all projects, for admins */
export function watch(token: string, all: boolean, handlers: WatchHandlers, signal: AbortSignal): void {
  let base: string | null = null;
  /** The last position of each project's stream, and of the hosts'. */
  const positions = new Map<string | null, string>();

  const take = (frame: WatchFrame): void => {
    if (frame.type === 'hello') return handlers.live();
    if (frame.type === 'snapshot') {
      base = frame.position;
      positions.clear();
      return handlers.snapshot(frame.items);
    }
    positions.set(frame.project_id, frame.position);
    handlers.change(frame);
  };

  /** Resolves with the reason when a connection that was let in has ended. */
  const connect = async (): Promise<string> => {
    const { ticket } = await callApi<{ ticket: string }>(token, 'POST', '/v1/tickets').catch(
      (error: unknown) => {
        if (error instanceof ApiError && error.status === 401) throw new AbortError(error);
        throw error;
      },
    );
    return new Promise((resolve, reject) => {
      const socket = openSocket('/v1/watch');
      let wasLetIn = false;
      signal.addEventListener('abort', () => socket.close(), { once: true });
      socket.addEventListener('open', () => {
        const from = base === null ? [] : [base, ...positions.values()];
        socket.send(JSON.stringify({ ticket, all_projects: all, from }));
      });
      socket.addEventListener('message', ({ data }: MessageEvent<string>) => {
        wasLetIn = true;
        take(JSON.parse(data) as WatchFrame);
      });
      socket.addEventListener('close', ({ code, reason }) => {
        // Positions of another world are not read on from: a new snapshot is.
        if (code === policyViolation) base = null;
        if (code === policyViolation) positions.clear();
        const why = reason === '' ? 'the connection was lost' : reason;
        if (wasLetIn) resolve(why);
        else reject(new Error(why));
      });
    });
  };

  void (async () => {
    while (!signal.aborted) {
      try {
        handlers.lost(
          await pRetry(connect, {
            ...again,
            signal,
            onFailedAttempt: ({ error }) => handlers.lost(error.message),
          }),
        );
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof ApiError && error.status === 401) return handlers.unauthorised();
        throw error;
      }
    }
  })();
}
