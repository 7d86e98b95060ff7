/**
 * A WebSocket of bytes. Who takes them slowly holds their sender back, where
 * the browser has sockets that can wait; where not, what waits is bounded, and
 * a socket that is told more is closed.
 */
import { openSocket, openSocketStream, type SocketStream } from '../browser.ts';

export interface SocketClose {
  readonly code: number;
  readonly reason: string;
}

export interface ByteSocket {
  /** Ends with the socket, in order or not. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Goes nowhere once it is closed. */
  send(bytes: Uint8Array<ArrayBuffer>): void;
  close(): void;
  readonly closed: Promise<SocketClose>;
}

const [normal, cutOff] = [1000, 1006];
/** What may wait to be taken where the socket itself can't. */
const waitingMostBytes = 32 * 1024 * 1024;
const tooMuch = 'More came than this browser could show';

/** Resolves once it is open. Rejects when it could not be. */
export function openByteSocket(path: string): Promise<ByteSocket> {
  const stream = openSocketStream(path);
  return stream ? fromStream(stream) : fromSocket(openSocket(path));
}

async function fromStream(stream: SocketStream): Promise<ByteSocket> {
  const closed = stream.closed.then(
    ({ closeCode: code, reason }): SocketClose => ({ code, reason }),
    (cut: { closeCode?: number | null; reason?: string }): SocketClose => ({
      code: cut.closeCode ?? cutOff,
      reason: cut.reason ?? '',
    }),
  );
  const { readable, writable } = await stream.opened;
  const writer = writable.getWriter();
  return {
    readable: readable.pipeThrough(
      new TransformStream<ArrayBuffer | Uint8Array, Uint8Array>({
        transform: (chunk, controller) => controller.enqueue(new Uint8Array(chunk)),
      }),
    ),
    send: (bytes) => void writer.write(bytes).catch(() => {}),
    close: () => stream.close({ closeCode: normal }),
    closed,
  };
}

function fromSocket(socket: WebSocket): Promise<ByteSocket> {
  socket.binaryType = 'arraybuffer';
  let isTooMuch = false;
  const closed = new Promise<SocketClose>((resolve) =>
    socket.addEventListener('close', ({ code, reason }) =>
      resolve(isTooMuch ? { code: cutOff, reason: tooMuch } : { code, reason }),
    ),
  );
  const readable = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        socket.addEventListener('message', ({ data }: MessageEvent<ArrayBuffer>) => {
          if (isTooMuch) return;
          controller.enqueue(new Uint8Array(data));
          if ((controller.desiredSize ?? 0) > -waitingMostBytes) return;
          isTooMuch = true;
          socket.close(normal);
        });
        void closed.then(() => controller.close());
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: 0 }),
  );
  return new Promise((resolve, reject) => {
    void closed.then(({ reason }) => reject(new Error(reason)));
    socket.addEventListener('open', () =>
      resolve({
        readable,
        send: (bytes) => socket.readyState === WebSocket.OPEN && socket.send(bytes),
        close: () => socket.close(normal),
        closed,
      }),
    );
  });
}
