/** The life of a container at a Docker engine. */
import type Docker from 'dockerode';
import { TroupeError } from '../../errors/errors.ts';
import type { Observation } from '../../model/container.ts';
import { type LogRetention, toCreateBody } from './docker-create.ts';
import { createOrAdopt } from './docker-adopt.ts';
import type { DockerEngine } from './docker-engine.ts';
import { refusal } from './docker-errors.ts';
import { findLabelled, inspect, locate, removeByEngineId } from './docker-find.ts';
import { containerIdLabel, type OwnLabels } from './docker-labels.ts';
import { toObservation } from './docker-observe.ts';
import type { ListedContainer, OperationIdentity, RuntimeDriver } from './runtime-driver.ts';
import { startFailure } from './start-failure.ts';

type Containers = Pick<
  RuntimeDriver,
  'createContainer' | 'startContainer' | 'stopContainer' | 'removeContainer' | 'observe' | 'list'
>;

/** How many containers are inspected at a time when all are listed. */
const inspections = 8;

export function dockerContainers(engine: DockerEngine, logs: LogRetention): Containers {
  return {
    createContainer: async (identity, options, signal) =>
      createOrAdopt(engine, identity, options.spec.image, toCreateBody(identity, options, logs), signal),

    async startContainer(identity, _options, signal) {
      const info = await locateOwn(engine, identity, signal);
      if (!info) throw gone(identity);
      if (info.State.Running && !info.State.Paused) return observed(info, identity);
      const reply = await engine.send({ method: 'POST', path: `/containers/${info.Id}/start`, signal });
      if (!reply.ok) {
        if (reply.status === 404 && reply.message.includes(info.Id)) throw gone(identity);
        throw startFailure(reply.message);
      }
      return observed(await inspect(engine, info.Id, signal), identity);
    },

    async stopContainer(identity, { graceMs }, signal) {
      const info = await locateOwn(engine, identity, signal);
      if (!info) return null;
      if (!info.State.Running && !info.State.Restarting) return toObservation(info);
      const reply = await engine.send({
        method: 'POST',
        path: `/containers/${info.Id}/stop`,
        // Docker counts whole seconds.
        query: { t: String(Math.ceil(graceMs / 1000)) },
        signal,
      });
      if (!reply.ok && reply.status !== 404)
        throw refusal('The container could not be stopped', reply.status, reply.message);
      return observeEngineId(engine, info.Id, signal);
    },

    async removeContainer(identity, signal) {
      const labelled = await findLabelled(engine, containerIdLabel, identity.containerId, signal);
      for (const { engineId, labels } of labelled)
        if (labels.worldId === identity.worldId && labels.generation <= identity.generation)
          await removeByEngineId(engine, engineId, signal);
    },

    async observe(containerId, signal) {
      const info = await locate(engine, containerId, () => true, signal);
      return info && toObservation(info);
    },

    async list(signal) {
      const found = await findLabelled(engine, containerIdLabel, null, signal);
      const listed: ListedContainer[] = [];
      const left = found.values();
      const inspectNext = async (): Promise<void> => {
        for (const { engineId, labels } of left) {
          const observation = await observeEngineId(engine, engineId, signal);
          const { opId, worldId, epoch } = labels;
          if (observation) listed.push({ observation, opId, worldId, epoch });
        }
      };
      await Promise.all(Array.from({ length: inspections }, inspectNext));
      return listed;
    },
  };
}

async function observeEngineId(
  engine: DockerEngine,
  engineId: string,
  signal: AbortSignal,
): Promise<Observation | null> {
  const info = await inspect(engine, engineId, signal);
  return info && toObservation(info);
}

/** The container of this incarnation; null when there is none, or one of another generation or world. */
async function locateOwn(
  engine: DockerEngine,
  identity: OperationIdentity,
  signal: AbortSignal,
): Promise<Docker.ContainerInspectInfo | null> {
  const isOwn = (labels: OwnLabels): boolean =>
    labels.worldId === identity.worldId && labels.generation === identity.generation;
  return locate(engine, identity.containerId, isOwn, signal);
}

function observed(info: Docker.ContainerInspectInfo | null, identity: OperationIdentity): Observation {
  const observation = info && toObservation(info);
  if (!observation) throw gone(identity);
  return observation;
}

function gone(identity: OperationIdentity): TroupeError {
  return new TroupeError(
    'CONTAINER_GONE',
    `Container "${identity.containerId}" of generation ${identity.generation} is not on this host`,
  );
}
