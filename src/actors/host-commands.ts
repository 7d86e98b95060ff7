/** What operators ask of hosts. */
import { TroupeError } from '../errors/errors.ts';
import type { Projection } from '../machines/chart.ts';
import { hostAddress } from '../model/address.ts';
import type { Asks } from './asks.ts';
import type { Awaited } from './awaited.ts';
import type { ControlPlane } from './index.ts';
import type { Runtime } from './runtime.ts';

export function createHostCommands(
  runtime: Pick<Runtime, 'cell'>,
  awaited: Awaited,
  asks: Asks,
): Pick<ControlPlane, 'commandHost' | 'removeHost'> {
  const commandHost: ControlPlane['commandHost'] = (hostId, event, caller) =>
    runtime.cell(hostAddress(hostId))
      ? asks.command(hostAddress(hostId), event, caller)
      : Promise.reject(new TroupeError('HOST_NOT_FOUND', `Compute host ${hostId} could not be found.`));
  return {
    commandHost,
    async removeHost(hostId, caller) {
      const address = hostAddress(hostId);
      const asked = await commandHost(hostId, { type: 'host.remove' }, caller);
      if (asked.answer === 'refused') return asked;
      const state = (): Projection | undefined => runtime.cell(address)?.committed?.projection;
      await awaited.until(address, () => state()?.status !== 'removing');
      const left = state();
      if (left === undefined) return asked;
      return left.status === 'removing'
        ? { ...asked, answer: 'queued', reason: 'It is being removed' }
        : { ...asked, answer: 'refused', reason: left.reason ?? 'It is heard again' };
    },
  };
}
