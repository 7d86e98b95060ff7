/** What a host has, held against what actors believe to be there. */
import t from 'tap';
import { createHostReports, type HostReportsOptions } from '../../src/actors/host-reports.ts';
import type { Runtime } from '../../src/actors/runtime.ts';
import type { InventoryResource } from '../../src/link/protocol.ts';
import { containerAddress, ownedAddress, type Address } from '../../src/model/address.ts';

const mounted = ownedAddress('volume', 'p1', 'mounted');
const unmounted = ownedAddress('volume', 'p1', 'unmounted');
const letGo = ownedAddress('volume', 'p1', 'let-go');
const alive = ownedAddress('sandbox', 'p1', 'alive');
const dead = ownedAddress('sandbox', 'p1', 'dead');
const absent = ownedAddress('sandbox', 'p1', 'absent');
const container = containerAddress('p1', 'gone');

const resource = (subject: 'volume' | 'sandbox', id: string, isAlive: boolean) =>
  ({ subject, id, tenant: 'p1', worldId: 'world-1', alive: isAlive }) as InventoryResource;

t.test('each actor of a host is told how what it has there is, also where there is nothing', async (t) => {
  const placed = new Map(
    [mounted, unmounted, letGo, alive, dead, absent, container].map((address) => [
      address,
      { address, committed: { record: { context: { hostId: 'h1', generation: 1 } } } },
    ]),
  );
  const told = new Map<Address, readonly string[]>();
  const runtime = {
    tombstones: new Map(),
    cell: (address: Address) => placed.get(address),
    placedOn: () => placed.values(),
    deliver(address: Address, { event, settled }: { event: { type: string }; settled(): void }) {
      told.set(address, [...(told.get(address) ?? []), event.type]);
      settled();
      return true;
    },
  } as unknown as Runtime;
  const reports = createHostReports({
    runtime: () => runtime,
    world: () => ({ worldId: 'world-1', epoch: 1 }),
    hosts: { setImages: () => {} },
    findings: { take: async () => {} },
    leftPorts: null,
  } as unknown as HostReportsOptions);
  await reports.inventory('h1', 'session', [], [], [
    resource('volume', 'mounted', true),
    resource('volume', 'unmounted', false),
    resource('sandbox', 'alive', true),
    resource('sandbox', 'dead', false),
  ]); // prettier-ignore
  t.same(Object.fromEntries(told), {
    [mounted]: ['resource.seen'],
    [unmounted]: ['volume.unmounted'],
    [letGo]: ['volume.unmounted'],
    [alive]: ['resource.seen'],
    [dead]: ['sandbox.died'],
    [absent]: ['sandbox.died'],
    [container]: ['runtime.gone'],
  });
});
