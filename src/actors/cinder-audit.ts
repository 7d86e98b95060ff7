/**
 * Volumes of Cinder in the ledger: attachments of our containers, volumes that
 * were made for them, and what can't be let go of. What is there is a leak only if no actor
 * explained it before Cinder was asked and none does now.
 */
import { toFailure } from '../errors/errors.ts';
import type { ContainerContext } from '../machines/container/context.ts';
import { mostTries } from '../machines/retry-policy.ts';
import type { VolumeContext } from '../machines/volume/context.ts';
import {
  addressParts,
  capsuleAddress,
  containerAddress,
  volumeAddress,
  type Address,
} from '../model/address.ts';
import type { AuditEntry } from '../model/audit-entry.ts';
import { actorOf, madeBy, promiseOf } from '../model/cinder-marks.ts';
import type { Cinder, CinderAttachment, CinderVolume } from '../model/cinder.ts';
import type { Runtime } from './runtime.ts';

export interface CinderAuditOptions {
  readonly cinder: Cinder;
  readonly runtime: Runtime;
  readonly worldId: string;
}

/** What the actor of an attachment believes. */
interface Belief {
  readonly address: Address;
  readonly hostId: string;
  readonly attachmentId: string | null;
  /** It has its attachment, and nothing is under way. */
  readonly rests: boolean;
  readonly revision: number;
  /** Why it can't be let go of, though who mounted it is gone; null where that is not so. */
  readonly held: string | null;
}

/** A volume that a request has made. */
interface Promised {
  readonly address: Address;
  /** Why Cinder does not delete it; null where that is not so. */
  readonly held: string | null;
}

/** What all actors together explain. */
interface Beliefs {
  /** By {@link attachedKey}. */
  readonly attached: ReadonlyMap<string, Belief>;
  /** Actors of volumes, begun or asked for. */
  readonly volumes: ReadonlySet<Address>;
  /** By Cinder's id: some actor has it, or lets it go. */
  readonly ofCinder: ReadonlySet<string>;
  /** By id: those that hold, or whose volume is to go. */
  readonly promises: ReadonlyMap<string, Promised>;
}

export async function auditCinder(options: CinderAuditOptions): Promise<readonly AuditEntry[]> {
  const { cinder, runtime, worldId } = options;
  const before = beliefsOf(runtime);
  let attachments: readonly CinderAttachment[];
  let made: readonly CinderVolume[];
  try {
    [attachments, made] = await Promise.all([cinder.attachments(null), cinder.withMetadata(madeBy(worldId))]);
  } catch (error) {
    const detail = `What Cinder has is not known: ${toFailure(error).message}`;
    return [{ problem: 'cloud-silent', address: null, hostId: null, detail }];
  }
  const after = beliefsOf(runtime);
  const ours = holdersOf(runtime);
  const there = new Set(attachments.map(({ id }) => id));
  return [
    ...attachments.flatMap(({ id, volumeId, containerId }): readonly AuditEntry[] => {
      if (containerId === null || !ours.has(containerId)) return [];
      const key = attachedKey(volumeId, containerId);
      if (before.attached.has(key) || after.attached.has(key)) return [];
      const detail = `Volume "${volumeId}" of Cinder is attached to "${containerId}" (attachment "${id}"), and no actor knows of it`;
      return [{ problem: 'attachment-without-actor', address: null, hostId: null, detail }];
    }),
    ...made.flatMap((volume): readonly AuditEntry[] => {
      const address = volumeAddress(volume.projectId ?? '', actorOf(volume));
      const isExplained = ({ volumes, ofCinder, promises }: Beliefs): boolean =>
        volumes.has(address) || ofCinder.has(volume.id) || promises.has(promiseOf(volume));
      if (isExplained(before) || isExplained(after)) return [];
      const detail = `Volume "${volume.id}" was made in Cinder, and nobody mounts it`;
      return [{ problem: 'volume-without-actor', address, hostId: null, detail }];
    }),
    ...[...before.attached].flatMap(
      ([key, { address, hostId, attachmentId, rests, revision }]): readonly AuditEntry[] => {
        if (!rests || there.has(attachmentId ?? '') || after.attached.get(key)?.revision !== revision)
          return [];
        const detail = `Its actor believes to have attachment "${attachmentId}", and Cinder has no such`;
        return [{ problem: 'actor-without-attachment', address, hostId, detail }];
      },
    ),
    ...[...after.attached.values()].flatMap(({ address, hostId, held }): readonly AuditEntry[] =>
      held === null ? [] : [{ problem: 'volume-held', address, hostId, detail: held }],
    ),
    ...[...after.promises.values()].flatMap(({ address, held }): readonly AuditEntry[] => {
      if (held === null) return [];
      const detail = `What a request had made in Cinder that came to no end can't be deleted: ${held}`;
      return [{ problem: 'volume-held', address, hostId: null, detail }];
    }),
  ];
}

const attachedKey = (volumeId: string, holderId: string): string => `${volumeId}/${holderId}`;

function beliefsOf(runtime: Runtime): Beliefs {
  const attached = new Map<string, Belief>();
  const volumes = new Set<Address>();
  const ofCinder = new Set<string>();
  const promises = new Map<string, Promised>();
  for (const { address, committed } of runtime.cellsOf('volume').values()) {
    if (!committed) continue;
    const context = committed.record.context as VolumeContext;
    const { id, tenant, hostId, cinder, promise, attachmentId, tries, reason } = context;
    // It deletes nothing that it is still making.
    if (promise) promises.set(id, { address, held: tries < mostTries ? null : reason });
    if (cinder === null) continue;
    const { operations, revision } = committed.record;
    const { status } = committed.projection;
    const { volumeId, holderId } = cinder;
    const isHeld = [containerAddress, capsuleAddress].some((of) => runtime.cell(of(tenant, holderId)));
    volumes.add(address);
    ofCinder.add(volumeId);
    attached.set(attachedKey(volumeId, holderId), {
      address,
      hostId,
      attachmentId,
      rests: status === 'available' && Object.keys(operations).length === 0,
      revision,
      held:
        status === 'deleting' && !isHeld && reason !== null
          ? `Volume "${volumeId}" of Cinder can't be let go of: ${reason}`
          : null,
    });
  }
  for (const { committed } of runtime.cellsOf('container').values()) {
    const context = committed?.record.context as ContainerContext | undefined;
    for (const { volumeId } of context?.mounts ?? []) volumes.add(volumeAddress(context!.tenant, volumeId));
  }
  return { attached, volumes, ofCinder, promises };
}

/** Containers and capsules, living or not, whose attachments are ours. */
function holdersOf(runtime: Runtime): ReadonlySet<string> {
  const ids = new Set<string>();
  const addresses = [
    ...runtime.cellsOf('container').keys(),
    ...runtime.cellsOf('capsule').keys(),
    ...runtime.tombstones.keys(),
  ];
  for (const address of addresses) {
    const parts = addressParts(address);
    if (parts?.kind === 'container' || parts?.kind === 'capsule') ids.add(parts.id);
  }
  return ids;
}
