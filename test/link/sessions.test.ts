/** A process and its client over a real data socket: both ways, ended by halves, held back, cut off. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { duplexPair, PassThrough, Readable, type Duplex } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import t, { type Test } from 'tap';
import { createHostLinks } from '../../src/link/host-link-server.ts';
import { createLinkAcceptor } from '../../src/link/ws-acceptor.ts';
import { createWsDialer } from '../../src/link/ws-dialer.ts';
import { createEnvironment } from '../../src/main/environment.ts';
import { createScriptedEvents } from '../support/scripted-events.ts';
import { createTestEnvironment } from '../support/test-environment.ts';
import { timing } from '../support/link-scene.ts';

const environment = createEnvironment(createTestEnvironment().log);

interface Line {
  /** As the control plane has it. */
  readonly stream: Duplex;
  /** Settles when the agent is done with it. */
  readonly carried: Promise<void>;
  cut(): void;
}

/** A data socket that carries `source` from an agent to the control plane. */
async function carry(t: Test, source: Readable | Duplex): Promise<Line> {
  const links = createHostLinks({ environment, events: createScriptedEvents(), timing });
  let take: (stream: Duplex) => void = () => {};
  const taken = new Promise<Duplex>((resolve) => (take = resolve));
  const accept = createLinkAcceptor({
    environment,
    links: { ...links, acceptStream: (_, stream) => (take(stream), true) },
    allowInsecure: false,
  });
  const server = createServer();
  server.on('upgrade', (request, socket, head) => void accept(request, socket, head));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as { port: number };
  const dialer = createWsDialer({ url: `ws://127.0.0.1:${port}`, allowInsecure: false });
  const cutter = new AbortController();
  const carried = dialer.stream('ticket', source, cutter.signal);
  carried.catch(() => {});
  return { stream: await taken, carried, cut: () => cutter.abort() };
}

t.test('what is typed and what is shown, until the process ends', async (t) => {
  const [source, process] = duplexPair();
  const { stream, carried } = await carry(t, source);
  stream.write('typed');
  const [typed] = (await once(process, 'data')) as [Buffer];
  t.equal(String(typed), 'typed');
  process.end('shown');
  t.equal(await text(stream), 'shown');
  await carried;
  t.ok(source.destroyed, 'and the engine’s stream is closed');
});

t.test('the end of what is typed is not the end of what is shown', async (t) => {
  const [source, process] = duplexPair();
  const { stream, carried } = await carry(t, source);
  stream.end('1 2 3');
  let typed = '';
  process.on('data', (bytes: Buffer) => (typed += String(bytes)));
  await once(process, 'end');
  t.equal(typed, '1 2 3', 'the process sees it');
  process.write('still ');
  process.end('here');
  t.equal(await text(stream), 'still here');
  await carried;
});

t.test('who leaves ends no process’s stdin', async (t) => {
  const [source, process] = duplexPair();
  const { stream, carried } = await carry(t, source);
  process.resume();
  stream.write('x');
  await once(process, 'data');
  let isEnded = false;
  process.once('end', () => (isEnded = true));
  stream.destroy();
  await t.rejects(carried);
  t.ok(source.destroyed);
  t.notOk(isEnded, 'it is let go of, not ended');
});

t.test('a stream that is cut off is no stream that has ended', async (t) => {
  const { stream, cut } = await carry(t, new PassThrough());
  cut();
  await t.rejects(text(stream), { code: 'HOST_UNREACHABLE', retryable: true });
  const failing = new PassThrough();
  const line = await carry(t, failing);
  failing.destroy(new Error('the engine went away'));
  await t.rejects(text(line.stream), { code: 'HOST_UNREACHABLE' });
});

t.test('the last words reach who reads slowly, whatever was typed too late', async (t) => {
  const [source, process] = duplexPair();
  const { stream, carried } = await carry(t, source);
  // Nobody reads what is typed.
  stream.on('error', () => {});
  const typing = Readable.from(
    (function* () {
      for (let count = 0; count < 1_000; count += 1) yield Buffer.alloc(64 * 1024, 't');
    })(),
  );
  typing.pipe(stream);
  const words = Buffer.alloc(64 * 1024, 'w');
  const said = 24 * 16;
  for (let count = 0; count < said; count += 1) process.write(words);
  process.end();
  await new Promise((resolve) => void environment.schedule(2_500, () => resolve(null)));
  t.equal((await buffer(stream)).length, words.length * said);
  await carried;
});
