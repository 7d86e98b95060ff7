/** What each operation asks of the drivers. */
import type { OperationIdentity } from '../drivers/runtime/operation-identity.ts';
import type { CreateOptions, RuntimeDriver } from '../drivers/runtime/runtime-driver.ts';
import type { ContainerMount } from '../drivers/runtime/runtime-powers.ts';
import { TroupeError } from '../errors/errors.ts';
import type { OperationArguments, SubjectKind } from '../link/protocol.ts';
import type { ContainerSpec } from '../model/container.ts';
import { splitImage } from '../model/image.ts';
import type { HotVolumes } from './hot-volumes.ts';
import { power } from './power.ts';
import type { Sandboxes } from './sandboxes.ts';
import type { StoredImages } from './stored-images.ts';
import type { Volumes } from './volumes.ts';

export interface Performers {
  readonly driver: RuntimeDriver;
  /** Null where this host can't make networks of its own. */
  readonly sandboxes: Sandboxes | null;
  readonly volumes: Volumes | null;
  readonly hotVolumes: HotVolumes;
  readonly storedImages: StoredImages;
}

/**
 * Resolves with what the operation's result tells.
 *
 * @param isFirst whether nothing was asked about the container in this slot before
 * @throws what the drivers throw, HOST_INCAPABLE
 */
export async function perform(
  performers: Performers,
  identity: OperationIdentity,
  args: OperationArguments,
  isFirst: boolean,
  signal: AbortSignal,
): Promise<unknown> {
  const { driver, volumes } = performers;
  const { containerId: id } = identity;
  switch (args.kind) {
    case 'pullImage':
      if (args.from) return performers.storedImages.fetch({ ...args, from: args.from }, signal);
      return driver.pullImage(identity, args.image, args.policy, signal, args.credential ?? null);
    case 'createContainer': {
      const options = { ...(await toCreateOptions(performers, identity, args, signal)), isFirst };
      return { observation: await driver.createContainer(identity, options, signal) };
    }
    case 'startContainer':
      return { observation: await driver.startContainer(identity, args, signal) };
    case 'stopContainer':
      return { observation: await driver.stopContainer(identity, args, signal) };
    case 'removeContainer':
      await driver.removeContainer(identity, signal);
      await volumes?.removeFiles(identity, id, signal);
      return null;
    case 'pauseContainer':
      return { observation: await power(driver, 'pause').pause(identity, signal) };
    case 'unpauseContainer':
      return { observation: await power(driver, 'pause').unpause(identity, signal) };
    case 'killContainer':
      await driver.killContainer(identity, args, signal);
      return null;
    case 'updateContainer':
      return (await power(driver, 'update').update(identity, args.limits, signal)).left;
    case 'remountContainer':
      await performers.hotVolumes.remount(identity, args, signal);
      return null;
    case 'makeSandbox':
      return able(performers.sandboxes).make(identity, id, args, signal);
    case 'unplugPort':
      await able(performers.sandboxes).unplug(identity, id, args.portId, signal);
      return null;
    case 'ensureNetwork':
      return able(performers.sandboxes).ensureNetwork(identity, id, args.subnet, signal);
    case 'ensureVolume':
      await able(volumes).ensure(identity, id, args.sizeGib, signal);
      return null;
    case 'connectVolume':
      await able(volumes).connect(identity, id, args, signal);
      return null;
    case 'disconnectVolume':
      await able(volumes).disconnect(identity, id, args.connection, signal);
      return null;
    case 'commitContainer': {
      const { containerId, generation, image } = args;
      const { repo: repository, tag } = splitImage(image);
      return power(driver, 'commit').commit(
        { ...identity, containerId, generation },
        { repository, tag },
        signal,
      );
    }
    case 'storeImage':
      return performers.storedImages.store(args, signal);
    case 'removeImage':
      await power(driver, 'imageTools').remove(args.image, signal);
      return null;
    case 'removeSandbox':
      await removeSandbox(performers, identity, args.portIds, signal);
      return null;
    case 'removeNetwork':
    case 'removeVolume':
      await removeSubject(performers, args.kind === 'removeNetwork' ? 'network' : 'volume', identity, signal);
      return null;
  }
}

/** Removes what must not be, whatever it is. */
export async function removeSubject(
  performers: Performers,
  subject: SubjectKind,
  identity: OperationIdentity,
  signal: AbortSignal,
): Promise<void> {
  const { driver, sandboxes, volumes } = performers;
  const { containerId: id } = identity;
  if (subject === 'container') {
    await driver.removeContainer(identity, signal);
    await volumes?.removeFiles(identity, id, signal);
  } else if (subject === 'sandbox') await removeSandbox(performers, identity, [], signal);
  else if (subject === 'network') await sandboxes?.removeNetwork(identity, id, signal);
  else if (subject === 'volume') await volumes?.remove(identity, id, signal);
}

/** Also by a host that makes none any more: it may have made this one. */
async function removeSandbox(
  { driver, sandboxes }: Performers,
  identity: OperationIdentity,
  portIds: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { containerId: id } = identity;
  if (sandboxes) await sandboxes.remove(identity, id, portIds, signal);
  else await driver.removeSandbox(identity, id, signal);
}

type CreateArguments = Extract<OperationArguments, { kind: 'createContainer' }>;

async function toCreateOptions(
  { sandboxes, volumes }: Performers,
  identity: OperationIdentity,
  { spec, sandboxId, run, start }: CreateArguments,
  signal: AbortSignal,
): Promise<Omit<CreateOptions, 'isFirst'>> {
  const { containerId } = identity;
  const mounts = await mountsOf(volumes, identity, spec, signal);
  if (sandboxId === null) return { spec, sandbox: null, files: null, mounts, run, start };
  const names = [spec.name, ...(spec.hostname === null ? [] : [spec.hostname])];
  const files = await able(sandboxes).named(sandboxId, containerId, names);
  return { spec, sandbox: { sandboxId, engineId: null }, files, mounts, run, start };
}

async function mountsOf(
  volumes: Volumes | null,
  identity: OperationIdentity,
  { mounts, files }: ContainerSpec,
  signal: AbortSignal,
): Promise<readonly ContainerMount[]> {
  const found: ContainerMount[] = [];
  for (const { volumeId, destination, readOnly } of mounts)
    found.push({ source: await able(volumes).path(identity, volumeId, signal), destination, readOnly });
  for (const [index, { destination, content }] of files.entries())
    found.push({
      source: await able(volumes).file(identity, identity.containerId, index, content, signal),
      destination,
      readOnly: false,
    });
  return found;
}

/** @throws TroupeError HOST_INCAPABLE */
function able<T>(part: T | null): T {
  if (part !== null) return part;
  throw new TroupeError(
    'HOST_INCAPABLE',
    'This host makes no networks and volumes of its own; its agent must run as root, with iproute2 and nftables installed',
  );
}
