/** The tenant chart as a subject of proof. */
import { tenantChart } from '../../src/machines/tenant.machine.ts';
import type { TenantContext } from '../../src/machines/tenant/context.ts';
import type { TenantInput } from '../../src/model/events.ts';
import { neighboursModes } from '../../src/model/placement.ts';
import type { ProofSubject } from './proofs.ts';

const amounts = { containers: 1, cpuMillis: 500, memoryMib: 100, diskGib: 1 };
/** What a resize adds. */
const more = { containers: 0, cpuMillis: 0, memoryMib: 50, diskGib: 0 };
const limits = { containers: 1, cpuMillis: -1, memoryMib: 180, diskGib: -1 };

export const tenantInput: TenantInput = { id: 'p1', limits, neighbours: 'off', reservationMs: 60_000 };

export const tenantSubject: ProofSubject = {
  chart: tenantChart,
  inputs: [tenantInput],
  events: () => [
    ...['c1', 'c2'].flatMap((containerId) => [
      { type: 'tenant.reserve', containerId, generation: 1, amounts, at: 0 },
      { type: 'tenant.confirm', containerId, generation: 1, amounts },
      { type: 'tenant.release', containerId, generation: 1, amounts },
    ]),
    { type: 'tenant.reserve', containerId: 'c1', generation: 2, amounts: more, at: 0 },
    { type: 'tenant.reserve', containerId: 'c1', generation: 2, amounts: { ...more, memoryMib: 40 }, at: 0 },
    { type: 'tenant.confirm', containerId: 'c1', generation: 2, amounts: more },
    { type: 'tenant.release', containerId: 'c1', generation: 2, amounts: more },
    ...neighboursModes.flatMap((neighbours) => [
      { type: 'tenant.isolate', neighbours },
      { type: 'tenant.configured', neighbours, limits },
    ]),
    { type: 'tenant.limit', limits: { memoryMib: 180, diskGib: -1 } },
    { type: 'tenant.limit', limits: { memoryMib: null } },
    { type: 'tenant.recount', totals: amounts },
    { type: 'tenant.juggle' },
    { type: 'actor.restored' },
    { type: 'message.undeliverable', to: 'container/p1/c1', gone: true, message: { type: 'x' } },
  ],
  results: (invokeId, src) => [
    ...(src === 'deadline'
      ? [
          { type: `xstate.done.actor.${invokeId}`, output: { at: 60_000 } },
          { type: `xstate.done.actor.${invokeId}`, output: { at: 1 } },
        ]
      : [{ type: `xstate.done.actor.${invokeId}`, output: { told: 1 } }]),
    {
      type: `xstate.error.actor.${invokeId}`,
      error: { code: 'INTERNAL', message: 'It failed', retryable: false },
    },
  ],
  project: (context) => {
    const { totals, reservations, neighbours, siteNeighbours } = context as TenantContext;
    return [
      Math.min(totals.containers, 2),
      [more, amounts].map(({ memoryMib }) => totals.memoryMib + memoryMib > limits.memoryMib),
      Object.keys(reservations).sort(),
      neighbours,
      siteNeighbours,
    ];
  },
};
