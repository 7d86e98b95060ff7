/**
 * `WS /v1/sessions?token=…`: the bytes of one session, both ways.
 *
 * Binary frames are bytes. Those from the container hold whole UTF-8
 * characters, as far as it writes any. An empty binary frame from the client
 * ends the process's stdin, that of the main process excepted, which others
 * may be attached to as well. Text frames from the client are taken for its UTF-8.
 *
 * Who reads slowly holds the process back, and a process that reads slowly
 * holds its client back: between them nothing grows. A client that goes leaves
 * the process as it is.
 *
 * | close | meaning |
 * | --- | --- |
 * | 1000 | the process has ended; the reason is `{"exit_code": …}`, null when it isn't known |
 * | 1001 | the server is stopping; the process goes on |
 * | others | it failed, with the reason in words: the table of kinds in docs/errors.md |
 *
 * Zun's clients ask for the subprotocol `binary` and don't show reasons: to
 * their terminals a failure is written, too.
 *
 * @see zun-api 4.2
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type ServerOptions, type WebSocket } from 'ws';
import type { ControlPlane } from '../../actors/index.ts';
import { closeReason } from '../../model/close-reason.ts';
import type { Cancel, Environment } from '../../model/environment.ts';
import type { OpenSession } from '../../model/session.ts';
import { canonicalPath } from '../paths.ts';
import { wholeLength } from './characters.ts';
import { closeOf, type Close } from './close.ts';
import { isOriginAllowed } from './origin.ts';
import type { Session, Sessions } from './sessions.ts';
import { turnAway } from './turn-away.ts';

export interface SessionEndpointOptions {
  readonly controlPlane: ControlPlane;
  readonly environment: Environment;
  readonly sessions: Sessions;
  /** Origins besides the request's own, e.g. `https://console.example`. */
  readonly allowedOrigins: readonly string[];
}

export interface SessionEndpoint {
  /** Answers the upgrade of `/v1/sessions`; leaves all others alone. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean;
  close(): void;
}

export const sessionPath = '/v1/sessions';

const subprotocol = 'binary';
/** Keeps what is between us and the client from forgetting a session that is silent. */
const pingMs = 15_000;
/** Of one frame; what is pasted comes in several. */
const maxPayload = 1024 * 1024;
/** For a client that reads slowly to have read all and agreed, ms. */
const closeTimeout = 30_000;
/** From the end of the output to that of its process. */
const endMs = 2_000;
const answerMs = 10_000;
/** Between our looks at whether a silent client is still there: the kernel's, since one that reads slowly answers no ping. */
const keepAliveMs = 30_000;

/** What went through one session, for the log; never the bytes. */
interface Tally {
  received: number;
  sent: number;
}

export function createSessionEndpoint(options: SessionEndpointOptions): SessionEndpoint {
  const { controlPlane, environment, sessions, allowedOrigins } = options;
  const serverOptions: ServerOptions & { closeTimeout: number } = {
    noServer: true,
    perMessageDeflate: false,
    maxPayload,
    closeTimeout,
    handleProtocols: (offered) => (offered.has(subprotocol) ? subprotocol : false),
  };
  const server = new WebSocketServer(serverOptions);

  /** Null when it isn't known: it goes on without output, or nobody can tell. */
  const exitCodeOf = async ({ address }: Session, execId: string | null): Promise<number | null> => {
    const service = { kind: 'awaitEnd', execId, timeLimitMs: endMs } as const;
    try {
      const state = await controlPlane.serve(address, service, endMs + answerMs);
      return (state as { readonly exitCode: number | null }).exitCode;
    } catch {
      return null;
    }
  };

  const resize = async ({ address, size, tty }: Session, execId: string | null): Promise<void> => {
    if (size === null || !tty) return;
    // A short process may have ended by then, and engines refuse that in their own ways: its output and its end tell.
    await controlPlane
      .serve(address, { kind: 'resizeTerminal', execId, ...size }, answerMs)
      .catch((err: unknown) => environment.log.debug({ err }, 'a terminal was not told its size'));
  };

  const serve = async (socket: WebSocket, session: Session, tally: Tally): Promise<Close> => {
    const left = new AbortController();
    socket.once('close', () => left.abort());
    // What is typed meanwhile waits in the network.
    socket.pause();
    const { execId, stream } = await controlPlane.openSession(session.address, session.wish, left.signal);
    try {
      session.execId = execId;
      socket.once('close', () => stream.destroy());
      if (socket.readyState !== socket.OPEN) stream.destroy();
      takeInput(socket, session, { execId, stream }, tally);
      await resize(session, execId);
      await giveOutput(socket, stream, tally);
    } catch (error) {
      stream.destroy();
      throw error;
    }
    session.exitCode = await exitCodeOf(session, execId);
    return { code: 1000, reason: JSON.stringify({ exit_code: session.exitCode }), level: 'info' };
  };

  const greet = (socket: WebSocket, session: Session): void => {
    const { caller, containerId, wish, tty } = session;
    const log = environment.log.child({
      request_id: caller.requestId,
      project_id: caller.projectId,
      user_id: caller.userId,
      container_id: containerId,
      session_id: session.id,
      kind: wish.kind,
    });
    const since = environment.monotonic();
    const tally: Tally = { received: 0, sent: 0 };
    socket.on('error', () => socket.terminate());
    keepAlive(environment, socket);
    log.info({ tty }, 'session opened');
    void serve(socket, session, tally)
      .catch((error: unknown): Close => {
        if (socket.readyState !== socket.OPEN)
          return { code: 1005, reason: 'Its client has gone', level: 'info' };
        const close = closeOf(error);
        log[close.level]({ err: close.level === 'info' ? undefined : error }, close.reason);
        if (tty && socket.protocol === subprotocol) socket.send(Buffer.from(`\r\n${close.reason}\r\n`));
        return close;
      })
      .then(({ code, reason }) => {
        sessions.over(session, session.exitCode);
        log.info(
          {
            code,
            exit_code: session.exitCode,
            duration_ms: Math.round(environment.monotonic() - since),
            bytes_received: tally.received,
            bytes_sent: tally.sent,
          },
          'session closed',
        );
        // What is still said to it reaches nobody, and must not keep it from hearing that it is over.
        socket.resume();
        socket.close(code === 1005 ? 1000 : code, closeReason(reason));
      });
  };

  return {
    upgrade(request, socket, head) {
      const [path, query] = canonicalPath(request.url ?? '/').split('?');
      if (path !== sessionPath) return false;
      if (!isOriginAllowed(request, allowedOrigins)) {
        turnAway(socket, '403 Forbidden', '', 'Pages of this origin may not open sessions\n');
        return true;
      }
      request.socket.setKeepAlive(true, keepAliveMs);
      const asked = new URLSearchParams(query);
      const session = sessions.redeem(asked.get('token') ?? '', asked.get('uuid'), asked.get('exec_id'));
      if (!session) {
        turnAway(socket, '401 Unauthorized', '', 'The ticket is unknown, used or expired; ask for another\n');
        return true;
      }
      // A handshake that fails is answered by ws, and ends the session that was asked for.
      const lost = (): void => sessions.over(session, null);
      socket.once('close', lost);
      server.handleUpgrade(request, socket, head, (webSocket) => {
        socket.off('close', lost);
        greet(webSocket, session);
      });
      return true;
    },
    close() {
      for (const client of server.clients) client.close(1001, 'The server is stopping');
      server.close();
    },
  };
}

/** From the client to the process, no faster than that reads. */
function takeInput(socket: WebSocket, { wish }: Session, { stream }: OpenSession, tally: Tally): void {
  // Told by the output, which ends with it.
  stream.on('error', () => {});
  const isTaken = wish.kind === 'attach' || wish.interactive;
  socket.on('message', (bytes: Buffer, isBinary) => {
    tally.received += bytes.length;
    if (!isTaken || stream.destroyed || stream.writableEnded) return;
    if (bytes.length === 0) {
      if (isBinary && wish.kind === 'execute') stream.end();
    } else if (!stream.write(bytes)) {
      socket.pause();
      stream.once('drain', () => socket.resume());
    }
  });
  stream.once('close', () => socket.resume());
  socket.resume();
}

/** From the process to the client, no faster than that reads, whole characters at a time. */
async function giveOutput(socket: WebSocket, stream: Duplex, tally: Tally): Promise<void> {
  const send = (bytes: Buffer): Promise<void> =>
    new Promise((resolve, reject) => {
      tally.sent += bytes.length;
      socket.send(bytes, { binary: true }, (error) => (error ? reject(error) : resolve()));
    });
  let rest: Buffer = Buffer.alloc(0);
  // One that has ended is closed in order by itself.
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    const whole = wholeLength(bytes);
    rest = bytes.subarray(whole);
    if (whole > 0) await send(bytes.subarray(0, whole));
  }
  if (rest.length > 0) await send(rest);
}

function keepAlive(environment: Environment, socket: WebSocket): void {
  let cancel: Cancel = () => {};
  const tick = (): void => {
    if (socket.bufferedAmount === 0) socket.ping();
    cancel = environment.schedule(pingMs, tick);
  };
  cancel = environment.schedule(pingMs, tick);
  socket.once('close', () => cancel());
}
