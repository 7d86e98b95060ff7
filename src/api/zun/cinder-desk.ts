/**
 * Volumes of Cinder as requests name them, and what that comes to in mounts.
 * They are looked up, and made, in the caller's name: Cinder gives none to
 * another project than the token's, and no token outlives its request. A foreign
 * volume is not there. @see zun-api 3.7
 *
 * M1. A volume is made before the container is, and its promise is durable before
 *     that: who is to mount it ends the promise; a request that is refused breaks
 *     it, and a crash lets it run out, so that what was made goes again.
 * M2. Its name says for which mount it is, so that a request that is sent again
 *     finds it, and its metadata by which promise, which holds on then.
 */
import type { ControlPlane } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import type { Bearer } from '../../model/bearer.ts';
import { madeBy, madeFor, promisedBy, promiseOf } from '../../model/cinder-marks.ts';
import type { Cinder, CinderVolume } from '../../model/cinder.ts';
import type { MountSpec } from '../../model/container.ts';
import { namedUuid } from '../../model/named-uuid.ts';
import type { VolumeWish } from './attachments.ts';

export interface CinderDesk {
  /**
   * @param seed the same for a request that is sent again
   * @throws TroupeError VOLUME_NOT_FOUND, NAME_AMBIGUOUS, VOLUME_ATTACHED, VOLUME_NOT_USABLE, VOLUME_IN_USE, QUOTA_EXCEEDED, CLOUD_UNAVAILABLE
   */
  mounts(wishes: readonly VolumeWish[], seed: string, bearer: Bearer): Promise<CinderMounts>;
  /** Cinder's id of a volume of the caller's project. @throws TroupeError VOLUME_NOT_FOUND, NAME_AMBIGUOUS, CLOUD_UNAVAILABLE */
  find(name: string, bearer: Bearer): Promise<string>;
}

export interface CinderMounts {
  readonly mounts: readonly MountSpec[];
  /** Deletes what was made, when nobody is to mount it after all. */
  undo(): Promise<void>;
}

export function createCinderDesk(
  cinder: Cinder,
  worldId: string,
  volumePromises: ControlPlane['volumePromises'],
): CinderDesk {
  const existing = async (name: string, bearer: Bearer): Promise<CinderVolume> => {
    const volume = await cinder.find(name, bearer);
    // An admin is shown those of all projects.
    if (volume.projectId !== null && volume.projectId !== bearer.projectId)
      throw new TroupeError('VOLUME_NOT_FOUND', `Volume ${name} could not be found in Cinder.`);
    return volume;
  };

  /** @throws TroupeError VOLUME_ATTACHED, VOLUME_NOT_USABLE */
  const refuseTaken = (name: string, { status, isShared, attachments }: CinderVolume): void => {
    if (attachments.length > 0 && !isShared)
      throw new TroupeError('VOLUME_ATTACHED', `Volume ${name} is in use.`, {
        details: { by: attachments[0]!.containerId },
      });
    if (status === 'available' || status === 'creating' || (status === 'in-use' && isShared)) return;
    throw new TroupeError('VOLUME_NOT_USABLE', `Volume ${name} is not usable: its status is "${status}".`);
  };

  const known = async (name: string, bearer: Bearer): Promise<CinderVolume | null> => {
    try {
      return await cinder.find(name, bearer);
    } catch (error) {
      if (error instanceof TroupeError && error.code === 'VOLUME_NOT_FOUND') return null;
      throw error;
    }
  };

  /** @param promises what holds so far; this one is added before Cinder is asked */
  const make = async (
    actorId: string,
    { sizeGib, isKept }: { readonly sizeGib: number; readonly isKept: boolean },
    bearer: Bearer,
    promises: string[],
  ): Promise<{ readonly volume: CinderVolume; readonly promiseId: string | null }> => {
    const name = `troupe-${actorId}`;
    const found = await known(name, bearer);
    if (found) {
      const before = promiseOf(found);
      const promiseId = (await volumePromises.renew(before, bearer)) ? before : null;
      if (promiseId !== null) promises.push(promiseId);
      return { volume: found, promiseId };
    }
    const promiseId = await volumePromises.make(sizeGib, bearer);
    promises.push(promiseId);
    // What stays is its user's, and no leak when nobody mounts it any more.
    const metadata = { ...madeFor(actorId), ...promisedBy(promiseId), ...(!isKept && madeBy(worldId)) };
    return { volume: await cinder.create({ name, sizeGib, metadata }, bearer), promiseId };
  };

  const mountOf = async (
    { name, source, sizeGib, isKept, destination, readOnly }: VolumeWish,
    seed: string,
    bearer: Bearer,
    promises: string[],
  ): Promise<MountSpec> => {
    if (source === null) {
      if (sizeGib === null)
        throw new TroupeError('INVALID_VALUE', "A volume of Cinder has a size ('size' of 'mounts'), in GiB");
      const volumeId = namedUuid(`volume/${seed}/${name}`);
      const { volume, promiseId } = await make(volumeId, { sizeGib, isKept }, bearer, promises);
      const made = {
        sizeGib,
        cinder: { volumeId: volume.id, isTemporary: !isKept, readOnly },
        ...(promiseId !== null && { promiseId }),
      };
      return { volumeId, made, destination, readOnly };
    }
    const volume = await existing(source, bearer);
    refuseTaken(source, volume);
    return {
      volumeId: namedUuid(`cinder/${seed}/${volume.id}`),
      made: { sizeGib: volume.sizeGib, cinder: { volumeId: volume.id, isTemporary: false, readOnly } },
      destination,
      readOnly,
    };
  };

  return {
    find: async (name, bearer) => (await existing(name, bearer)).id,
    async mounts(wishes, seed, bearer) {
      const promises: string[] = [];
      const undo = async (): Promise<void> => {
        await Promise.all(promises.map((id) => volumePromises.drop(id, bearer)));
      };
      const mounts: MountSpec[] = [];
      try {
        for (const wish of wishes) mounts.push(await mountOf(wish, seed, bearer, promises));
      } catch (error) {
        // Why it is refused counts for more; what can't be dropped now goes when its promise runs out.
        await undo().catch(() => {});
        throw error;
      }
      return { mounts: withOneMode(mounts), undo };
    },
  };
}

/** Who mounts a volume twice has it once, to be written to if one of the places is. */
function withOneMode(mounts: readonly MountSpec[]): readonly MountSpec[] {
  const isWritten = (id: string): boolean =>
    mounts.some(({ volumeId, readOnly }) => volumeId === id && !readOnly);
  return mounts.map((mount) =>
    mount.made?.cinder
      ? {
          ...mount,
          made: { ...mount.made, cinder: { ...mount.made.cinder, readOnly: !isWritten(mount.volumeId) } },
        }
      : mount,
  );
}

/**
 * Makes who is to mount volumes, with their mounts.
 * @param ask null where the site has no Cinder: then there are none
 */
export async function withVolumes<T>(
  ask: (() => Promise<CinderMounts>) | null,
  create: (mounts: readonly MountSpec[] | null) => Promise<T>,
): Promise<T> {
  if (!ask) return create(null);
  const { mounts, undo } = await ask();
  try {
    return await create(mounts);
  } catch (error) {
    // It may have been taken all the same.
    const isUnknown = !(error instanceof TroupeError) || error.code === 'COMMIT_UNKNOWN';
    if (!isUnknown) await undo().catch(() => {});
    throw error;
  }
}
