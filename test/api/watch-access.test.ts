/** Who may open a watching socket, and what becomes of those who may not. */
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import t from 'tap';
import type { Identity } from '../../src/api/auth/identity.ts';
import { createTickets } from '../../src/api/stream/tickets.ts';
import { createTestEnvironment } from '../support/test-environment.ts';
import { createApiSite } from './site.ts';
import { until } from './until.ts';
import { isSnapshot, openWatcher, type Watcher } from './watcher.ts';

const site = await createApiSite(t, {
  hosts: 0,
  settings: { 'api.allowedOrigins': 'https://console.example' },
});
await site.create();
const url = (): string => `${site.process.url}/v1/watch`;
const host = (): string => new URL(site.process.url).host;
const open = (first: unknown, headers: Record<string, string> = {}, path = url()): Watcher => {
  const watcher = openWatcher(path, first, headers);
  t.teardown(() => watcher.socket.terminate());
  return watcher;
};
const token = { token: 'token-of-ann' };
const ticketOf = async (as: 'ann' | 'bob' | 'root'): Promise<string> => {
  const { status, json } = await site.call('POST', '/v1/tickets', { as });
  t.equal(status, 201);
  t.match(json, { ticket: /^[0-9a-f-]{72}$/, expires_in: 30 });
  return String(json['ticket']);
};

t.test('a ticket opens one socket, once, within its time, for who it was given to', async (t) => {
  const ticket = await ticketOf('bob');
  t.match((await open({ ticket }).next(({ type }) => type === 'hello')) as object, { project_id: 'p2' });
  const wrong = { code: 1008, reason: 'The ticket or token is unknown, used or expired' };
  t.match(await open({ ticket }).closed, wrong, 'used');
  t.match(await open({ ticket: 'made-up' }).closed, wrong, 'unknown');
  t.match(await open({ token: 'made-up' }).closed, wrong);
  t.match(await open({ token: ticket }).closed, wrong, 'a ticket is no token');
  t.match(await open({ ticket: 'token-of-ann' }).closed, wrong, 'nor the other way');
  const late = await ticketOf('ann');
  await site.clock.advance(30_000);
  t.match(await open({ ticket: late }).closed, wrong, 'expired');
  const admin = await ticketOf('root');
  await open({ ticket: admin, all_projects: true }).next(isSnapshot);
  t.equal((await site.call('POST', '/v1/tickets', { as: null })).status, 401);
  t.notOk(
    site.logged.some((line) => line.includes(ticket) || line.includes('token-of-')),
    'and none is logged',
  );
});

t.test('who takes many tickets makes void their own', (t) => {
  const environment = createTestEnvironment();
  const tickets = createTickets(environment, ({ userId }: Identity) => userId);
  const user = (userId: string) => ({ userId, userName: '', projectId: 'p', projectName: '', roles: [] });
  const { ticket: theirs } = tickets.issue(user('other'));
  const { ticket: first } = tickets.issue(user('greedy'));
  const { ticket: second } = tickets.issue(user('greedy'));
  for (let taken = 0; taken < 99; taken += 1) tickets.issue(user('greedy'));
  t.equal(tickets.redeem(first), null);
  t.match(tickets.redeem(second), { userId: 'greedy' });
  t.match(tickets.redeem(theirs), { userId: 'other' });
  t.end();
});

t.test('a first frame that is none is told which rule it breaks', async (t) => {
  for (const [frame, reason] of [
    ['', /must be a JSON object/],
    ['hello', /must be a JSON object/],
    ['null', /must be a JSON object/],
    ['[]', /must be a JSON object/],
    ['7', /must be a JSON object/],
    ['{}', /must have a ticket or a token/],
    [{ token: 7 }, /must have a ticket or a token/],
    [{ token: null }, /must have a ticket or a token/],
    [{ ...token, ticket: 'x' }, /must have a ticket or a token/],
    [{ ...token, all_projects: 'yes' }, /all_projects must be true or false/],
    [
      { ...token, kinds: 'container' },
      /kinds must be a list of container, capsule, sandbox, pool, network, volume, image, registry, host, tenant/,
    ],
    [{ ...token, kinds: ['pod'] }, /kinds must be a list of/],
    [{ ...token, kinds: [['container']] }, /kinds must be a list of/],
    [{ ...token, id: 7 }, /id must be a string/],
    [{ ...token, from: 7 }, /from must be a position or a list of them/],
    [{ ...token, from: ['a', 7] }, /from must be a position or a list of them/],
    [{ ...token, from: '’'.repeat(200) }, /is not a position of this stream/],
  ] as const)
    t.match(await open(frame).closed, { code: 1008, reason }, JSON.stringify(frame).slice(0, 60));
  t.equal((await open('x'.repeat(300_000)).closed).code, 1009, 'too large a frame');
  t.match(await open({ ...token, all_projects: true }).closed, {
    code: 4403,
    reason: "Policy doesn't allow troupe:watch_all_projects to be performed.",
  });
  t.equal(site.controlPlane.stats().watchers <= 2, true);
  for (const nothing of [
    { ...token, from: null, kinds: null, id: null },
    { ...token, from: [] },
  ])
    await open(nothing).next(isSnapshot);
});

t.test('a page of another origin opens nothing', async (t) => {
  for (const origin of [
    'https://evil.example',
    'null',
    `http://${host()}.evil.example`,
    `http://evil.example/${host()}`,
    'file://',
    'x',
  ])
    t.equal((await open(token, { origin }).refused).status, 403, origin);
  t.equal(
    (await open(token, { origin: 'http://127.0.0.1:1' }).refused).status,
    403,
    'another port is another origin',
  );
  for (const origin of [`http://${host()}`, 'https://console.example'])
    await open(token, { origin }).next(isSnapshot);
  await open(token).next(isSnapshot);
  t.pass('its own, the allowed one, and programs, which have none');
});

t.test('only its path is answered, in all its spellings', async (t) => {
  for (const path of ['//v1//watch', '/v1/watch/', '/v1/watch?x=1'])
    await open(token, {}, `${site.process.url}${path}`).next(isSnapshot);
  for (const path of ['/v1/watcher', '/v1/containers', '/', '/v1'])
    t.equal((await open(token, {}, `${site.process.url}${path}`).refused).status, 404, path);
});

t.test('who does not say in time who it is is shown out', async (t) => {
  const silent = open(null);
  await silent.opened;
  await site.clock.advance(9_999);
  t.equal(silent.socket.readyState, silent.socket.OPEN);
  await site.clock.advance(1);
  t.match(await silent.closed, { code: 1008, reason: 'The first frame did not come in time' });
  const known = open(token);
  await known.next(isSnapshot);
  await site.clock.advance(20_000);
  t.equal(known.socket.readyState, known.socket.OPEN, 'who has is not');
});

t.test('who is gone without a word is found out', async (t) => {
  const before = site.controlPlane.stats().watchers;
  const watcher = open(token);
  await watcher.next(isSnapshot);
  t.equal(site.controlPlane.stats().watchers, before + 1);
  watcher.socket.pause();
  await site.clock.advance(15_000);
  await site.clock.advance(15_000);
  await until(() => site.controlPlane.stats().watchers <= before);
  watcher.socket.resume();
  t.equal((await watcher.closed).code, 1006);
});

t.test('strangers are few at a time, and malformed ones take no place', async (t) => {
  for (let count = 0; count < 300; count += 1) {
    const status = await new Promise((resolve, reject) => {
      const request = httpRequest(url(), {
        headers: {
          connection: 'Upgrade',
          upgrade: 'websocket',
          ...(count % 2 === 0 ? {} : { 'sec-websocket-version': '99', 'sec-websocket-key': 'x' }),
        },
      });
      request.on('response', (response) => (resolve(response.statusCode), response.resume()));
      request.on('error', reject);
      request.end();
    });
    if (status !== 400 && status !== 426) t.fail(`a malformed upgrade was answered ${String(status)}`);
  }
  const strangers = Array.from({ length: 256 }, () => open(null));
  await Promise.all(strangers.map(({ opened }) => opened));
  const { status, headers } = await open(token).refused;
  t.equal(status, 503);
  t.equal(headers['retry-after'], '1');
  strangers[0]!.socket.send(JSON.stringify(token));
  await strangers[0]!.next(isSnapshot);
  const next = open(null);
  await next.opened;
  t.equal((await open(token).refused).status, 503, 'who is known makes room, for one');
  strangers[1]!.socket.send('{"token": "wrong"}');
  await strangers[1]!.closed;
  await open(token).next(isSnapshot);
  for (const each of strangers) each.socket.terminate();
  next.socket.terminate();
  await Promise.all([...strangers, next].map(({ closed }) => closed));
});

t.test('a socket that breaks during its upgrade breaks nothing', async (t) => {
  for (let count = 0; count < 20; count += 1) {
    const socket = connect(Number(new URL(site.process.url).port), '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    socket.write(
      `GET /v1/watch HTTP/1.1\r\nHost: ${host()}\r\nOrigin: https://evil.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    );
    socket.resetAndDestroy();
  }
  await open(token).next(isSnapshot);
  t.pass('it goes on');
});

t.test('who watches is told when the server stops, and nobody can keep it from stopping', async (t) => {
  const watcher = open(token);
  const silent = open(null);
  const deaf = open(token);
  await Promise.all([watcher.next(isSnapshot), deaf.next(isSnapshot), silent.opened]);
  deaf.socket.pause();
  const closes = [watcher.closed, silent.closed];
  await site.restart();
  for (const closed of closes) t.match(await closed, { code: 1001, reason: 'The server is stopping' });
  t.equal(site.controlPlane.stats().watchers, 0);
});
