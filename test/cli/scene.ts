/** The command line in a test: an API that answers what the test says, a terminal that is read, no process and no network. */
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { ApiError } from '../../src/cli/api-error.ts';
import type { Client } from '../../src/cli/client.ts';
import type { TerminalSize } from '../../src/cli/terminal.ts';
import { runProgram } from '../../src/cli/program.ts';
import type { Roots } from '../../src/cli/roots.ts';
import type { PathStat } from '../../src/model/archive.ts';
import type { WatchFrame, WatchHandlers, WatchWish } from '../../src/cli/watch-stream.ts';

type Answer = unknown;

export interface CliScene {
  /** Runs one command line; its exit code. What it wrote before is forgotten. */
  run(...argv: readonly string[]): Promise<number>;
  readonly out: string;
  readonly err: string;
  /** Requests so far, as `GET /v1/…`, and the body that went with the last of each. */
  readonly calls: readonly string[];
  body(call: string): unknown;
  readonly wishes: readonly WatchWish[];
  /** To every watch that is open, and to those that will be, in this order. */
  tell(...frames: readonly WatchFrame[]): void;
  /** `raw` and `cooked`, as the keyboard was told. */
  readonly raws: readonly string[];
  type(text: string): void;
  endTyping(): void;
  /** The terminal has another size. */
  resize(): void;
  /** The first that is opened. */
  session(): Promise<SceneSession>;
  /** Watching fails from the first try. */
  failWatch(error: Error): void;
  /** Ctrl-C. False = the command does not take it. */
  interrupt(): boolean;
  /** Resolves once `GET /v1/…` and the like has been asked. */
  asked(call: string): Promise<void>;
}

/** A process in a container, as the scene plays it. */
export interface SceneSession {
  show(text: string): void;
  /** Resolves once `text` was among what it was sent; `<end>` and `<left>` stand for themselves. */
  took(text: string): Promise<void>;
  exit(exitCode: number | null): void;
  fail(error: Error): void;
}

export interface CliSceneOptions {
  /** By `METHOD path`, or `METHOD path?query`: a value, a function of the body, or an error to throw. */
  readonly answers?: Readonly<Record<string, Answer>>;
  /** By path: the chunks of a stream. */
  readonly streams?: Readonly<Record<string, readonly string[]>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly roots?: Partial<Roots>;
  readonly colour?: boolean;
  /** Of the terminal it is run at; none: at none. */
  readonly size?: TerminalSize;
  readonly files?: Readonly<Record<string, string>>;
}

export function createCliScene(options: CliSceneOptions = {}): CliScene {
  const { answers = {}, streams = {}, environment = {}, files = {} } = options;
  let out = '';
  let err = '';
  const calls: string[] = [];
  const bodies = new Map<string, unknown>();
  const wishes: WatchWish[] = [];
  const told: WatchFrame[] = [];
  const watching = new Set<WatchHandlers>();
  const resizes = new Set<() => void>();
  const raws: string[] = [];
  const typed = new PassThrough();
  const sessions: SceneSession[] = [];
  let tellSession: (session: SceneSession) => void = () => {};
  const interrupts = new Set<() => void>();
  const waiting = new Map<string, () => void>();
  let watchError: Error | null = null;

  const ask = async (call: string, body?: object): Promise<Answer> => {
    calls.push(call);
    bodies.set(call, body);
    waiting.get(call)?.();
    const answer = call in answers ? answers[call] : answers[call.split('?')[0]!];
    if (answer === undefined)
      throw new ApiError(404, `Nothing answers ${call}`, 'req-1', 'container.container-not-found');
    const value: Answer = typeof answer === 'function' ? (answer as (body: unknown) => Answer)(body) : answer;
    if (value instanceof Error) throw value;
    return value;
  };
  const client: Client = {
    call: <T>(method: string, path: string, body?: object) => ask(`${method} ${path}`, body) as Promise<T>,
    list: async <T>(path: string, key: string) =>
      ((await ask(`GET ${path}`)) as Record<string, readonly T[]>)[key] ?? [],
    async stream(path) {
      calls.push(`STREAM ${path}`);
      waiting.get(`STREAM ${path}`)?.();
      const chunks = streams[path];
      if (!chunks) throw new ApiError(404, `Nothing streams ${path}`);
      return (async function* () {
        for (const chunk of chunks) yield Buffer.from(chunk, 'latin1');
      })();
    },
    stat: async (path) => (await ask(`HEAD ${path}`)) as PathStat,
    async download(path) {
      const { stat, tar } = (await ask(`GET ${path}`)) as { stat: PathStat; tar: Buffer };
      return { stat, tar: Readable.from([tar], { objectMode: false }) };
    },
    async upload(path, tar) {
      await ask(`POST ${path}`, await buffer(tar));
    },
    async session(url) {
      calls.push(`SESSION ${url}`);
      const output = new PassThrough();
      let input = '';
      let look: () => void = () => {};
      let end: (exitCode: number | null) => void = () => {};
      let fail: (error: Error) => void = () => {};
      const ended = new Promise<number | null>((resolve, reject) => ([end, fail] = [resolve, reject]));
      ended.catch(() => {});
      const take = (text: string): void => {
        input += text;
        look();
      };
      const session: SceneSession = {
        show: (text) => void output.write(text),
        async took(text) {
          while (!input.includes(text)) await new Promise<void>((resolve) => (look = resolve));
        },
        exit(exitCode) {
          output.end();
          end(exitCode);
        },
        fail(error) {
          output.end();
          fail(error);
        },
      };
      sessions.push(session);
      tellSession(session);
      return {
        output,
        async send(bytes) {
          take(Buffer.from(bytes).toString('utf8'));
        },
        endInput: () => take('<end>'),
        leave() {
          take('<left>');
          session.exit(null);
        },
        ended,
      };
    },
    watch: (wish, handlers, signal) =>
      new Promise((resolve, reject) => {
        if (watchError) return reject(watchError);
        wishes.push(wish);
        signal.addEventListener('abort', () => {
          watching.delete(handlers);
          resolve();
        });
        watching.add(handlers);
        for (const frame of told) if (!signal.aborted) handlers.frame(frame, JSON.stringify(frame));
      }),
  };
  const refuse = (what: string) => () => {
    throw new Error(`This scene has no ${what}`);
  };
  const roots: Roots = {
    serve: refuse('serve'),
    serveAgent: refuse('serveAgent'),
    detach: refuse('detach'),
    down: refuse('down'),
    adopt: refuse('adopt'),
    copyStore: refuse('copyStore'),
    doctor: refuse('doctor'),
    address: ({ api }) => ({ url: `http://${api.host}:${api.port}`, tls: null }),
    adminToken: () => 'the-admin-token',
    tokenFile: ({ state }) => `${state.directory}/admin.token`,
    authorityFile: () => null,
    ...options.roots,
  };

  return {
    async run(...argv) {
      out = err = '';
      return runProgram(argv, {
        roots,
        environment,
        terminal: {
          out: (data) => void (out += typeof data === 'string' ? data : Buffer.from(data).toString('latin1')),
          say: (text) => void (err += `${text}\n`),
          colour: options.colour === true,
          drained: () => Promise.resolve(),
          size: () => options.size ?? null,
          onResize(handler) {
            resizes.add(handler);
            return () => void resizes.delete(handler);
          },
        },
        keyboard: {
          isTerminal: options.size !== undefined,
          bytes: typed,
          raw() {
            raws.push('raw');
            return () => void raws.push('cooked');
          },
        },
        connect: ({ url, token }) => {
          calls.push(`CONNECT ${url} ${token}`);
          return client;
        },
        readFile(path) {
          const text = files[path];
          if (text === undefined) throw new Error(`ENOENT: no such file, open '${path}'`);
          return text;
        },
        pause: () => new Promise((resolve) => setImmediate(resolve)),
        schedule: () => () => {},
        onInterrupt(handler) {
          interrupts.add(handler);
          return () => void interrupts.delete(handler);
        },
        defaultState: null,
        usualFiles: [],
      });
    },
    get out() {
      return out;
    },
    get err() {
      return err;
    },
    calls,
    body: (call) => bodies.get(call),
    wishes,
    tell(...frames) {
      told.push(...frames);
      for (const handlers of watching)
        for (const frame of frames) if (watching.has(handlers)) handlers.frame(frame, JSON.stringify(frame));
    },
    raws,
    type: (text) => void typed.write(text),
    endTyping: () => void typed.end(),
    resize: () => resizes.forEach((handler) => handler()),
    session: () => new Promise((resolve) => (sessions[0] ? resolve(sessions[0]) : (tellSession = resolve))),
    failWatch: (error) => void (watchError = error),
    interrupt() {
      for (const handler of interrupts) handler();
      return interrupts.size > 0;
    },
    asked: (call) =>
      new Promise((resolve) => {
        if (calls.includes(call)) resolve();
        else waiting.set(call, resolve);
      }),
  };
}

export const containerView = (changes: Readonly<Record<string, unknown>> = {}) => ({
  uuid: '11111111-2222-3333-4444-555555555555',
  name: 'web',
  tty: true,
  image: 'busybox',
  status: 'Running',
  status_reason: null,
  task_state: null,
  exit_code: null,
  started_at: '2026-01-02T03:04:05.678Z',
  lifecycle_state: ['running.up'],
  project_id: 'p1',
  host: 'h1',
  ...changes,
});

/** A change of the container of {@link containerView}. */
export const changed = (
  path: string,
  status: string,
  rest: Partial<Extract<WatchFrame, { type: 'change' }>> = {},
): WatchFrame => ({
  type: 'change',
  position: 'p',
  at: 0,
  kind: 'container',
  id: '11111111-2222-3333-4444-555555555555',
  project_id: 'p1',
  revision: 2,
  event: 'runtime.started',
  from: ['starting.attempting'],
  to: [path],
  status,
  taskState: null,
  reason: null,
  ended: false,
  ...rest,
});
