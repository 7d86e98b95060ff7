/** Files out of a container and into it: what is copied, what is refused and how it is said. @see zun-api 2.7 */
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { entriesOf, tarOf } from '../support/tar.ts';
import { createApiSite, type ApiSite, type Json } from './site.ts';
import { until } from './until.ts';

const mib = 1024 * 1024;

interface Scene {
  readonly site: ApiSite;
  readonly uuid: string;
  files(): Map<string, Buffer | null>;
}

async function scene(t: Test, settings: Record<string, string> = {}): Promise<Scene> {
  const site = await createApiSite(t, { settings });
  const { uuid } = await site.create({ name: 'web' }, { run: true });
  await site.reach(uuid, 'Running');
  return { site, uuid, files: () => site.hosts[0]!.driver.archive.filesOf(uuid) };
}

const get = ({ site, uuid }: Scene, path: string, version = 40) =>
  site.call('GET', `/v1/containers/${uuid}/get_archive?path=${encodeURIComponent(path)}`, { version });

const put = ({ site, uuid }: Scene, path: string, data: unknown, version = 40) =>
  site.call('POST', `/v1/containers/${uuid}/put_archive?path=${encodeURIComponent(path)}`, {
    version,
    body: { data },
  });

const base64 = (bytes: Buffer): string => bytes.toString('base64');
const dataOf = ({ json }: { readonly json: Json }): Buffer => Buffer.from(String(json['data']), 'base64');

/** A tar as it is, over a real connection. */
async function stream(
  { site, uuid }: Scene,
  method: string,
  action: string,
  path: string,
  body: Buffer | null,
  headers: Record<string, string>,
): Promise<{ status: number; headers: IncomingMessage['headers']; bytes: Buffer }> {
  const request = httpRequest(
    `${site.process.url}/v1/containers/${uuid}/${action}?path=${encodeURIComponent(path)}`,
    { method, headers: { 'x-auth-token': site.token('ann'), ...headers } },
  );
  request.end(body ?? undefined);
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  return { status: answer.statusCode!, headers: answer.headers, bytes: await buffer(answer) };
}

t.test('what is put in is got out, in JSON as Zun’s clients speak it', async (t) => {
  const it = await scene(t);
  const tar = await tarOf({ name: 'a/', type: 'directory' }, { name: 'a/one', content: 'first' });
  const done = await put(it, '/tmp', base64(tar));
  t.equal(done.status, 200);
  t.equal(done.text, 'null');
  t.equal(String(it.files().get('/tmp/a/one')), 'first');
  const file = await get(it, '/tmp/a/one');
  t.equal(file.status, 200);
  t.match(file.json['stat'], { name: 'one', size: 5, mode: 0o644, mtime: /^\d{4}-/, linkTarget: '' });
  t.same(await entriesOf(dataOf(file)), { one: 'first' });
  const folder = await get(it, '/tmp/a');
  t.match(folder.json['stat'], { name: 'a', mode: 2 ** 31 + 0o755 });
  t.same(await entriesOf(dataOf(folder)), { 'a/': null, 'a/one': 'first' });
  t.equal((await put(it, '/tmp', base64(tar).replaceAll(/.{76}/g, '$&\n'))).status, 200, 'with lines broken');
  const inBody = await it.site.call('POST', `/v1/containers/${it.uuid}/put_archive`, {
    body: { path: '/tmp', data: base64(tar) },
  });
  t.equal(inBody.status, 200, 'the path may be in the body');
});

t.test('before 1.25 the tar is text', async (t) => {
  const it = await scene(t);
  const tar = await tarOf({ name: 'one', content: 'first' });
  t.equal((await put(it, '/tmp', tar.toString('utf8'), 24)).status, 200);
  const { json } = await get(it, '/tmp/one', 24);
  t.same(await entriesOf(Buffer.from(String(json['data']), 'utf8')), { one: 'first' });
  it.files().set('/tmp/binary', Buffer.from([0xff, 0xfe]));
  t.match(await get(it, '/tmp/binary', 24), { status: 400, error: { title: /no text.*1\.25/ } });
});

t.test('what is refused, and in which words', async (t) => {
  const it = await scene(t);
  const tar = base64(await tarOf({ name: 'one', content: 'first' }));
  const missing = {
    status: 400,
    error: { code: 'container.invalid', title: /"\/no\/such" is not in the container/ },
  };
  t.match(await get(it, '/no/such'), missing);
  t.match(await put(it, '/no/such', tar), missing);
  t.match(await put(it, '/etc/hosts', tar), { status: 400, error: { title: /is not a folder/ } });
  const query = { status: 400, error: { code: 'container.schema-validation-error', title: /'path'/ } };
  for (const path of ['', 'a\0b', `/${'x'.repeat(4_096)}`]) {
    t.match(await get(it, path), query);
    t.match(await put(it, path, tar), query);
  }
  t.match(await it.site.call('GET', `/v1/containers/${it.uuid}/get_archive`), query, 'without a path');
  t.match(await it.site.call('GET', `/v1/containers/${it.uuid}/get_archive?path=/tmp&deep=1`), {
    status: 400,
  });
  for (const data of ['%%%', 'YQ', 'a=bc', 'YQ==YQ=='])
    t.match(
      await put(it, '/tmp', data),
      { status: 400, error: { code: 'container.base64-exception' } },
      data,
    );
  for (const data of [undefined, null, 7, '', ['YQ==']])
    t.match(await put(it, '/tmp', data), { status: 400, error: { title: /'data'/ } });
  for (const [what, bytes] of [
    ['text', Buffer.from('hello')],
    ['noise', Buffer.alloc(2_000, 65)],
    ['zeros', Buffer.alloc(2_048)],
    ['a tar cut in its header', Buffer.from(tar, 'base64').subarray(0, 300)],
    [
      'a tar cut in its content',
      (await tarOf({ name: 'big', content: Buffer.alloc(4_000) })).subarray(0, 2_000),
    ],
    ['gzip of no tar', gzipSync(Buffer.from('hello'))],
    ['gzip cut off', gzipSync(Buffer.from(tar, 'base64')).subarray(0, 60)],
  ] as const)
    t.match(await put(it, '/tmp', base64(bytes)), { status: 400, error: { title: /not copied: / } }, what);
  it.site.hosts[0]!.driver.archive.roomBytes = 3;
  t.match(await put(it, '/tmp', tar), { status: 503, error: { title: /disk of this host is full/ } });
  t.match(
    await it.site.call('GET', `/v1/containers/${it.uuid}/get_archive?path=/etc`, { as: 'bob' }),
    { status: 404 },
    'somebody else’s',
  );
});

t.test('no entry leads out of where it is unpacked, and none is more than it looks', async (t) => {
  const it = await scene(t);
  const archive = it.site.hosts[0]!.driver.archive;
  const link = (name: string, linkname: string) => ({ name, type: 'link', linkname }) as const;
  for (const [what, entry] of [
    ['an absolute name', { name: '/etc/passwd', content: 'x' }],
    ['a name that climbs', { name: '../x', content: 'x' }],
    ['a name that climbs later', { name: 'a/../../x', content: 'x' }],
    ['a name that ends climbing', { name: 'a/..', type: 'directory' }],
    ['a block device', { name: 'sda', type: 'block-device', devmajor: 8, devminor: 0 }],
    ['a character device', { name: 'mem', type: 'character-device', devmajor: 1, devminor: 1 }],
    ['a fifo', { name: 'pipe', type: 'fifo' }],
    ['a hard link to an absolute name', link('x', '/etc/shadow')],
    ['a hard link that climbs', link('x', '../../etc/shadow')],
    ['a link to nowhere', { name: 'x', type: 'symlink', linkname: '' }],
    ['a sparse file', { name: 'x', content: '', pax: { 'GNU.sparse.realsize': '999999999999' } }],
  ] as const) {
    const answer = await put(it, '/tmp', base64(await tarOf(entry as never)));
    t.match(answer, { status: 400, error: { code: 'container.invalid', title: /not copied: "/ } }, what);
    t.same(archive.unpacked, [], `${what}: the engine saw nothing`);
  }
  const strange = ['with blank', 'ünïcødé', 'new\nline', '-rf', 'a'.repeat(300), '..fine', 'a/..b'];
  t.equal(
    (await put(it, '/tmp', base64(await tarOf(...strange.map((name) => ({ name, content: name })))))).status,
    200,
  );
  for (const name of strange) t.equal(String(it.files().get(`/tmp/${name}`)), name);
  const links = await tarOf(
    { name: 'out', type: 'symlink', linkname: '../../../etc' },
    { name: 'root', type: 'symlink', linkname: '/' },
    { name: 'file', content: 'x' },
    link('same', 'file'),
  );
  t.equal((await put(it, '/tmp', base64(links))).status, 200);
  t.match(archive.unpacked, [{ name: 'out', type: 'symlink', linkname: '../../../etc' }, { name: 'root' }, {}, { type: 'link', linkname: 'file' }]); // prettier-ignore
});

t.test('limits of size, number and ratio', async (t) => {
  const it = await scene(t, {
    'archive.jsonMib': '1',
    'archive.mostMib': '2',
    'archive.entriesMost': '3',
    'archive.ratioMost': '10',
  });
  const raw = (bytes: Buffer) =>
    stream(it, 'POST', 'put_archive', '/tmp', bytes, { 'content-type': 'application/x-tar' });
  const titleOf = ({ bytes }: { readonly bytes: Buffer }): string =>
    (JSON.parse(bytes.toString()) as { errors: { title: string }[] }).errors[0]!.title;
  const large = await raw(await tarOf({ name: 'big', content: Buffer.alloc(2 * mib + 1) }));
  t.equal(large.status, 413);
  t.match(titleOf(large), /more than 2 MiB/);
  t.equal((await raw(await tarOf({ name: 'big', content: Buffer.alloc(2 * mib) }))).status, 200);
  const many = await raw(await tarOf(...['a', 'b', 'c', 'd'].map((name) => ({ name, content: '' }))));
  t.equal(many.status, 413);
  t.match(titleOf(many), /more than 3;/);
  const bomb = await raw(gzipSync(await tarOf({ name: 'bomb', content: Buffer.alloc(2 * mib - 1) })));
  t.equal(bomb.status, 413);
  t.match(titleOf(bomb), /more than 10 times/);
  t.equal((await raw(gzipSync(await tarOf({ name: 'fine', content: 'yes' })))).status, 200, 'gzip');
  t.equal(String(it.files().get('/tmp/fine')), 'yes');
  const tooLarge = await put(it, '/tmp', 'A'.repeat(1.5 * mib));
  t.equal(tooLarge.status, 413, 'a JSON body above its limit');
  it.files().set('/tmp/huge', Buffer.alloc(mib));
  t.match(await get(it, '/tmp/huge'), {
    status: 413,
    error: { code: 'container.request-too-large', title: /more than 1 MiB/, bytes_most: mib },
  });
  t.match(await get(it, '/tmp'), { status: 413 }, 'a folder, whose size nobody knows before');
});

t.test('a tar itself, beyond Zun', async (t) => {
  const it = await scene(t);
  const tar = await tarOf({ name: 'one', content: Buffer.alloc(3 * mib, 7) });
  const sent = await stream(it, 'POST', 'put_archive', '/tmp', tar, { 'content-type': 'application/x-tar' });
  t.equal(sent.status, 200);
  const accept = { accept: 'application/x-tar' };
  const got = await stream(it, 'GET', 'get_archive', '/tmp/one', null, accept);
  t.match(got, { status: 200, headers: { 'content-type': 'application/x-tar' } });
  const statOf = ({ headers }: { readonly headers: IncomingMessage['headers'] }) =>
    JSON.parse(Buffer.from(String(headers['x-troupe-path-stat']), 'base64').toString()) as Json;
  t.match(statOf(got), { name: 'one', size: 3 * mib });
  t.equal((await entriesOf(got.bytes))['one']!.length, 3 * mib);
  const head = await stream(it, 'HEAD', 'get_archive', '/tmp', null, accept);
  t.match(head, { status: 200, bytes: Buffer.alloc(0) });
  t.match(statOf(head), { name: 'tmp' });
  t.equal((await stream(it, 'HEAD', 'get_archive', '/no', null, accept)).status, 400);
});

t.test('where it is allowed', async (t) => {
  const it = await scene(t);
  const { site, uuid } = it;
  const tar = base64(await tarOf({ name: 'one', content: 'first' }));
  const both = async () => [(await get(it, '/etc')).status, (await put(it, '/tmp', tar)).status];
  t.same(await both(), [200, 200], 'Running');
  await site.call('POST', `/v1/containers/${uuid}/pause`);
  await site.reach(uuid, 'Paused');
  t.same(await both(), [200, 200], 'Paused');
  await site.call('POST', `/v1/containers/${uuid}/unpause`);
  await site.reach(uuid, 'Running');
  await site.call('POST', `/v1/containers/${uuid}/stop`);
  await site.reach(uuid, 'Stopped');
  t.same(await both(), [200, 200], 'Stopped');
  site.hosts[0]!.driver.hold('createContainer');
  const other = await site.create();
  const refused = await get({ ...it, uuid: other.uuid }, '/etc');
  t.match(refused, { status: 409, error: { title: /^Cannot get_archive container .* in Creating state/ } });
  t.match(await put({ ...it, uuid: other.uuid }, '/tmp', tar), { status: 409 });
});

t.test('no project has all the memory that copies may use', async (t) => {
  const it = await scene(t);
  const open = Array.from({ length: 4 }, () => {
    const request = httpRequest(`${it.site.process.url}/v1/containers/${it.uuid}/put_archive?path=/tmp`, {
      method: 'POST',
      headers: {
        'x-auth-token': it.site.token('ann'),
        'content-type': 'application/json',
        'content-length': '100',
      },
    });
    request.on('error', () => {});
    request.write('{');
    return request;
  });
  await until(async () => (await get(it, '/etc')).status === 503);
  const fifth = await get(it, '/etc');
  t.match(fifth.error, { title: /4 copies of files are under way/ });
  t.equal(fifth.headers['retry-after'], '1');
  const { uuid } = await it.site.create({}, { as: 'bob' });
  await it.site.reach(uuid, 'Created');
  const other = await it.site.call('GET', `/v1/containers/${uuid}/get_archive?path=/etc`, { as: 'bob' });
  t.equal(other.status, 200, 'others copy');
  for (const request of open) request.destroy();
  await until(async () => (await get(it, '/etc')).status === 200);
});
