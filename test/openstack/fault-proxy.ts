/** A proxy before the real Keystone that fails as it is told to. */
import { once } from 'node:events';
import { createServer, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

/** An answer's status, silence, a page that is no JSON, JSON that is no token, or a connection that is cut. */
export type Fault = number | 'hang' | 'page' | 'nonsense' | 'cut';

export interface FaultProxy {
  /** Where `target` is, through it. */
  readonly url: string;
  /** Of every request from now on; null = none. */
  fault: Fault | null;
  /** Of requests with this header alone; null = of all. */
  onlyWith: string | null;
  /** The headers of what came, by which ids are followed. */
  readonly seen: { readonly path: string; readonly headers: Readonly<Record<string, unknown>> }[];
}

export async function createFaultProxy(t: Test, target: string): Promise<FaultProxy> {
  const { origin, pathname } = new URL(target);
  const held = new Set<ServerResponse>();
  const server = createServer((incoming, outgoing) => {
    proxy.seen.push({ path: incoming.url ?? '', headers: incoming.headers });
    const { fault } = proxy;
    if (fault !== null && (proxy.onlyWith === null || incoming.headers[proxy.onlyWith] !== undefined)) {
      incoming.resume();
      return fail(outgoing, fault);
    }
    const onward = request(
      `${origin}${incoming.url}`,
      { method: incoming.method ?? 'GET', headers: incoming.headers, agent: false },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    onward.on('error', () => outgoing.destroy());
    incoming.pipe(onward);
  });
  const fail = (outgoing: ServerResponse, fault: Fault): void => {
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
    server.closeAllConnections();
    server.close();
  });
  const proxy: FaultProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${pathname}`,
    fault: null,
    onlyWith: null,
    seen: [],
  };
  return proxy;
}
