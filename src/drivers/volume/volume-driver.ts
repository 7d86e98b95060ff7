/**
 * Volumes of this host: folders that are mounted into containers, each under
 * its id.
 *
 * Every method is an *ensure*: called again with the same arguments, also
 * after a crash at any point, it gives the same result; a crash leaves a
 * volume whole or not at all. What a volume is stands beside it
 * (`volume-folders.ts`); there is no other state. Methods reject with
 * `TroupeError` only. No text of a user becomes part of a path.
 */

import type { Connection } from './brick.ts';

/** All ids are UUIDs. */
export interface VolumeIdentity {
  readonly worldId: string;
  readonly volumeId: string;
}

export interface VolumeSpec extends VolumeIdentity {
  readonly tenant: string;
  /** The user's; for listings only. */
  readonly name: string;
  /** What it may hold at most; null = as much as the host has. */
  readonly sizeGib: number | null;
}

/** A file that was sent with the request (Zun: `mounts: [{type: bind, source: <base64>}]`). */
export interface FileSpec extends VolumeIdentity {
  readonly tenant: string;
  readonly name: string;
  readonly content: Uint8Array;
  /** Permission bits, e.g. 0o644. */
  readonly mode: number;
}

/** A volume of Cinder, whose attachment says how it is reached. */
export interface CinderSpec extends VolumeIdentity {
  readonly tenant: string;
  readonly name: string;
  readonly sizeGib: number;
  readonly cinderId: string;
  /** What its backend may call it. */
  readonly names: readonly string[];
  readonly readOnly: boolean;
  /** It was made to be mounted here: what is on it is nobody's. */
  readonly isNew: boolean;
  readonly connection: Connection;
}

export interface VolumePath {
  /** What to mount into the container: a folder, or a file. */
  readonly path: string;
}

/**
 * How a volume is kept to its size: not at all, by a project quota of the file
 * system it lies on, by a file system of its own in a file, or by the device that Cinder gives.
 */
export type VolumeKind = 'folder' | 'quota' | 'image' | 'file' | 'cinder';

export interface ListedVolume extends VolumeIdentity {
  readonly kind: VolumeKind;
  readonly tenant: string;
  readonly name: string;
  readonly sizeGib: number | null;
}

export interface VolumeUsage {
  readonly usedBytes: number;
  readonly limitBytes: number | null;
}

export interface VolumeProbe {
  /** How volumes of a size are made here; null when they can't be. */
  readonly sizedBy: 'quota' | 'image' | null;
  /** In words, each with what to do. */
  readonly problems: readonly string[];
}

export interface VolumeDriver {
  readonly name: string;
  /** Changes nothing. */
  probe(signal: AbortSignal): Promise<VolumeProbe>;
  /**
   * Its folder is for all users: who may write in it is for its containers to say.
   *
   * @throws DISK_FULL, HOST_INCAPABLE (this host can't keep a volume to a size), INVALID_SPEC (it has another size)
   */
  ensureVolume(spec: VolumeSpec, signal: AbortSignal): Promise<VolumePath>;
  /** Other content than before takes its place; who has the old one mounted keeps it. @throws DISK_FULL */
  ensureFile(spec: FileSpec, signal: AbortSignal): Promise<VolumePath>;
  /** @throws VOLUME_IN_USE naming a process that has it mounted */
  removeVolume(identity: VolumeIdentity, signal: AbortSignal): Promise<void>;
  /** How this machine is described to Cinder. @throws HOST_INCAPABLE */
  connector(hostname: string, signal: AbortSignal): Promise<Connection>;
  /**
   * Connects a volume of Cinder, makes a file system where it holds nothing, and mounts it.
   *
   * @throws HOST_INCAPABLE, VOLUME_ERROR for a device that is another or holds what can't be mounted, VOLUME_IN_USE
   */
  connectVolume(spec: CinderSpec, signal: AbortSignal): Promise<VolumePath>;
  /**
   * Unmounts and disconnects it; its data stays where it is.
   *
   * @param connection null where its attachment has ended
   * @throws VOLUME_IN_USE naming a process that has it mounted, VOLUME_ERROR
   */
  disconnectVolume(
    identity: VolumeIdentity,
    connection: Connection | null,
    signal: AbortSignal,
  ): Promise<void>;
  /** Of Cinder's; its folder while it is mounted. @throws VOLUME_NOT_FOUND */
  connectedPath(identity: VolumeIdentity, signal: AbortSignal): Promise<VolumePath>;
  /** Of all worlds in this driver's folder. */
  listVolumes(signal: AbortSignal): Promise<readonly ListedVolume[]>;
  /** @throws VOLUME_NOT_FOUND */
  usage(identity: VolumeIdentity, signal: AbortSignal): Promise<VolumeUsage>;
  /**
   * Removes what crashes left half made or half removed. Call it before the
   * first operation.
   *
   * @returns the ids of the volumes whose remains were removed
   */
  sweep(worldId: string, signal: AbortSignal): Promise<readonly string[]>;
}
