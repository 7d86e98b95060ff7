/**
 * Volumes that containers were given while they lived: mounted into them, and
 * mounted again at each start, since an engine gives each run a mount namespace
 * of its own and knows nothing of them.
 *
 * H1. A container that is started here and can't be given one is ended at once
 *     and its start fails: it would write beside its volume.
 * H2. One that was started by hand is given them as soon as that is seen.
 */
import type { OperationIdentity } from '../drivers/runtime/operation-identity.ts';
import type { RuntimeDriver } from '../drivers/runtime/runtime-driver.ts';
import type { ContainerMount } from '../drivers/runtime/runtime-powers.ts';
import { TroupeError, toFailure } from '../errors/errors.ts';
import type { HotMount } from '../model/container.ts';
import { power } from './power.ts';
import type { Volumes } from './volumes.ts';

export interface HotVolumesOptions {
  readonly driver: RuntimeDriver;
  readonly volumes: Volumes | null;
  readonly of: (containerId: string) => readonly HotMount[];
}

export interface HotVolumes {
  /** The same driver, whose starts mount them. */
  readonly driver: RuntimeDriver;
  /**
   * What does not run has none, and is given its own when it starts.
   *
   * @throws TroupeError VOLUME_IN_USE for one to be unmounted that a process of the container uses, VOLUME_NOT_FOUND, VOLUME_ERROR,
   *   HOST_INCAPABLE
   */
  remount(
    identity: OperationIdentity,
    wish: { readonly hot: readonly HotMount[]; readonly leaving: readonly HotMount[] },
    signal: AbortSignal,
  ): Promise<void>;
  /** (H2) It was seen to run. */
  seen(identity: OperationIdentity, signal: AbortSignal): Promise<void>;
}

export function createHotVolumes({ driver, volumes, of }: HotVolumesOptions): HotVolumes {
  const found = async (
    identity: OperationIdentity,
    { volumeId, destination, readOnly }: HotMount,
    signal: AbortSignal,
  ): Promise<ContainerMount> => {
    if (!volumes) throw new TroupeError('HOST_INCAPABLE', 'This host has no volumes of its own');
    return { source: await volumes.path(identity, volumeId, signal), destination, readOnly };
  };

  const mount = async (
    identity: OperationIdentity,
    mounts: readonly ContainerMount[],
    signal: AbortSignal,
  ): Promise<void> => {
    for (const each of mounts) await power(driver, 'inside').mount(identity, each, signal);
  };

  const foundAll = (identity: OperationIdentity, hot: readonly HotMount[], signal: AbortSignal) =>
    Promise.all(hot.map((each) => found(identity, each, signal)));

  const unmount = async (identity: OperationIdentity, hot: HotMount, signal: AbortSignal): Promise<void> => {
    const place = await found(identity, hot, signal).catch((error: unknown) => {
      // What was never mounted here is in no container.
      if (toFailure(error).code === 'VOLUME_NOT_FOUND') return null;
      throw error;
    });
    if (place) await power(driver, 'inside').unmount(identity, place, signal);
  };

  return {
    driver: {
      ...driver,
      // It is started by a start of its own, which mounts them.
      createContainer: (identity, options, signal) =>
        driver.createContainer(
          identity,
          { ...options, start: options.start && of(identity.containerId).length === 0 },
          signal,
        ),
      async startContainer(identity, options, signal) {
        // Before it runs, as far as that is possible. One of Cinder's is connected again once its host is heard, after the machine was started anew.
        const mounts = await foundAll(identity, of(identity.containerId), signal).catch((error: unknown) => {
          const { code, message } = toFailure(error);
          if (code !== 'VOLUME_NOT_FOUND') throw error;
          throw new TroupeError(code, message, { cause: error, retryable: true });
        });
        const observation = await driver.startContainer(identity, options, signal);
        try {
          await mount(identity, mounts, signal);
        } catch (error) {
          await driver.killContainer(identity, { signal: 'KILL' }, signal);
          throw error;
        }
        return observation;
      },
    },
    async remount(identity, { hot, leaving }, signal) {
      for (const each of leaving) await unmount(identity, each, signal);
      await mount(identity, await foundAll(identity, hot, signal), signal);
    },
    seen: async (identity, signal) =>
      mount(identity, await foundAll(identity, of(identity.containerId), signal), signal),
  };
}
