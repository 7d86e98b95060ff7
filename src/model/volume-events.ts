/** What volumes hear and say: places for data of one host that outlive containers. */
import type { CinderMount } from './container.ts';
import type { Restored, Seen, Undeliverable } from './delivery.ts';

export interface CinderAttachmentInput extends CinderMount {
  /** The container, or its capsule, that Cinder is told to have it. */
  readonly holderId: string;
}

export interface VolumeInput {
  readonly id: string;
  readonly tenant: string;
  /** Unique in its project; null for one that a container asked for by size. */
  readonly name: string | null;
  readonly hostId: string;
  /** Null = as much as there is. */
  readonly sizeGib: number | null;
  /** It goes with the container that it was made for. */
  readonly isEphemeral: boolean;
  /** What is made is the attachment of a volume of Cinder's; null = it is the host's own. */
  readonly cinder: CinderAttachmentInput | null;
  /** Absent for one that is mounted. */
  readonly promise?: VolumePromise;
  readonly deadlines: { readonly makeMs: number; readonly removeMs: number };
}

/**
 * A request is about to have a volume made in Cinder. That is durable before Cinder is asked, and ends when who mounts the
 * volume is: so it goes when the request is refused, or is never heard of again. Cinder's metadata tells the promise's id.
 */
export interface VolumePromise {
  /** Milliseconds that the request has to come to its end. */
  readonly forMs: number;
}

/** `promise`: the same request once more, whose time begins anew. */
export type VolumeCommand = { readonly type: 'volume.delete' } | { readonly type: 'volume.promise' };

/** From containers. */
export type VolumeMessage =
  | { readonly type: 'volume.attach'; readonly containerId: string }
  | { readonly type: 'volume.detach'; readonly containerId: string }
  /** Who is to mount what was promised is durable. */
  | { readonly type: 'volume.keep' }
  | { readonly type: 'host.lost' | 'host.removed'; readonly hostId: string }
  /** Of Cinder's: its host does not have it mounted: it was started anew, or let go of it before the store forgot that. */
  | { readonly type: 'volume.unmounted'; readonly hostId: string };

export type VolumeEvent = VolumeCommand | VolumeMessage | Undeliverable | Seen | Restored;

/** To the container that asked. */
export type VolumeAnswer =
  | { readonly type: 'volume.granted'; readonly volumeId: string }
  | { readonly type: 'volume.refused'; readonly volumeId: string; readonly reason: string }
  /** Of Cinder's: it is let go of, after it was detached. */
  | { readonly type: 'volume.released'; readonly volumeId: string }
  /** Of Cinder's: it can't be let go of yet. */
  | { readonly type: 'volume.held'; readonly volumeId: string; readonly reason: string };

export interface VolumeEffectResults {
  ensureVolume: null;
  removeVolume: null;
  attachVolume: { readonly attachmentId: string };
  connectVolume: null;
  completeVolume: null;
  disconnectVolume: null;
  detachVolume: null;
  discardPromised: null;
  deadline: { readonly at: number };
}
