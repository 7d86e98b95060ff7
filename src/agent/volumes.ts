/** Volumes of this host as the agent's operations ask for them, and files of users' content, which are volumes too. */
import type { OwnerIdentity } from '../drivers/runtime/operation-identity.ts';
import type { ListedVolume, VolumeDriver } from '../drivers/volume/volume-driver.ts';
import { TroupeError } from '../errors/errors.ts';
import type { InventoryResource, OperationArguments, VolumeConnection } from '../link/protocol.ts';
import { namedUuid } from '../model/named-uuid.ts';

export interface Volumes {
  ensure(
    identity: OwnerIdentity,
    volumeId: string,
    sizeGib: number | null,
    signal: AbortSignal,
  ): Promise<void>;
  /** A volume of Cinder's, under the id of its attachment's actor. */
  connect(
    identity: OwnerIdentity,
    volumeId: string,
    wish: Omit<Extract<OperationArguments, { kind: 'connectVolume' }>, 'kind'>,
    signal: AbortSignal,
  ): Promise<void>;
  disconnect(
    identity: OwnerIdentity,
    volumeId: string,
    connection: VolumeConnection | null,
    signal: AbortSignal,
  ): Promise<void>;
  /** How os-brick describes this host to Cinder. */
  connector(signal: AbortSignal): Promise<unknown>;
  remove(identity: OwnerIdentity, volumeId: string, signal: AbortSignal): Promise<void>;
  /** Where it is on this host. @throws TroupeError VOLUME_NOT_FOUND, FORBIDDEN for another project's */
  path(identity: OwnerIdentity, volumeId: string, signal: AbortSignal): Promise<string>;
  /** Where a container's file of the user's content is, written anew. @param content base64 */
  file(
    identity: OwnerIdentity,
    containerId: string,
    index: number,
    content: string,
    signal: AbortSignal,
  ): Promise<string>;
  /** Files go with their container. */
  removeFiles(identity: OwnerIdentity, containerId: string, signal: AbortSignal): Promise<void>;
  list(signal: AbortSignal): Promise<readonly InventoryResource[]>;
  /** Removes what crashes left half made. To be called before anything else. */
  sweep(worldId: string, signal: AbortSignal): Promise<void>;
}

/** @param hostname what this host is called in Cinder */
export function createVolumes(driver: VolumeDriver, hostname: string): Volumes {
  return {
    async ensure({ worldId, tenant }, volumeId, sizeGib, signal) {
      await driver.ensureVolume({ worldId, volumeId, tenant, name: '', sizeGib }, signal);
    },
    async connect({ worldId, tenant }, volumeId, wish, signal) {
      await driver.connectVolume({ ...wish, worldId, volumeId, tenant, name: '' }, signal);
    },
    disconnect: ({ worldId }, volumeId, connection, signal) =>
      driver.disconnectVolume({ worldId, volumeId }, connection, signal),
    connector: (signal) => driver.connector(hostname, signal),
    remove: ({ worldId }, volumeId, signal) => driver.removeVolume({ worldId, volumeId }, signal),
    async path({ worldId, tenant }, volumeId, signal) {
      const all = await driver.listVolumes(signal);
      const found = all.find((each) => each.volumeId === volumeId && each.worldId === worldId);
      if (!found)
        throw new TroupeError('VOLUME_NOT_FOUND', `The volume "${volumeId}" is not on this host any more`);
      if (found.tenant !== tenant)
        throw new TroupeError('FORBIDDEN', `The volume "${volumeId}" is not of this container's project`);
      // What connects it nobody here keeps.
      if (found.kind === 'cinder') return (await driver.connectedPath(found, signal)).path;
      // After the machine was started anew, it may have to be mounted.
      return (await driver.ensureVolume(found, signal)).path;
    },
    async file({ worldId, tenant }, containerId, index, content, signal) {
      const volumeId = namedUuid(`file/${containerId}/${index}`);
      const bytes = Buffer.from(content, 'base64');
      const spec = { worldId, volumeId, tenant, name: containerId, content: bytes, mode: 0o644 };
      return (await driver.ensureFile(spec, signal)).path;
    },
    async removeFiles({ worldId }, containerId, signal) {
      for (const { kind, name, volumeId, ...each } of await driver.listVolumes(signal))
        if (kind === 'file' && name === containerId && each.worldId === worldId)
          await driver.removeVolume({ worldId, volumeId }, signal);
    },
    async list(signal) {
      const all = (await driver.listVolumes(signal)).filter(({ kind }) => kind !== 'file');
      // After the machine was started anew it is Cinder that knows how one of its is reached.
      const isThere = (volume: ListedVolume): Promise<boolean> =>
        driver.connectedPath(volume, signal).then(
          () => true,
          () => false,
        );
      return Promise.all(
        all.map(async (volume) => ({
          subject: 'volume' as const,
          id: volume.volumeId,
          tenant: volume.tenant,
          worldId: volume.worldId,
          alive: volume.kind !== 'cinder' || (await isThere(volume)),
        })),
      );
    },
    async sweep(worldId, signal) {
      await driver.sweep(worldId, signal);
    },
  };
}
