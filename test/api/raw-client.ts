/** Requests as any HTTP client writes them, over a socket, and which routes they came to. */
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type { ApiSite, Json, User } from './site.ts';

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  readonly json: Json;
  readonly error: Json & { readonly code: string; readonly title: string };
}

export interface RawOptions {
  readonly as?: User | null;
  /** The N of 1.N; null = no header. Default 40. */
  readonly version?: number | string | null;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export async function raw(
  site: ApiSite,
  method: string,
  path: string,
  { as = 'ann', version = 40, body, headers = {} }: RawOptions = {},
): Promise<RawAnswer> {
  const sent = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
  const request = httpRequest(`${site.process.url}${path}`, {
    method,
    headers: {
      ...(as === null ? {} : { 'x-auth-token': site.token(as) }),
      ...(version === null
        ? {}
        : { 'openstack-api-version': typeof version === 'number' ? `container 1.${version}` : version }),
      ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
  });
  request.end(sent);
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  const received = await text(answer);
  let json: Json = {};
  try {
    json = JSON.parse(received) as Json;
  } catch {
    // Text, or nothing.
  }
  const error = ((json?.['errors'] as Json[] | undefined)?.[0] ?? {}) as RawAnswer['error'];
  return { status: answer.statusCode!, headers: answer.headers, text: received, json, error };
}
