/** A client of `WS /v1/watch` that keeps every frame. */
import { WebSocket } from 'ws';

export interface Frame {
  readonly type: 'hello' | 'snapshot' | 'change';
  readonly position: string;
  readonly items: readonly Record<string, unknown>[];
  readonly kind: string;
  readonly id: string;
  readonly project_id: string | null;
  readonly [field: string]: unknown;
}

export interface Watcher {
  readonly socket: WebSocket;
  readonly frames: Frame[];
  readonly changes: readonly Frame[];
  /** The next frame that matches, those that came already included once. Rejects when the socket closes first. */
  next(matches: (frame: Frame) => boolean): Promise<Frame>;
  /** The answer to an upgrade that was refused. */
  readonly refused: Promise<{ readonly status: number; readonly headers: Record<string, unknown> }>;
  readonly opened: Promise<void>;
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  close(): Promise<void>;
}

/** @param first the first frame; null sends none */
export function openWatcher(url: string, first: unknown, headers: Record<string, string> = {}): Watcher {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}`, { headers, perMessageDeflate: false });
  const frames: Frame[] = [];
  let seen = 0;
  let wake: () => void = () => {};
  socket.on('message', (data: Buffer) => {
    frames.push(JSON.parse(data.toString('utf8')) as Frame);
    wake();
  });
  const opened = new Promise<void>((resolve) => socket.once('open', resolve));
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.once('close', (code, reason) => {
      resolve({ code, reason: reason.toString('utf8') });
      wake();
    }),
  );
  const refused = new Promise<{ status: number; headers: Record<string, unknown> }>((resolve) =>
    socket.once('unexpected-response', (_, response) => {
      resolve({ status: response.statusCode ?? 0, headers: response.headers });
      response.destroy();
    }),
  );
  // What went wrong is told by `refused` and `closed`.
  socket.on('error', () => {});
  if (first !== null) {
    void opened.then(() => socket.send(typeof first === 'string' ? first : JSON.stringify(first)));
  }
  return {
    socket,
    frames,
    get changes() {
      return frames.filter(({ type }) => type === 'change');
    },
    refused,
    opened,
    closed,
    async next(matches) {
      for (;;) {
        for (; seen < frames.length; seen += 1) {
          const frame = frames[seen]!;
          if (!matches(frame)) continue;
          seen += 1;
          return frame;
        }
        if (socket.readyState === socket.CLOSED) {
          const { code, reason } = await closed;
          throw new Error(`It closed with ${code} ${reason}`);
        }
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
    async close() {
      socket.close();
      await closed;
    },
  };
}

export const isSnapshot = ({ type }: Frame): boolean => type === 'snapshot';
