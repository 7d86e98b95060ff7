/** The API as the command line speaks it: one request, one answer, errors with their exit code. */
import { request } from 'undici';
import { errorKinds, type ErrorKind } from '../errors/kinds.ts';

export interface ClientOptions {
  readonly url: string;
  readonly token: string;
}

/** What the API refused, with what the command line exits with. */
export class ApiError extends Error {
  readonly status: number;
  readonly requestId: string | null;

  constructor(status: number, message: string, requestId: string | null) {
    super(message);
    this.status = status;
    this.requestId = requestId;
  }

  get exitCode(): number {
    const kind = (Object.keys(errorKinds) as ErrorKind[]).find(
      (each) => errorKinds[each].http === this.status,
    );
    // 403 is both forbidden and over quota: the message tells them apart.
    if (this.status === 403 && this.message.startsWith('Quota')) return errorKinds.quota.exitCode;
    return kind ? errorKinds[kind].exitCode : 1;
  }
}

export interface Client {
  /** The parsed JSON answer, null when there is none. @throws ApiError */
  call<T = unknown>(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: object,
    headers?: Record<string, string>,
  ): Promise<T>;
  /** The answer's bytes as they come. @throws ApiError */
  stream(path: string, signal: AbortSignal): Promise<AsyncIterable<Buffer>>;
  readonly url: string;
  readonly token: string;
}

export function createClient({ url, token }: ClientOptions): Client {
  const send = async (
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body: object | null,
    headers: Record<string, string>,
    signal: AbortSignal | null,
  ) => {
    const answer = await request(`${url}${path}`, {
      method,
      headers: {
        'x-auth-token': token,
        'openstack-api-version': 'container 1.40',
        'content-type': 'application/json',
        ...headers,
      },
      ...(body === null ? {} : { body: JSON.stringify(body) }),
      ...(signal === null ? {} : { signal }),
    }).catch((error: Error) => {
      throw new ApiError(
        503,
        `Troupe does not answer at ${url}: ${error.message || 'no connection'}; is it up? ("troupe up")`,
        null,
      );
    });
    if (answer.statusCode < 400) return answer;
    const text = await answer.body.text();
    throw new ApiError(
      answer.statusCode,
      messageOf(text) || `HTTP ${answer.statusCode}`,
      (answer.headers['x-openstack-request-id'] as string | undefined) ?? null,
    );
  };
  return {
    url,
    token,
    async call<T>(
      method: 'GET' | 'POST' | 'DELETE',
      path: string,
      body?: object,
      headers: Record<string, string> = {},
    ) {
      const answer = await send(method, path, body ?? null, headers, null);
      const text = await answer.body.text();
      return (text === '' ? null : JSON.parse(text)) as T;
    },
    stream: async (path, signal) => (await send('GET', path, null, {}, signal)).body,
  };
}

function messageOf(text: string): string {
  try {
    const { errors, error } = JSON.parse(text) as {
      errors?: { detail?: string }[];
      error?: { message?: string };
    };
    return errors?.[0]?.detail ?? error?.message ?? '';
  } catch {
    return text.slice(0, 200);
  }
}
