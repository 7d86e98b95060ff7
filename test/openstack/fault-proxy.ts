/** A proxy before a real service of the cloud that fails as it is told to. */
import { once } from 'node:events';
import { createServer, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import type { Test } from 'tap';

/**
 * An answer's status, silence, a page that is no JSON, JSON that is not what was asked for, a connection that is cut; and of an
 * answer that is the real one: that it never comes, silence in its middle (of what is sent, for a PUT), its end there, or one byte that is another.
 */
export type Fault = number | 'hang' | 'page' | 'nonsense' | 'cut' | 'lost' | 'stall' | 'half' | 'corrupt';

type Middle = 'stall' | 'half' | 'corrupt';

export interface FaultProxy {
  /** Where `target` is, through it. */
  readonly url: string;
  /** Of every request from now on; null = none. */
  fault: Fault | null;
  /** Of requests with this header alone; null = of all. */
  onlyWith: string | null;
  /** Of requests of this method and path alone, as in `GET /v2/images`; null = of all. */
  onlyAt: RegExp | null;
  /** What somebody else does before the next request that is meant goes on; done once. */
  meanwhile: (() => Promise<unknown>) | null;
  /** Lets go on what stands still since a 'stall'. */
  goOn(): void;
  /** The headers of what came, by which ids are followed. */
  readonly seen: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, unknown>>;
  }[];
}

export async function createFaultProxy(t: Test, target: string): Promise<FaultProxy> {
  const { origin, pathname } = new URL(target);
  const held = new Set<ServerResponse>();
  const standing = new Set<() => void>();
  const server = createServer(async (incoming, outgoing) => {
    const [method, path] = [incoming.method ?? 'GET', incoming.url ?? ''];
    proxy.seen.push({ method, path, headers: incoming.headers });
    const isMeant =
      (proxy.onlyWith === null || incoming.headers[proxy.onlyWith] !== undefined) &&
      (proxy.onlyAt === null || proxy.onlyAt.test(`${method} ${path}`));
    const { meanwhile } = proxy;
    if (isMeant && meanwhile) {
      proxy.meanwhile = null;
      await meanwhile();
    }
    const fault = isMeant ? proxy.fault : null;
    const isOfMiddle = fault === 'stall' || fault === 'half' || fault === 'corrupt';
    if (fault !== null && fault !== 'lost' && !isOfMiddle) {
      incoming.resume();
      return fail(outgoing, fault);
    }
    const onward = request(
      `${origin}${incoming.url}`,
      { method: incoming.method ?? 'GET', headers: incoming.headers, agent: false },
      (answer) => {
        if (fault === 'lost') {
          answer.resume();
          return outgoing.destroy();
        }
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        if (isOfMiddle) pipeline(answer, spoilt(fault), outgoing).catch(() => outgoing.destroy());
        else answer.pipe(outgoing);
      },
    );
    onward.on('error', () => outgoing.destroy());
    if (fault === 'stall' && method === 'PUT') {
      // The rest is taken and never arrives. Who sent it takes what arrived along when it goes away.
      incoming.once('data', (chunk: Buffer) => void onward.write(chunk));
      incoming.socket.once('close', () => onward.destroy());
    } else incoming.pipe(onward);
  });
  /** The first part goes as it is. */
  const spoilt = (fault: Middle) =>
    async function* (answer: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      let chunks = 0;
      for await (const chunk of answer) {
        if (chunks === 1 && fault === 'half') throw new Error('Half of it is enough');
        if (chunks === 1 && fault === 'stall') await new Promise<void>((resolve) => standing.add(resolve));
        if (chunks === 1 && fault === 'corrupt') chunk[0] = chunk[0]! ^ 1;
        chunks += 1;
        yield chunk;
      }
    };
  const fail = (outgoing: ServerResponse, fault: Exclude<Fault, Middle | 'lost'>): void => {
    if (fault === 'hang') return void held.add(outgoing);
    if (fault === 'cut') return void outgoing.destroy();
    if (fault === 'page')
      return void outgoing.writeHead(200, { 'content-type': 'text/html' }).end('<h1>It works!</h1>');
    if (fault === 'nonsense') return void outgoing.writeHead(200).end('{"token": {"user": "nobody"}}');
    outgoing.writeHead(fault).end(JSON.stringify({ error: { code: fault, message: 'A fault of the test' } }));
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    proxy.goOn();
    server.closeAllConnections();
    server.close();
  });
  const proxy: FaultProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${pathname === '/' ? '' : pathname}`,
    fault: null,
    onlyWith: null,
    onlyAt: null,
    meanwhile: null,
    seen: [],
    goOn() {
      for (const each of standing) each();
      standing.clear();
    },
  };
  return proxy;
}
