/** The host chart as a subject of proof. */
import { hostChart } from '../../src/machines/host.machine.ts';
import type { HostContext } from '../../src/machines/host/context.ts';
import { countReady } from '../../src/machines/host/ready.ts';
import type { Claim, HostInput } from '../../src/model/events.ts';
import type { Fingerprint } from '../../src/model/host.ts';
import type { ProofSubject } from './proofs.ts';

export const hostInput: HostInput = {
  id: 'h1',
  hostname: 'one',
  policy: {
    availabilityZone: 'nova',
    ratios: { cpu: 1, memory: 1, disk: 1 },
    reserved: { cpu: 0, memory: 0, disk: 0 },
    warmMemoryMib: 8,
  },
  suspectMs: 0,
  lostMs: 8_000,
  syncMs: 30_000,
};

export const fingerprint: Fingerprint = {
  hostname: 'one', engine: 'docker', engineVersion: '1', engineApiVersion: '1.41', cpus: 1, memoryMib: 250, diskGib: 10,
  architecture: 'x86_64', os: 'linux', kernelVersion: '6', runtimes: ['runc'], labels: {}, engineUp: true, engineProblem: null,
}; // prettier-ignore

export const amounts = { containers: 1, cpuMillis: 500, memoryMib: 100, diskGib: 1 };
const more = { containers: 0, cpuMillis: 0, memoryMib: 60, diskGib: 0 };

export const claimOf = (changes: Partial<Claim> = {}): Claim => ({
  containerId: 'c1',
  tenant: 'p1',
  generation: 1,
  amounts,
  terms: { neighbours: 'off', group: null },
  ...changes,
});

const engineDown = { ...fingerprint, engineUp: false, engineProblem: 'The engine is down' };
/** Each is claimed and released as a whole, as containers do. */
const claims = [
  claimOf(),
  claimOf({
    containerId: 'c2',
    tenant: 'p2',
    terms: { neighbours: 'enforced', group: { name: 'web', policy: 'anti-affinity' } },
  }),
];
const tooManyLabels = Object.fromEntries(Array.from({ length: 65 }, (_, at) => [`label${at}`, '']));

export const hostSubject: ProofSubject = {
  chart: hostChart,
  inputs: [hostInput],
  events: (snapshot) => {
    const { session, ready } = snapshot.context as HostContext;
    const recounted = { totals: amounts, tenants: { p1: 1 }, enforcing: [], groups: {} };
    const bounced = (message: object) => ({
      type: 'message.undeliverable', to: 'container/p1/c1', gone: true, message,
    }); // prettier-ignore
    const pool = { tenant: 'p1', poolId: 'h1.default' };
    return [
      { type: 'sandbox.ready', sandboxId: `s${countReady(ready)}`, ...pool },
      { type: 'sandbox.withdrawn', sandboxId: 's0', ...pool }, { type: 'pool.shrink', keep: 1, ...pool },
      bounced({ type: 'claim.granted', sandboxId: 's9', ...claims[0] }),
      { type: 'host.cordon' }, { type: 'host.cordon', reason: 'A fan is broken' }, { type: 'host.giveUp' }, { type: 'host.remove' }, { type: 'host.uncordon' }, { type: 'host.drain' }, { type: 'host.maintain' }, { type: 'host.juggle' },
      { type: 'host.label', labels: { disk: 'ssd' } }, { type: 'host.label', labels: { disk: null } },
      { type: 'host.label', labels: tooManyLabels }, { type: 'actor.restored' },
      { type: 'link.connected', session: 's', fingerprint },
      { type: 'link.synced', session: session ?? 's' }, { type: 'link.synced', session: 'stale' },
      { type: 'link.closed', session: session ?? 's', reason: 'cut' }, { type: 'link.closed', session: 'stale', reason: 'cut' },
      { type: 'host.fingerprinted', fingerprint: engineDown },
      { type: 'host.configured', policy: hostInput.policy },
      ...(['off', 'preferred', 'enforced'] as const).map((neighbours) => ({ type: 'tenant.isolated', tenant: 'p1', neighbours })),
      ...claims.flatMap((claim) => [
        { type: 'host.claim', pool: 'default', ...claim }, { type: 'host.release', ...claim }, bounced({ type: 'claim.granted', ...claim }),
      ]),
      { type: 'host.keep', ...claims[0] },
      { type: 'host.reclaim', ...claimOf({ amounts: more, generation: 2 }) },
      { type: 'host.release', ...claimOf({ amounts: more, generation: 2 }) },
      bounced({ type: 'reclaim.granted', ...claimOf({ amounts: more, generation: 2 }) }),
      bounced({ type: 'claim.refused' }),
      { type: 'host.recount', ...recounted },
    ]; // prettier-ignore
  },
  results: (invokeId, src) => [
    ...(src === 'findResidents'
      ? [{ residents: [] }, { residents: ['volume "data" of project p1'] }]
      : [src === 'deadline' ? { at: 0 } : { told: 1 }]
    ).map((output) => ({ type: `xstate.done.actor.${invokeId}`, output })),
    {
      type: `xstate.error.actor.${invokeId}`,
      error: { code: 'INTERNAL', message: 'It failed', retryable: false },
    },
  ],
  project: (context) => {
    const {
      session,
      cordonedFor,
      totals,
      tenants,
      enforcing,
      groups,
      ready,
      fingerprint: known,
    } = context as HostContext;
    const full = totals.memoryMib + amounts.memoryMib > fingerprint.memoryMib;
    return [
      session, cordonedFor, known?.engineUp, Math.min(totals.containers, 2), full, Object.keys(tenants).sort(), enforcing, Object.keys(groups),
      ready,
    ]; // prettier-ignore
  },
};
