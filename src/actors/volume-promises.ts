/** Promises of volumes that requests have made in Cinder; that they end well, or what was made goes, the volume chart sees to. */
import { TroupeError } from '../errors/errors.ts';
import { volumeAddress, type Address } from '../model/address.ts';
import type { Bearer } from '../model/bearer.ts';
import type { CommandAnswer } from '../model/caller.ts';
import type { Environment } from '../model/environment.ts';
import type { ContainerDeadlines } from '../model/events.ts';
import type { Cause } from '../model/journal.ts';
import type { VolumeInput } from '../model/volume-events.ts';
import type { Awaited } from './awaited.ts';
import type { Runtime } from './runtime.ts';
import type { TurnEvent } from './turn.ts';

export interface VolumePromises {
  /** Resolves with the promise's id once it is durable: from then on Cinder may be asked. */
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
  readonly ask: (address: Address, event: TurnEvent, cause: Cause) => Promise<CommandAnswer>;
}

export function createVolumePromises(options: VolumePromisesOptions): VolumePromises {
  const { environment, runtime, deadlines, promisedMs, until, ask } = options;
  const causeOf = ({ requestId }: Bearer): Cause => ({
    kind: 'runtime',
    reason: `request ${requestId} has a volume made in Cinder`,
  });
  return {
    async make(sizeGib, bearer) {
      const id = environment.id();
      const { projectId: tenant } = bearer;
      const { sandboxMs: makeMs, removeMs } = deadlines;
      const input: VolumeInput = {
        id, tenant, name: null, hostId: '', sizeGib, isEphemeral: true, cinder: null,
        promise: { forMs: promisedMs }, deadlines: { makeMs, removeMs },
      }; // prettier-ignore
      await runtime().begin(volumeAddress(tenant, id), input, causeOf(bearer), null);
      return id;
    },
    async renew(id, bearer) {
      const address = volumeAddress(bearer.projectId, id);
      if (!runtime().cell(address)) return false;
      const { answer, reason } = await ask(address, { type: 'volume.promise' }, causeOf(bearer));
      if (answer === 'refused')
        throw new TroupeError('VOLUME_IN_USE', reason ?? 'It is being deleted', { retryable: true });
      return true;
    },
    async drop(id, bearer) {
      const address = volumeAddress(bearer.projectId, id);
      if (!runtime().cell(address)) return;
      await ask(address, { type: 'volume.delete' }, causeOf(bearer));
      await until(address, () => runtime().cell(address) === undefined);
    },
  };
}
