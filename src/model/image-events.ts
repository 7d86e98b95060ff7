/** What images hear and say: what a host's engine keeps under one reference. */
import type { ContainerSpec } from './container.ts';
import type { Restored, Seen } from './delivery.ts';
import type { ImageDigest } from './image.ts';

/** Where it is to come from. */
export type ImageOrigin =
  /** From its registry; `registryId`: whose credentials are shown there. */
  | {
      readonly kind: 'pull';
      readonly policy: ContainerSpec['imagePullPolicy'];
      readonly registryId: string | null;
    }
  /** From what the container is now; `commitId` tells one asking from the next. */
  | {
      readonly kind: 'commit';
      readonly commitId: string;
      readonly containerId: string;
      readonly generation: number;
    }
  /** It is there, and is to go. */
  | { readonly kind: 'seen' };

export interface ImageInput {
  readonly id: string;
  /** Who pulled or made it. */
  readonly tenant: string;
  readonly hostId: string;
  /** As its engine lists it. */
  readonly reference: string;
  /** `repo:tag`, as people call it. */
  readonly name: string;
  readonly origin: ImageOrigin;
  /** Of a commit that Glance is to have: its id there. Null for what stays on its host. */
  readonly storedId: string | null;
  readonly deadlines: { readonly makeMs: number; readonly removeMs: number };
}

export type ImageCommand =
  | {
      readonly type: 'image.pull';
      readonly policy: ContainerSpec['imagePullPolicy'];
      readonly registryId: string | null;
    }
  | { readonly type: 'image.delete' };

/** From the container that is to become it. */
export type ImageMessage = {
  readonly type: 'image.commit';
  readonly origin: Extract<ImageOrigin, { kind: 'commit' }>;
};

export type ImageFact =
  /** Its host has no such image (any more). */
  | { readonly type: 'image.missing'; readonly hostId: string }
  | { readonly type: 'host.lost' | 'host.removed'; readonly hostId: string };

export type ImageEvent = ImageCommand | ImageMessage | ImageFact | Seen | Restored;

export interface ImageEffectResults {
  pullImage: { readonly imageId: string };
  commitContainer: { readonly imageId: string };
  storeImage: { readonly digest: ImageDigest };
  lookAtStored: { readonly isSaving: boolean };
  discardImage: null;
  /** Names of containers on its host that are made of it, or are about to be. */
  findImageUsers: { readonly users: readonly string[] };
  removeImage: null;
  deadline: { readonly at: number };
}
