/** The link over real sockets: what only a network can show. */
import { createServer, request, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { WebSocket } from 'ws';
import { createAgent } from '../../src/agent/agent.ts';
import { createHostLinks } from '../../src/link/host-link-server.ts';
import { attachLinkAcceptor, createLinkAcceptor } from '../../src/link/ws-acceptor.ts';
import { createWsDialer } from '../../src/link/ws-dialer.ts';
import { createEnvironment } from '../../src/main/environment.ts';
import { agentRestartPolicy } from '../../src/main/restart-policy.ts';
import { createFakeDriver } from '../support/fake-driver.ts';
import { createFakeProber } from '../support/fake-prober.ts';
import { args, operation, timing } from '../support/link-scene.ts';
import { createMemoryAgentDisk } from '../support/memory-agent-state.ts';
import { createScriptedEvents } from '../support/scripted-events.ts';
import { testCertificate } from '../support/test-certificate.ts';
import { createTestEnvironment } from '../support/test-environment.ts';

const { log } = createTestEnvironment();
const environment = createEnvironment(log);

/** Waits for what sockets bring, without a clock. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

async function controlPlane(t: Test, listen: (server: Server) => void) {
  const events = createScriptedEvents();
  const links = createHostLinks({ environment, events, timing });
  events.ended = (hostId, opId) => links.forget(hostId, opId);
  const server = createServer((_, response) => response.writeHead(404).end());
  attachLinkAcceptor(server, createLinkAcceptor({ environment, links, allowInsecure: false }));
  listen(server);
  await once(server, 'listening');
  t.teardown(() => {
    links.close();
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return { events, links, server, port: typeof address === 'object' && address ? address.port : 0 };
}

async function agentAt(t: Test, url: string) {
  const driver = createFakeDriver(environment.now);
  const agent = await createAgent({
    environment,
    driver,
    prober: createFakeProber(),
    dialer: createWsDialer({ url, allowInsecure: false }),
    state: createMemoryAgentDisk().open(),
    hostname: 'host1',
    version: 'test',
    joinToken: 'join',
    decideRestart: agentRestartPolicy,
    labels: {},
  });
  t.teardown(() => agent.stop());
  await agent.start();
  return { agent, driver };
}

t.test('an agent joins, obeys and tells over TCP, and over a unix socket', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'link-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  // What a folder may be called, a URL would read otherwise.
  const path = join(directory, 'a link: 50%20?.sock');
  for (const overUnix of [false, true]) {
    const { events, links, port } = await controlPlane(t, (server) =>
      overUnix ? server.listen(path) : server.listen(0, '127.0.0.1'),
    );
    const { driver } = await agentAt(t, overUnix ? `ws+unix:${path}:` : `ws://127.0.0.1:${port}`);
    links.operate('host-1', operation({ args: args.createContainer }, 1));
    links.operate('host-1', operation({ args: args.startContainer }, 2));
    await until(() => events.results.length === 2);
    driver.exit('c1', 1);
    await until(() => events.facts.length === 1);
    t.match(events.facts, [{ type: 'runtime.exited' }], overUnix ? 'unix' : 'tcp');
  }
});

t.test('a log nobody reads is held back at its source, and delays no stop', async (t) => {
  const { events, links, port } = await controlPlane(t, (server) => server.listen(0, '127.0.0.1'));
  const { driver } = await agentAt(t, `ws://127.0.0.1:${port}`);
  links.operate('host-1', operation({ args: args.createContainer }, 1));
  links.operate('host-1', operation({ args: args.startContainer }, 2));
  await until(() => events.results.length === 2);
  const chunk = Buffer.alloc(256 * 1024, 'x');
  let made = 0;
  driver.logSource = () =>
    new Readable({
      read() {
        made += chunk.length;
        this.push(chunk);
      },
    });
  const stream = await links.openStream(
    'host-1',
    'c1',
    {
      kind: 'logs',
      stdout: true,
      stderr: true,
      timestamps: false,
      tail: 'all',
      sinceSeconds: 0,
      follow: true,
    },
    new AbortController().signal,
  );
  // Nobody reads: it fills what the kernel and the sockets hold, and stops.
  let before = -1;
  for (let still = 0; still < 5; still += 1) {
    if (made !== before) still = 0;
    before = made;
    for (let turns = 0; turns < 2_000; turns += 1) await turn();
  }
  t.ok(made < 64 * 1024 * 1024, `${Math.round(made / 1024 / 1024)} MiB were made, no more`);
  links.operate('host-1', operation({ args: args.stopContainer }, 3));
  await until(() => events.results.length === 3);
  t.match(events.results.at(-1), { opId: 'op-3', outcome: { ok: true } }, 'the stop is through');
  t.equal(made, before, 'while the log still stands');
  let read = 0;
  for await (const part of stream as AsyncIterable<Buffer>) {
    read += part.length;
    if (read > before * 2) break;
  }
  t.ok(read > before * 2, 'and flows on as soon as it is read');
});

t.test('a stream ends at its source when the reader leaves', async (t) => {
  const { events, links, port } = await controlPlane(t, (server) => server.listen(0, '127.0.0.1'));
  const { driver } = await agentAt(t, `ws://127.0.0.1:${port}`);
  links.operate('host-1', operation({ args: args.createContainer }, 1));
  await until(() => events.results.length === 1);
  const source = new Readable({ read() {} });
  driver.logSource = () => source;
  const asked = { kind: 'logs', stdout: true, stderr: true, timestamps: false, tail: 'all', sinceSeconds: 0, follow: true } as const; // prettier-ignore
  const stream = await links.openStream('host-1', 'c1', asked, new AbortController().signal);
  source.push('line');
  await once(stream, 'readable');
  stream.destroy();
  await until(() => source.destroyed);
  t.pass('the log is followed no more');
  await t.rejects(links.openStream('host-1', 'c9', asked, new AbortController().signal), {
    code: 'CONTAINER_GONE',
  });
  await t.rejects(links.openStream('host-1', 'c1', asked, AbortSignal.abort()), { code: 'TIMED_OUT' });
});

t.test('a log that ends arrives whole', async (t) => {
  const { events, links, port } = await controlPlane(t, (server) => server.listen(0, '127.0.0.1'));
  const { driver } = await agentAt(t, `ws://127.0.0.1:${port}`);
  links.operate('host-1', operation({ args: args.createContainer }, 1));
  await until(() => events.results.length === 1);
  driver.logSource = () => Readable.from(Array.from({ length: 5_000 }, (_, line) => `line ${line}\n`));
  const asked = { kind: 'logs', stdout: true, stderr: true, timestamps: false, tail: 'all', sinceSeconds: 0, follow: false } as const; // prettier-ignore
  const stream = await links.openStream('host-1', 'c1', asked, new AbortController().signal);
  const parts: Buffer[] = [];
  for await (const part of stream as AsyncIterable<Buffer>) parts.push(part);
  const lines = Buffer.concat(parts).toString().trimEnd().split('\n');
  t.equal(lines.length, 5_000);
  t.equal(lines.at(-1), 'line 4999');
});

t.test('over TLS an agent trusts the authority it was given, and no other', async (t) => {
  const events = createScriptedEvents();
  const links = createHostLinks({ environment, events, timing });
  const accept = createLinkAcceptor({ environment, links, allowInsecure: false });
  const server = createTlsServer(testCertificate);
  server.on('upgrade', (incoming, socket, head) => {
    Object.defineProperty(incoming.socket, 'remoteAddress', { value: '192.0.2.7' });
    accept(incoming, socket, head);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    links.close();
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as { port: number };
  const url = `wss://127.0.0.1:${port}`;
  const { signal } = new AbortController();
  await t.rejects(createWsDialer({ url, allowInsecure: true }).dial(signal), {
    code: 'HOST_UNREACHABLE',
    message: /self-signed certificate/,
  });
  const connection = await createWsDialer({ url, ca: testCertificate.cert, allowInsecure: false }).dial(
    signal,
  );
  connection.close(1000, 'done');
  t.pass('from another machine too');
});

t.test('a data socket with a ticket nobody waits for is closed', async (t) => {
  const { port } = await controlPlane(t, (server) => server.listen(0, '127.0.0.1'));
  const socket = new WebSocket(`ws://127.0.0.1:${port}/link/data`);
  await once(socket, 'open');
  socket.send('guessed');
  const [code] = (await once(socket, 'close')) as [number];
  t.equal(code, 1008);
});

t.test('a frame larger than the link carries closes the connection, not the process', async (t) => {
  const { port } = await controlPlane(t, (server) => server.listen(0, '127.0.0.1'));
  for (const path of ['/link', '/link/data']) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`);
    await once(socket, 'open');
    socket.on('error', () => {});
    socket.send('x'.repeat(5 * 1024 * 1024));
    const [code] = (await once(socket, 'close')) as [number];
    t.equal(code, 1009, path);
  }
  const binary = new WebSocket(`ws://127.0.0.1:${port}/link`);
  await once(binary, 'open');
  binary.send(Buffer.from('{}'));
  t.equal(((await once(binary, 'close')) as [number])[0], 1003);
});

t.test('sockets that prove nothing are limited; those that did are not counted', async (t) => {
  const events = createScriptedEvents();
  const links = createHostLinks({ environment, events, timing });
  const server = createServer();
  attachLinkAcceptor(
    server,
    createLinkAcceptor({ environment, links, allowInsecure: false, unauthenticatedMost: 2 }),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    links.close();
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as { port: number };
  const { agent } = await agentAt(t, `ws://127.0.0.1:${port}`);
  await until(() => agent.status().state === 'online');
  const idle = [1, 2].map(() => new WebSocket(`ws://127.0.0.1:${port}/link`));
  await Promise.all(idle.map((socket) => once(socket, 'open')));
  const dialer = createWsDialer({ url: `ws://127.0.0.1:${port}`, allowInsecure: false });
  await t.rejects(dialer.dial(new AbortController().signal), {
    code: 'HOST_UNREACHABLE',
    message: /Too many links are being opened/,
  });
  idle[0]!.close();
  await once(idle[0]!, 'close');
  const connection = await dialer.dial(new AbortController().signal);
  connection.close(1000, 'done');
});

t.test(
  'in clear from another machine is refused in words, at both ends, unless the site allows it',
  async (t) => {
    t.throws(() => createWsDialer({ url: 'ws://192.0.2.1:9518', allowInsecure: false }), {
      code: 'INVALID_CONFIG',
      message: /in clear to another machine; use wss/,
    });
    t.throws(() => createWsDialer({ url: 'ws://127.evil.example:9518', allowInsecure: false }), {
      code: 'INVALID_CONFIG',
    });
    t.doesNotThrow(() => createWsDialer({ url: 'ws://192.0.2.1:9518', allowInsecure: true }));
    t.doesNotThrow(() => createWsDialer({ url: 'wss://192.0.2.1:9518', allowInsecure: false }));
    for (const allowInsecure of [false, true]) {
      const links = createHostLinks({ environment, events: createScriptedEvents(), timing });
      const accept = createLinkAcceptor({ environment, links, allowInsecure });
      const server = createServer();
      server.on('upgrade', (incoming, socket, head) => {
        // As if it came from elsewhere.
        Object.defineProperty(incoming.socket, 'remoteAddress', { value: '192.0.2.7' });
        accept(incoming, socket, head);
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as { port: number };
      const dialled = createWsDialer({ url: `ws://127.0.0.1:${port}`, allowInsecure: false }).dial(
        new AbortController().signal,
      );
      if (allowInsecure) (await dialled).close(1000, 'done');
      else
        await t.rejects(
          dialled,
          { code: 'HOST_UNREACHABLE', message: /need TLS: dial wss/ },
          'refused in words',
        );
      links.close();
      server.closeAllConnections();
      server.close();
    }
  },
);

t.test('a client that breaks off while it is refused takes nothing down', async (t) => {
  const { port } = await controlPlane(t, (server) => server.listen(0, '127.0.0.1'));
  for (const path of ['/link', '/link/data', '/elsewhere']) {
    const asked = request({
      port,
      host: '127.0.0.1',
      path,
      headers: { connection: 'upgrade', upgrade: 'websocket' },
    });
    asked.on('error', () => {});
    asked.on('upgrade', (_, socket) => socket.destroy());
    asked.on('response', (response) => response.resume());
    asked.end();
    await new Promise((resolve) => asked.once('close', resolve));
  }
  const { agent } = await agentAt(t, `ws://127.0.0.1:${port}`);
  await until(() => agent.status().state === 'online');
  t.pass('agents still join');
});

t.test('a control plane nobody answers at is said to be unreachable', async (t) => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  const dialer = createWsDialer({ url: `ws://127.0.0.1:${port}`, allowInsecure: false });
  await t.rejects(dialer.dial(new AbortController().signal), {
    code: 'HOST_UNREACHABLE',
    message: /ECONNREFUSED/,
  });
});
