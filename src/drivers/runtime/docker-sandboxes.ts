/**
 * Sandboxes at a Docker engine: a tiny container without a network, whose
 * namespace others join (`NetworkMode: container:<engine id>`), so that they
 * can be restarted and replaced without touching the network.
 *
 * Docker writes the engine id into who joins. A sandbox whose process died is
 * started again under the same id, and its containers find it; one that was
 * removed comes back under another, and its containers must be created anew.
 */
import type Docker from 'dockerode';
import { TroupeError, toFailure } from '../../errors/errors.ts';
import { createOrAdopt, type Settled } from './docker-adopt.ts';
import type { DockerEngine } from './docker-engine.ts';
import { createRefusal, refusal } from './docker-errors.ts';
import { eachOf, engineName, findLabelled, hasNeverRun, inspect, removeByEngineId } from './docker-find.ts';
import { readLabels, sandboxLabels } from './docker-labels.ts';
import type { OwnerIdentity } from './operation-identity.ts';
import type { ListedSandbox, SandboxOptions } from './runtime-driver.ts';
import {
  isSandboxArchitecture,
  sandboxImageReference,
  sandboxImageTar,
  sandboxProgram,
} from './sandbox-image.ts';
import { assertSandboxId, sandboxGone, type SandboxKeeper } from './sandbox-keeper.ts';
import { isUncleared, startFailure } from './start-failure.ts';

export function dockerSandboxes(engine: DockerEngine): SandboxKeeper {
  return {
    async ensure(identity, options, signal) {
      const { sandboxId } = options;
      assertSandboxId(sandboxId);
      const { engineId, found } = await ensureCreated(engine, identity, options, signal);
      let info = found;
      if (!info?.State.Running) {
        const reply = await engine.send({ method: 'POST', path: `/containers/${engineId}/start`, signal });
        if (!reply.ok) {
          // Asked again, it is another one.
          if (isUncleared(reply.message) && (!info || hasNeverRun(info)))
            await removeByEngineId(engine, engineId, signal);
          throw startFailure(reply.message);
        }
        info = await inspect(engine, engineId, signal);
      }
      const netnsPath = info && namespaceOf(info);
      if (netnsPath === null) throw sandboxGone(sandboxId, 'ended as soon as it was started');
      return { sandboxId, engineId, netnsPath };
    },

    async remove(identity, sandboxId, signal) {
      for (const { engineId, labels } of await findLabelled(engine, 'sandbox', sandboxId, signal))
        if (labels.worldId === identity.worldId && labels.generation <= identity.generation)
          await removeByEngineId(engine, engineId, signal);
    },

    async list(signal) {
      const listed: ListedSandbox[] = [];
      await eachOf(await findLabelled(engine, 'sandbox', null, signal), async ({ engineId, labels }) => {
        const info = await inspect(engine, engineId, signal);
        if (!info) return;
        const { id: sandboxId, tenant, generation, opId, worldId, epoch } = labels;
        const netnsPath = namespaceOf(info);
        listed.push({ sandboxId, tenant, generation, engineId, netnsPath, opId, worldId, epoch });
      });
      return listed;
    },

    async join(identity, { sandboxId, engineId }, _hostname, signal) {
      assertSandboxId(sandboxId);
      const info = await inspect(engine, engineId ?? engineName('sandbox', sandboxId), signal);
      const labels = readLabels(info?.Config.Labels, 'sandbox');
      if (!info || labels?.id !== sandboxId || labels.worldId !== identity.worldId)
        throw sandboxGone(sandboxId, 'is not on this host');
      if (labels.tenant !== identity.tenant)
        throw new TroupeError('FORBIDDEN', `Sandbox "${sandboxId}" is not of this container's project`);
      if (!info.State.Running) throw sandboxGone(sandboxId, 'does not run');
      // Docker refuses a hostname of its own to who joins: it has the sandbox's.
      const hostname = info.Config.Hostname;
      return { sandboxId, networkMode: `container:${info.Id}`, ownHostname: null, hostname };
    },

    // Docker says so itself when it is asked to start the container.
    assertAlive: () => Promise.resolve(),
  };
}

/** Null while it doesn't run. */
function namespaceOf({ State }: Docker.ContainerInspectInfo): string | null {
  return State.Running && State.Pid > 0 ? `/proc/${State.Pid}/ns/net` : null;
}

async function ensureCreated(
  engine: DockerEngine,
  identity: OwnerIdentity,
  { sandboxId, hostname }: SandboxOptions,
  signal: AbortSignal,
): Promise<Settled> {
  const image = await imageReference(engine, signal);
  const wanted = {
    kind: 'sandbox',
    id: sandboxId,
    identity,
    isFirst: false,
    body: {
      Image: image,
      ...(hostname !== null && { Hostname: hostname }),
      Labels: sandboxLabels(identity, sandboxId),
      ...minimum,
      // The namespace is the one that runc makes. For "none" alone Docker would make another, by calling itself twice.
      NetworkDisabled: true,
      HostConfig: { ...minimum.HostConfig, NetworkMode: 'none' },
    },
    fits: () => true,
    refuse: (status: number, message: string) => createRefusal(image, status, message),
  } as const;
  try {
    return await createOrAdopt(engine, wanted, signal);
  } catch (error) {
    if (toFailure(error).code !== 'IMAGE_NOT_FOUND') throw error;
    await importImage(engine, image, signal);
    return createOrAdopt(engine, wanted, signal);
  }
}

/** It needs nothing but a network, so it gets nothing. */
export const minimum = {
  Entrypoint: [sandboxProgram],
  User: '65534:65534',
  // The first process of a namespace ignores every other signal it has no handler for.
  StopSignal: 'SIGKILL',
  HostConfig: {
    ReadonlyRootfs: true,
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges'],
    IpcMode: 'none',
    RestartPolicy: { Name: 'no' },
    LogConfig: { Type: 'none', Config: {} },
  },
} satisfies Docker.ContainerCreateOptions;

/** Of the image that a sandbox is made of, and what else only waits. */
export async function imageReference(engine: DockerEngine, signal: AbortSignal): Promise<string> {
  const architecture = await engine.architecture(signal);
  if (!isSandboxArchitecture(architecture))
    throw new TroupeError('ENGINE_ERROR', `Sandboxes are not made for processors of kind "${architecture}"`);
  return sandboxImageReference(architecture);
}

/** Importing it twice at once gives the same content under the same name. */
async function importImage(engine: DockerEngine, image: string, signal: AbortSignal): Promise<void> {
  const architecture = await engine.architecture(signal);
  const reply = await engine.send<unknown>({
    method: 'POST',
    path: '/images/create',
    query: { fromSrc: '-', ...engine.dialect.importQuery(image) },
    tar: await sandboxImageTar(architecture === 'arm64' ? 'arm64' : 'amd64'),
    signal,
  });
  if (!reply.ok) throw refusal('The image of sandboxes could not be made', reply.status, reply.message);
}
