/**
 * Lets go of a host for good: nobody may say any more that it is this host,
 * and what was only there ends. Done again after a crash, it finds it done.
 */
import { parseAddress } from '../../model/address.ts';
import type { Enrolment } from '../enrolment.ts';
import type { Runtime } from '../runtime.ts';
import { promised, type Effect } from './effect.ts';
import { tellPlaced } from './tell-placed.ts';

export const dismissHostEffect = (runtime: () => Runtime, enrolment: Pick<Enrolment, 'revoke'>): Effect =>
  promised(async (run) => {
    await enrolment.revoke(parseAddress(run.address).id);
    return { told: await tellPlaced(runtime(), run, 'host.removed') };
  });
