/** The API as the command line speaks it: one request, one answer, errors with their exit code. */
import type { Readable } from 'node:stream';
import { Agent, request, type Dispatcher } from 'undici';
import type { PathStat } from '../model/archive.ts';
import { ApiError, unreachable, type ClientOptions } from './api-error.ts';
import { sessionStream, type OpenSession } from './session-stream.ts';
import { watchStream, type WatchStream } from './watch-stream.ts';

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

export interface Client {
  /** The parsed JSON answer, null when there is none. @throws ApiError */
  call<T = unknown>(
    method: Method,
    path: string,
    body?: object,
    headers?: Readonly<Record<string, string>>,
  ): Promise<T>;
  /** Every item of a list, page by page. @throws ApiError */
  list<T>(path: string, key: string): Promise<readonly T[]>;
  /** The answer's bytes as they come. @throws ApiError */
  stream(path: string, signal: AbortSignal): Promise<AsyncIterable<Buffer>>;
  /** What a path in a container is. @throws ApiError */
  stat(path: string): Promise<PathStat>;
  /** Files of a container as a tar. @throws ApiError */
  download(path: string): Promise<{ readonly stat: PathStat; readonly tar: Readable }>;
  /** Sends a tar as it comes, and destroys it. @throws ApiError; how the tar fails */
  upload(path: string, tar: Readable): Promise<void>;
  /** Bytes both ways with a process of a container. @throws ApiError */
  readonly session: OpenSession;
  /** Every change as it happens, over any loss of the connection. */
  readonly watch: WatchStream;
}

const version = 'container 1.40';
const tarType = 'application/x-tar';

export function createClient(options: ClientOptions): Client {
  const { url, token, tls } = options;
  // A log that is followed may be silent for as long as it likes.
  const dispatcher = new Agent({ bodyTimeout: 0, ...(tls ? { connect: tls } : {}) });

  const send = async (
    method: Method | 'HEAD',
    path: string,
    options: {
      body?: object;
      tar?: Readable;
      headers?: Readonly<Record<string, string>>;
      signal?: AbortSignal;
    },
  ): Promise<Dispatcher.ResponseData> => {
    const { body, tar, headers = {}, signal } = options;
    const answer = await request(`${url}${path}`, {
      method,
      dispatcher,
      headers: {
        'x-auth-token': token,
        'openstack-api-version': version,
        'content-type': 'application/json',
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(tar === undefined ? {} : { body: tar }),
      ...(signal === undefined ? {} : { signal }),
    }).catch((error: Error) => {
      if (tar?.errored) throw tar.errored;
      throw signal?.aborted ? error : new ApiError(503, unreachable(url, error));
    });
    // What is not ready says so with 503, and its body is the answer.
    if (answer.statusCode < 400 || path.startsWith('/readyz')) return answer;
    const { code, message } = errorOf(await answer.body.text());
    const requestId = answer.headers['x-openstack-request-id'];
    if (answer.statusCode === 401)
      throw new ApiError(401, `${url} does not accept the token; see "troupe env", or TROUPE_TOKEN`);
    throw new ApiError(
      answer.statusCode,
      message || `${url} answered HTTP ${answer.statusCode}`,
      typeof requestId === 'string' ? requestId : null,
      code,
    );
  };

  const call = async <T>(
    method: Method,
    path: string,
    body?: object,
    headers?: Readonly<Record<string, string>>,
  ): Promise<T> => {
    const answer = await send(method, path, { ...(body ? { body } : {}), ...(headers ? { headers } : {}) });
    const text = await answer.body.text();
    try {
      return (text === '' ? null : JSON.parse(text)) as T;
    } catch {
      throw new ApiError(502, `What answers at ${url} is no Troupe`);
    }
  };

  return {
    call,
    async list<T>(path: string, key: string) {
      const items: T[] = [];
      for (let next: string | null = path; next !== null;) {
        const page: Record<string, unknown> = await call('GET', next);
        items.push(...((page[key] ?? []) as T[]));
        next = typeof page['next'] === 'string' ? pageAfter(path, page['next']) : null;
      }
      return items;
    },
    stream: async (path, signal) => (await send('GET', path, { signal })).body,
    stat: async (path) => {
      const answer = await send('HEAD', path, { headers: { accept: tarType } });
      await answer.body.dump();
      return statOf(answer);
    },
    async download(path) {
      const answer = await send('GET', path, { headers: { accept: tarType } });
      return { stat: statOf(answer), tar: answer.body };
    },
    async upload(path, tar) {
      const answer = await send('POST', path, { tar, headers: { 'content-type': tarType } }).finally(() =>
        tar.destroy(),
      );
      await answer.body.dump();
    },
    session: sessionStream(options),
    watch: watchStream(options),
  };
}

/** What the API says of a path beside its tar. */
function statOf({ headers }: Dispatcher.ResponseData): PathStat {
  const { name, size, mode, mtime, linkTarget } = JSON.parse(
    Buffer.from(String(headers['x-troupe-path-stat'] ?? ''), 'base64').toString() || '{}',
  ) as { name: string; size: number; mode: number; mtime: string; linkTarget: string };
  return { name, sizeBytes: size, mode, modifiedAt: mtime, linkTarget };
}

/** The next page of the same list: its place comes from `next`, and what was asked from `path`, which `next` leaves out. */
function pageAfter(path: string, next: string): string {
  const [base = '', asked = ''] = path.split('?');
  const query = new URLSearchParams(asked);
  for (const [name, value] of new URL(next).searchParams) query.set(name, value);
  return `${base}?${query}`;
}

/** Of Zun's envelope, or of the one that an authentication layer in front of it writes. */
function errorOf(text: string): { readonly code: string; readonly message: string } {
  try {
    const { errors, error } = JSON.parse(text) as {
      errors?: readonly { code?: string; detail?: string }[];
      error?: { message?: string };
    };
    return { code: errors?.[0]?.code ?? '', message: errors?.[0]?.detail ?? error?.message ?? '' };
  } catch {
    return { code: '', message: text.trim().split('\n')[0]?.slice(0, 200) ?? '' };
  }
}
