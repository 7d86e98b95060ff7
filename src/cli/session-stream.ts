/** `WS /v1/sessions` as the command line speaks it. @see src/api/stream/session-socket.ts */
import { Readable } from 'node:stream';
import { WebSocket, type ClientOptions as SocketOptions } from 'ws';
import { errorKinds, type ErrorKind } from '../errors/kinds.ts';
import { ApiError, unreachable, type ClientOptions } from './api-error.ts';

export interface SessionConnection {
  /** What is shown; ends when the session does. Who does not read it holds the process back. */
  readonly output: AsyncIterable<Buffer>;
  /** Resolves once the network has taken it. */
  send(bytes: Uint8Array): Promise<void>;
  /** Ends the process's stdin. */
  endInput(): void;
  /** Leaves the process as it is. */
  leave(): void;
  /** The process's exit code, null when it is not known or was left. Rejects with ApiError. */
  readonly ended: Promise<number | null>;
}

/** @param proxyUrl as `execute` and `attach` answer it. @throws ApiError */
export type OpenSession = (proxyUrl: string) => Promise<SessionConnection>;

const noStatus = 1005;
const ended = 1000;

export function sessionStream({ url, tls }: ClientOptions): OpenSession {
  return (proxyUrl) =>
    new Promise((resolve, reject) => {
      const { pathname, search } = new URL(proxyUrl);
      // By the way that we came: how the server calls itself may be of no use here.
      const socket = new WebSocket(`${url.replace(/^http/, 'ws')}${pathname}${search}`, {
        perMessageDeflate: false,
        ...(tls as unknown as SocketOptions),
      });
      const output = new Readable({ read: () => socket.resume() });
      socket.on('message', (bytes: Buffer) => {
        if (!output.push(bytes)) socket.pause();
      });
      const over = new Promise<number | null>((tell, refuse) =>
        socket.once('close', (code, reason) => {
          output.push(null);
          if (code === ended || code === noStatus) tell(exitCodeIn(reason.toString('utf8')));
          else refuse(failureOf(code, reason.toString('utf8')));
        }),
      );
      // It is waited for only once the connection is open.
      over.catch(() => {});
      socket.on('error', (error) => reject(new ApiError(503, unreachable(url, error))));
      socket.once('unexpected-response', (_, response) => {
        response.resume();
        reject(
          new ApiError(
            response.statusCode ?? 503,
            `The session could not be opened: ${url} answered HTTP ${response.statusCode}`,
          ),
        );
      });
      socket.once('open', () =>
        resolve({
          output,
          send: (bytes) =>
            new Promise((sent) => {
              // One that has ended takes no more, which is told by its end.
              if (socket.readyState !== socket.OPEN) return sent();
              socket.send(bytes, { binary: true }, () => sent());
            }),
          endInput: () => socket.send(Buffer.alloc(0), { binary: true }, () => {}),
          leave: () => socket.close(ended),
          ended: over,
        }),
      );
    });
}

function exitCodeIn(reason: string): number | null {
  try {
    return (JSON.parse(reason) as { exit_code: number | null }).exit_code;
  } catch {
    return null;
  }
}

function failureOf(code: number, reason: string): ApiError {
  const kind = (Object.keys(errorKinds) as ErrorKind[]).find((each) => errorKinds[each].close === code);
  if (kind) return new ApiError(errorKinds[kind].http, reason);
  return new ApiError(
    503,
    `The session was cut (${reason || `closed with ${code}`}); its process was left as it is`,
  );
}
