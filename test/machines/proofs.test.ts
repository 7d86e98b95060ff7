import t from 'tap';
import { hostChart } from '../../src/machines/host.machine.ts';
import { tenantChart } from '../../src/machines/tenant.machine.ts';
import type { ContainerContext } from '../../src/machines/container/context.ts';
import type { HostContext } from '../../src/machines/host/context.ts';
import type { TenantContext } from '../../src/machines/tenant/context.ts';
import { containerHoldings, containerSubject } from './container-space.ts';
import { common } from './common-proofs.ts';
import { explore, proofs, releasesEverything, type ProofSubject } from './proofs.ts';

const statuses = [
  'Creating',
  'Created',
  'Running',
  'Paused',
  'Stopped',
  'Restarting',
  'Rebuilding',
  'Error',
  'Unknown',
  'Dead',
  'Deleted',
  'Deleting',
];
const amounts = { containers: 1, cpuMillis: 500, memoryMib: 100, diskGib: 1 };

const fingerprint = {
  hostname: 'one', engine: 'docker', engineVersion: '1', engineApiVersion: '1.41', cpus: 1, memoryMib: 150, diskGib: 10,
  architecture: 'x86_64', os: 'linux', kernelVersion: '6', runtimes: ['runc'], labels: {}, engineUp: true, engineProblem: null,
}; // prettier-ignore

const failed = (invokeId: string) => ({
  type: `xstate.error.actor.${invokeId}`,
  error: { code: 'INTERNAL', message: 'It failed', retryable: false },
});

const hostSubject: ProofSubject = {
  chart: hostChart,
  inputs: [
    { id: 'h1', hostname: 'one', availabilityZone: 'nova', suspectMs: 0, lostMs: 8_000, syncMs: 30_000 },
  ],
  events: (snapshot) => {
    const { session } = snapshot.context as HostContext;
    const claim = { containerId: 'c1', tenant: 'p1', generation: 1, amounts };
    return [
      { type: 'host.cordon' }, { type: 'host.uncordon' }, { type: 'host.juggle' }, { type: 'actor.restored' },
      { type: 'link.connected', session: 's', fingerprint },
      { type: 'link.synced', session: session ?? 's' }, { type: 'link.synced', session: 'stale' },
      { type: 'link.closed', session: session ?? 's', reason: 'cut' }, { type: 'link.closed', session: 'stale', reason: 'cut' },
      { type: 'host.fingerprinted', fingerprint: { ...fingerprint, engineUp: false, engineProblem: 'The engine is down' } },
      { type: 'host.claim', ...claim }, { type: 'host.release', ...claim },
      { type: 'host.recount', totals: amounts, tenants: { p1: 1 } },
      { type: 'message.undeliverable', to: 'container/p1/c1', gone: true, message: { type: 'claim.granted', ...claim } },
      { type: 'message.undeliverable', to: 'container/p1/c1', gone: true, message: { type: 'claim.refused' } },
    ]; // prettier-ignore
  },
  results: (invokeId, src) => [
    { type: `xstate.done.actor.${invokeId}`, output: src === 'deadline' ? { at: 0 } : { told: 1 } },
    failed(invokeId),
  ],
  project: (context) => {
    const { session, totals, fingerprint: known } = context as HostContext;
    return [session, totals.containers, known?.engineUp];
  },
};

const tenantSubject: ProofSubject = {
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

t.test('the container chart', async (t) => {
  const space = explore(containerSubject);
  common(t, 'container', space);
  t.same(proofs.theEndIsInReach(space), [], 'from everywhere there is a way to deleted');
  const isDelete = (event: { type: string; mode?: unknown }) =>
    event.type === 'container.delete' && event.mode !== 'ifStopped';
  t.same(
    proofs.isAnsweredEverywhere(space, isDelete),
    [],
    'delete with stop or force is accepted everywhere',
  );
  t.same(
    releasesEverything(space, containerHoldings, ['reservation', 'claim']),
    [],
    'whatever was acquired is released, once',
  );
  const asWanted = (status: string, context: unknown) =>
    status === 'Running' || (status === 'Created' && (context as ContainerContext).wanted === 'created');
  t.same(
    proofs.projectionIsTotal(space, statuses, (status, context) => !asWanted(status, context)),
    [],
    'Zun status is total, and what does not run as asked says why',
  );
});

t.test('the host chart', async (t) => {
  const space = explore(hostSubject);
  common(t, 'host', space);
  t.same(
    proofs.projectionIsTotal(
      space,
      ['joining', 'syncing', 'online', 'suspect', 'lost'],
      (status) => status === 'suspect',
    ),
    [],
  );
});

t.test('the tenant chart', async (t) => {
  const space = explore(tenantSubject);
  common(t, 'tenant', space);
  t.same(
    proofs.projectionIsTotal(space, ['active'], () => false),
    [],
  );
  const over = space.steps.filter(({ event, from, to }) => {
    const count = (each: typeof from) => (each.snapshot.context as TenantContext).totals.containers;
    return event.type === 'tenant.reserve' && count(to) > 2 && count(to) > count(from);
  });
  t.same(over, [], 'no reservation goes over the limit');
});
