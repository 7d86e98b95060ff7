/** Finds and removes what is ours at a Docker engine. */
import type Docker from 'dockerode';
import { TroupeError } from '../../errors/errors.ts';
import type { Observation } from '../../model/container.ts';
import type { DockerEngine } from './docker-engine.ts';
import { refusal } from './docker-errors.ts';
import { idLabels, type Kind, type OwnLabels, readLabels } from './docker-labels.ts';
import { toObservation } from './docker-observe.ts';
import type { OperationIdentity } from './operation-identity.ts';

export interface Found {
  readonly engineId: string;
  readonly state: string;
  readonly labels: OwnLabels;
  /** Null where the engine's list does not tell. */
  readonly networkMode: string | null;
}

/** The name a container or sandbox goes by at the engine; what keeps two of one id from coming into being. */
export function engineName(kind: Kind, id: string): string {
  return kind === 'container' ? `troupe-${id}` : `troupe-sandbox-${id}`;
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
  if (reply.ok) return engine.dialect.inspection(reply.body);
  if (reply.status === 404) return null;
  throw refusal('The container could not be inspected', reply.status, reply.message);
}

/** Everything of this kind that carries our labels, or what carries them for one id; of any world, newest generation first. */
export async function findLabelled(
  engine: DockerEngine,
  kind: Kind,
  id: string | null,
  signal: AbortSignal,
): Promise<readonly Found[]> {
  const label = id === null ? idLabels[kind] : `${idLabels[kind]}=${id}`;
  const reply = await engine.send<readonly Docker.ContainerInfo[]>({
    method: 'GET',
    path: '/containers/json',
    query: { all: '1', filters: JSON.stringify({ label: [label] }) },
    signal,
  });
  if (!reply.ok) throw refusal('Containers could not be listed', reply.status, reply.message);
  return reply.body
    .flatMap((info) => {
      const labels = readLabels(info.Labels, kind);
      const networkMode = info.HostConfig?.NetworkMode ?? null;
      return labels ? [{ engineId: info.Id, state: info.State, labels, networkMode }] : [];
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
  const named = await inspect(engine, engineName('container', containerId), signal);
  const labels = readLabels(named?.Config.Labels);
  if (named && labels?.id === containerId && accepts(labels)) return named;
  const labelled = await findLabelled(engine, 'container', containerId, signal);
  const found = labelled.find((candidate) => accepts(candidate.labels));
  return found ? inspect(engine, found.engineId, signal) : null;
}

/** The container of this incarnation; null when there is none, or one of another generation or world. */
export async function locateOwn(
  engine: DockerEngine,
  identity: OperationIdentity,
  signal: AbortSignal,
): Promise<Docker.ContainerInspectInfo | null> {
  const isOwn = (labels: OwnLabels): boolean =>
    labels.worldId === identity.worldId && labels.generation === identity.generation;
  return locate(engine, identity.containerId, isOwn, signal);
}

/** @throws TroupeError CONTAINER_GONE */
export async function requireOwn(
  engine: DockerEngine,
  identity: OperationIdentity,
  signal: AbortSignal,
): Promise<Docker.ContainerInspectInfo> {
  const info = await locateOwn(engine, identity, signal);
  if (!info) throw gone(identity);
  return info;
}

/** @throws TroupeError CONTAINER_GONE */
export async function requireContainer(
  engine: DockerEngine,
  containerId: string,
  signal: AbortSignal,
): Promise<Docker.ContainerInspectInfo> {
  const info = await locate(engine, containerId, () => true, signal);
  if (!info) throw new TroupeError('CONTAINER_GONE', `Container "${containerId}" is not on this host`);
  return info;
}

/** @throws TroupeError CONTAINER_GONE when there is nothing to see */
export function observed(info: Docker.ContainerInspectInfo | null, identity: OperationIdentity): Observation {
  const observation = info && toObservation(info);
  if (!observation) throw gone(identity);
  return observation;
}

/** Nothing of it would be lost with it. */
export const hasNeverRun = ({ State }: Docker.ContainerInspectInfo): boolean => State.Status === 'created';

export function gone(identity: OperationIdentity): TroupeError {
  return new TroupeError(
    'CONTAINER_GONE',
    `Container "${identity.containerId}" of generation ${identity.generation} is not on this host`,
  );
}

/** Calls `visit` for each, some at a time. */
export async function eachOf<T>(items: Iterable<T>, visit: (item: T) => Promise<void>): Promise<void> {
  const left = items[Symbol.iterator]();
  const visitNext = async (): Promise<void> => {
    for (let next = left.next(); !next.done; next = left.next()) await visit(next.value);
  };
  await Promise.all(Array.from({ length: inspections }, visitNext));
}

/** How many containers are inspected at a time when all are listed. */
const inspections = 8;

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
