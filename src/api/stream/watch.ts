/**
 * `WS /v1/watch`: a snapshot, then every change, resumable.
 *
 * The client's first frame says who it is and what it wants:
 * `{"ticket": "…"}` or `{"token": "…"}`, with `all_projects`, `kinds`, `id`,
 * `from`. Then come `hello`, `snapshot` (not on a resume that has everything)
 * and `change` frames, the last two with a position.
 *
 * `from` is the last position that was told. Who watches all projects keeps
 * the snapshot's position and the last one of each `project_id`'s changes, and
 * gives the list of them; with less it gets a new snapshot.
 *
 * | close | meaning |
 * | --- | --- |
 * | 1001 | the server is stopping: come back with your position |
 * | 1008 | the first frame, ticket, token or position was not right |
 * | 1011 | the server failed: come back with your position |
 * | 1013 | what was missed can't be read now: come back later with your position |
 * | 4403 | not allowed |
 * | 4429 | you read too slowly; the reason holds your last position, if it has room for it |
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type ServerOptions, type WebSocket } from 'ws';
import type { ControlPlane } from '../../actors/index.ts';
import { closeReason } from '../../model/close-reason.ts';
import type { Cancel, Environment } from '../../model/environment.ts';
import type { Authenticator, Identity } from '../auth/identity.ts';
import { canonicalPath } from '../paths.ts';
import type { Policy } from '../policy/policy.ts';
import { closeOf } from './close.ts';
import { isOriginAllowed } from './origin.ts';
import { createReader } from './reader.ts';
import type { Tickets } from './tickets.ts';
import { turnAway } from './turn-away.ts';
import { filterOf, parseWish, WishError, type Wish } from './wish.ts';

export interface WatchOptions {
  readonly controlPlane: ControlPlane;
  readonly environment: Environment;
  readonly authenticator: Authenticator;
  readonly policy: Policy;
  readonly tickets: Tickets<Identity>;
  /** Origins besides the request's own host, e.g. `https://console.example`. */
  readonly allowedOrigins: readonly string[];
}

export interface WatchEndpoint {
  /** Answers the upgrade of `/v1/watch`; leaves all others alone. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  close(): void;
}

const firstFrameMs = 10_000;
const pingMs = 15_000;
/** Sockets that have not proved who they are, at most. */
const strangersMost = 256;
/** Of the first frame: positions of some thousand projects. */
const maxPayload = 256 * 1024;
/** How long a closed socket waits for the other end to agree before it is destroyed, ms. */
const closeTimeout = 2_000;

export function createWatchEndpoint(options: WatchOptions): WatchEndpoint {
  const { controlPlane, environment, authenticator, policy, tickets, allowedOrigins } = options;
  const serverOptions: ServerOptions & { closeTimeout: number } = {
    noServer: true,
    perMessageDeflate: false,
    maxPayload,
    closeTimeout,
  };
  const server = new WebSocketServer(serverOptions);
  const strangers = new Set<WebSocket>();
  /** What each socket writes to. */
  const wires = new WeakMap<WebSocket, Duplex>();

  const close = (socket: WebSocket, code: number, reason: string): void =>
    socket.close(code, closeReason(reason));

  const identify = async ({ ticket, token }: Wish): Promise<Identity | null> =>
    ticket !== null ? tickets.redeem(ticket) : authenticator.authenticate(token ?? '');

  const serve = async (socket: WebSocket, frame: string): Promise<void> => {
    const wish = parseWish(frame);
    const identity = await identify(wish);
    if (!identity) throw new WishError('The ticket or token is unknown, used or expired');
    strangers.delete(socket);
    const access = policy.of(identity);
    access.require('troupe:watch');
    if (wish.allProjects) access.require('troupe:watch_all_projects');
    const filter = filterOf(wish, identity.projectId);
    const time = new Date(environment.now()).toISOString();
    socket.send(JSON.stringify({ type: 'hello', time, project_id: filter.tenant }));
    const hold = holdBack(environment, wires.get(socket)!);
    const reader = createReader(
      socket,
      controlPlane,
      access.may('container:get_one:host'),
      hold,
      (lastPosition) => {
        environment.log.warn({ project_id: filter.tenant }, 'a slow watcher is dropped');
        const isWhole = closeReason(lastPosition) === lastPosition;
        close(socket, 4429, isWhole ? lastPosition : 'Resume after the last position you were told');
      },
    );
    const subscription = await controlPlane.watch(filter, wish.from, reader);
    // It may have gone while it was being told what it missed.
    if (socket.readyState !== socket.OPEN) subscription.close();
    else socket.once('close', () => subscription.close());
  };

  const refuse = (socket: WebSocket, error: unknown): void => {
    if (error instanceof WishError) return close(socket, 1008, error.message);
    const { code, reason, level } = closeOf(error);
    if (level !== 'info') environment.log.error({ err: error }, 'a watcher could not be served');
    close(socket, code, reason);
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
    socket.once('close', () => cancel());
  };

  const greet = (socket: WebSocket): void => {
    strangers.add(socket);
    const cancelLate = environment.schedule(firstFrameMs, () =>
      close(socket, 1008, 'The first frame did not come in time'),
    );
    socket.once('close', () => {
      strangers.delete(socket);
      cancelLate();
    });
    socket.on('error', () => socket.terminate());
    beat(socket);
    socket.once('message', (data: Buffer) => {
      cancelLate();
      serve(socket, data.toString('utf8')).catch((error: unknown) => refuse(socket, error));
    });
  };

  return {
    upgrade(request, socket, head) {
      if (canonicalPath(request.url ?? '/').split('?')[0] !== '/v1/watch') return false;
      if (!isOriginAllowed(request, allowedOrigins)) {
        turnAway(socket, '403 Forbidden');
      } else if (strangers.size >= strangersMost) {
        turnAway(socket, '503 Service Unavailable', 'Retry-After: 1\r\n');
      } else {
        server.handleUpgrade(request, socket, head, (client) => {
          wires.set(client, socket);
          greet(client);
        });
      }
      return true;
    },
    close() {
      for (const client of server.clients) close(client, 1001, 'The server is stopping');
      server.close();
    },
  };
}

/**
 * Holds back what is written until this turn of the event loop ends: changes
 * that are committed together reach each of a thousand watchers by one system
 * call, which is most of what telling them costs.
 */
function holdBack(environment: Environment, wire: Duplex): () => void {
  let isHeld = false;
  return () => {
    if (isHeld) return;
    isHeld = true;
    wire.cork();
    environment.defer(() => {
      isHeld = false;
      wire.uncork();
    });
  };
}
