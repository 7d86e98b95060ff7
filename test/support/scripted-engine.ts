/** Something on a unix socket that speaks as much of Docker's API as a test tells it to. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface ScriptedEngine {
  readonly socketPath: string;
  /** `GET /v1.41/info`, without queries, in the order they came. */
  readonly requests: string[];
  stop(): Promise<void>;
}

export type Answer = (response: ServerResponse) => void;

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
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    socketPath,
    requests,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true });
    },
  };
}
