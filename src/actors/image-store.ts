/** What keeps images apart from hosts: Glance, where the site has one. `main` binds it. */
import type { Readable } from 'node:stream';
import type { ImageDigest } from '../model/image.ts';

/** An image that a project is to have there. */
export interface StoredImageWish {
  /** A UUID that nothing there ever had. */
  readonly id: string;
  readonly tenant: string;
  /** The actor that makes it; it is marked by that, so that one that was left half made is known again. */
  readonly imageId: string;
  readonly repository: string;
  readonly tag: string;
}

/** Something that was begun there and has no bytes (yet). */
export interface UnfinishedImage {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  /** The actor that was to make it. */
  readonly imageId: string;
  /** Epoch ms, by Glance's clock. */
  readonly createdAt: number;
}

/** A layer that no image of its project names. */
export interface LeftLayer {
  readonly id: string;
  readonly name: string;
  readonly tenant: string;
  /** Epoch ms, by Glance's clock. */
  readonly createdAt: number;
}

/** All throw TroupeError CLOUD_UNAVAILABLE, CLOUD_REFUSED. */
export interface ImageStore {
  /**
   * The bytes of an image that the project may use.
   * @throws TroupeError IMAGE_NOT_FOUND also for one that it may not, IMAGE_CORRUPT when it has other bytes than were asked for
   */
  open(
    tenant: string,
    id: string,
    digest: ImageDigest,
    signal: AbortSignal,
  ): Promise<{ readonly bytes: Readable; readonly sizeBytes: number | null }>;
  /**
   * The bytes of a layer that an image names which the project may use. Whoever reads them looks at their hash.
   * @throws TroupeError IMAGE_NOT_FOUND
   */
  openLayer(
    tenant: string,
    id: string,
    layer: string,
    signal: AbortSignal,
  ): Promise<{ readonly bytes: Readable; readonly sizeBytes: number | null }>;
  /** Of these layers those that the project has not there of this world, whose layers nobody else removes. @param layers sha256 of their tars, hexadecimal */
  absentLayers(tenant: string, layers: readonly string[]): Promise<readonly string[]>;
  /**
   * Makes a layer, which the project's images share from then on.
   * @param bytes destroyed in the end
   * @throws TroupeError QUOTA_EXCEEDED, IMAGE_CORRUPT when it has another sha256; how `bytes` failed
   */
  keepLayer(wish: StoredImageWish, layer: string, bytes: Readable, signal: AbortSignal): Promise<void>;
  /**
   * Makes it, or goes on where that broke off; one that is there whole is answered without reading `bytes`.
   * @param layers that it names, where they are apart; null where it is whole
   * @param bytes destroyed in the end
   * @throws TroupeError QUOTA_EXCEEDED, IMAGE_CORRUPT, CLOUD_CONFLICT; CLOUD_BUSY while an earlier upload of it seems to go on;
   *   how `bytes` failed
   */
  keep(
    wish: StoredImageWish,
    layers: readonly string[] | null,
    bytes: Readable,
    signal: AbortSignal,
  ): Promise<ImageDigest>;
  /** An upload of it is under way there, or was cut off with Glance itself. */
  isSaving(id: string): Promise<boolean>;
  /** Takes away an image that was to be made, and layers of it that were not finished. */
  discard(id: string): Promise<void>;
  /** Those of this world that have no bytes. */
  unfinished(): Promise<readonly UnfinishedImage[]>;
  /** Of this world. @param tenant null = of all projects @throws TroupeError CLOUD_REFUSED where a project has more images than can be listed */
  leftLayers(tenant: string | null): Promise<readonly LeftLayer[]>;
  /** An image or a layer. Succeeds when it is not there. @throws TroupeError CLOUD_CONFLICT when it is protected or in use */
  remove(id: string): Promise<void>;
}
