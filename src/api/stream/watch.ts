/**
 * `WS /v1/watch`: a snapshot, then every change, resumable.
 *
 * The client's first frame says who it is and what it wants:
 * `{"ticket": "…"}` or `{"token": "…"}`, with `all_projects`, `kinds`, `id`,
 * `from`. Then come `hello`, `snapshot` (not on a resume that has everything)
 * and `change` frames, each with a position to resume after.
 *
 * | close | meaning |
 * | --- | --- |
 * | 1001 | the server is stopping: come back with your position |
 * | 1008 | the first frame, ticket or token was not right |
 * | 4403 | not allowed |
 * | 4429 | you read too slowly; the reason holds your last position |
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { ControlPlane, WatchFilter } from '../../actors/index.ts';
import { actorKinds, parseAddress, type ActorKind } from '../../model/address.ts';
import type { Cancel, Environment } from '../../model/environment.ts';
import { toFailure } from '../../errors/errors.ts';
import { isAdmin, type Authenticator, type Identity } from '../auth/identity.ts';
import type { Tickets } from './tickets.ts';

export interface WatchOptions {
  readonly controlPlane: ControlPlane;
  readonly environment: Environment;
  readonly authenticator: Authenticator;
  readonly tickets: Tickets;
  /** Origins besides the request's own host, e.g. `https://console.example`. */
  readonly allowedOrigins: readonly string[];
}

export interface WatchEndpoint {
  /** Answers the upgrade of `/v1/watch`; leaves all others alone. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  close(): void;
}

/** Bytes waiting for one reader; a slower one is dropped with its position. */
const bufferedMost = 1024 * 1024;
const firstFrameMs = 10_000;
const pingMs = 15_000;
/** Sockets that have not said who they are, at most. */
const strangersMost = 256;

interface Wish {
  readonly ticket?: unknown;
  readonly token?: unknown;
  readonly all_projects?: unknown;
  readonly kinds?: unknown;
  readonly id?: unknown;
  readonly from?: unknown;
}

export function createWatchEndpoint(options: WatchOptions): WatchEndpoint {
  const { controlPlane, environment, authenticator, tickets, allowedOrigins } = options;
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: 64 * 1024 });
  let strangers = 0;

  const filterOf = (wish: Wish, identity: Identity): WatchFilter | string => {
    const all = wish.all_projects === true;
    if (all && !isAdmin(identity)) return 'Only an admin may watch all projects';
    const kinds = wish.kinds ?? null;
    if (
      kinds !== null &&
      (!Array.isArray(kinds) || !kinds.every((kind) => actorKinds.includes(kind as ActorKind)))
    ) {
      return `kinds must be a list of ${actorKinds.join(', ')}`;
    }
    if (wish.id !== undefined && typeof wish.id !== 'string') return 'id must be a string';
    return {
      tenant: all ? null : identity.projectId,
      kinds: kinds as readonly ActorKind[] | null,
      id: (wish.id as string | undefined) ?? null,
    };
  };

  const identify = async (wish: Wish): Promise<Identity | null> => {
    if (typeof wish.ticket === 'string') return tickets.redeem(wish.ticket);
    if (typeof wish.token === 'string') return authenticator.authenticate(wish.token);
    return null;
  };

  const serve = async (socket: WebSocket, wish: Wish): Promise<void> => {
    const identity = await identify(wish);
    if (!identity) return socket.close(1008, 'The ticket or token is unknown, used or expired');
    const filter = filterOf(wish, identity);
    if (typeof filter === 'string') return socket.close(4403, filter);
    const from = wish.from === undefined || wish.from === null ? null : String(wish.from);
    socket.send(
      JSON.stringify({
        type: 'hello',
        time: new Date(environment.now()).toISOString(),
        project_id: filter.tenant,
      }),
    );
    let last = from ?? '';
    const subscription = await controlPlane.watch(filter, from, {
      snapshot(views, position) {
        last = position;
        socket.send(JSON.stringify({ type: 'snapshot', items: views.map(named), position }));
      },
      change(change) {
        if (socket.readyState !== socket.OPEN) return false;
        if (socket.bufferedAmount > bufferedMost) {
          environment.log.warn({ project_id: filter.tenant }, 'a slow watcher is dropped');
          socket.close(4429, last.slice(0, 120));
          return false;
        }
        last = change.position;
        socket.send(JSON.stringify({ type: 'change', ...named(change) }));
        return true;
      },
    });
    socket.on('close', () => subscription.close());
  };

  const beat = (socket: WebSocket): void => {
    let alive = true;
    let cancel: Cancel = () => {};
    socket.on('pong', () => (alive = true));
    const tick = (): void => {
      if (!alive) return socket.terminate();
      alive = false;
      socket.ping();
      cancel = environment.schedule(pingMs, tick);
    };
    cancel = environment.schedule(pingMs, tick);
    socket.on('close', () => cancel());
  };

  return {
    upgrade(request, socket, head) {
      if ((request.url ?? '').split('?')[0]!.replace(/^\/+v1\/+/, '/v1/') !== '/v1/watch') return false;
      const { origin, host } = request.headers;
      if (origin !== undefined && !allowedOrigins.includes(origin) && hostOf(origin) !== host) {
        socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
        return true;
      }
      if (strangers >= strangersMost) {
        socket.end(
          'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
        );
        return true;
      }
      strangers += 1;
      server.handleUpgrade(request, socket, head, (webSocket) => {
        let stranger = true;
        const known = (): void => {
          if (stranger) strangers -= 1;
          stranger = false;
          late();
        };
        const late = environment.schedule(firstFrameMs, () =>
          webSocket.close(1008, 'The first frame did not come in time'),
        );
        webSocket.on('close', known);
        webSocket.on('error', () => webSocket.terminate());
        beat(webSocket);
        webSocket.once('message', (data: Buffer) => {
          known();
          let wish: Wish;
          try {
            wish = JSON.parse(data.toString('utf8')) as Wish;
          } catch {
            return webSocket.close(1008, 'The first frame must be JSON with a ticket or a token');
          }
          serve(webSocket, wish).catch((error: unknown) =>
            webSocket.close(1008, toFailure(error).message.slice(0, 120)),
          );
        });
      });
      return true;
    },
    close() {
      for (const client of server.clients) client.close(1001, 'The server is stopping');
      server.close();
    },
  };
}

function hostOf(origin: string): string | null {
  try {
    return new URL(origin).host;
  } catch {
    return null;
  }
}

/** Kind, id and project instead of our internal address. */
function named<T extends { readonly address: string }>(
  item: T,
): Omit<T, 'address'> & { kind: string; id: string; project_id: string | null } {
  const { address, ...rest } = item;
  const { kind, id, tenant } = parseAddress(address);
  return { kind, id, project_id: tenant, ...rest };
}
