/**
 * Creates a container unless it is there. Its name keeps out a second one; a
 * container of ours that was renamed by hand no longer holds the name, and is
 * found by its labels. That list is asked for beside the create and not before
 * it, so that it costs no time.
 */
import type Docker from 'dockerode';
import { TroupeError } from '../../errors/errors.ts';
import type { Observation } from '../../model/container.ts';
import { engineName } from './docker-create.ts';
import type { DockerEngine } from './docker-engine.ts';
import { createRefusal } from './docker-errors.ts';
import { type Found, findLabelled, inspect, removeByEngineId } from './docker-find.ts';
import { containerIdLabel, readLabels } from './docker-labels.ts';
import { toObservation } from './docker-observe.ts';
import type { OperationIdentity } from './runtime-driver.ts';

/** How often a name that is taken, and then let go, is asked for. */
const attempts = 3;

/** @throws TroupeError NAME_IN_USE, STALE_COMMAND, IMAGE_NOT_FOUND, INVALID_SPEC, DISK_FULL */
export async function createOrAdopt(
  engine: DockerEngine,
  identity: OperationIdentity,
  image: string,
  body: Docker.ContainerCreateOptions,
  signal: AbortSignal,
): Promise<Observation> {
  const name = engineName(identity.containerId);
  for (let attempt = 0; attempt < attempts; attempt++) {
    const [reply, labelled] = await Promise.all([
      engine.send<{ Id: string }>({
        method: 'POST',
        path: '/containers/create',
        query: { name },
        body,
        signal,
      }),
      findLabelled(engine, containerIdLabel, identity.containerId, signal),
    ]);
    const made = reply.ok ? reply.body.Id : null;
    const others = labelled.filter(
      ({ engineId, labels }) => engineId !== made && labels.worldId === identity.worldId,
    );
    const engineId = await settle(engine, identity, made, others, signal);
    const info = engineId === null ? null : await inspect(engine, engineId, signal);
    const observation = info && toObservation(info);
    if (observation) return observation;
    if (!reply.ok && reply.status !== 409) throw createRefusal(image, reply.status, reply.message);
    await assertNameIsOurs(engine, identity, signal);
  }
  throw new TroupeError(
    'ENGINE_ERROR',
    `The container could not be created: the engine still works on an earlier one named "${name}"`,
    { retryable: true },
  );
}

/**
 * Removes what stands in the way and says which container is the one asked
 * for: an earlier one of this generation before the one just made.
 */
async function settle(
  engine: DockerEngine,
  identity: OperationIdentity,
  made: string | null,
  others: readonly Found[],
  signal: AbortSignal,
): Promise<string | null> {
  const newer = others.find(({ labels }) => labels.generation > identity.generation);
  const adopted = others.find(
    ({ labels, state }) =>
      labels.generation === identity.generation && state !== 'dead' && state !== 'removing',
  );
  if (made !== null && (newer || adopted)) await removeByEngineId(engine, made, signal);
  if (newer)
    throw new TroupeError(
      'STALE_COMMAND',
      `Generation ${identity.generation} of container "${identity.containerId}" is not created: generation ${newer.labels.generation} is on this host`,
    );
  for (const other of others) if (other !== adopted) await removeByEngineId(engine, other.engineId, signal);
  return adopted?.engineId ?? made;
}

async function assertNameIsOurs(
  engine: DockerEngine,
  identity: OperationIdentity,
  signal: AbortSignal,
): Promise<void> {
  const name = engineName(identity.containerId);
  const holder = await inspect(engine, name, signal);
  if (!holder) return;
  const labels = readLabels(holder.Config.Labels);
  if (labels?.containerId === identity.containerId && labels.worldId === identity.worldId) return;
  throw new TroupeError(
    'NAME_IN_USE',
    `The container could not be created: the name "${name}" belongs to another container of this engine, "${holder.Id.slice(0, 12)}"; rename or remove that`,
    { details: { engineId: holder.Id } },
  );
}
