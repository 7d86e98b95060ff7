/** What clients really put on the wire. @see zun-api 1.5 */
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import t from 'tap';
import { createApiSite } from './site.ts';

const site = await createApiSite(t);
const { uuid } = await site.create({ name: 'web' }, { run: true });
await site.reach(uuid, 'Running');

t.test('double and trailing slashes, and paths without a version', async (t) => {
  for (const path of [
    '/v1/containers/',
    '/v1/containers//',
    '//v1//containers',
    '/containers',
    '/containers/',
  ]) {
    const { status, json } = await site.call('GET', path);
    t.equal(status, 200, path);
    t.match(json, { containers: [{ uuid }] }, path);
  }
  for (const path of [`/v1/containers//${uuid}`, `/v1/containers/${uuid}/`, `/containers/${uuid}`, `/containers//${uuid}//`])
    t.match((await site.call('GET', path)).json, { uuid }, path); // prettier-ignore
  t.equal((await site.call('POST', `/v1/containers//${uuid}/stop?timeout=0`)).status, 202);
  await site.reach(uuid, 'Stopped');
  t.equal((await site.call('POST', `/v1/containers//${uuid}//start//`)).status, 202);
  await site.reach(uuid, 'Running');
});

t.test('unknown paths are 404 and wrong methods 405, in the envelope, without a version', async (t) => {
  for (const path of ['/v1/nothing', '/v1/containers/x/y/z', '/v2', '/v1/v1/containers', '/watch']) {
    const { status, headers, error } = await site.call('GET', path);
    t.equal(status, 404, path);
    t.match(error, {
      code: 'container.',
      status: 404,
      title: '',
      detail: '',
      links: [],
      request_id: /^req-/,
    });
    t.equal(headers['openstack-api-version'], undefined);
  }
  for (const [method, path, allow] of [
    ['PUT', '/v1/containers', 'GET, POST'],
    ['DELETE', '/v1/containers', 'GET, POST'],
    ['POST', `/v1/containers/${uuid}`, 'DELETE, GET, PATCH'],
    ['GET', `/v1/containers/${uuid}/start`, 'POST'],
    ['HEAD', `/v1/containers/${uuid}/start`, 'POST'],
    ['OPTIONS', '/v1/containers', 'GET, POST'],
    ['POST', `/v1/containers/${uuid}/logs`, 'GET'],
    ['GET', '/v1/tickets', 'POST'],
    ['DELETE', '/v1/audit', 'GET'],
  ] as const) {
    const { status, headers, error } = await site.call(method, path);
    t.equal(status, 405, `${method} ${path}`);
    t.equal(headers['allow'], allow);
    if (method !== 'HEAD') t.match(error, { code: 'container.', status: 405, title: '' });
    t.equal(headers['openstack-api-version'], undefined);
  }
  t.equal(
    (await site.call('POST', '/', { as: null })).status,
    405,
    'what is open to everyone says so to everyone',
  );
});

t.test('a path that is no path is 400 in the envelope', async (t) => {
  const { status, error, headers } = await site.call('GET', '/v1/containers/%zz');
  t.equal(status, 400);
  t.match(error, { code: 'container.', status: 400, request_id: headers['x-openstack-request-id'] });
});

t.test('a name may be as long as names are', async (t) => {
  const name = 'n'.repeat(255);
  const long = await site.create({ name });
  t.match((await site.call('GET', `/v1/containers/${name}`)).json, { uuid: long.uuid });
});

t.test('a body that cannot be read is an empty one', async (t) => {
  for (const body of ['', '{', 'image: busybox', 'null', '[]', '"image"', '7', '{"image": "busybox"']) {
    const { status, error } = await site.call('POST', '/v1/containers', {
      body,
      headers: { 'content-type': 'application/json' },
    });
    t.equal(status, 400, body);
    t.equal(error.title, "'image' is a required property");
    t.equal(error.code, 'container.schema-validation-error');
  }
  const { status, json } = await site.call('POST', '/v1/containers', {
    body: '{"image": "busybox"}',
    headers: { 'content-type': 'application/json; charset=UTF-8' },
  });
  t.equal(status, 202);
  t.match(json, { image: 'busybox' });
});

t.test('content that says it is no JSON is not taken for it', async (t) => {
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'text/yaml',
    'application/jsonp',
    'json',
  ]) {
    const { status, error, headers } = await site.call('POST', '/v1/containers', {
      body: '{"image": "busybox"}',
      headers: { 'content-type': type },
    });
    t.equal(status, 415, type);
    t.match(error, { code: 'container.', status: 415, title: /./ });
    t.match(headers, { 'openstack-api-version': 'container 1.40' });
  }
});

t.test('a body that is too large is 413, one that is too deep 400', async (t) => {
  const large = await site.call('POST', '/v1/containers', {
    body: { image: 'busybox', labels: { a: 'x'.repeat(1024 * 1024) } },
  });
  t.equal(large.status, 413);
  t.match(large.error, { status: 413, code: 'container.', title: /too large/i });
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}'],
  ] as const) {
    const depth = 100_000;
    const deep = `{"image":"busybox","labels":{"a":${open.repeat(depth)}1${close.repeat(depth)}}}`;
    const { status, error } = await site.call('POST', '/v1/containers', {
      body: deep,
      headers: { 'content-type': 'application/json' },
    });
    t.equal(status, 400);
    t.match(error.title, /nested in more than 32 levels/);
  }
  const quoted = await site.call('POST', '/v1/containers', {
    body: { image: 'busybox', labels: { a: `\\"${'['.repeat(1_000)}` } },
  });
  t.equal(quoted.status, 202, 'brackets in a string are no levels');
});

/** One request as a client's HTTP library writes it. */
function raw(
  method: string,
  path: string,
  headers: Record<string, string>,
  body: string | null = null,
): Promise<{ status: number; headers: Record<string, unknown>; text: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      `${site.process.url}${path}`,
      {
        method,
        headers: {
          'x-auth-token': site.token('root'),
          'openstack-api-version': 'container 1.40',
          ...headers,
        },
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
        );
      },
    );
    request.on('error', reject);
    request.end(body ?? undefined);
  });
}

t.test('content types without content, and content where none is due', async (t) => {
  const action = { 'content-type': 'application/json', 'content-length': '0' };
  const stopped = await raw('POST', `/v1/containers/${uuid}/stop?timeout=0`, action);
  t.match(stopped, { status: 202, text: 'null', headers: { 'content-type': /^application\/json/ } });
  await site.reach(uuid, 'Stopped');
  t.match(await raw('POST', `/v1/containers/${uuid}/start`, {}), { status: 202, text: 'null' });
  await site.reach(uuid, 'Running');
  t.match(
    await raw('GET', '/v1/containers', { 'content-type': 'application/json', 'content-length': '4' }, 'null'),
    { status: 200 },
    'a GET with a body',
  );
  const other = await site.create();
  await site.reach(other.uuid, 'Created');
  const deleted = await raw(
    'DELETE',
    `/v1/containers/${other.uuid}?force=False&stop=False&all_projects=False`,
    {
      'content-type': 'application/octet-stream',
    },
  );
  t.equal(deleted.status, 204);
  t.equal(deleted.text, '');
  t.equal(deleted.headers['content-type'], undefined);
  await site.gone(other.uuid);
});

t.test('Python’s spellings in a query', async (t) => {
  const { uuid: other } = await site.create({ auto_remove: true }, { run: true });
  await site.reach(other, 'Running');
  for (const spelling of ['True', 'true', 'TRUE', '1', 'on', 'On', 'yes', 'YES']) {
    const { status, json } = await site.call('GET', `/v1/containers?auto_remove=${spelling}`);
    t.equal(status, 200);
    t.match(json, { containers: [{ uuid: other }] }, spelling);
  }
  t.equal((await site.call('GET', `/v1/containers/${uuid}?all_projects=False`)).status, 200);
  t.equal((await site.call('GET', `/v1/containers/${uuid}?all_projects=None`)).status, 200);
  t.equal((await site.call('POST', `/v1/containers/${other}/stop?timeout=None`)).status, 202);
  await site.gone(other);
  for (const path of ['/v1/containers?all_projects=perhaps', '/v1/containers?auto_remove=2'])
    t.match((await site.call('GET', path, { as: 'root' })).error, {
      status: 400,
      title:
        /^Invalid input for query parameters '(all_projects|auto_remove)'\. Value: '.+'\. It must be a boolean/,
    });
});

t.test('an action takes its parameters from the query, the body, or both', async (t) => {
  const stop = async (query: string, body?: object) => {
    t.equal((await site.call('POST', `/v1/containers/${uuid}/stop${query}`, { body })).status, 202);
    await site.reach(uuid, 'Stopped');
    const { json } = await site.call('GET', `/v1/containers/${uuid}/history?limit=1000`);
    const asked = (json['history'] as { event: Record<string, unknown> }[])
      .map(({ event }) => event)
      .findLast(({ type }) => type === 'container.stop');
    await site.call('POST', `/v1/containers/${uuid}/start`);
    await site.reach(uuid, 'Running');
    return asked?.['graceMs'];
  };
  t.equal(await stop('?timeout=3'), 3_000);
  t.equal(await stop('', { timeout: 4 }), 4_000);
  t.equal(await stop('?timeout=5', { timeout: '6' }), 5_000);
  t.equal(await stop(''), 10_000);
  for (const [query, body] of [
    ['?timeout=-1', undefined],
    ['?timeout=1.5', undefined],
    ['?timeout=soon', undefined],
    ['', { timeout: true }],
    ['', { timeout: [] }],
    ['?timeout=99999999999', undefined],
    ['?timout=5', undefined],
    ['', { timout: 5 }],
  ] as const) {
    const { status, error } = await site.call('POST', `/v1/containers/${uuid}/stop${query}`, { body });
    t.equal(status, 400, `${query} ${JSON.stringify(body)}`);
    t.match(error.title, /timeout|timout/);
  }
  t.equal((await site.call('POST', `/v1/containers/${uuid}/start?now=1`)).status, 400);
});

/** What comes back for bytes that no library would send. */
const wire = (bytes: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(site.process.url).port), '127.0.0.1', () => socket.write(bytes));
    let received = '';
    socket.on('data', (chunk) => (received += String(chunk)));
    socket.on('close', () => resolve(received));
    socket.on('error', reject);
  });

t.test('a request that is no HTTP is answered and closed', async (t) => {
  t.match(await wire('GET /v1/containers HTTP/9.9\r\n\r\n'), /^HTTP\/1\.1 400 /);
  t.match(await wire('hello\r\n\r\n'), /^HTTP\/1\.1 400 /);
});

t.test('links lead somewhere also for who names no host', async (t) => {
  t.match(await wire('GET / HTTP/1.0\r\n\r\n'), `{"href":"${site.process.url}/v1/","rel":"self"}`);
});
