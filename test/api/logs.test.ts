/** `GET /v1/containers/X/logs`. @see zun-api 2.7 */
import { get, type IncomingMessage } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import t from 'tap';
import { TroupeError } from '../../src/errors/errors.ts';
import { createApiSite } from './site.ts';
import { until } from './until.ts';

const site = await createApiSite(t);
const host = site.hosts[0]!;
const { uuid } = await site.create({ name: 'web' }, { run: true });
await site.reach(uuid, 'Running');
const logs = (query = '') => site.call('GET', `/v1/containers/${uuid}/logs${query}`);

/** What the engine was asked for last. */
let asked: unknown;
let source: () => Readable = () => Readable.from([Buffer.from('one\n'), Buffer.from('two\n')]);
host.driver.logs = async (_, options) => {
  asked = options;
  return source();
};

t.test('the log is one JSON string', async (t) => {
  const { status, text, headers } = await logs();
  t.equal(status, 200);
  t.equal(text, '"one\\ntwo\\n"');
  t.match(headers['content-type'], /^application\/json/);
  source = () => Readable.from([]);
  t.equal((await logs()).text, '""');
  source = () => Readable.from([Buffer.from([0x61, 0xff, 0xfe, 0x62])]);
  t.equal(JSON.parse((await logs()).text), 'a\ufffd\ufffdb', 'bytes that are no text break nothing');
  source = () => Readable.from([Buffer.from([0xe2, 0x82]), Buffer.from([0xac])]);
  t.equal(JSON.parse((await logs()).text), '€', 'a character may come in two parts');
});

t.test('what is asked for reaches the engine', async (t) => {
  const usual = {
    stdout: true,
    stderr: true,
    timestamps: false,
    tail: 'all',
    sinceSeconds: 0,
    follow: false,
  };
  for (const [query, options] of [
    ['', {}],
    ['?stdout=True&stderr=True&timestamps=False&tail=all&since=None', {}],
    ['?stdout=false&timestamps=1', { stdout: false, timestamps: true }],
    ['?stderr=no', { stderr: false }],
    ['?tail=5', { tail: 5 }],
    ['?tail=0', { tail: 0 }],
    ['?tail=None', {}],
    ['?since=1767225600', { sinceSeconds: 1767225600 }],
    ['?since=2026-01-01 00:00:00,500', { sinceSeconds: 1767225600.5 }],
    ['?since=2026-01-01%2000:00:00', { sinceSeconds: 1767225600 }],
  ] as const) {
    t.equal((await logs(encodeURI(decodeURI(query)))).status, 200, query);
    t.match(asked, { ...usual, ...options }, query);
  }
  for (const query of ['?tail=-1', '?tail=some', '?tail=1.5', '?since=yesterday', '?since=-5', '?since=2026-13-01 00:00:00', '?since=now',
    '?stdout=maybe', '?follow=2', '?lines=5']) {
    const { status, error } = await logs(encodeURI(query));
    t.equal(status, 400, query);
    t.match(error.title, new RegExp(query.slice(1).split('=')[0]!));
  } // prettier-ignore
});

t.test('a log without end is cut, and says so', async (t) => {
  let isDestroyed = false;
  source = () => {
    const endless = new Readable({
      read() {
        this.push(Buffer.alloc(1024 * 1024, 'x'));
      },
      destroy(error, done) {
        isDestroyed = true;
        done(error);
      },
    });
    return endless;
  };
  const text = JSON.parse((await logs()).text) as string;
  const note = '\n[Troupe: cut after 8388608 bytes; ask for a tail, or follow]\n';
  t.equal(text.length, 8 * 1024 * 1024 + note.length);
  t.ok(text.endsWith(note));
  t.ok(isDestroyed, 'the source is not read on');
});

/** An answer as its first byte comes. */
const open = (query: string): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    get(
      `${site.process.url}/v1/containers/${uuid}/logs${query}`,
      { headers: { 'x-auth-token': site.token('ann') } },
      resolve,
    ).on('error', reject);
  });

t.test('who follows gets what is written as it is written, and ends it by leaving', async (t) => {
  const written = new PassThrough();
  source = () => written;
  const answer = await open('?follow=true');
  written.write('first\n');
  t.equal(answer.statusCode, 200, 'answered before anything is written');
  t.match(answer.headers, { 'content-type': 'text/plain; charset=utf-8', 'x-openstack-request-id': /^req-/ });
  t.match(asked, { follow: true });
  let received = '';
  answer.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
  await until(() => received === 'first\n');
  written.write('second\n');
  await until(() => received === 'first\nsecond\n');
  answer.destroy();
  await until(() => written.destroyed);
  t.pass('the source at the engine ended when its reader left');
});

t.test('a log that ends ends its followers', async (t) => {
  const written = new PassThrough();
  source = () => written;
  const answer = await open('?follow=1');
  let received = '';
  answer.setEncoding('utf8').on('data', (chunk: string) => (received += chunk));
  const ended = new Promise((resolve) => answer.once('end', resolve));
  written.end('last words\n');
  await ended;
  t.equal(received, 'last words\n');
});

t.test('a host that goes away meanwhile is no error of the server', async (t) => {
  source = () =>
    new Readable({
      read() {
        this.destroy(new Error('cut'));
      },
    });
  const { status, error, headers } = await logs();
  t.equal(status, 503);
  t.match(error, { code: 'container.container-host-not-up', title: /The host went away/ });
  t.equal(headers['retry-after'], '1');
});

t.test('what the engine answers is told', async (t) => {
  host.driver.logs = () =>
    Promise.reject(new TroupeError('ENGINE_UNAVAILABLE', 'The engine does not answer'));
  t.match((await logs()).error, {
    status: 503,
    code: 'container.docker-error',
    title: 'The engine does not answer',
  });
  host.driver.logs = () => Promise.reject(new TroupeError('CONTAINER_GONE', 'There is no such container'));
  t.match((await logs()).error, { status: 404 });
});

t.test('a container that is on no host has no log, one on a host nobody hears has it later', async (t) => {
  host.driver.hold('createContainer');
  const early = await site.create();
  const answer = await site.call('GET', `/v1/containers/${early.uuid}/logs`);
  t.equal(answer.status, 409);
  t.match(answer.error, {
    code: 'container.invalid-state-exception',
    title: new RegExp(`^Cannot logs container ${early.uuid} in Creating state: `),
    state: 'Creating',
  });
  host.wire.links = null;
  host.wire.cut();
  const away = await logs();
  t.equal(away.status, 503);
  t.match(away.error, { code: 'container.container-host-not-up', title: /not connected now; try again/ });
});
