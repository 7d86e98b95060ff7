/** What a Docker engine knows of a process it runs beside a container's main one. */
import type { DockerEngine } from './docker-engine.ts';
import { refusal } from './docker-errors.ts';

/** @see https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Exec/operation/ExecInspect */
export interface ExecInspection {
  readonly ContainerID: string;
  readonly Running: boolean;
  /** Null before it has ended (Docker). */
  readonly ExitCode: number | null;
  /** On the host; 0 while the engine doesn't know. */
  readonly Pid: number;
  readonly ProcessConfig: { readonly tty: boolean };
  /** Podman: it has ended. */
  readonly CanRemove?: boolean;
}

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
