/** Volumes of this host as the agent's operations ask for them. */
import type { InventoryResource } from '../link/protocol.ts';
import type { OwnerIdentity } from '../drivers/runtime/operation-identity.ts';

export interface Volumes {
  ensure(
    identity: OwnerIdentity,
    volumeId: string,
    sizeGib: number | null,
    signal: AbortSignal,
  ): Promise<void>;
  remove(identity: OwnerIdentity, volumeId: string, signal: AbortSignal): Promise<void>;
  /** Where it is on this host. @throws TroupeError VOLUME_NOT_FOUND */
  path(volumeId: string, signal: AbortSignal): Promise<string>;
  /** Where a container's file of the user's content is, written anew. */
  file(containerId: string, index: number, content: string): Promise<string>;
  /** Files go with their container. */
  removeFiles(containerId: string): Promise<void>;
  list(signal: AbortSignal): Promise<readonly InventoryResource[]>;
}
