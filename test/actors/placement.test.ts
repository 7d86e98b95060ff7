/** Placements through a whole control plane and its agents, in virtual time. */
import t from 'tap';
import { startControlPlane, type ControlPlaneConfig } from '../../src/actors/control-plane.ts';
import { loadConfig } from '../../src/config/load.ts';
import { createHostLinks } from '../../src/link/host-link-server.ts';
import { charts } from '../../src/machines/catalogue.ts';
import type { HostContext } from '../../src/machines/host/context.ts';
import { controlPlaneConfig } from '../../src/main/settings.ts';
import { hostAddress, tenantAddress } from '../../src/model/address.ts';
import type { ContainerView } from '../../src/model/container-view.ts';
import type { ContainerSpec } from '../../src/model/container.ts';
import { hostInput } from '../machines/host-space.ts';
import { createKernel, type Kernel } from '../simulation/kernel.ts';
import { createDisk, type Disk } from '../simulation/store.ts';
import { createWorld, type SimulatedWorld } from '../simulation/world.ts';
import { testSpec } from '../support/docker.ts';

interface Stage {
  readonly kernel: Kernel;
  readonly world: SimulatedWorld;
  create(tenant: string, changes?: Partial<ContainerSpec>): Promise<ContainerView>;
  /** Lets virtual time pass until all has settled. */
  settle(): Promise<void>;
  seen(view: ContainerView): ContainerView;
}

async function stage(hosts: number): Promise<Stage> {
  const kernel = createKernel(1, false);
  const world = createWorld(kernel, { hosts, duration: 0, creates: 0, faults: false, agentAwayMs: 12_000 });
  await world.boot();
  return {
    kernel,
    world,
    create: (projectId, changes = {}) =>
      world.controlPlane!.createContainer({
        caller: { userId: 'u', projectId, requestId: 'req-1' },
        spec: testSpec({ image: 'busybox:latest', memoryMib: 128, ...changes }),
        run: true,
        idempotencyKey: null,
        nameGenerated: true,
      }),
    settle: () => kernel.run(kernel.now + 3_000),
    seen: ({ id }) => world.controlPlane!.container(null, id),
  };
}

const caller = { userId: 'u', projectId: 'p1', requestId: 'req-1' };

t.test('what a hint names and is not there is refused before anything is reserved', async (t) => {
  const { create, settle, world } = await stage(1);
  const unknown = '11111111-1111-4111-8111-111111111111';
  for (const [hints, message] of [
    [{ colour: 'red' }, /The hint "colour" is not known/],
    [{ same_host: unknown }, /Container "1111.*", which a hint names, could not be found/],
    [{ 'label:disk': 'ssd' }, /No host has a label "disk"/],
  ] as const) {
    const refused = create('p1', { hints }).catch((error: unknown) => error);
    await settle();
    t.match(await refused, { code: 'INVALID_VALUE', message });
  }
  const [host] = world.controlPlane!.hosts();
  void world.controlPlane!.commandHost(host!.id, { type: 'host.label', labels: { disk: 'ssd' } }, caller);
  await settle();
  const views = await Promise.all([create('p1', { hints: { 'label:disk': 'ssd' } }), settle()]);
  t.equal(views[0].tenant, 'p1');
  t.equal(world.controlPlane!.tenant('p1').used.containers, 1);
});

t.test('members of a group that stay apart, started side by side, and one too many', async (t) => {
  const { create, settle, seen } = await stage(3);
  const hints = { group: 'web', policy: 'anti-affinity' };
  const made = Promise.all(Array.from({ length: 4 }, () => create('p1', { hints })));
  await settle();
  const views = (await made).map(seen);
  const placed = views.filter(({ status }) => status === 'Running');
  t.equal(new Set(placed.map(({ hostId }) => hostId)).size, 3);
  t.match(
    views.find(({ status }) => status === 'Error')?.reason,
    /There are not enough hosts available\..*group "web"/,
  );
});

t.test('a tenant that wants to be alone from now on is so on its hosts of before', async (t) => {
  const { create, settle, seen, world } = await stage(2);
  const plane = world.controlPlane!;
  const first = create('p1');
  await settle();
  const { hostId } = seen(await first);
  const answer = plane.isolate('p1', 'enforced', caller);
  await settle();
  t.match(await answer, { answer: 'accepted' });
  t.equal(plane.tenant('p1').neighbours, 'enforced');
  t.same(plane.hosts().find(({ id }) => id === hostId)?.enforcing, ['p1']);
  const others = Promise.all(Array.from({ length: 6 }, () => create('p2')));
  const own = Promise.all(Array.from({ length: 6 }, () => create('p1')));
  await settle();
  t.ok(
    (await others).every((view) => seen(view).hostId !== hostId),
    'nobody comes to it',
  );
  t.ok(
    (await own).every((view) => seen(view).hostId === hostId),
    'and it goes to nobody',
  );
  const entries = plane.audit();
  await settle();
  t.same(await entries, []);
});

t.test('with a container that is on its way itself', async (t) => {
  const { create, settle, seen } = await stage(3);
  const first = create('p1');
  await settle();
  const { id, hostId } = seen(await first);
  const beside = create('p1', { hints: { same_host: id } });
  const apart = create('p1', { hints: { different_host: id } });
  await settle();
  t.equal(seen(await beside).hostId, hostId);
  t.not(seen(await apart).hostId, hostId);
});

t.test('a host that is drained takes nothing new, and is in maintenance once it is empty', async (t) => {
  const { create, settle, seen, world } = await stage(1);
  const plane = world.controlPlane!;
  const first = create('p1');
  await settle();
  const { hostId, address } = seen(await first);
  void plane.commandHost(hostId!, { type: 'host.drain' }, caller);
  await settle();
  t.match(plane.hosts()[0], { admission: 'draining', reason: '1 container is still there' });
  const late = create('p1');
  await settle();
  t.match(seen(await late).reason, /"host1" being drained; uncordon one/);
  void plane.command(address, { type: 'container.delete', mode: 'force', graceMs: 0 }, caller);
  await settle();
  t.match(plane.hosts()[0], { admission: 'maintenance', reason: null });
});

t.test('a changed configuration reaches hosts and tenants at the next start', async (t) => {
  const kernel = createKernel(1, false);
  const disk = createDisk(kernel);
  const { config: settings } = loadConfig({ flags: {}, environment: {}, file: null, usualFiles: [] });
  const config = controlPlaneConfig(settings);
  const first = await start(kernel, disk, config);
  const cause = { kind: 'runtime', reason: 'test' } as const;
  const made = Promise.all([
    first.plane.isolate('p1', 'preferred', caller),
    first.plane.runtime.begin(hostAddress('h1'), hostInput, cause, null),
  ]);
  await kernel.run(kernel.now + 1_000);
  await made;
  first.process.kill();
  const hostPolicy = { ...hostInput.policy, ratios: { cpu: 4, memory: 1, disk: 1 } };
  const second = await start(kernel, disk, { ...config, neighbours: 'enforced', hostPolicy });
  await kernel.run(kernel.now + 1_000);
  t.same(
    (second.plane.runtime.cell(hostAddress('h1'))!.committed!.record.context as HostContext).policy,
    hostPolicy,
  );
  t.equal(second.plane.tenant('p1').neighbours, 'enforced');
  const loosened = second.plane.isolate('p1', 'off', caller);
  await kernel.run(kernel.now + 1_000);
  t.match(await loosened, { answer: 'refused', reason: /a tenant may only tighten that/ });
  t.same(second.plane.runtime.cell(tenantAddress('p1'))?.committed?.paths, [
    'isolation.told',
    'quota.settled',
  ]);
});

async function start(kernel: Kernel, disk: Disk, config: ControlPlaneConfig) {
  const process = kernel.process('control');
  const starting = startControlPlane({
    environment: process.environment,
    store: disk.store(process),
    charts,
    sealer: { seal: (text) => text, open: (text) => text },
    owner: { hostname: 'simulated', pid: 1, startedAt: 0 },
    config,
    links: (events) =>
      createHostLinks({
        environment: process.environment,
        events,
        timing: { heartbeatMs: 500, leaseMs: 5_000, operationsInFlight: 64 },
      }),
  });
  await kernel.run(kernel.now + 1_000);
  const plane = await starting;
  return { process, plane };
}
