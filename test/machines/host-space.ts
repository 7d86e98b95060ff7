/** The host chart as a subject of proof. */
import { hostChart } from '../../src/machines/host.machine.ts';
import type { HostContext } from '../../src/machines/host/context.ts';
import { failed, proofAmounts as amounts, type ProofSubject } from './proofs.ts';

const fingerprint = {
  hostname: 'one', engine: 'docker', engineVersion: '1', engineApiVersion: '1.41', cpus: 1, memoryMib: 150, diskGib: 10,
  architecture: 'x86_64', os: 'linux', kernelVersion: '6', runtimes: ['runc'], labels: {}, engineUp: true, engineProblem: null,
}; // prettier-ignore

export const hostSubject: ProofSubject = {
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
