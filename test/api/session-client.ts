/** A terminal's end of `WS /v1/sessions`. */
import { WebSocket } from 'ws';

export interface SessionClient {
  readonly socket: WebSocket;
  readonly frames: readonly Buffer[];
  /** All that was shown, as text. */
  readonly shown: () => string;
  type(text: string | Uint8Array): void;
  readonly opened: Promise<void>;
  /** Resolves once what was shown has `text` in it. Rejects when the socket closes first. */
  shows(text: string): Promise<void>;
  /** The answer to an upgrade that was refused. */
  readonly refused: Promise<{ readonly status: number; readonly text: string }>;
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
}

export interface SessionClientOptions {
  /** Default: what Zun's clients offer. */
  readonly protocols?: readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
}

export function openSessionClient(
  url: string,
  { protocols = ['binary', 'base64'], headers = {} }: SessionClientOptions = {},
): SessionClient {
  const socket = new WebSocket(url, [...protocols], { headers, perMessageDeflate: false });
  const frames: Buffer[] = [];
  let look: () => void = () => {};
  socket.on('message', (data: Buffer) => {
    frames.push(data);
    look();
  });
  socket.on('error', () => {});
  const shown = (): string => Buffer.concat(frames).toString('utf8');
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.once('close', (code, reason) => resolve({ code, reason: reason.toString('utf8') })),
  );
  return {
    socket,
    frames,
    shown,
    type: (text) => socket.send(Buffer.from(text as string)),
    opened: new Promise((resolve) => socket.once('open', () => resolve())),
    shows: (text) =>
      new Promise((resolve, reject) => {
        look = () => shown().includes(text) && resolve();
        void closed.then(({ code, reason }) =>
          reject(new Error(`Closed with ${code} ${reason}: ${shown()}`)),
        );
        look();
      }),
    refused: new Promise((resolve) =>
      socket.once('unexpected-response', (_, response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      }),
    ),
    closed,
  };
}
