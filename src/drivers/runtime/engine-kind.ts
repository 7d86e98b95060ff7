/** Which engine listens on a socket, for who leaves it to us. */
import { dockerDialect } from './docker-dialect.ts';
import { createDockerEngine } from './docker-engine.ts';
import { refusal } from './docker-errors.ts';
import type { EngineDialect } from './engine-dialect.ts';

/** @throws TroupeError ENGINE_UNAVAILABLE, ENGINE_ERROR */
export async function detectEngine(socketPath: string, signal: AbortSignal): Promise<EngineDialect['name']> {
  const engine = createDockerEngine(socketPath, dockerDialect);
  try {
    const reply = await engine.send<{ Components?: readonly { Name: string }[] | null }>({
      method: 'GET',
      path: '/version',
      signal,
    });
    if (!reply.ok) throw refusal('The engine could not be asked its name', reply.status, reply.message);
    const isPodman = reply.body.Components?.some(({ Name }) => Name === 'Podman Engine') ?? false;
    return isPodman ? 'podman' : 'docker';
  } finally {
    engine.close();
  }
}
