/** Something on a unix socket that speaks as much of Docker's API as a test tells it to. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';

export interface ScriptedEngine {
  readonly socketPath: string;
  /** `GET /v1.41/info`, without queries, in the order they came. */
  readonly requests: string[];
  stop(): Promise<void>;
}

export type Answer = (response: ServerResponse) => void;

/** Connections that are upgraded are left open until the engine stops. */
const upgraded =
  'HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n';

export function answer(status: number, body: object | string): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
}

const todaysVersion = { Version: '99', ApiVersion: '1.47', MinAPIVersion: '1.24', Arch: 'amd64' };

/** @param answers by `METHOD /path` without version and query; what is not there is answered 404 */
export async function startScriptedEngine(
  answers: Readonly<Record<string, Answer>>,
  version: object = todaysVersion,
): Promise<ScriptedEngine> {
  const folder = await mkdtemp(join(tmpdir(), 'troupe-engine-'));
  const socketPath = join(folder, 'engine.sock');
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    requests.push(`${request.method} ${path}`);
    const key = `${request.method} ${path.replace(/^\/v1\.\d+/, '')}`;
    const respond =
      path === '/version'
        ? answer(200, version)
        : (answers[key] ?? answer(404, { message: 'page not found' }));
    request.resume().once('end', () => respond(response));
  });
  const connections = new Set<Duplex>();
  server.on('upgrade', (request, socket) => {
    requests.push(`${request.method} ${(request.url ?? '').split('?')[0]}`);
    connections.add(socket);
    socket.on('error', () => undefined).write(upgraded);
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    socketPath,
    requests,
    async stop() {
      for (const connection of connections) connection.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true });
    },
  };
}
