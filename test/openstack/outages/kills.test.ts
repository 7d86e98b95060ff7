/** Services of the cloud, and the engine, are killed with -9 in the middle of steps and started again: all converges, nothing is there twice. */
import t, { type Test } from 'tap';
import { startDockerd } from '../../support/dockerd.ts';
import { until } from '../../support/troupe.ts';
import { projectVolumes, type WireVolume } from '../cinder-cloud.ts';
import { createCloud } from '../cloud.ts';
import { createGlanceCloud } from '../glance-cloud.ts';
import { createNeutronCloud } from '../neutron-cloud.ts';
import { createCloudSite, type Container } from '../neutron-site.ts';
import { createServices } from './services.ts';

t.setTimeout(480_000);
/** For what was killed to be whole again, on a slow machine. */
const patienceMs = 180_000;
const engine = await startDockerd();
t.teardown(() => engine.stop());
const cloud = await createCloud(t);
const neutron = await createNeutronCloud(t, cloud);
const site = await createCloudSite(t, cloud, null, {
  engine: { socket: engine.socket },
  network: { driver: 'neutron' },
  volume: { driver: 'cinder' },
  images: { commitsTo: 'glance' },
  // A service that starts anew takes its time on a slow machine.
  deadlines: { sandboxMs: 180_000 },
});
const [blue, mia] = [await cloud.project('blue'), await cloud.person('mia')];
await cloud.grant(mia, blue, 'member');
const token = await cloud.token(mia, blue);
const cinder = projectVolumes(t, await cloud.originOf('block-storage'), blue.id, token);
const net = await neutron.network(blue, 'net', '10.92.1.0/24');
const glance = await createGlanceCloud(t, cloud);
const volumes = await Promise.all([cinder.make('one'), cinder.make('two')]);

t.teardown(async () => {
  for (const { Id } of await engine.docker.listContainers({ all: true }))
    await engine.docker.getContainer(Id).remove({ force: true });
});
// The last that is made is up again before anything is cleared away.
const services = createServices(t);

interface Lifecycle {
  readonly statePaths: readonly string[];
  readonly reason: string | null;
  readonly related: readonly { readonly address: string; readonly reason: string | null }[];
}
const lifecycle = async (kind: string, uuid: string): Promise<Lifecycle> =>
  (await site.call('GET', `/v1/${kind}/${uuid}/lifecycle`, token)).json as unknown as Lifecycle;
/** Where a container is, and what it is bound to. */
const placesOf = async (uuid: string): Promise<readonly string[]> => {
  const { statePaths, related = [] } = await lifecycle('containers', uuid);
  const [sandbox, volume] = ['sandbox', 'volume'].map(
    (kind) => related.find(({ address }) => address.startsWith(`${kind}/`))?.address.split('/')[2],
  );
  const others = await Promise.all([
    sandbox === undefined ? null : lifecycle('sandboxes', sandbox),
    volume === undefined ? null : lifecycle('volumes', volume),
  ]);
  return [
    ...(statePaths ?? []).map((path) => `container ${path}`),
    ...(others[0]?.statePaths ?? []).map((path) => `sandbox ${path}`),
    ...(others[1]?.statePaths ?? []).map((path) => `volume ${path}`),
  ];
};
const reasonOf = async (uuid: string): Promise<string> => {
  const { reason, related = [] } = await lifecycle('containers', uuid);
  return [reason, ...related.map((each) => each.reason)].join(' ');
};
const begin = (volume: WireVolume): Promise<Container> =>
  site.create(token, { nets: [{ network: 'net' }], mounts: [{ source: volume.id, destination: '/data' }] });
const leave = (uuid: string) => site.call('DELETE', `/v1/containers/${uuid}?stop=true&timeout=1`, token);
const gone = (uuid: string): Promise<unknown> =>
  until(
    `the end of ${uuid}`,
    () => site.call('GET', `/v1/containers/${uuid}`, token),
    ({ status }) => status === 404,
    patienceMs,
  );
const between = (uuid: string, places: RegExp): Promise<unknown> =>
  until(
    `${uuid} ${places}`,
    () => placesOf(uuid),
    (paths) => paths.some((path) => places.test(path)),
  );

const emptyLedger = (): Promise<unknown> =>
  until(
    'an empty ledger',
    () => site.audit(),
    (entries) => entries.length === 0,
    patienceMs,
  );

let living = await begin(volumes[0]);
await site.reach(token, living.uuid, 'Running');
let [hers, free] = volumes as readonly [WireVolume, WireVolume];

interface Kill {
  /** Where the one that comes is then. */
  readonly at: RegExp;
  readonly kill: () => Promise<void> | void;
  /** Looked at while it is away. */
  readonly away: (comes: string, goes: string) => Promise<unknown>;
  readonly start: () => Promise<void>;
}

/** One comes and one goes while something is killed. */
async function swap(t: Test, { at, kill, away, start }: Kill): Promise<void> {
  const [goes, comes] = [living, await begin(free)];
  await leave(goes.uuid);
  await between(comes.uuid, at);
  await kill();
  await away(comes.uuid, goes.uuid);
  await start();
  await site.reach(token, comes.uuid, 'Running');
  await gone(goes.uuid);
  await until(
    'one port',
    () => neutron.ports(`network_id=${net}&project_id=${blue.id}`),
    (ports) => ports.length === 1 && ports[0]!.device_id === comes.uuid && ports[0]!.status === 'ACTIVE',
    patienceMs,
  );
  t.same(await cinder.attachments(hers.id), [], 'what goes lets go of its volume');
  const attachments = await cinder.attachments(free.id);
  t.match(attachments, [{ status: 'attached' }], 'what comes has its own');
  t.equal(attachments.length, 1, 'and once');
  t.equal((await cinder.all()).length, volumes.length);
  const containers = await engine.docker.listContainers({
    all: true,
    filters: { label: ['troupe.container-id'] },
  });
  t.equal(containers.length, 1);
  await emptyLedger();
  [living, hers, free] = [comes, free, hers];
}

/** Who waits says why, in these words; who had all it needs goes on to its end. */
const saying =
  (words: RegExp) =>
  (comes: string, goes: string): Promise<unknown> =>
    until(
      `a reason ${words}`,
      async () => {
        const reasons = await Promise.all([comes, goes].map(reasonOf));
        const { status } = await site.show(token, comes);
        const left = await site.call('GET', `/v1/containers/${goes}`, token);
        return { reason: reasons.join(' '), isDone: status === 'Running' && left.status === 404 };
      },
      ({ reason, isDone }) => isDone || words.test(reason),
      patienceMs,
    );

interface Finding {
  readonly check: string;
  readonly ok: boolean;
}
const doctor = async (): Promise<readonly Finding[]> =>
  JSON.parse((await site.site.site.run('doctor', '-o', 'json')).out) as readonly Finding[];

t.test('where all is well, the doctor has nothing to say', async (t) => {
  const findings = await doctor();
  t.same(
    findings.filter(({ ok }) => !ok),
    [],
  );
  const looked = new Set(findings.map(({ check }) => check));
  for (const check of [
    'keystone',
    'catalog',
    'glance',
    'neutron',
    'neutron-agent',
    'cinder',
    'cinder-volume',
  ])
    t.ok(looked.has(check), `the cloud's ${check}`);
  for (const check of ['networks', 'bridges', 'os-brick']) t.ok(looked.has(check), `this host's ${check}`);
});

t.test('neutron-server', (t) =>
  swap(t, {
    at: /^sandbox (allocating|making|wiring)/,
    kill: () => services.kill('neutron'),
    away: saying(/Neutron at .* (can't be reached|has failed)/),
    start: () => services.start('neutron'),
  }),
);

t.test('cinder-volume', (t) =>
  swap(t, {
    at: /^volume making/,
    kill: () => services.kill('cinder-volume'),
    away: saying(/Cinder at .* (has not answered|answers with 5|has failed)/),
    start: () => services.start('cinder'),
  }),
);

t.test('keystone: what is under way goes on by tokens that are known', (t) =>
  swap(t, {
    at: /^volume making/,
    kill: () => services.kill('keystone'),
    async away() {
      const unknown = await site.call('GET', '/v1/containers', 'unknown');
      t.equal(unknown.status, 503);
      t.match(unknown.text, /Keystone at .* (can't be reached|has failed)/);
      t.match(
        (await doctor()).find(({ check }) => check === 'keystone'),
        { ok: false, detail: /can't be reached/, fix: /Start Keystone/ },
      );
    },
    start: () => services.start('keystone'),
  }),
);

t.test('dockerd', (t) =>
  swap(t, {
    at: /^container (acquiring|creating)/,
    kill: () => engine.kill(),
    away: saying(/engine/i),
    start: () => engine.start(),
  }),
);

t.test('glance-api, while it is given an image: it has it whole, or nothing of it', async (t) => {
  const committed = await site.call(
    'POST',
    `/v1/containers/${living.uuid}/commit?repository=killed&tag=v1`,
    token,
  );
  t.equal(committed.status, 202);
  const id = committed.json['uuid'] as string;
  await until(
    'the image on its way',
    () => lifecycle('images', id),
    ({ statePaths = [] }) => statePaths.some((path) => path.startsWith('storing')),
  );
  services.kill('glance');
  await services.start('glance');
  const asAdmin = (path: string) => site.call('GET', path, cloud.adminToken);
  // Its actor ends once Glance has it; one that failed says why.
  const ended = await until(
    'the end',
    () => asAdmin(`/v1/images/${id}`),
    ({ status, json }) => status === 404 || json['status'] === 'error',
    patienceMs,
  );
  const there = await glance.show(token, id);
  if (ended.status === 404) t.match(there, { name: 'killed', status: 'active' });
  else {
    t.match(ended.json['status_reason'], /Glance/);
    t.equal(there, null);
  }
  await emptyLedger();
  await glance.remove(token, id);
});

t.test('what is left goes', async (t) => {
  await leave(living.uuid);
  await gone(living.uuid);
  await until(
    'no port',
    () => neutron.ports(`network_id=${net}`),
    (ports) => ports.length === 0,
  );
  await emptyLedger();
  t.same(await engine.docker.listContainers({ all: true }), []);
});
