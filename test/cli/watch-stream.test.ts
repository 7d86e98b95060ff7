/** The watch over lost connections, against a WebSocket server that cuts it. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { WebSocketServer, type WebSocket } from 'ws';
import { watchStream } from '../../src/cli/watch-stream.ts';
import type { WatchFrame } from '../../src/model/watch.ts';

interface Scene {
  readonly frames: WatchFrame[];
  readonly said: string[];
  /** What each connection wished for, and the connection. */
  next(): Promise<{ readonly wish: Record<string, unknown>; readonly socket: WebSocket }>;
  readonly over: Promise<void>;
  end(): void;
  readonly server: Server;
  readonly port: number;
  /** Waits that were asked for, e.g. for silence: run it to say that the time has come. */
  readonly waits: Set<() => void>;
}

const send = (socket: WebSocket, ...frames: readonly object[]): void =>
  frames.forEach((frame) => socket.send(JSON.stringify(frame)));
const hello = { type: 'hello', time: 't', project_id: null };
const snapshot = (position: string) => ({ type: 'snapshot', position, items: [] });
const change = (position: string) => ({ type: 'change', position });

async function scene(t: Test, wish: Parameters<ReturnType<typeof watchStream>>[0] = {}): Promise<Scene> {
  const server = createServer();
  const sockets = new WebSocketServer({ server });
  const arrived: { wish: Record<string, unknown>; socket: WebSocket }[] = [];
  let tell: () => void = () => {};
  sockets.on('connection', (socket) =>
    socket.once('message', (data: Buffer) => {
      arrived.push({ wish: JSON.parse(data.toString()) as Record<string, unknown>, socket });
      tell();
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const frames: WatchFrame[] = [];
  const said: string[] = [];
  const waits = new Set<() => void>();
  const ending = new AbortController();
  const over = watchStream({
    url: `http://127.0.0.1:${port}`,
    token: 'secret',
    tls: null,
    schedule(_, task) {
      const wait = (): void => task();
      waits.add(wait);
      return () => void waits.delete(wait);
    },
  })(wish, { frame: (frame) => void frames.push(frame), say: (text) => void said.push(text) }, ending.signal);
  over.catch(() => {});
  t.teardown(() => {
    ending.abort();
    for (const client of sockets.clients) client.terminate();
    server.close();
  });
  return {
    frames,
    said,
    over,
    server,
    port,
    waits,
    end: () => ending.abort(),
    async next() {
      while (arrived.length === 0) await new Promise<void>((resolve) => (tell = resolve));
      return arrived.shift()!;
    },
  };
}

/** Waits for what is not ours to await: frames on their way through sockets. */
const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
};

t.test('the wish goes in the first frame, with the token', async (t) => {
  const { next, end, over } = await scene(t, { allProjects: true, id: 'i', kinds: ['host'], from: 'p0' });
  const { wish } = await next();
  t.strictSame(wish, { token: 'secret', all_projects: true, id: 'i', kinds: ['host'], from: 'p0' });
  end();
  await over;
});

t.test('a cut connection is taken up after the last position, and told', async (t) => {
  const watch = await scene(t);
  const first = await watch.next();
  t.strictSame(first.wish, { token: 'secret', all_projects: false });
  send(first.socket, hello, snapshot('p1'), change('p2'), change('p3'));
  await until(() => watch.frames.length === 3);
  first.socket.terminate();
  const second = await watch.next();
  t.equal(second.wish['from'], 'p3');
  send(second.socket, hello, change('p4'));
  await until(() => watch.frames.length === 4);
  t.strictSame(
    watch.frames.map((frame) => 'position' in frame && frame.position),
    ['p1', 'p2', 'p3', 'p4'],
    'each once, in order',
  );
  t.strictSame(watch.said, [
    'the watch was cut (closed with 1006); it goes on after its last position',
    'the watch is back',
  ]);
});

t.test('a server that stops is waited for until it is back', async (t) => {
  const watch = await scene(t);
  const first = await watch.next();
  send(first.socket, hello, snapshot('p1'));
  await until(() => watch.frames.length === 1);
  watch.server.close();
  first.socket.close(1001, 'The server is stopping');
  await until(() => watch.said.length === 1);
  t.match(watch.said[0], /cut \(The server is stopping\)/);
  watch.server.listen(watch.port, '127.0.0.1');
  const second = await watch.next();
  t.equal(second.wish['from'], 'p1');
});

t.test('a position that is too old brings a new snapshot, and is told', async (t) => {
  const watch = await scene(t, { from: 'old' });
  const first = await watch.next();
  send(first.socket, hello, change('p1'));
  await until(() => watch.frames.length === 1);
  first.socket.close(4429, 'p1');
  const second = await watch.next();
  send(second.socket, hello, snapshot('p9'), change('p10'));
  await until(() => watch.frames.length === 3);
  t.match(
    watch.said.join('\n'),
    /cut \(we read too slowly\).*\nthe watch is back\nthe server no longer has all that was missed/,
  );
});

t.test('a server that says that it makes no sense is believed', async (t) => {
  for (const [code, status, exitCode] of [
    [1008, 400, 2],
    [4403, 403, 4],
  ] as const) {
    const watch = await scene(t);
    const { socket } = await watch.next();
    socket.close(code, 'Only an admin may watch all projects');
    await t.rejects(watch.over, { message: 'Only an admin may watch all projects', status, exitCode });
  }
});

t.test('nobody who answers at first is an error', async (t) => {
  const watch = watchStream({ url: 'http://127.0.0.1:1', token: 't', tls: null, schedule: () => () => {} });
  const handlers = { frame: () => {}, say: () => {} };
  await t.rejects(watch({}, handlers, new AbortController().signal), {
    message: /Nobody answers at/,
  });
  await watch({}, handlers, AbortSignal.abort());
});

t.test('a connection that has fallen silent is given up and taken up again', async (t) => {
  const watch = await scene(t);
  const first = await watch.next();
  send(first.socket, hello, snapshot('p1'));
  await until(() => watch.frames.length === 1);
  const [before] = watch.waits;
  first.socket.ping();
  await until(() => ![...watch.waits].includes(before!));
  t.equal(watch.waits.size, 1, 'a ping gives it new time');
  for (const late of watch.waits) late();
  t.equal((await watch.next()).wish['from'], 'p1');
});
