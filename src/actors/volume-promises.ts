/** Promises of volumes that requests have made in Cinder; that they end well, or what was made goes, the volume chart sees to. */
import { TroupeError } from '../errors/errors.ts';
import { volumeAddress } from '../model/address.ts';
import type { Bearer } from '../model/bearer.ts';
import type { Environment } from '../model/environment.ts';
import type { ContainerDeadlines } from '../model/events.ts';
import type { VolumeCommand, VolumeInput } from '../model/volume-events.ts';
import type { Asks } from './asks.ts';
import type { Awaited } from './awaited.ts';
import { causeOf } from './cause-of.ts';
import type { Runtime } from './runtime.ts';

export interface VolumePromises {
  /** Resolves with the promise's id once it is durable: from then on Cinder may be asked. @throws TroupeError STORE_UNAVAILABLE, SHUTTING_DOWN */
  make(sizeGib: number, bearer: Bearer): Promise<string>;
  /**
   * For a request that is sent again: its time begins anew. False = the promise has ended, so that what was made is somebody's.
   * @throws TroupeError VOLUME_IN_USE while what was made is being deleted
   */
  renew(id: string, bearer: Bearer): Promise<boolean>;
  /**
   * Nobody is to mount what was made. Resolves once it is gone, or the caller has waited long enough: that it goes is
   * durable then.
   */
  drop(id: string, bearer: Bearer): Promise<void>;
}

export interface VolumePromisesOptions {
  readonly environment: Pick<Environment, 'id'>;
  readonly runtime: () => Runtime;
  readonly deadlines: Pick<ContainerDeadlines, 'sandboxMs' | 'removeMs'>;
  /** Milliseconds that a request has to come to its end. */
  readonly promisedMs: number;
  readonly until: Awaited['until'];
  readonly taken: Asks['taken'];
}

export function createVolumePromises(options: VolumePromisesOptions): VolumePromises {
  const { environment, runtime, deadlines, promisedMs, until, taken } = options;
  const ask = (id: string, bearer: Bearer, event: VolumeCommand) => {
    const address = volumeAddress(bearer.projectId, id);
    return taken(address, () => runtime().ask(address, event, causeOf(bearer), 'command'));
  };

  /** Who is to mount the volume was not asked for yet, so of that the outcome is known. */
  const first = async <T>(answer: Promise<T>): Promise<T> => {
    try {
      return await answer;
    } catch (error) {
      if (!(error instanceof TroupeError) || error.code !== 'COMMIT_UNKNOWN') throw error;
      throw new TroupeError(
        'STORE_UNAVAILABLE',
        'Nothing was made: the store has not answered in time; send the request again',
        { cause: error },
      );
    }
  };

  return {
    async make(sizeGib, bearer) {
      const id = environment.id();
      const { projectId: tenant } = bearer;
      const { sandboxMs: makeMs, removeMs } = deadlines;
      const input: VolumeInput = {
        id, tenant, name: null, hostId: '', sizeGib, isEphemeral: true, cinder: null,
        promise: { forMs: promisedMs }, deadlines: { makeMs, removeMs },
      }; // prettier-ignore
      const address = volumeAddress(tenant, id);
      await first(taken(address, () => runtime().begin(address, input, causeOf(bearer), null)));
      return id;
    },
    async renew(id, bearer) {
      if (!runtime().cell(volumeAddress(bearer.projectId, id))) return false;
      const { answer, reason } = await first(ask(id, bearer, { type: 'volume.promise' }));
      if (answer === 'refused')
        throw new TroupeError('VOLUME_IN_USE', reason ?? 'It is being deleted', { retryable: true });
      return true;
    },
    async drop(id, bearer) {
      const address = volumeAddress(bearer.projectId, id);
      if (!runtime().cell(address)) return;
      await ask(id, bearer, { type: 'volume.delete' });
      await until(address, () => runtime().cell(address) === undefined);
    },
  };
}
