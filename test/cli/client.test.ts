/** The API's client against a server that answers as the API does, and as others do. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { ApiError } from '../../src/cli/api-error.ts';
import { createClient } from '../../src/cli/client.ts';

const schedule = () => () => {};

async function serve(
  t: Test,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const connect = (url: string) => createClient({ url, token: 'secret', tls: null, schedule });
const fault = async (asking: Promise<unknown>): Promise<ApiError> => {
  try {
    await asking;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('It was answered');
};

t.test('a request carries the token and the newest microversion, an answer its body', async (t) => {
  const url = await serve(t, (request, response) => {
    const {
      'x-auth-token': token,
      'openstack-api-version': version,
      'idempotency-key': key,
    } = request.headers;
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () =>
      response.end(JSON.stringify({ method: request.method, url: request.url, token, version, key, body })),
    );
  });
  t.strictSame(
    await connect(url).call('POST', '/v1/containers?run=true', { image: 'x' }, { 'idempotency-key': 'k' }),
    {
      method: 'POST',
      url: '/v1/containers?run=true',
      token: 'secret',
      version: 'container 1.40',
      key: 'k',
      body: '{"image":"x"}',
    },
  );
});

t.test('a list is read page by page, with what was asked on each', async (t) => {
  const asked: string[] = [];
  const url: string = await serve(t, ({ url: path }, response) => {
    asked.push(path!);
    const second = path!.includes('marker=b');
    const items = second ? ['c'] : ['a', 'b'];
    // As Zun does, `next` leaves out what was asked beside the place.
    response.end(
      JSON.stringify({ containers: items, next: second ? null : `${url}/v1/containers?limit=2&marker=b` }),
    );
  });
  t.strictSame(await connect(url).list('/v1/containers?all_projects=true', 'containers'), ['a', 'b', 'c']);
  t.strictSame(asked, [
    '/v1/containers?all_projects=true',
    '/v1/containers?all_projects=true&limit=2&marker=b',
  ]);
});

t.test('errors are one line, with what to do, their request and their exit code', async (t) => {
  const answers: Readonly<Record<string, readonly [number, string]>> = {
    '/zun': [403, '{"errors":[{"code":"container.over-quota","detail":"Quota exceeded","status":403}]}'],
    '/proxy': [502, '<html>\nBad gateway'],
    '/empty': [500, ''],
    '/auth': [401, '{"error":{"message":"The request you have made requires authentication."}}'],
  };
  const url = await serve(t, (request, response) => {
    const [status, body] = answers[request.url!]!;
    response.writeHead(status, { 'x-openstack-request-id': 'req-7' }).end(body);
  });
  const ask = (path: string): Promise<ApiError> => fault(connect(url).call('GET', path));
  t.match(await ask('/zun'), { message: 'Quota exceeded', requestId: 'req-7', exitCode: 6, status: 403 });
  t.match(await ask('/proxy'), { message: '<html>', exitCode: 1 });
  t.match(await ask('/empty'), { message: `${url} answered HTTP 500`, exitCode: 1 });
  t.match(await ask('/auth'), {
    exitCode: 4,
    message: /does not accept the token; see "troupe env", or TROUPE_TOKEN/,
  });
});

t.test('what is no Troupe, and what is not there at all', async (t) => {
  const url = await serve(t, (_, response) => response.end('hello'));
  t.match(await fault(connect(url).call('GET', '/')), {
    message: `What answers at ${url} is no Troupe`,
    exitCode: 1,
  });
  t.match(await fault(connect('http://127.0.0.1:1').call('GET', '/')), {
    exitCode: 7,
    message:
      'Nobody answers at http://127.0.0.1:1; start Troupe with "troupe up --detach", or set TROUPE_URL',
  });
  const cut = await serve(t, (request) => request.socket.destroy());
  t.match(await fault(connect(cut).call('GET', '/')), { exitCode: 7, message: /does not answer/ });
});

t.test('what is not ready is an answer', async (t) => {
  const url = await serve(t, (_, response) => response.writeHead(503).end('{"ready":false,"checks":[]}'));
  t.strictSame(await connect(url).call('GET', '/readyz?verbose'), { ready: false, checks: [] });
});

t.test('a stream comes as it is, and ends when it is left', async (t) => {
  let closed: () => void = () => {};
  const left = new Promise<void>((resolve) => (closed = resolve));
  const url = await serve(t, (_, response) => {
    response.on('close', closed);
    response.write('first');
  });
  const leaving = new AbortController();
  const chunks = await connect(url).stream('/v1/x', leaving.signal);
  await t.rejects(async () => {
    for await (const chunk of chunks) {
      t.equal(chunk.toString(), 'first');
      leaving.abort();
    }
  });
  await left;
});
