/** A unix socket before the engine's, that can be cut, closed and held, and that notes what passes. */
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface EngineProxy {
  readonly socketPath: string;
  /** First lines of the requests that passed: `GET /v1.41/events?…`. */
  readonly requests: string[];
  /** The same with the moment of each, by `performance.now()`. */
  readonly arrivals: { readonly at: number; readonly line: string }[];
  /** Cuts every connection there is; new ones are served. */
  cut(): void;
  /** Cuts, and serves none until `open`. */
  close(): Promise<void>;
  open(): Promise<void>;
  /** Connections are taken and requests read, but nothing is answered until `release`. */
  hold(): void;
  release(): void;
  stop(): Promise<void>;
}

export async function startEngineProxy(target: string): Promise<EngineProxy> {
  const folder = await mkdtemp(join(tmpdir(), 'troupe-proxy-'));
  const socketPath = join(folder, 'engine.sock');
  const requests: string[] = [];
  const arrivals: { at: number; line: string }[] = [];
  const sockets = new Set<Socket>();
  const upstreams = new Set<Socket>();
  let isHeld = false;
  let server: Server | null = null;

  const serve = (client: Socket): void => {
    const upstream = connect(target);
    sockets.add(client);
    upstreams.add(upstream);
    const end = (): void => {
      client.destroy();
      upstream.destroy();
      sockets.delete(client);
      upstreams.delete(upstream);
    };
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
    client.on('data', (chunk) => {
      for (const [, line = ''] of chunk
        .toString('latin1')
        .matchAll(/^((?:GET|POST|DELETE) \S+) HTTP\/1\.1\r$/gm)) {
        requests.push(line);
        arrivals.push({ at: performance.now(), line });
      }
      upstream.write(chunk);
    });
    upstream.on('data', (chunk) => client.write(chunk));
    if (isHeld) upstream.pause();
  };
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const open = (): Promise<void> =>
    new Promise((resolve) => {
      server = createServer(serve).listen(socketPath, resolve);
    });
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      if (server) server.close(() => resolve());
      else resolve();
      server = null;
      cut();
    });

  await open();
  return {
    socketPath,
    requests,
    arrivals,
    cut,
    close,
    open,
    hold() {
      isHeld = true;
      for (const upstream of upstreams) upstream.pause();
    },
    release() {
      isHeld = false;
      for (const upstream of upstreams) upstream.resume();
    },
    async stop() {
      await close();
      await rm(folder, { recursive: true });
    },
  };
}
