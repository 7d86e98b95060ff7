/** Services of the cloud, and the engine, are killed with -9 in the middle of steps and started again: all converges, nothing is there twice. */
import t from 'tap';
import { startDockerd } from '../support/dockerd.ts';
import { until } from '../support/troupe.ts';
import { cinderUrl, projectVolumes, type WireVolume } from './cinder-cloud.ts';
import { createCloud } from './cloud.ts';
import { createNeutronCloud } from './neutron-cloud.ts';
import { createCloudSite, type Container } from './neutron-site.ts';
import { createServices } from './services.ts';

t.setTimeout(480_000);
const engine = await startDockerd();
t.teardown(() => engine.stop());
const cloud = await createCloud(t);
const services = createServices(t);
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
const cinder = projectVolumes(t, await cinderUrl(cloud), blue.id, token);
const net = await neutron.network(blue, 'net', '10.92.1.0/24');
const volumes = [await cinder.make('one'), await cinder.make('two')] as const;

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
    120_000,
  );
const between = (uuid: string, places: RegExp): Promise<unknown> =>
  until(
    `${uuid} ${places}`,
    () => placesOf(uuid),
    (paths) => paths.some((path) => places.test(path)),
  );

let living = await begin(volumes[0]);
await site.reach(token, living.uuid, 'Running');
let [hers, free] = volumes as readonly [WireVolume, WireVolume];

/** One comes and one goes while something is killed. @param where the one that comes is then */
async function swap(
  t: import('tap').Test,
  where: RegExp,
  kill: () => Promise<void> | void,
  words: RegExp,
  revive: () => Promise<void>,
): Promise<void> {
  const [goes, comes] = [living, await begin(free)];
  await leave(goes.uuid);
  await between(comes.uuid, where);
  await kill();
  await until(
    'the reason, in words',
    async () => `${await reasonOf(comes.uuid)} ${await reasonOf(goes.uuid)}`,
    (reason) => words.test(reason),
  );
  await revive();
  await site.reach(token, comes.uuid, 'Running');
  await gone(goes.uuid);
  await until(
    'one port',
    () => neutron.ports(`network_id=${net}&project_id=${blue.id}`),
    (ports) => ports.length === 1 && ports[0]!.device_id === comes.uuid && ports[0]!.status === 'ACTIVE',
  );
  t.same(await cinder.attachments(hers.id), [], 'what goes lets go of its volume');
  t.match(await cinder.attachments(free.id), [{ status: 'attached' }], 'what comes has its own once');
  t.equal((await cinder.attachments(free.id)).length, 1);
  t.equal((await cinder.all()).length, 2);
  await until(
    'an empty ledger',
    () => site.audit(),
    (entries) => entries.length === 0,
  );
  [living, hers, free] = [comes, free, hers];
}

const doctor = async (): Promise<readonly { readonly check: string; readonly ok: boolean }[]> =>
  JSON.parse((await site.site.site.run('doctor', '-o', 'json')).out) as [];

t.test('where all is well, the doctor has nothing to say', async (t) => {
  const findings = await doctor();
  t.same(
    findings.filter(({ ok }) => !ok),
    [],
  );
  const checks = findings.map(({ check }) => check);
  for (const each of [
    'keystone',
    'glance',
    'neutron',
    'neutron-agent',
    'cinder',
    'cinder-volume',
    'os-brick',
    'bridges',
  ])
    t.ok(checks.includes(each), each);
});

t.test('neutron-server', (t) =>
  swap(
    t,
    /^sandbox allocating\.binding/,
    () => services.kill('neutron'),
    /Neutron at .* (can't be reached|has failed)/,
    () => services.start('neutron'),
  ),
);

t.test('cinder-volume', (t) =>
  swap(
    t,
    /^volume making\.reserving/,
    () => services.kill('cinder-volume'),
    /Cinder at .* (has not answered|has failed)/,
    async () => {
      t.match(
        (await doctor()).find(({ check }) => check === 'hosts'),
        { ok: true },
      );
      await services.start('cinder');
    },
  ),
);

t.test('keystone', (t) =>
  swap(
    t,
    /^volume making\.reserving/,
    () => services.kill('keystone'),
    /(Keystone|Neutron|Cinder)/,
    () => services.start('keystone'),
  ),
);

t.test('dockerd', (t) =>
  swap(
    t,
    /^container acquiring/,
    () => engine.kill(),
    /./,
    () => engine.start(),
  ),
);

t.test('what is left goes', async (t) => {
  await leave(living.uuid);
  await gone(living.uuid);
  await until(
    'no port',
    () => neutron.ports(`network_id=${net}`),
    (ports) => ports.length === 0,
  );
  t.same(await site.audit(), []);
});
