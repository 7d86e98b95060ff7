import t from 'tap';
import type { HostView } from '../../src/model/host.ts';
import { rankHosts } from '../../src/scheduler/rank.ts';
import type { PlacementRequest } from '../../src/scheduler/request.ts';
import { holding, host, inGroup, members, request } from './samples.ts';

const why = (hosts: readonly HostView[], asked: Partial<PlacementRequest> = {}): readonly string[] => {
  const { candidates, refusals } = rankHosts(hosts, request(asked));
  t.same(candidates, []);
  return refusals.map(({ filter, hosts: count, reason }) => `${filter} (${count}): ${reason}`);
};
const asking = (changes: object) => ({ amounts: { ...request().amounts, ...changes } });
const used = (changes: object) => ({
  used: { containers: 1, cpuMillis: 0, memoryMib: 0, diskGib: 0, ...changes },
});

t.test('no host at all', async (t) => {
  t.same(why([]), ['hosts (0): no host has joined; run "troupe agent" on one']);
});

t.test('capacity says what the most free is, and what would fit', async (t) => {
  const hosts = [
    host('h1', used({ cpuMillis: 3_000 })),
    host('h2', used({ cpuMillis: 2_000 })),
    host('h3', used({ cpuMillis: 4_000 })),
  ];
  t.same(why(hosts, asking({ cpuMillis: 4_000 })), [
    'capacity (3): 4 CPU asked, the most free is 2 CPU on "h2"; make room, or ask for 2 CPU',
  ]);
  t.same(
    why(
      [host('cpu', used({ memoryMib: 8_000 })), host('memory', used({ cpuMillis: 3_500 }))],
      asking({ memoryMib: 512 }),
    ),
    [
      'capacity (2): 1 CPU asked, the most free is 0.5 CPU on "memory"; 512 MiB memory asked, the most free is 192 MiB memory on "cpu"; ' +
        'make room, or ask for 0.5 CPU',
    ],
    'what is advised fits one host as a whole',
  );
  t.same(why([host('h1', used({ diskGib: 100 }))], asking({ diskGib: 1 })), [
    'capacity (1): 1 GiB disk asked, the most free is 0 GiB disk on "h1"; make room',
  ]);
});

t.test('over-commit and reserves count', async (t) => {
  const twice = host('h1', {
    allocatable: { cpuMillis: 8_000, memoryMib: 8_192, diskGib: 100 },
    ...used({ cpuMillis: 6_000 }),
  });
  t.equal(rankHosts([twice], request(asking({ cpuMillis: 2_000 }))).candidates.length, 1);
  t.match(why([twice], asking({ cpuMillis: 2_001 })), [/the most free is 2 CPU/]);
});

t.test('each host counts for the first filter that refuses it', async (t) => {
  const hosts = [
    host('away', { online: false }),
    host('shut', { admission: 'cordoned' }),
    host('shut2', { admission: 'draining' }),
    host('shut3', { admission: 'maintenance' }),
    host('sick', { engineUp: false }),
    host('elsewhere', { availabilityZone: 'east', online: false }),
    host('no', {}),
  ];
  t.same(why(hosts, { availabilityZone: 'nova', exclude: new Set(['id-no']) }), [
    'availability zone (1): not in zone "nova" but in "east"; ask for a zone that has hosts',
    'link (1): "away" not connected; start the agent there',
    'admission (3): "shut" cordoned, "shut2" being drained, "shut3" in maintenance; uncordon one to take new containers',
    'engine (1): the container engine does not answer on "sick"; start it there',
    'refused (1): "no" refused the claim; see what they said, or start it again',
  ]);
});

t.test('what was asked for and is not there', async (t) => {
  const hosts = [host('a', { labels: { disk: 'hdd' } }), host('b'), host('c'), host('d')];
  t.same(why(hosts, { requestedHost: 'x' }), [
    'requested host (4): only host "x" was asked for; leave the host out to allow others',
  ]);
  t.same(why(hosts, { runtime: 'kata' }), [
    'runtime (4): runtime "kata" is not there; install it, or ask for one of "runc"',
  ]);
  t.same(why(hosts, { labels: [['disk', 'ssd'], ['disk', 'hdd']] }), [
    'labels (4): disk=ssd is not on "a", "b", "c" and 1 more, disk=hdd is not on "b", "c", "d"; label a host so, or leave the hint out',
  ]); // prettier-ignore
});

t.test('neighbours, of whom nobody learns who they are', async (t) => {
  const hosts = [holding('kept', { p2: 1 }, { enforcing: ['p2'] }), holding('mixed', { p3: 1 })];
  t.same(why(hosts, { terms: { neighbours: 'enforced', group: null } }), [
    'neighbours (2): "kept" kept for the one tenant that is there; other tenants\' containers on "mixed", and yours wants none beside it; ' +
      "add a host, empty one, or loosen your tenant's neighbours",
  ]);
  t.same(why([hosts[0]!]), ['neighbours (1): "kept" kept for the one tenant that is there; add a host']);
});

t.test('groups and named containers', async (t) => {
  const full = used({ memoryMib: 8_192 });
  t.same(why([host('a', { ...members(1), ...full }), host('b')], inGroup('affinity')), [
    'group affinity (1): the group "web" is elsewhere; make room beside it, or ask for soft-affinity',
    'capacity (1): 512 MiB memory asked, the most free is 0 MiB memory on "a"; make room',
  ]);
  t.same(why([host('a', members(1))], inGroup('anti-affinity')), [
    'group anti-affinity (1): "a" has a member of the group "web", which wants to be apart; add a host, or ask for soft-anti-affinity',
  ]);
  const on = (hostId: string | null, alive = true) => [{ containerId: 'c1', hostId, alive }];
  t.same(why([host('a')], { sameHost: on('id-b') }), [
    'same host (1): only the host of "c1" will do; make room there, or leave the hint same_host out',
  ]);
  t.same(why([host('a')], { sameHost: on(null) }), [
    'same host (1): "c1" is on no host yet; it has to be placed first',
  ]);
  t.same(why([host('a')], { sameHost: on(null, false) }), [
    'same host (1): "c1" is no longer there; leave the hint same_host out',
  ]);
  t.same(why([host('a')], { differentHost: on('id-a') }), [
    'different host (1): "a" has "c1"; add a host, or leave the hint different_host out',
  ]);
});

t.test('waiting is worth it only for a host that would take it then', async (t) => {
  const wait = (hosts: readonly HostView[], asked: Partial<PlacementRequest> = {}): boolean =>
    rankHosts(hosts, request(asked)).mayChange;
  const away = { online: false, expected: true };
  t.equal(wait([host('a', away)]), true);
  t.equal(wait([host('a', { online: false })]), false, 'one that was given up');
  t.equal(wait([host('a', { engineUp: false })]), true);
  t.equal(wait([host('a', { ...away, admission: 'cordoned' })]), false);
  t.equal(wait([host('a', { ...away, ...used({ memoryMib: 8_192 }) })]), false);
  t.equal(
    wait([host('a', away)], { exclude: new Set(['id-a']) }),
    true,
    'it had refused because it was away',
  );
  t.equal(wait([host('a')], { exclude: new Set(['id-a']) }), false);
});
