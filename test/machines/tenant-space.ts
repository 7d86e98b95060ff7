/** The tenant chart as a subject of proof. */
import { tenantChart } from '../../src/machines/tenant.machine.ts';
import type { TenantContext } from '../../src/machines/tenant/context.ts';
import { failed, proofAmounts as amounts, type ProofSubject } from './proofs.ts';

export const tenantSubject: ProofSubject = {
  chart: tenantChart,
  inputs: [
    { id: 'p1', limits: { containers: 2, cpuMillis: -1, memoryMib: -1, diskGib: -1 }, reservationMs: 60_000 },
  ],
  events: () => [
    ...['c1', 'c2', 'c3'].flatMap((containerId) => [
      { type: 'tenant.reserve', containerId, generation: 1, amounts, at: 0 },
      { type: 'tenant.confirm', containerId, generation: 1, amounts },
      { type: 'tenant.release', containerId, generation: 1, amounts },
    ]),
    { type: 'tenant.limit', limits: { containers: 2, cpuMillis: -1, memoryMib: -1, diskGib: -1 } },
    { type: 'tenant.recount', totals: amounts },
    { type: 'tenant.juggle' },
    { type: 'actor.restored' },
    { type: 'message.undeliverable', to: 'container/p1/c1', gone: true, message: { type: 'x' } },
  ],
  results: (invokeId) => [
    { type: `xstate.done.actor.${invokeId}`, output: { at: 60_000 } },
    { type: `xstate.done.actor.${invokeId}`, output: { at: 1 } },
    failed(invokeId),
  ],
  project: (context) => {
    const { totals, reservations } = context as TenantContext;
    return [Math.min(totals.containers, 3), Object.keys(reservations).sort()];
  },
};
