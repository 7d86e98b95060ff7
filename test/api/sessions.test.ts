/** Terminals of containers: asked for by REST, connected to once, and what goes through them. @see zun-api 2.7, 4 */
import { once } from 'node:events';
import { Readable } from 'node:stream';
import t from 'tap';
import type { FakeSession } from '../support/fake-driver.ts';
import { openSessionClient, type SessionClient, type SessionClientOptions } from './session-client.ts';
import { createApiSite, type Answer, type CallOptions, type User } from './site.ts';
import { until } from './until.ts';

const site = await createApiSite(t, {
  settings: { 'api.sessionsMost': '4', 'api.allowedOrigins': 'https://console.example' },
});
const { driver } = site.hosts[0]!;
const { uuid } = await site.create({ name: 'web', interactive: true, tty: true }, { run: true });
await site.reach(uuid, 'Running');

const path = `/v1/containers/${uuid}`;
const execute = (query = 'command=sh&interactive=True&run=False', options: CallOptions = {}) =>
  site.call('POST', `${path}/execute?${query}`, options);
const urlOf = ({ json, text, status }: Answer): string => {
  if (status !== 200) throw new Error(`${status} ${text}`);
  return typeof json === 'string' ? json : String(json['proxy_url']);
};
/** The answer names the host as the request did; the test's requests name none that listens. */
const connect = (answer: Answer, options: SessionClientOptions = {}): SessionClient => {
  const { pathname, search } = new URL(urlOf(answer));
  const client = openSessionClient(`${site.process.url.replace('http', 'ws')}${pathname}${search}`, options);
  t.teardown(() => client.socket.terminate());
  return client;
};
/** A session with its client, and the process at the engine. */
const session = async (
  answer: Answer,
  options: SessionClientOptions = {},
): Promise<{ client: SessionClient; process: FakeSession }> => {
  const count = driver.sessions.length;
  const client = connect(answer, options);
  await until(() => driver.sessions.length > count);
  await client.opened;
  return { client, process: driver.sessions[count]! };
};
const stateOf = async (execId: unknown, as: User = 'ann') =>
  (await site.call('GET', `${path}/execute/${String(execId)}`, { as })).json;
const typed = async ({ process }: FakeSession): Promise<string> => {
  const [chunk] = (await once(process, 'data')) as [Buffer];
  return chunk.toString('utf8');
};

t.test('execute answers as Zun does, and the session is what zunclient expects', async (t) => {
  const answer = await execute('command=%22sh%22+%22-c%22+%22top+-b%22&interactive=True&run=False');
  t.match(answer.json, { output: null, exit_code: null, exec_id: /^[0-9a-f]{64}$/ });
  const { exec_id: execId } = answer.json;
  t.match(urlOf(answer), new RegExp(`^ws://localhost:80/v1/sessions\\?token=[0-9a-f-]{72}&uuid=${uuid}&exec_id=${String(execId)}$`)); // prettier-ignore
  t.notOk(driver.calls.includes(`execCreate ${uuid}`), 'nothing is made for who may never come');
  const { client, process } = await session(answer);
  t.equal(client.socket.protocol, 'binary');
  t.match(process.spec, { command: ['sh', '-c', 'top -b'], tty: true, interactive: true }, 'as a shell splits it'); // prettier-ignore
  client.type('hello\r');
  t.equal(await typed(process), 'hello\r');
  process.process.write('shown');
  await client.shows('shown');
  t.same(await stateOf(execId), { exec_id: execId, connected: true, running: true, exit_code: null });
  process.exit(3);
  t.same(await client.closed, { code: 1000, reason: '{"exit_code":3}' });
  t.same(await stateOf(execId), { exec_id: execId, connected: false, running: false, exit_code: 3 });
});

t.test('attach is with the main process, and needs an interactive container', async (t) => {
  const answer = await site.call('GET', `${path}/attach`);
  t.match(answer.json, new RegExp(`^ws://localhost:80/v1/sessions\\?token=[0-9a-f-]{72}&uuid=${uuid}$`));
  const { client, process } = await session(answer);
  client.type('ls\r');
  t.equal(await typed(process), 'ls\r');
  t.equal((await site.call('POST', `${path}/resize?w=100&h=40`)).text, 'null');
  t.match(process.sizes, [{ rows: 40, columns: 100 }]);
  client.socket.close();
  await until(() => process.stream.destroyed);
  t.match(await site.reach(uuid, 'Running'), { status: 'Running' }, 'who leaves ends nothing');

  const plain = await site.create({ name: 'plain' }, { run: true });
  await site.reach(plain.uuid, 'Running');
  for (const [method, verb] of [['GET', 'attach'], ['POST', 'resize?w=80&h=24']] as const)
    t.match(await site.call(method, `/v1/containers/${plain.uuid}/${verb}`), {
      status: 400,
      error: { code: 'container.no-interactive-flag', title: /^Container doesn't support to be attached/ },
    }); // prettier-ignore
});

t.test('the main process’s exit code ends its attachments', async (t) => {
  const { uuid: other } = await site.create({ interactive: true }, { run: true });
  await site.reach(other, 'Running');
  const { client, process } = await session(await site.call('GET', `/v1/containers/${other}/attach`));
  process.exit(7);
  t.same(await client.closed, { code: 1000, reason: '{"exit_code":7}' });
  t.match(await site.reach(other, 'Stopped'), { exit_code: 7 });
});

t.test('without a terminal: as asked, with an end of what is typed', async (t) => {
  const { client, process } = await session(await execute('command=cat&interactive=true&tty=false'));
  t.match(process.spec, { tty: false, interactive: true });
  client.type('all');
  t.equal(await typed(process), 'all');
  const ended = once(process.process.resume(), 'end');
  client.type('');
  await ended;
  process.process.write('output goes on');
  await client.shows('output goes on');
  process.exit(0);
  t.match(await client.closed, { code: 1000, reason: '{"exit_code":0}' });

  const deaf = await session(await execute('command=make&run=false'));
  t.match(deaf.process.spec, { tty: false, interactive: false });
  deaf.client.type('nobody reads this');
  deaf.process.process.write('done');
  await deaf.client.shows('done');
  t.equal(deaf.process.process.readableLength, 0);
  deaf.process.exit(0);
  await deaf.client.closed;
});

t.test('a ticket opens one session, once, in its time, and only the one it was given for', async (t) => {
  const unknown = { status: 401, text: 'The ticket is unknown, used or expired; ask for another\n' };
  const answer = await execute();
  const { client, process } = await session(answer);
  t.same(await connect(answer).refused, unknown, 'used');
  process.exit(0);
  await client.closed;
  t.same(await connect(answer).refused, unknown, 'over');

  const late = await execute();
  await site.clock.advance(30_000);
  t.same(await connect(late).refused, unknown, 'expired');
  t.match(await site.call('GET', `${path}/execute/${String(late.json['exec_id'])}`), { status: 404 });

  const base = `${site.process.url.replace('http', 'ws')}/v1/sessions`;
  for (const query of ['', '?token=', '?token=made-up', '?token=token-of-ann'])
    t.same(await openSessionClient(`${base}${query}`).refused, unknown, query);

  const { uuid: theirs } = await site.create({ interactive: true }, { run: true, as: 'bob' });
  await site.reach(theirs, 'Running');
  const others = new URL(urlOf(await site.call('GET', `/v1/containers/${theirs}/attach`, { as: 'bob' })));
  others.searchParams.set('uuid', uuid);
  t.same(await openSessionClient(`${base}${others.search}`).refused, unknown, 'of another container');
  others.searchParams.set('uuid', theirs);
  t.same(await openSessionClient(`${base}${others.search}`).refused, unknown, 'and that has used it up');
  t.notOk(
    site.logged.some((line) => line.includes(others.searchParams.get('token')!)),
    'none is logged',
  );
});

t.test('another project finds nothing, not even that there is a session', async (t) => {
  const answer = await execute();
  const { exec_id: execId } = answer.json;
  const asked = [
    ['POST', `${path}/execute?command=sh&interactive=true`],
    ['GET', `${path}/attach`],
    ['POST', `${path}/resize?w=1&h=1`],
    ['POST', `${path}/execute_resize?exec_id=${String(execId)}&w=1&h=1`],
    ['GET', `${path}/execute/${String(execId)}`],
  ] as const;
  for (const [method, at] of asked)
    t.match(await site.call(method, at, { as: 'bob' }), {
      status: 404,
      error: { title: `Container ${uuid} could not be found.` },
    });
  const { uuid: mine } = await site.create({}, { run: true, as: 'bob' });
  t.match(await site.call('GET', `/v1/containers/${mine}/execute/${String(execId)}`, { as: 'bob' }), {
    status: 404,
    error: { title: `The exec instance ${String(execId)} could not be found.` },
  });
  await site.clock.advance(30_000);
});

t.test('a character is never cut in two, and what is no text comes as it is', async (t) => {
  const { client, process } = await session(await execute());
  const text = 'aé€😀';
  for (const byte of Buffer.from(text)) {
    process.process.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await client.shows(text);
  const strict = new TextDecoder('utf-8', { fatal: true });
  t.equal(client.frames.map((frame) => strict.decode(frame)).join(''), text);
  const binary = Buffer.from([0xff, 0x80, 0x80, 0x80, 0x80, 0xfe, 0x41]);
  process.process.write(binary);
  process.process.write(Buffer.from([0xe2, 0x82]));
  process.exit(0);
  await client.closed;
  t.same(
    Buffer.concat(client.frames),
    Buffer.concat([Buffer.from(text), binary, Buffer.from([0xe2, 0x82])]),
    'half a character at the end, too',
  );
});

t.test('an endless output waits for who reads it slowly', async (t) => {
  const { client, process } = await session(await execute('command=yes&interactive=true'));
  client.socket.pause();
  const chunk = Buffer.from('y\n'.repeat(32 * 1024));
  let made = 0;
  const yes = new Readable({
    read() {
      made += chunk.length;
      this.push(chunk);
    },
  });
  yes.pipe(process.process);
  await until(() => made > 1024 * 1024);
  let before = -1;
  for (let still = 0; still < 200; still += 1) {
    if (made !== before) still = 0;
    before = made;
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.ok(made < 32 * 1024 * 1024, `${Math.round(made / 1024 / 1024)} MiB were made, no more`);
  await site.clock.advance(600_000);
  t.equal(made, before, 'for as long as it likes');
  client.socket.resume();
  await until(() => made > before * 2);
  t.pass('and flows on when it is read');
  client.socket.close();
  await until(() => process.stream.destroyed);
});

t.test('what is pasted waits for a process that reads slowly', async (t) => {
  const { client, process } = await session(await execute('command=sleep+9&interactive=true&tty=false'));
  const pasted = Buffer.alloc(256 * 1024, 'p');
  for (let count = 0; count < 128; count += 1) client.socket.send(pasted);
  let before = -1;
  for (let still = 0; still < 200; still += 1) {
    if (client.socket.bufferedAmount !== before) still = 0;
    before = client.socket.bufferedAmount;
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.ok(before > 16 * 1024 * 1024, `${Math.round(before / 1024 / 1024)} of 32 MiB wait at their sender`);
  let read = 0;
  process.process.on('data', (bytes: Buffer) => (read += bytes.length));
  await until(() => read === pasted.length * 128);
  process.exit(0);
  t.match(await client.closed, { code: 1000 });
});

t.test('the size of a terminal that is not there yet is the one it is born with', async (t) => {
  const answer = await execute();
  const { exec_id: execId } = answer.json;
  const resize = (query: string) => site.call('POST', `${path}/execute_resize?exec_id=${String(execId)}&${query}`);
  t.match(await resize('w=132&h=50'), { status: 200, text: 'null' });
  const { client, process } = await session(answer);
  await until(() => process.sizes.length === 1);
  await resize('h=24&w=80');
  t.match(process.sizes, [{ rows: 50, columns: 132 }, { rows: 24, columns: 80 }]); // prettier-ignore
  for (const query of ['', 'w=1', 'h=1', 'w=0&h=1', 'w=1&h=-1', 'w=1.5&h=1', 'w=x&h=1', 'w=65536&h=1'])
    t.match(await resize(query), { status: 400, error: { title: /parameters '[hw]'/ } }, query);
  for (const id of ['', 'x', 'A'.repeat(64)])
    t.equal((await site.call('POST', `${path}/execute_resize?exec_id=${id}&w=1&h=1`)).status, 400);
  t.equal((await site.call('POST', `${path}/execute_resize?exec_id=${'0'.repeat(64)}&w=1&h=1`)).status, 404);
  process.exit(0);
  await client.closed;
  t.match(await resize('w=1&h=1'), { status: 200, text: 'null' }, 'a terminal that is gone keeps its last size');
  t.equal(process.sizes.length, 2);
}); // prettier-ignore

t.test('a client that goes leaves its process, and its end can be asked for', async (t) => {
  const answer = await execute();
  const { exec_id: execId } = answer.json;
  const { client, process } = await session(answer);
  client.socket.terminate();
  await until(() => process.stream.destroyed);
  t.same(await stateOf(execId), { exec_id: execId, connected: false, running: true, exit_code: null });
  t.notOk(process.process.writableEnded);
  process.exit(9);
  t.same(await stateOf(execId), { exec_id: execId, connected: false, running: false, exit_code: 9 });
});

t.test('a container has so many sessions at once, those counted that nobody came for', async (t) => {
  const open = [await session(await execute()), await session(await site.call('GET', `${path}/attach`))];
  const waiting = [await execute(), await execute()];
  const full = { status: 409, error: { title: /has 4 sessions already/ } };
  t.match(await execute(), full);
  t.match(await site.call('GET', `${path}/attach`), full);
  open[0]!.process.exit(0);
  await open[0]!.client.closed;
  t.equal((await execute()).status, 200);
  t.match(await execute(), full);
  await site.clock.advance(30_000);
  for (const late of waiting) t.equal((await connect(late).refused).status, 401);
  t.equal((await execute()).status, 200);
  open[1]!.client.socket.close();
  await site.clock.advance(30_000);
});

t.test('the state of the container decides, when it is asked and when it is connected to', async (t) => {
  const { uuid: other } = await site.create({ interactive: true }, { run: true });
  await site.reach(other, 'Running');
  const at = `/v1/containers/${other}`;
  const answers = [
    await site.call('POST', `${at}/execute?command=sh&interactive=true`),
    await site.call('GET', `${at}/attach`),
  ];
  await site.call('POST', `${at}/stop?timeout=0`);
  await site.reach(other, 'Stopped');
  for (const answer of answers) t.match(await connect(answer).closed, { code: 4409, reason: /./ });
  for (const [method, verb, name] of [
    ['POST', 'execute?command=sh&interactive=true', 'execute'],
    ['GET', 'attach', 'attach'],
    ['POST', 'resize?w=1&h=1', 'resize'],
  ] as const)
    t.match(await site.call(method, `${at}/${verb}`), {
      status: 409,
      error: { code: 'container.invalid-state-exception', title: new RegExp(`^Cannot ${name} container`) },
    });
});

t.test('a failure is told by the close code, and shown to terminals of Zun’s clients', async (t) => {
  const cut = await session(await execute());
  cut.process.stream.destroy(new Error('the wire was cut'));
  t.match(await cut.client.closed, { code: 1011, reason: 'The server failed; come back' });
  t.equal(cut.client.shown(), '\r\nThe server failed; come back\r\n');
  const own = await session(await execute(), { protocols: [] });
  own.process.stream.destroy(new Error('the wire was cut'));
  await own.client.closed;
  t.equal(own.client.shown(), '', 'who offers no subprotocol reads the reason');
});

t.test('a page of another origin opens nothing, and uses up no ticket', async (t) => {
  const answer = await execute();
  const { host } = new URL(site.process.url);
  for (const origin of ['https://evil.example', 'null', `https://${host}`, 'http://127.0.0.1:1', 'x'])
    t.equal((await connect(answer, { headers: { origin } }).refused).status, 403, origin);
  for (const origin of [`http://${host}`, 'https://console.example']) {
    const { client, process } = await session(await execute(), { headers: { origin } });
    process.exit(0);
    t.match(await client.closed, { code: 1000 }, origin);
  }
  const { client, process } = await session(answer, {
    headers: { origin: `https://${host}`, 'x-forwarded-proto': 'https' },
  });
  process.exit(0);
  t.match(await client.closed, { code: 1000 }, 'behind a proxy that ends TLS');
});

t.test('who had which session is in the log, and nothing of what went through it', async (t) => {
  const answer = await execute('command=secret-command&interactive=true');
  const { client, process } = await session(answer);
  client.type('typed-secret');
  await typed(process);
  process.process.write('shown-secret');
  await client.shows('shown-secret');
  process.exit(4);
  await client.closed;
  const lines = site.logged.map((line) => JSON.parse(line) as Record<string, unknown>);
  const mine = lines.filter(({ session_id: id }) => id === answer.json['exec_id']);
  const who = {
    request_id: answer.headers['x-openstack-request-id'],
    project_id: 'p1',
    user_id: 'ann',
    container_id: uuid,
    kind: 'execute',
  };
  t.match(mine, [
    { ...who, msg: 'session opened' },
    { ...who, msg: 'session closed', exit_code: 4, bytes_received: 12, bytes_sent: 12 },
  ]);
  t.notOk(site.logged.some((line) => /typed-secret|shown-secret|secret-command/.test(line)));
});

t.test('a control plane that stops cuts its sessions, and no process of them notices', async (t) => {
  const { client, process } = await session(await execute());
  const waiting = await execute();
  await site.restart();
  t.match(await client.closed, { code: 1001 });
  t.notOk(process.process.writableEnded);
  t.equal((await connect(waiting).refused).status, 401);
  const again = await session(await execute());
  again.process.exit(0);
  t.match(await again.client.closed, { code: 1000 });
});
