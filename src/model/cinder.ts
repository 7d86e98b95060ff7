/** Cinder as Troupe needs it: what a client of it offers, and its things in our words. */
import type { Bearer } from './bearer.ts';

export interface CinderVolume {
  readonly id: string;
  readonly name: string | null;
  /** `creating`, `available`, `reserved`, `in-use`, `deleting`, `error` … */
  readonly status: string;
  readonly sizeGib: number;
  /** Null where Cinder does not tell the caller. */
  readonly projectId: string | null;
  /** What its backend goes on to call it after a migration; null where that is its id. */
  readonly backendId: string | null;
  /** Several may have it at once. */
  readonly isShared: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  /** Those that are complete. */
  readonly attachments: readonly { readonly id: string; readonly containerId: string | null }[];
}

export interface CinderAttachment {
  readonly id: string;
  readonly volumeId: string;
  readonly containerId: string | null;
  /** `reserved`, `attaching`, `attached`, `detaching` … */
  readonly status: string;
  /**
   * How the volume is reached, for os-brick's connector of `driver_volume_type`; may hold passwords, and belongs into no log, journal
   * or snapshot. Empty while it is reserved only, and in lists.
   */
  readonly connection: Readonly<Record<string, unknown>>;
}

export interface CinderWish {
  readonly name: string;
  readonly sizeGib: number;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface Cinder {
  /** By UUID, else by name. @throws TroupeError VOLUME_NOT_FOUND also for what the caller may not see, NAME_AMBIGUOUS */
  find(idOrName: string, bearer: Bearer): Promise<CinderVolume>;
  /** Of the caller's project. It is `creating` at first. @throws TroupeError QUOTA_EXCEEDED */
  create(wish: CinderWish, bearer: Bearer): Promise<CinderVolume>;
  /** Whosever it is; null when there is none. */
  show(id: string): Promise<CinderVolume | null>;
  /** Of all projects, with all of this metadata. */
  withMetadata(metadata: Readonly<Record<string, string>>): Promise<readonly CinderVolume[]>;
  /** @throws TroupeError VOLUME_IN_USE while it is attached */
  remove(id: string): Promise<void>;
  /**
   * Attaches a volume to a container on the host that the connector describes.
   * @param connector as os-brick's `get_connector_properties` tells it
   * @throws TroupeError VOLUME_NOT_FOUND, VOLUME_IN_USE when somebody has it and it is not shared
   */
  attach(wish: {
    readonly volumeId: string;
    readonly containerId: string;
    readonly connector: Readonly<Record<string, unknown>>;
    readonly readOnly: boolean;
  }): Promise<CinderAttachment>;
  /**
   * Lets Cinder say once more how the volume is reached from the host that the connector describes: for an attachment
   * whose making was cut off before that.
   * @throws TroupeError VOLUME_NOT_FOUND when there is no such attachment
   */
  connect(attachmentId: string, connector: Readonly<Record<string, unknown>>): Promise<CinderAttachment>;
  /** Null when there is none. */
  attachment(id: string): Promise<CinderAttachment | null>;
  /** Of all projects, whatever has become of them; without their connections. @param volumeId null = of all volumes */
  attachments(volumeId: string | null): Promise<readonly CinderAttachment[]>;
  /** The host has it: the volume is in use. */
  complete(attachmentId: string): Promise<void>;
  /** Succeeds when there is none; to be called once the host has let go of it. @throws TroupeError VOLUME_ERROR when Cinder can't */
  detach(attachmentId: string): Promise<void>;
}
