/** What a Docker engine knows of a process it runs beside a container's main one. */
import type { DockerEngine } from './docker-engine.ts';
import { refusal } from './docker-errors.ts';
import type { ExecInspection } from './engine-dialect.ts';

/** Null when there is none. */
export async function inspectExec(
  engine: DockerEngine,
  execId: string,
  signal: AbortSignal,
): Promise<ExecInspection | null> {
  const reply = await engine.send<ExecInspection>({ method: 'GET', path: `/exec/${execId}/json`, signal });
  if (reply.ok) return reply.body;
  if (reply.status === 404) return null;
  throw refusal('The command could not be inspected', reply.status, reply.message);
}
