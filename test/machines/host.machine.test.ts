import t from 'tap';
import { hostChart } from '../../src/machines/host.machine.ts';
import { emptyTally } from '../../src/machines/host/claims.ts';
import { warmMemoryOf } from '../../src/machines/host/warm.ts';
import { hostViewOf } from '../../src/machines/host/view.ts';
import type { HostContext } from '../../src/machines/host/context.ts';
import type { Claim, HostInput } from '../../src/model/events.ts';
import type { Fingerprint, Shares } from '../../src/model/host.ts';
import { amounts, claimOf, fingerprint, hostInput } from './host-space.ts';
import { walk, type Walk } from './walk.ts';

const online = (has: Partial<Fingerprint> = {}, input: Partial<HostInput> = {}): Walk =>
  walk(hostChart, { ...hostInput, ...input })
    .send({ type: 'link.connected', session: 's', fingerprint: { ...fingerprint, ...has } })
    .send({ type: 'link.synced', session: 's' });

const claim = (host: Walk, changes: Partial<Claim> = {}): Walk =>
  host.send({ type: 'host.claim', ...claimOf(changes) });
const release = (host: Walk, changes: Partial<Claim> = {}): Walk =>
  host.send({ type: 'host.release', ...claimOf(changes) });

/** What the last event had the host tell the container. */
const told = ({ emitted }: Walk): { type: string; reason?: string } | undefined =>
  emitted.flatMap((each) => (each.type === 'message' ? [each.event] : []))[0] as never;
const answered = ({ emitted }: Walk): string | null | undefined =>
  emitted.flatMap((each) => (each.type === 'answer' ? [each.reason] : []))[0];
const contextOf = (host: Walk): HostContext => host.context as unknown as HostContext;
const viewOf = (host: Walk) => hostViewOf(contextOf(host), host.paths, new Set());
const terms = (neighbours: 'off' | 'preferred' | 'enforced', group: Claim['terms']['group'] = null) => ({
  terms: { neighbours, group },
});
const small = { containers: 1, cpuMillis: 0, memoryMib: 10, diskGib: 0 };

t.test('a claim is granted while there is room, and refused in words when there is none', async (t) => {
  const host = online();
  t.match(told(claim(host)), {
    type: 'claim.granted',
    hostId: 'h1',
    hostname: 'one',
    ...claimOf(),
  });
  t.equal(told(claim(host, { containerId: 'c2' }))?.type, 'claim.granted');
  t.match(told(claim(host, { containerId: 'c3' })), {
    type: 'claim.refused',
    reason: '0.5 CPU asked, 0 CPU free',
  });
  const wide = { ...amounts, cpuMillis: 0, memoryMib: 51 };
  t.equal(told(claim(host, { amounts: wide }))?.reason, '51 MiB memory asked, 50 MiB memory free');
  release(host, { containerId: 'c2' });
  t.equal(
    told(claim(host, { containerId: 'c3' }))?.type,
    'claim.granted',
    'what was given back is there again',
  );
  t.match(contextOf(host).totals, { containers: 2, cpuMillis: 1_000, memoryMib: 200, diskGib: 2 });
});

t.test('a host that has said nothing yet, is away, or has no engine takes nothing', async (t) => {
  t.equal(told(claim(walk(hostChart, hostInput)))?.reason, '"one" has not said yet what it has');
  const away = online().send({ type: 'link.closed', session: 's', reason: 'cut' });
  t.equal(told(claim(away))?.reason, 'it is not connected');
  const broken = online().send({
    type: 'host.fingerprinted',
    fingerprint: { ...fingerprint, engineUp: false },
  });
  t.equal(told(claim(broken))?.reason, 'its container engine does not answer');
});

t.test(
  'what may be promised: over-committed without the reserve, the agent’s word over the site’s',
  async (t) => {
    const shares = (cpu: number | null, memory: number | null, disk: number | null) => ({
      cpu,
      memory,
      disk,
    });
    const policy = {
      availabilityZone: 'nova',
      ratios: shares(4, 1, 1) as Shares,
      reserved: shares(0, 0.2, 0.9) as Shares,
      warmMemoryMib: 0,
    };
    const host = online({}, { policy });
    t.same(viewOf(host).allocatable, { cpuMillis: 4_000, memoryMib: 200, diskGib: 1 });
    t.same(viewOf(host).capacity, { cpuMillis: 1_000, memoryMib: 250, diskGib: 10 });
    const own = online(
      {
        overrides: {
          availabilityZone: 'east',
          ratios: shares(2, null, null),
          reserved: shares(null, 0, null),
        },
      },
      { policy },
    );
    t.same(viewOf(own).allocatable, { cpuMillis: 2_000, memoryMib: 250, diskGib: 1 });
    t.equal(viewOf(own).availabilityZone, 'east');
    const changed = host.send({ type: 'host.configured', policy: hostInput.policy });
    t.same(
      viewOf(changed).allocatable,
      viewOf(changed).capacity,
      'a changed configuration holds from then on',
    );
  },
);

t.test('one tenant only, both ways', async (t) => {
  const host = online({ cpus: 64 });
  claim(host, { tenant: 'p1', amounts: small, ...terms('enforced') });
  t.equal(
    told(claim(host, { tenant: 'p2', amounts: small }))?.reason,
    'it is kept for the one tenant that is on it',
  );
  t.equal(told(claim(host, { tenant: 'p1', amounts: small }))?.type, 'claim.granted', 'its own still come');
  release(host, { tenant: 'p1', amounts: small });
  t.equal(
    told(claim(host, { tenant: 'p2', amounts: small }))?.type,
    'claim.refused',
    'as long as one is there',
  );
  release(host, { tenant: 'p1', amounts: small });
  t.equal(told(claim(host, { tenant: 'p2', amounts: small }))?.type, 'claim.granted');
  t.equal(
    told(claim(host, { tenant: 'p1', amounts: small, ...terms('enforced') }))?.reason,
    'it holds containers of other tenants, and yours wants none beside it',
  );
  t.equal(
    told(claim(host, { tenant: 'p1', amounts: small, ...terms('preferred') }))?.type,
    'claim.granted',
    'a preference is the scheduler’s',
  );
});

t.test('a tenant that changes its mind is heeded for what it has there already', async (t) => {
  const host = online({ cpus: 64 });
  claim(host, { amounts: small });
  host.send({ type: 'tenant.isolated', tenant: 'p1', neighbours: 'enforced' });
  t.equal(told(claim(host, { tenant: 'p2', amounts: small }))?.type, 'claim.refused');
  claim(host, { amounts: small, ...terms('off') });
  t.equal(
    told(claim(host, { tenant: 'p2', amounts: small }))?.type,
    'claim.refused',
    'a claim of before does not loosen it',
  );
  host.send({ type: 'tenant.isolated', tenant: 'p1', neighbours: 'preferred' });
  t.equal(told(claim(host, { tenant: 'p2', amounts: small }))?.type, 'claim.granted');
  host.send({ type: 'tenant.isolated', tenant: 'nobody', neighbours: 'enforced' });
  t.same(contextOf(host).enforcing, [], 'of a tenant that has nothing there, nothing is kept');
});

t.test('members of a group stay apart, whoever of them wants it', async (t) => {
  const web = (policy: 'anti-affinity' | 'soft-affinity') => terms('off', { name: 'web', policy });
  const host = online({ cpus: 64 });
  claim(host, { amounts: small, ...web('soft-affinity') });
  t.equal(
    told(claim(host, { amounts: small, ...web('anti-affinity') }))?.reason,
    'a member of the group "web" is on it, and they want to be apart',
  );
  t.equal(
    told(claim(host, { tenant: 'p2', amounts: small, ...web('anti-affinity') }))?.type,
    'claim.granted',
    'a group is one tenant’s own',
  );
  t.equal(
    told(claim(host, { tenant: 'p2', amounts: small, ...web('soft-affinity') }))?.type,
    'claim.refused',
    'the one that is there wants it',
  );
  release(host, { amounts: small, ...web('soft-affinity') });
  t.equal(told(claim(host, { amounts: small, ...web('anti-affinity') }))?.type, 'claim.granted');
});

t.test('a resize claims what it adds, of no container more', async (t) => {
  const host = online();
  claim(host);
  const more = { containers: 0, cpuMillis: 500, memoryMib: 0, diskGib: 0 };
  const reclaim = (changes: Partial<Claim> = {}): Walk =>
    host.send({ type: 'host.reclaim', ...claimOf({ amounts: more, generation: 2, ...changes }) });
  t.match(told(reclaim()), { type: 'reclaim.granted', hostId: 'h1', generation: 2, amounts: more });
  t.match(contextOf(host), { totals: { containers: 1, cpuMillis: 1_000 }, tenants: { p1: 1 } });
  t.match(told(reclaim()), { type: 'reclaim.refused', reason: '0.5 CPU asked, 0 CPU free' });
  host.send({
    type: 'message.undeliverable', to: 'container/p1/c1', gone: true,
    message: { type: 'reclaim.granted', hostId: 'h1', ...claimOf({ amounts: more, generation: 2 }) },
  }); // prettier-ignore
  t.match(contextOf(host), { totals: { containers: 1, cpuMillis: 500 } }, 'a grant nobody took comes back');
  host.send({ type: 'host.cordon' });
  t.equal(told(reclaim())?.type, 'reclaim.granted', 'what is there may grow on a cordoned host');
  host.send({ type: 'host.drain' });
  t.equal(told(reclaim())?.reason, 'it is being drained');
  release(host, { amounts: more, generation: 2 });
  release(host);
  t.match(contextOf(host), emptyTally, 'and nothing is left once all has been given back');
});

t.test('draining ends in maintenance once the last container has left', async (t) => {
  const host = claim(online());
  host.send({ type: 'host.maintain' });
  t.equal(
    answered(host),
    '1 container is still there; drain it, and it is in maintenance once they have left',
  );
  host.send({ type: 'host.drain' });
  t.match(host.paths, ['admission.draining', 'link.online']);
  t.equal(host.reason, '1 container is still there');
  t.equal(told(claim(host, { containerId: 'c2' }))?.reason, 'it is being drained');
  t.equal(answered(host.send({ type: 'host.drain' })), 'It is being drained already');
  release(host);
  t.match(host.paths, ['admission.maintenance', 'link.online']);
  t.equal(told(claim(host))?.reason, 'it is in maintenance');
  t.equal(answered(host.send({ type: 'host.drain' })), 'It is in maintenance, and nothing is on it');
  host.send({ type: 'host.recount', ...emptyTally, totals: amounts, tenants: { p1: 1 } });
  t.match(host.paths, ['admission.draining', 'link.online'], 'what a recount finds has still to leave');
  host.send({ type: 'host.uncordon' });
  t.match(host.paths, ['admission.open', 'link.online']);
  t.equal(answered(host.send({ type: 'host.uncordon' })), 'It is open already');
});

t.test('a cordon outlives the loss of the link', async (t) => {
  const host = online().send({ type: 'host.cordon' });
  host.send({ type: 'link.closed', session: 's', reason: 'cut' });
  host.send({ type: 'link.connected', session: 's2', fingerprint });
  host.send({ type: 'link.synced', session: 's2' });
  t.equal(told(claim(host))?.reason, 'it is cordoned');
});

t.test('labels are the agent’s, and over them the operator’s', async (t) => {
  const host = online({ labels: { disk: 'hdd', rack: 'r1' } });
  host.send({ type: 'host.label', labels: { disk: 'ssd', gpu: 'a100' } });
  t.same(viewOf(host).labels, { disk: 'ssd', rack: 'r1', gpu: 'a100' });
  host.send({ type: 'host.label', labels: { disk: null, none: null } });
  t.same(viewOf(host).labels, { disk: 'hdd', rack: 'r1', gpu: 'a100' }, 'null gives the agent’s back');
  const many = Object.fromEntries(Array.from({ length: 64 }, (_, at) => [`l${at}`, 'x']));
  t.equal(
    answered(host.send({ type: 'host.label', labels: many })),
    'A host has 64 labels at most, and these would be 65',
  );
  t.equal(
    answered(host.send({ type: 'host.label', labels: { '': 'x' } })),
    "A label's name has 1 to 255 characters",
  );
  t.equal(
    answered(host.send({ type: 'host.label', labels: { a: 'x'.repeat(256) } })),
    'The label "a" may have 255 characters at most',
  );
});

t.test('tenants may have any name', async (t) => {
  const host = online({ cpus: 64 });
  for (const tenant of ['constructor', '__proto__', 'toString']) {
    t.equal(told(claim(host, { tenant, amounts: small }))?.type, 'claim.granted');
    t.same(Object.entries(contextOf(host).tenants), [[tenant, 1]]);
    release(host, { tenant, amounts: small });
    t.same(Object.entries(contextOf(host).tenants), []);
  }
});

t.test('a host of version 1 is read as one without any of this', async (t) => {
  const { policy, ...rest } = hostInput;
  const old = { ...rest, availabilityZone: policy.availabilityZone, session: null, fingerprint, totals: amounts, tenants: { p1: 1 }, reason: null }; // prettier-ignore
  const migrated = hostChart.migrations[1]!({ value: { link: 'joining', admission: 'open' }, context: old, chartVersion: 1 }); // prettier-ignore
  const fresh = contextOf(walk(hostChart, hostInput));
  // It keeps no sandbox ahead before a site allows some.
  const { warmMemoryMib: _, ...policyOf2 } = policy;
  const { cordonedFor: __, ...freshOf2 } = fresh;
  t.same(migrated.context, { ...freshOf2, policy: policyOf2, fingerprint, totals: amounts, tenants: { p1: 1 }, readyMost: 0 }); // prettier-ignore
  const now = hostChart.migrations[2]!({ ...migrated, chartVersion: 2 });
  t.same(now.context, {
    ...fresh,
    policy: { ...policyOf2, warmMemoryMib: 0 },
    fingerprint,
    totals: amounts,
    tenants: { p1: 1 },
  });
});

t.test('a host of version 2 keeps as many sandboxes ahead as before, by their memory', async (t) => {
  const { policy, ...rest } = contextOf(walk(hostChart, hostInput));
  const { warmMemoryMib: _, ...earlier } = policy;
  const migrated = hostChart.migrations[2]!({ value: {}, context: { ...rest, policy: earlier, readyMost: 64 }, chartVersion: 2 }); // prettier-ignore
  t.same(migrated.context, { ...rest, policy: { ...earlier, warmMemoryMib: 256 } });
});

t.test('sandboxes made ahead share one memory budget, whatever their pool', async (t) => {
  const offer = (host: Walk, sandboxId: string, poolId = 'h1.default') =>
    host.send({ type: 'sandbox.ready', sandboxId, tenant: 'p1', poolId });
  const messages = ({ emitted }: Walk) =>
    emitted.flatMap((each) => (each.type === 'message' ? [[each.to, each.event.type]] : []));
  for (const [engine, most] of [
    ['docker', 2],
    ['podman', 8],
    ['another', 2],
  ] as const) {
    const host = online({ engine });
    for (let at = 0; at < most; at += 1) t.same(messages(offer(host, `s${at}`)), [], engine);
    t.same(warmMemoryOf(contextOf(host)), { budgetMib: 8, usedMib: 8 });
    t.same(
      messages(offer(host, 'more', 'h1.other')),
      [
        ['sandbox/p1/more', 'sandbox.dismiss'],
        ['pool/p1/h1.other', 'pool.bounded'],
      ],
      'what there is no memory for goes, and its pool hears why',
    );
  }
});

t.test('a smaller budget takes effect at once, the largest pool giving first', async (t) => {
  const host = online();
  const offer = (sandboxId: string, poolId: string) =>
    host.send({ type: 'sandbox.ready', sandboxId, tenant: 'p1', poolId });
  const configured = (warmMemoryMib: number) =>
    host.send({ type: 'host.configured', policy: { ...hostInput.policy, warmMemoryMib } });
  configured(16);
  offer('a1', 'a');
  offer('a2', 'a');
  offer('a3', 'a');
  offer('b1', 'b');
  t.same(
    configured(11).emitted.flatMap((each) => (each.type === 'message' ? [each.to] : [])),
    ['sandbox/p1/a1', 'sandbox/p1/a2'],
  );
  t.same(contextOf(host).ready, { 'p1/a': ['a3'], 'p1/b': ['b1'] });
  configured(0);
  t.same(contextOf(host).ready, {}, 'the floor is none');
  const own = { availabilityZone: null, ratios: { cpu: null, memory: null, disk: null }, reserved: { cpu: null, memory: null, disk: null } }; // prettier-ignore
  host.send({
    type: 'host.fingerprinted',
    fingerprint: { ...fingerprint, overrides: { ...own, warmMemoryMib: 4 } },
  });
  t.equal(warmMemoryOf(contextOf(host)).budgetMib, 4, 'its agent has the last word');
});

t.test('a host is removed only when it is not heard and nothing is there', async (t) => {
  const remove = (host: Walk): Walk => host.send({ type: 'host.remove' });
  t.match(answered(remove(online())), /It is heard; drain it and stop its agent first/);
  const away = claim(online()).send({ type: 'link.closed', session: 's', reason: 'cut' });
  t.match(answered(remove(away)), /It may be heard again any moment/);
  const dead = away.send({ type: 'host.giveUp' }).done('tellContainers', { told: 1 });
  t.match(answered(remove(dead)), /1 container is still there; delete what is there first/);
  release(dead);
  remove(dead).done('findResidents', { residents: ['volume "a" of project p1', 'volume "b" of project p2'] });
  t.match(dead.paths, ['admission.open', 'link.lost.telling']);
  t.match(
    dead.reason,
    /volume "a" of project p1, volume "b" of project p2 are still there; delete them first/,
  );
  remove(dead).done('findResidents', { residents: [] });
  t.equal(dead.status, 'removing');
  const late = dead.send({ type: 'link.connected', session: 's2', fingerprint });
  t.match(answered(late), /join it again with a new token/, 'its credential may be gone already');
  dead.done('dismissHost', { told: 0 });
  t.same(dead.paths, ['admission.removed', 'link.removed']);
});

t.test('a host that is heard while it is looked at is not removed', async (t) => {
  const host = walk(hostChart, hostInput).send({ type: 'host.remove' });
  t.equal(host.status, 'removing', 'one that was never connected may go');
  host.send({ type: 'link.connected', session: 's', fingerprint });
  t.equal(host.status, 'syncing');
});
