/**
 * A session with a container's process: `POST …/execute` or `GET …/attach`,
 * then `WS /v1/sessions`. What is typed while there is none goes nowhere, and
 * a session that has ended is never resumed: another is another process, or
 * another look at the same. @see docs/architecture.md, "Sessions"
 */
import { pathOfActor } from './actor.ts';
import { openByteSocket, type ByteSocket } from './byte-socket.ts';
import { call } from './session.ts';

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

export type Wish =
  | { readonly kind: 'execute'; readonly command: string }
  /** `tty`: its main process has a terminal. */
  | { readonly kind: 'attach'; readonly tty: boolean };

export interface SessionEnd {
  readonly words: string;
  readonly isFailure: boolean;
}

export interface SessionHandlers {
  opened(): void;
  /** Resolves once it is shown; nothing more is read before. */
  shown(bytes: Uint8Array): Promise<void>;
  /** Once, and the last. */
  over(end: SessionEnd): void;
}

export interface TerminalSession {
  /** Goes nowhere while the session is not open. */
  type(text: string): void;
  resize(size: TerminalSize): void;
  leave(): void;
}

const encoder = new TextEncoder();
/** Of a frame: the server takes none larger than 1 MiB. */
const frameBytes = 64 * 1024;

/** @param size of the terminal that it is shown on */
export function beginSession(
  id: string,
  wish: Wish,
  size: TerminalSize,
  handlers: SessionHandlers,
): TerminalSession {
  const path = pathOfActor('container', id);
  let socket: ByteSocket | null = null;
  let isOver = false;
  /** Null for what has no terminal, and before it was asked for. */
  let sizePath: string | null = null;
  let current = size;

  const over = (end: SessionEnd): void => {
    if (isOver) return;
    isOver = true;
    handlers.over(end);
  };
  const tellSize = async ({ rows, columns }: TerminalSize): Promise<void> => {
    if (sizePath !== null) await call('POST', `${sizePath}h=${rows}&w=${columns}`);
  };
  const tellLatest = latest(tellSize);
  const resize = (next: TerminalSize): void => {
    current = next;
    tellLatest(next);
  };

  const ask = async (): Promise<string> => {
    if (wish.kind === 'attach') {
      if (wish.tty) sizePath = `${path}/resize?`;
      return call<string>('GET', `${path}/attach`);
    }
    const body = { command: wish.command, run: false, interactive: true, tty: true };
    const answer = await call<{ exec_id: string; proxy_url: string }>('POST', `${path}/execute`, body);
    sizePath = `${path}/execute_resize?exec_id=${answer.exec_id}&`;
    // Its terminal is born with it.
    await tellSize(current);
    return answer.proxy_url;
  };

  const take = async ({ readable, closed }: ByteSocket): Promise<void> => {
    const reader = readable.getReader();
    for (;;) {
      // A socket that was cut says so by how it closed.
      const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }));
      if (done || !value || isOver) break;
      await handlers.shown(value);
    }
    // What still comes to one that was left is nobody's.
    void reader.cancel().catch(() => {});
    const { code, reason } = await closed;
    over(endOf(wish, code, reason));
  };

  const begin = async (): Promise<void> => {
    const { pathname, search } = new URL(await ask());
    if (isOver) return;
    // By the way that the page came: how the server calls itself may be of no use here.
    const opened = await openByteSocket(`${pathname}${search}`).catch(() => {
      throw new Error('The connection could not be made; nothing was begun');
    });
    if (isOver) return opened.close();
    socket = opened;
    handlers.opened();
    if (wish.kind === 'attach') {
      // A size that changes makes what runs there draw itself anew.
      tellLatest({ ...current, rows: current.rows + 1 });
      tellLatest(current);
    }
    await take(opened);
  };

  begin().catch((error: unknown) => over({ words: (error as Error).message, isFailure: true }));
  return {
    type(text) {
      const bytes = encoder.encode(text);
      for (let from = 0; from < bytes.length; from += frameBytes)
        socket?.send(bytes.subarray(from, from + frameBytes));
    },
    resize,
    leave() {
      over({ words: `You have left; ${goesOn(wish)}.`, isFailure: false });
      socket?.close();
    },
  };
}

/** Told one after the other, and of those that wait meanwhile the last. What can't be told changes nothing. */
function latest<T>(tell: (value: T) => Promise<void>): (value: T) => void {
  let waiting: { readonly value: T } | null = null;
  let isTelling = false;
  const tellAll = async (): Promise<void> => {
    isTelling = true;
    for (let next = waiting; next; next = waiting) {
      waiting = null;
      await tell(next.value).catch(() => {});
    }
    isTelling = false;
  };
  return (value) => {
    waiting = { value };
    if (!isTelling) void tellAll();
  };
}

const [ended, goingAway] = [1000, 1001];

/** @see docs/architecture.md, "Sessions", for the codes */
function endOf(wish: Wish, code: number, reason: string): SessionEnd {
  if (code === ended) return { words: `${nameOf(wish)} has ended${exitCodeIn(reason)}.`, isFailure: false };
  const isStopping = code === goingAway;
  if (reason !== '' && !isStopping) return { words: reason, isFailure: true };
  const why = isStopping ? 'The server is stopping' : 'The connection was cut';
  return { words: `${why}; ${goesOn(wish)}.`, isFailure: true };
}

function exitCodeIn(reason: string): string {
  // What stands between us and the server may close in its own words.
  const code = /^\{"exit_code":(\d+)\}$/.exec(reason)?.[1];
  return code === undefined ? '; its exit code is not known' : ` with exit code ${code}`;
}

const nameOf = (wish: Wish): string => (wish.kind === 'execute' ? `“${wish.command}”` : 'The main process');

const goesOn = (wish: Wish): string =>
  wish.kind === 'execute' ? `${nameOf(wish)} goes on in the container` : 'the main process goes on';
