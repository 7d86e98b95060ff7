import t from 'tap';
import { createDecider } from '../../src/actors/decide.ts';
import type { TurnEvent } from '../../src/actors/turn.ts';
import { tenantChart } from '../../src/machines/tenant.machine.ts';
import { tenantLimits, type TenantContext } from '../../src/machines/tenant/context.ts';
import type { Amounts } from '../../src/model/container.ts';
import { grown, shrunk } from '../../src/machines/resize.ts';
import { tenantInput } from './tenant-space.ts';
import { walk, type Walk } from './walk.ts';

const limits = { containers: 4, cpuMillis: 4_000, memoryMib: 1_000, diskGib: -1 };
const begin = (changes: object = {}): Walk => walk(tenantChart, { ...tenantInput, limits, ...changes });
const amounts = { containers: 1, cpuMillis: 1_000, memoryMib: 400, diskGib: 0 };
const about = (changes: object = {}) => ({ containerId: 'c1', generation: 1, amounts, at: 0, ...changes });
const totals = (tenant: Walk) => (tenant.context as unknown as TenantContext).totals;
const answered = ({ emitted }: Walk): string | null | undefined =>
  emitted.flatMap((each) => (each.type === 'answer' ? [each.reason] : []))[0];

const held = (): Walk =>
  begin()
    .send({ type: 'tenant.reserve', ...about() })
    .send({ type: 'tenant.confirm', ...about() });
const bigger = { ...amounts, cpuMillis: 500, memoryMib: 900 };
const more = { generation: 2, amounts: grown(amounts, bigger) };
const less = { generation: 2, amounts: shrunk(amounts, bigger) };

t.test('a resize is two amounts, neither of them negative', async (t) => {
  t.same(more.amounts, { containers: 0, cpuMillis: 0, memoryMib: 500, diskGib: 0 });
  t.same(less.amounts, { containers: 0, cpuMillis: 500, memoryMib: 0, diskGib: 0 });
});

t.test('a resize reserves what it adds, and gives back what it leaves', async (t) => {
  const tenant = held().send({ type: 'tenant.reserve', ...about(more) });
  t.equal(answered(tenant), undefined, 'accepted');
  t.equal(totals(tenant).memoryMib, 900, 'both are counted while it lasts');
  tenant.send({ type: 'tenant.confirm', ...about(more) }).send({ type: 'tenant.release', ...about(less) });
  t.same(totals(tenant), bigger);
});

t.test('a resize over the limit is refused by the names of Zun, and changes nothing', async (t) => {
  const tenant = held().send({
    type: 'tenant.reserve',
    ...about({ generation: 2, amounts: { ...more.amounts, memoryMib: 601 } }),
  });
  t.equal(answered(tenant), "Quota exceeded for resources: ['memory']");
  t.same(totals(tenant), amounts);
});

t.test('a resize that nobody took is given back by its deadline', async (t) => {
  const tenant = held().send({ type: 'tenant.reserve', ...about(more) });
  tenant.done('reservation.deadline', { at: 60_000 });
  t.same(totals(tenant), amounts);
  tenant.send({ type: 'tenant.confirm', ...about(more) });
  t.equal(totals(tenant).memoryMib, 900, 'and counted after all when it was taken late');
});

t.test('reserved twice is reserved once, and what the container confirms is what counts', async (t) => {
  const reserve = { type: 'tenant.reserve', ...about(more) };
  const tenant = held().send(reserve).send(reserve);
  t.equal(totals(tenant).memoryMib, 900);
  tenant.send({ ...reserve, amounts: { ...more.amounts, memoryMib: 100 } });
  t.equal(totals(tenant).memoryMib, 500, 'another try under the same generation takes its place');
  tenant.send({ type: 'tenant.confirm', ...about(more) });
  t.equal(totals(tenant).memoryMib, 900);
  t.same((tenant.context as unknown as TenantContext).reservations, {});
});

t.test('a resize that is tried again while the first is being given up is counted once', async (t) => {
  const roomy = { type: 'tenant.limit', limits: { memoryMib: -1 } };
  const tenant = held()
    .send(roomy)
    .send({ type: 'tenant.reserve', ...about(more) });
  tenant.send({ type: 'tenant.confirm', ...about(more) }).send({ type: 'tenant.reserve', ...about(more) });
  tenant.send({ type: 'tenant.release', ...about(more) }).send({ type: 'tenant.confirm', ...about(more) });
  t.equal(totals(tenant).memoryMib, 900);
  tenant.send({ type: 'tenant.reserve', ...about(more) }).send({ type: 'tenant.release', ...about(more) });
  tenant.done('reservation.deadline', { at: 60_000 });
  t.equal(totals(tenant).memoryMib, 400, 'and not at all once it is released and nobody takes the other');
});

t.test('a container deleted while its resize is under way leaves nothing', async (t) => {
  const tenant = held().send({ type: 'tenant.reserve', ...about(more) });
  tenant.send({ type: 'tenant.confirm', ...about(more) });
  tenant.send({ type: 'tenant.release', ...about(more) }).send({ type: 'tenant.release', ...about() });
  t.same(totals(tenant), { containers: 0, cpuMillis: 0, memoryMib: 0, diskGib: 0 });
});

t.test('a tenant may tighten what the site wants of neighbours, and loosen its own again', async (t) => {
  const tenant = begin({ neighbours: 'preferred' });
  tenant.send({ type: 'tenant.isolate', neighbours: 'off' });
  t.equal(
    answered(tenant),
    'This site has neighbours of one tenant "preferred"; a tenant may only tighten that',
  );
  tenant.send({ type: 'tenant.isolate', neighbours: 'enforced' });
  t.same(tenant.started, [{ id: 'tellHosts', src: 'tellHosts', input: { neighbours: 'enforced' } }, { id: 'tell.deadline', src: 'deadline', input: { ms: 60_000 } }]); // prettier-ignore
  tenant.send({ type: 'tenant.isolate', neighbours: 'preferred' });
  t.match(
    tenant.started,
    [{ src: 'tellHosts', input: { neighbours: 'preferred' } }],
    'its hosts are told anew',
  );
  tenant.done('tellHosts', { told: 3 });
  t.match(tenant.paths, ['isolation.told', 'quota.settled']);
});

t.test('hosts that could not be told are told again', async (t) => {
  const tenant = begin().send({ type: 'tenant.isolate', neighbours: 'enforced' });
  tenant.failed('tellHosts', 'INTERNAL').done('tell.pause', { at: 0 });
  t.match(tenant.started, [{ src: 'tellHosts' }, { src: 'deadline' }]);
});

t.test('the site’s own change of mind reaches the hosts of tenants whom it concerns', async (t) => {
  const tenant = begin().send({ type: 'tenant.configured', neighbours: 'enforced', limits });
  t.match(tenant.started, [{ src: 'tellHosts', input: { neighbours: 'enforced' } }, {}]);
  const strict = begin()
    .send({ type: 'tenant.isolate', neighbours: 'enforced' })
    .done('tellHosts', { told: 0 });
  strict.send({ type: 'tenant.configured', neighbours: 'preferred', limits });
  t.same(strict.started, [], 'and not those of one that is stricter already');
});

t.test('a tenant of version 1 is read with its reservations', async (t) => {
  const { neighbours: _, ...rest } = tenantInput;
  const old = { ...rest, totals: amounts, reservations: { c1: { generation: 1, amounts, at: 5 } } };
  const migrated = tenantChart.migrations[1]!({ value: 'reserving', context: old, chartVersion: 1 });
  t.same(migrated.value, { quota: 'reserving', isolation: 'told' });
  t.match(migrated.context, {
    reservations: { 'c1/1': { generation: 1, amounts, at: 5 } },
    neighbours: 'off',
  });
});

const configuredBy = (site: Amounts): TurnEvent => ({
  type: 'tenant.configured',
  neighbours: 'off',
  limits: site,
});
const refused = (tenant: Walk, asked: object): string | null | undefined =>
  answered(tenant.send({ type: 'tenant.reserve', ...about(asked) }));
const limitsOf = ({ context }: Walk): Amounts => tenantLimits(context as unknown as TenantContext);

t.test('its own limits hold over the site’s, each by itself, and may be taken back', async (t) => {
  const tenant = begin().send({ type: 'tenant.limit', limits: { memoryMib: 300 } });
  t.same(limitsOf(tenant), { ...limits, memoryMib: 300 });
  tenant.send({ type: 'tenant.limit', limits: { containers: -1 } });
  t.same(limitsOf(tenant), { ...limits, memoryMib: 300, containers: -1 }, 'what is left out stays');
  t.equal(refused(tenant, {}), "Quota exceeded for resources: ['memory']");
  tenant.send({ type: 'tenant.limit', limits: { memoryMib: null, containers: null } });
  t.same(limitsOf(tenant), limits);
  t.equal(refused(tenant, {}), undefined);
});

t.test('the site’s limits hold as soon as they are others, but over its own', async (t) => {
  const tenant = begin().send({ type: 'tenant.limit', limits: { containers: 1 } });
  const site = { ...limits, containers: 9, memoryMib: 100 };
  tenant.send({ type: 'tenant.configured', neighbours: 'off', limits: site });
  t.same(limitsOf(tenant), { ...site, containers: 1 });
});

t.test('a limit below what is used takes nothing away, and lets nothing more in', async (t) => {
  const tenant = held().send({ type: 'tenant.limit', limits: { containers: 0, memoryMib: 10 } });
  t.same(totals(tenant), amounts);
  const reason = "Quota exceeded for resources: ['containers', 'memory']";
  t.equal(refused(tenant, { containerId: 'c2' }), reason);
  tenant.send({ type: 'tenant.release', ...about() });
  t.equal(totals(tenant).containers, 0);
});

t.test('a tenant of version 2 keeps the limits that are not the site’s', async (t) => {
  const { ownLimits: _, siteLimits: __, ...rest } = begin().context as unknown as TenantContext;
  const old = { ...rest, limits: { ...limits, memoryMib: 7 } };
  const { context } = tenantChart.migrations[2]!({ value: {}, context: old, chartVersion: 2 });
  t.same(tenantLimits(context as TenantContext), old.limits, 'what held, holds');
  const value = { quota: 'settled', isolation: 'told' };
  const restored = tenantChart.machine.resolveState({ value, context: context as never });
  const told = (from: typeof restored, site: Amounts) =>
    createDecider(tenantChart).next(from, configuredBy(site)).snapshot;
  const first = told(restored, limits);
  t.same((first.context as TenantContext).ownLimits, { memoryMib: 7 });
  const later = told(first, { ...limits, containers: 2 }).context as TenantContext;
  t.same(tenantLimits(later), { ...limits, memoryMib: 7, containers: 2 });
});
