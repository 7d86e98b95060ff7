/**
 * A host: whether it is heard, whether it takes new containers, and how much
 * room is left. It serialises the claims of all containers.
 */
import type { HostPolicy } from '../model/host.ts';
import { warmSandboxMib } from '../model/warm-memory.ts';
import type { Chart, Projection } from './chart.ts';
import { admission } from './host/admission.ts';
import { emptyTally } from './host/claims.ts';
import type { HostContext } from './host/context.ts';
import { link } from './host/link.ts';
import { hostSetup, stillThere } from './host/setup.ts';
import { metaOf } from './meta.ts';
import { describeBy } from './describe.ts';

export const hostMachine = hostSetup.createMachine({
  id: 'host',
  context: ({ input }) => ({
    ...input,
    ...emptyTally,
    session: null,
    fingerprint: null,
    labels: {},
    ready: {},
    reason: null,
    cordonedFor: null,
  }),
  type: 'parallel',
  on: {
    'host.*': { actions: { type: 'refuse', params: { reason: 'A host does not know this' } } },
    'host.label': [{ guard: 'isLabelled', actions: 'recordLabels' }, { actions: 'refuseLabels' }],
    'host.release': { actions: 'release' },
    'host.keep': { actions: 'keep' },
    'host.recount': [{ guard: 'isCountedRight' }, { actions: 'recount' }],
    'host.fingerprinted': { actions: ['recordFingerprint', 'fitReady'] },
    'host.configured': { actions: ['recordPolicy', 'fitReady'] },
    'tenant.isolated': { guard: 'isConcerned', actions: 'recordWish' },
    'sandbox.ready': { actions: 'keepReady' },
    'sandbox.withdrawn': { actions: 'dropReady' },
    'pool.shrink': { actions: 'shrinkReady' },
    'message.undeliverable': { guard: 'isGrantBounced', actions: 'takeBackGrant' },
    'actor.restored': {},
    'link.synced': {},
    'link.closed': {},
  },
  states: { link, admission },
});

const descriptions: Readonly<Record<string, string>> = {
  'sync.deadline': 'the time to tell its inventory to run out',
  'suspect.deadline': 'the time to be heard again to run out',
  tellContainers: 'its containers to take note',
  'tell.deadline': 'the time to tell its containers to run out',
  'tell.pause': 'the pause before its containers are told again',
  findResidents: 'what holds it to be looked for',
  'find.deadline': 'the time to look for what holds it to run out',
  dismissHost: 'its credential to be revoked, and what was only there to take note',
  'dismiss.deadline': 'the time to let go of it to run out',
  'dismiss.pause': 'the pause before it is let go of again',
};

const inRegion = (paths: readonly string[], region: string): readonly string[] =>
  paths.filter((path) => path.startsWith(`${region}.`));

export const hostChart: Chart = {
  kind: 'host',
  version: 3,
  machine: hostMachine,
  project(paths, context): Projection {
    const { status = 'unknown' } = metaOf(hostMachine, inRegion(paths, 'link'));
    const { taskState = null } = metaOf(hostMachine, inRegion(paths, 'admission'));
    const host = context as HostContext;
    const { reason, fingerprint, cordonedFor } = host;
    const engine =
      fingerprint && !fingerprint.engineUp
        ? (fingerprint.engineProblem ?? 'The container engine does not answer')
        : null;
    const networks = fingerprint?.networks?.awaited ? fingerprint.networks.problem : null;
    return {
      status,
      taskState,
      reason: reason ?? engine ?? networks ?? (taskState === 'draining' ? stillThere(host) : cordonedFor),
    };
  },
  describe: describeBy('host', descriptions),
  commands: [
    { type: 'host.cordon' },
    { type: 'host.uncordon' },
    { type: 'host.drain' },
    { type: 'host.maintain' },
    { type: 'host.giveUp' },
    { type: 'host.remove' },
    { type: 'host.label', labels: {} },
  ],
  migrations: {
    // Version 2 has over-commit, reserves, labels, groups, and tenants that want a host for themselves.
    1: ({ value, context, chartVersion }) => {
      const { availabilityZone, ...rest } = context as Record<string, unknown>;
      const none = { cpu: 0, memory: 0, disk: 0 };
      const policy = { availabilityZone, ratios: { cpu: 1, memory: 1, disk: 1 }, reserved: none };
      return {
        value,
        chartVersion,
        context: { ...rest, policy, labels: {}, enforcing: [], groups: {}, ready: {}, readyMost: 0 },
      };
    },
    // Version 3 bounds sandboxes made ahead by their memory, in its policy, instead of by their count; a cordon has a reason.
    2: ({ value, context, chartVersion }) => {
      const { readyMost, policy, ...rest } = context as {
        readonly readyMost: number;
        readonly policy: HostPolicy;
      };
      const warmMemoryMib = readyMost * warmSandboxMib(null);
      return {
        value,
        chartVersion,
        context: { ...rest, policy: { ...policy, warmMemoryMib }, cordonedFor: null },
      };
    },
  },
};
