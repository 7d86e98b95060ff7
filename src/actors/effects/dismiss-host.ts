/**
 * Lets go of a host for good: nobody may say any more that it is this host,
 * and what was only there ends. Done again after a crash, it finds it done.
 */
import { toFailure } from '../../errors/errors.ts';
import { parseAddress } from '../../model/address.ts';
import type { Enrolment } from '../enrolment.ts';
import type { Runtime } from '../runtime.ts';
import type { Effect } from './effect.ts';
import { tellPlaced } from './tell-placed.ts';

export const dismissHostEffect =
  (runtime: () => Runtime, enrolment: Pick<Enrolment, 'revoke'>): Effect =>
  (run) => {
    let stopped = false;
    enrolment
      .revoke(parseAddress(run.address).id)
      .then(() => tellPlaced(runtime(), run, 'host.removed'))
      .then(
        (told) => stopped || run.done({ told }),
        (error: unknown) => stopped || run.failed(toFailure(error)),
      );
    return () => {
      stopped = true;
    };
  };
