/**
 * Sandboxes at a Docker engine: a tiny container whose network namespace
 * others join (`NetworkMode: container:<id>`), so that they can be restarted
 * and replaced without touching the network. Its engine id is the sandbox's.
 */
import type Docker from 'dockerode';
import { TroupeError } from '../../errors/errors.ts';
import type { DockerEngine } from './docker-engine.ts';
import { refusal } from './docker-errors.ts';
import { findLabelled, inspect, removeByEngineId } from './docker-find.ts';
import { sandboxIdLabel, sandboxLabels } from './docker-labels.ts';
import type { OperationIdentity, RuntimeDriver } from './runtime-driver.ts';
import {
  isSandboxArchitecture,
  sandboxImageReference,
  sandboxImageTar,
  sandboxProgram,
} from './sandbox-image.ts';
import { startFailure } from './start-failure.ts';

export function dockerSandboxes(
  engine: DockerEngine,
): Pick<RuntimeDriver, 'ensureSandbox' | 'removeSandbox'> {
  return {
    async ensureSandbox(identity, hostname, signal) {
      const sandboxId = await ensureCreated(engine, identity, hostname, signal);
      const reply = await engine.send({ method: 'POST', path: `/containers/${sandboxId}/start`, signal });
      if (!reply.ok) throw startFailure(reply.message);
      return { sandboxId };
    },

    async removeSandbox(identity, signal) {
      for (const { engineId, labels } of await findOwn(engine, identity, signal))
        if (labels.generation <= identity.generation) await removeByEngineId(engine, engineId, signal);
    },
  };
}

function sandboxName(containerId: string): string {
  return `troupe-sandbox-${containerId}`;
}

async function findOwn(engine: DockerEngine, identity: OperationIdentity, signal: AbortSignal) {
  const labelled = await findLabelled(engine, sandboxIdLabel, identity.containerId, signal);
  return labelled.filter(({ labels }) => labels.worldId === identity.worldId);
}

/** @returns the engine id of the sandbox of this generation, running or not */
async function ensureCreated(
  engine: DockerEngine,
  identity: OperationIdentity,
  hostname: string | null,
  signal: AbortSignal,
): Promise<string> {
  const name = sandboxName(identity.containerId);
  const image = await imageReference(engine, signal);
  const create = () =>
    engine.send<{ Id: string }>({
      method: 'POST',
      path: '/containers/create',
      query: { name },
      body: toSandboxBody(identity, image, hostname),
      signal,
    });
  let reply = await create();
  if (!reply.ok && reply.status === 404) {
    await importImage(engine, image, signal);
    reply = await create();
  }
  if (!reply.ok && reply.status === 409) {
    const own = await findOwn(engine, identity, signal);
    const present = own.find(({ labels }) => labels.generation === identity.generation);
    if (present && present.state !== 'dead' && present.state !== 'removing') return present.engineId;
    for (const { engineId, labels } of own)
      if (labels.generation <= identity.generation) await removeByEngineId(engine, engineId, signal);
    reply = await create();
  }
  if (reply.ok) return reply.body.Id;
  if (reply.status !== 409)
    throw refusal('The container could not be given a sandbox', reply.status, reply.message);
  const isForeign = (await inspect(engine, name, signal)) !== null;
  throw new TroupeError(
    'NAME_IN_USE',
    `The container could not be given a sandbox: the name "${name}" belongs to another container of this engine; rename or remove that`,
    { retryable: !isForeign },
  );
}

/** It needs nothing, so it gets nothing. */
function toSandboxBody(
  identity: OperationIdentity,
  image: string,
  hostname: string | null,
): Docker.ContainerCreateOptions {
  return {
    Image: image,
    Entrypoint: [sandboxProgram],
    User: '65534:65534',
    ...(hostname !== null && { Hostname: hostname }),
    Labels: sandboxLabels(identity),
    // The first process of a namespace ignores every other signal it has no handler for.
    StopSignal: 'SIGKILL',
    HostConfig: {
      NetworkMode: 'bridge',
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      IpcMode: 'none',
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'none', Config: {} },
    },
  };
}

async function imageReference(engine: DockerEngine, signal: AbortSignal): Promise<string> {
  const architecture = await engine.architecture(signal);
  if (!isSandboxArchitecture(architecture))
    throw new TroupeError('ENGINE_ERROR', `Sandboxes are not made for processors of kind "${architecture}"`);
  return sandboxImageReference(architecture);
}

/** Importing it twice at once gives the same content under the same name. */
async function importImage(engine: DockerEngine, image: string, signal: AbortSignal): Promise<void> {
  const architecture = await engine.architecture(signal);
  const [repo = '', tag = ''] = image.split(':');
  const reply = await engine.send<unknown>({
    method: 'POST',
    path: '/images/create',
    query: { fromSrc: '-', repo, tag },
    tar: await sandboxImageTar(architecture === 'arm64' ? 'arm64' : 'amd64'),
    signal,
  });
  if (!reply.ok) throw refusal('The container could not be given a sandbox', reply.status, reply.message);
}
