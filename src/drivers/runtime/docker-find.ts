/** Finds and removes what is ours at a Docker engine. */
import type Docker from 'dockerode';
import { refusal } from './docker-errors.ts';
import { engineName } from './docker-create.ts';
import type { DockerEngine } from './docker-engine.ts';
import { containerIdLabel, readLabels, type OwnLabels, sandboxIdLabel } from './docker-labels.ts';

export interface Found {
  readonly engineId: string;
  readonly state: string;
  readonly labels: OwnLabels;
}

/** Inspects one container by name or engine id; null when there is none. */
export async function inspect(
  engine: DockerEngine,
  nameOrId: string,
  signal: AbortSignal,
): Promise<Docker.ContainerInspectInfo | null> {
  const reply = await engine.send<Docker.ContainerInspectInfo>({
    method: 'GET',
    path: `/containers/${encodeURIComponent(nameOrId)}/json`,
    signal,
  });
  if (reply.ok) return reply.body;
  if (reply.status === 404) return null;
  throw refusal('The container could not be inspected', reply.status, reply.message);
}

/** Everything that carries our labels, or what carries them for one id; of any world, newest generation first. */
export async function findLabelled(
  engine: DockerEngine,
  idLabel: typeof containerIdLabel | typeof sandboxIdLabel,
  containerId: string | null,
  signal: AbortSignal,
): Promise<readonly Found[]> {
  const label = containerId === null ? idLabel : `${idLabel}=${containerId}`;
  const reply = await engine.send<readonly Docker.ContainerInfo[]>({
    method: 'GET',
    path: '/containers/json',
    query: { all: '1', filters: JSON.stringify({ label: [label] }) },
    signal,
  });
  if (!reply.ok) throw refusal('Containers could not be listed', reply.status, reply.message);
  return reply.body
    .flatMap((info) => {
      const labels = readLabels(info.Labels, idLabel);
      return labels ? [{ engineId: info.Id, state: info.State, labels }] : [];
    })
    .toSorted((one, other) => other.labels.generation - one.labels.generation);
}

/** The container of this id that `accepts` takes: by its name, or by its labels when it was renamed by hand. */
export async function locate(
  engine: DockerEngine,
  containerId: string,
  accepts: (labels: OwnLabels) => boolean,
  signal: AbortSignal,
): Promise<Docker.ContainerInspectInfo | null> {
  const named = await inspect(engine, engineName(containerId), signal);
  const labels = readLabels(named?.Config.Labels);
  if (named && labels?.containerId === containerId && accepts(labels)) return named;
  const labelled = await findLabelled(engine, containerIdLabel, containerId, signal);
  const found = labelled.find((candidate) => accepts(candidate.labels));
  return found ? inspect(engine, found.engineId, signal) : null;
}

/** Removes it with its anonymous volumes, running or not, and returns when it is gone. */
export async function removeByEngineId(
  engine: DockerEngine,
  engineId: string,
  signal: AbortSignal,
): Promise<void> {
  const path = `/containers/${encodeURIComponent(engineId)}`;
  const reply = await engine.send({ method: 'DELETE', path, query: { force: '1', v: '1' }, signal });
  if (reply.ok || reply.status === 404) return;
  if (reply.status !== 409) throw refusal('The container could not be removed', reply.status, reply.message);
  // "removal … is already in progress": somebody else's request, ours is to wait for its end.
  const waited = await engine.send({
    method: 'POST',
    path: `${path}/wait`,
    query: { condition: 'removed' },
    signal,
  });
  if (!waited.ok && waited.status !== 404)
    throw refusal('The container could not be removed', waited.status, waited.message);
}
