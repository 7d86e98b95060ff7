/** What the APIs see of images. */
import type { Address } from './address.ts';
import type { Failure } from './failure.ts';

/** An image at a host's engine. */
export interface ImageView {
  /** Of its actor; null for one that is only seen there. */
  readonly address: Address | null;
  readonly id: string;
  /** Who pulled or made it; null where nobody of a project did. */
  readonly tenant: string | null;
  readonly hostId: string;
  readonly hostname: string | null;
  /** As its engine calls it. */
  readonly reference: string;
  /** As people call it. */
  readonly repo: string;
  readonly tag: string;
  /** The engine's; null while it is not known to be there. */
  readonly imageId: string | null;
  /** Null where its host has not told. */
  readonly sizeBytes: number | null;
  readonly status: string;
  readonly reason: string | null;
  readonly failure: Failure | null;
}

/** What a search of a registry has found. */
export interface ImageHit {
  readonly name: string;
  readonly description: string;
  readonly isOfficial: boolean;
  readonly stars: number;
}

/** What an image is that somebody names, and how it is pulled. */
export interface ImageName {
  readonly image: string;
  readonly imageReference: string | null;
  readonly registryId: string | null;
  /** Somebody has credentials of its registry, so that a copy on a host is for nobody without asking there. */
  readonly isGuarded: boolean;
}
