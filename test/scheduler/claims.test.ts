import fc from 'fast-check';
import t from 'tap';
import { groupPolicies, neighboursModes, type Neighbours } from '../../src/model/placement.ts';
import { createCluster, type Cluster, type ContainerPlan, type HostPlan } from './cluster.ts';

const tenants = ['p1', 'p2', 'p3'];
const hostCount = 5;
const limit = { containers: 12, cpuMillis: -1, memoryMib: 3_000, diskGib: -1 };

const hostPlan: fc.Arbitrary<HostPlan> = fc.record({
  cpus: fc.integer({ min: 1, max: 4 }),
  memoryMib: fc.integer({ min: 100, max: 1_000 }),
  ratio: fc.constantFrom(0.5, 1, 2),
  reserved: fc.constantFrom(0, 0.1),
});

const amounts = fc.record({
  containers: fc.constant(1),
  cpuMillis: fc.constantFrom(0, 100, 500, 1_000),
  memoryMib: fc.constantFrom(0, 50, 200, 400),
  diskGib: fc.constant(0),
});

const containerPlan: fc.Arbitrary<ContainerPlan> = fc.record({
  tenant: fc.constantFrom(...tenants),
  amounts,
  group: fc.oneof(
    { weight: 2, arbitrary: fc.constant(null) },
    {
      weight: 1,
      arbitrary: fc.record({ name: fc.constantFrom('web', 'db'), policy: fc.constantFrom(...groupPolicies) }),
    },
  ),
});

const nat = fc.nat({ max: 1_000_000 });

/** One step, as data, so that a counterexample can be read. */
type Step =
  | { readonly does: 'deliver' | 'finish' | 'remove' | 'failResize'; readonly which: number }
  | { readonly does: 'create'; readonly plan: ContainerPlan; readonly abandon: boolean }
  | { readonly does: 'resize'; readonly which: number; readonly to: ContainerPlan['amounts'] }
  | { readonly does: 'isolate'; readonly tenant: string; readonly neighbours: Neighbours }
  | { readonly does: 'command'; readonly host: number; readonly type: string };

const just = (does: 'deliver' | 'finish' | 'remove' | 'failResize') =>
  fc.record({ does: fc.constant(does), which: nat });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: just('deliver') },
  { weight: 4, arbitrary: just('finish') },
  { weight: 2, arbitrary: just('remove') },
  { weight: 1, arbitrary: just('failResize') },
  {
    weight: 5,
    arbitrary: fc.record({
      does: fc.constant('create' as const),
      plan: containerPlan,
      abandon: fc.nat({ max: 15 }).map((luck) => luck === 0),
    }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('resize' as const), which: nat, to: amounts }) },
  {
    weight: 1,
    arbitrary: fc.record({
      does: fc.constant('isolate' as const),
      tenant: fc.constantFrom(...tenants),
      neighbours: fc.constantFrom(...neighboursModes),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      does: fc.constant('command' as const),
      host: fc.nat({ max: hostCount - 1 }),
      type: fc.constantFrom('host.cordon', 'host.uncordon', 'host.drain', 'host.maintain', 'link.closed'),
    }),
  },
);

function take(cluster: Cluster, each: Step, pick: () => number): void {
  switch (each.does) {
    case 'deliver':
      return cluster.deliver(each.which);
    case 'finish':
      return cluster.finish(each.which, pick);
    case 'create':
      return cluster.create(each.plan, pick, each.abandon);
    case 'isolate':
      return cluster.isolate(each.tenant, each.neighbours);
    case 'command':
      return cluster.command(each.host, each.type);
    case 'resize':
      return onOne(cluster, each.which, (id) => cluster.resize(id, each.to));
    case 'remove':
      return onOne(cluster, each.which, (id) => cluster.remove(id));
    case 'failResize':
      return onOne(cluster, each.which, (id) => cluster.failResize(id));
  }
}

function onOne({ containers }: Cluster, which: number, act: (id: string) => void): void {
  if (containers.length > 0) act(containers[which % containers.length]!);
}

t.test(
  'however claims, releases, resizes and old views interleave, nothing is overcommitted and nobody is disturbed',
  async (t) => {
    let granted = 0;
    let explained = 0;
    fc.assert(
      fc.property(
        fc.array(hostPlan, { minLength: hostCount, maxLength: hostCount }),
        fc.array(step, { minLength: 40, maxLength: 250, size: 'max' }),
        fc.infiniteStream(nat),
        (hosts, steps, picks) => {
          const cluster = createCluster(hosts, tenants, limit);
          const pick = (): number => picks.next().value as number;
          for (const each of steps) {
            take(cluster, each, pick);
            if (cluster.wrong.length > 0) break;
          }
          if (cluster.wrong.length === 0) cluster.settle(pick);
          granted += cluster.granted;
          explained += cluster.explained;
          if (cluster.wrong.length > 0) throw new Error(cluster.wrong.join('\n'));
        },
      ),
      { numRuns: 300, seed: 20_261_124, interruptAfterTimeLimit: 120_000, markInterruptAsFailure: true },
    );
    t.comment(`${granted} claims granted, ${explained} refused placements explained`);
    t.ok(granted > 1_000);
    t.ok(explained > 100);
  },
);
