import t from 'tap';
import type { HostView } from '../../src/model/host.ts';
import { rankHosts } from '../../src/scheduler/rank.ts';
import type { PlacementRequest } from '../../src/scheduler/request.ts';
import { holding, host, inGroup, members, request } from './samples.ts';

const order = (hosts: readonly HostView[], asked: Partial<PlacementRequest> = {}): readonly string[] =>
  rankHosts(hosts, request(asked)).candidates.map(({ hostname }) => hostname);
const used = (memoryMib: number) => ({ used: { containers: 1, cpuMillis: 0, memoryMib, diskGib: 0 } });

t.test('spread takes the emptiest, pack the fullest that has room', async (t) => {
  const hosts = [
    host('half', used(4_096)),
    host('empty'),
    host('full', used(8_000)),
    host('third', used(2_730)),
  ];
  t.same(order(hosts), ['empty', 'third', 'half']);
  t.same(order(hosts, { strategy: 'pack' }), ['half', 'third', 'empty']);
});

t.test('one full dimension is full', async (t) => {
  const busy = host('busy', { used: { containers: 1, cpuMillis: 2_900, memoryMib: 0, diskGib: 0 } });
  t.same(order([busy, host('half', used(4_096))]), ['half', 'busy']);
});

t.test('an image that is there outweighs a tenth of a host, not more', async (t) => {
  const having = { images: new Set(['nginx:latest']) };
  t.same(order([host('has', { ...used(800), ...having }), host('empty')]), ['has', 'empty']);
  t.same(order([host('has', { ...used(900), ...having }), host('empty')]), ['empty', 'has']);
  t.same(rankHosts([host('has', having)], request()).candidates, [
    { hostId: 'id-has', hostname: 'has', imagePresent: true, makesNetworks: true },
  ]);
});

t.test('five hosts at most, ties by id, and the same answer for the same question', async (t) => {
  const hosts = ['f', 'b', 'd', 'a', 'c', 'e'].map((name) => host(name, used(name === 'b' ? 0 : 100)));
  t.same(order(hosts), ['b', 'a', 'c', 'd', 'e']);
  t.same(order(hosts, { seed: 12345 }), ['b', 'a', 'c', 'd', 'e'], 'a seed decides among equals only');
  t.same(order(hosts, { seed: 7, inFlight: 9 }), order(hosts, { seed: 7, inFlight: 9 }));
});

t.test('containers that ask for nothing are spread too', async (t) => {
  const amounts = { containers: 1, cpuMillis: 0, memoryMib: 0, diskGib: 0 };
  t.same(order([host('one', used(0)), host('none')], { amounts }), ['none', 'one']);
});

t.test('placements side by side, on the same old views, do not all go to one host', async (t) => {
  const hosts = Array.from({ length: 10 }, (_, at) => host(`h${at}`, used(at * 10)));
  const asked = { amounts: { containers: 1, cpuMillis: 0, memoryMib: 100, diskGib: 0 } };
  const first = (seed: number, inFlight: number, strategy: 'spread' | 'pack' = 'spread') =>
    order(hosts, { ...asked, seed, inFlight, strategy })[0]!;
  t.same(new Set([1, 2, 3].map((seed) => first(seed * 0x3000_0001, 0))), new Set(['h0']), 'alone: the best');
  const counts = new Map<string, number>();
  for (let at = 0; at < 200; at += 1) {
    const chosen = first(Math.imul(at, 0x9e37_79b9) >>> 0, 199);
    counts.set(chosen, (counts.get(chosen) ?? 0) + 1);
  }
  t.equal(counts.size, 10);
  t.ok(
    Math.max(...counts.values()) <= 40,
    `none gets more than twice its share: ${[...counts.values()].join()}`,
  );
  const packed = new Set(
    Array.from({ length: 50 }, (_, at) => first(Math.imul(at, 0x9e37_79b9) >>> 0, 49, 'pack')),
  );
  t.same(packed, new Set(['h9']), 'pack has them all on the fullest while it has room for them');
});

t.test(
  'of thousands of hosts some are looked at, others each time, and one that fits is found',
  async (t) => {
    const hosts = Array.from({ length: 5_000 }, (_, at) => host(`h${at}`));
    const firsts = new Set(Array.from({ length: 50 }, (_, at) => order(hosts, { seed: at * 85_899_345 })[0]));
    t.ok(firsts.size > 40);
    const only = hosts.map((each, at) => (at === 3_333 ? each : { ...each, online: false }));
    t.same(order(only, { seed: 99 }), ['h3333']);
  },
);

t.test('a tenant that wants no neighbours fills its own hosts, then an empty one', async (t) => {
  const hosts = [
    holding('mixed', { p1: 1, p2: 1 }),
    host('empty'),
    holding('own', { p1: 3 }, used(4_000)),
    holding('others', { p2: 1 }),
  ];
  const terms = (neighbours: 'preferred' | 'enforced') => ({ terms: { neighbours, group: null } });
  t.same(order(hosts, terms('enforced')), ['own', 'empty']);
  t.same(order(hosts, terms('preferred')).slice(0, 2), ['own', 'empty']);
  t.same(order(hosts, terms('preferred')).length, 4, 'a preference keeps no host away');
  t.same(
    order([holding('kept', { p2: 1 }, { enforcing: ['p2'] }), host('empty')]),
    ['empty'],
    'nobody goes to one who is alone by his own wish',
  );
});

t.test('of thousands, a tenant that wants no neighbours comes back to its own host', async (t) => {
  const terms = { neighbours: 'enforced', group: null } as const;
  const hosts = Array.from({ length: 5_000 }, (_, at) => host(`h${at}`));
  const [home] = order(hosts, { terms, seed: 1 });
  const at = hosts.findIndex(({ hostname }) => hostname === home);
  hosts[at] = holding(home!, { p1: 1 }, used(512));
  for (let seed = 1; seed < 1_000_000_000; seed += 123_456_789)
    t.equal(order(hosts, { terms, seed })[0], home);
  t.not(order(hosts, { terms, tenant: 'p2' })[0], home, 'and another begins elsewhere');
});

t.test('a burst of one tenant that wants no neighbours does not take a host each', async (t) => {
  const terms = { neighbours: 'enforced', group: null } as const;
  const hosts = Array.from({ length: 20 }, (_, at) => host(`h${at}`));
  const firsts = new Set(
    Array.from({ length: 4 }, (_, at) => order(hosts, { terms, inFlight: 3, seed: at * 1e9 })[0]),
  );
  t.equal(firsts.size, 1, 'four times one CPU fit on one host of four');
});

t.test('group policies, hard and soft', async (t) => {
  const hosts = [host('two', members(2)), host('one', members(1)), host('none')];
  t.same(order(hosts, inGroup('anti-affinity')), ['none']);
  t.ok(['one', 'two'].includes(order(hosts, inGroup('affinity'))[0]!));
  t.same(order(hosts, inGroup('soft-anti-affinity')), ['none', 'one', 'two']);
  t.same(order(hosts, inGroup('soft-affinity')), ['one', 'two', 'none']);
  t.same(
    order([host('shy', members(1, 1)), host('none')], inGroup('soft-affinity')),
    ['none'],
    'a member there wants to be apart',
  );
  t.same(
    order(hosts, { ...inGroup('anti-affinity'), tenant: 'p2' }).length,
    3,
    'of another tenant’s group nobody knows',
  );
});

t.test(
  'the first members of a group that wants to be together meet, be they placed side by side',
  async (t) => {
    const hosts = Array.from({ length: 300 }, (_, at) => host(`h${at}`));
    const chosen = Array.from({ length: 20 }, (_, at) =>
      order(hosts, { ...inGroup('affinity'), seed: at * 2e8, inFlight: 19 }),
    );
    t.equal(new Set(chosen.map(([first]) => first)).size, 1);
    t.ok(
      chosen.every(({ length }) => length === 1),
      'nowhere else, should it be refused there',
    );
  },
);

t.test('with and without the containers that hints name', async (t) => {
  const hosts = [host('a'), host('b'), host('c')];
  const on = (hostId: string | null, alive = true) => [{ containerId: 'c1', hostId, alive }];
  t.same(order(hosts, { sameHost: on('id-b') }), ['b']);
  t.same(order(hosts, { differentHost: on('id-b') }), ['a', 'c']);
  t.same(order(hosts, { differentHost: on(null) }), ['a', 'b', 'c']);
  t.equal(rankHosts(hosts, request({ sameHost: on(null) })).mayChange, true, 'it may be placed soon');
  t.equal(rankHosts(hosts, request({ sameHost: on(null, false) })).mayChange, false);
});
