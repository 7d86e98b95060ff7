/** A host whose agent is there before kuryr-libnetwork: it says what is missing, and plugs once that has come. */
import { randomInt } from 'node:crypto';
import t from 'tap';
import { loadConfig } from '../../src/config/load.ts';
import { hostFindings } from '../../src/main/host-doctor.ts';
import { ensureDocker } from '../support/docker.ts';
import { freePlugin, startKuryr } from '../support/kuryr.ts';
import { needRoot } from '../support/need-root.ts';
import { addressOf, createNetworkSite } from '../support/network-site.ts';
import { testImage, until } from '../support/troupe.ts';

needRoot();
await ensureDocker();
t.setTimeout(300_000);

const plugin = freePlugin();
const site = await createNetworkSite(t, [`network.kuryr=${plugin}`, 'site.sandboxes=own']);
const { config } = loadConfig({
  flags: { 'network.kuryr': plugin },
  environment: {},
  file: null,
  usualFiles: [],
});
/** What `troupe doctor` says of it. */
const doctor = async () => (await hostFindings(config)).find(({ check }) => check === 'kuryr');
interface Host {
  readonly state: string;
  readonly reason: string | null;
  readonly makes_networks: boolean;
  readonly networks_problem: string | null;
}
const host = async (): Promise<Host> =>
  (await site.api.call<{ hosts: Host[] }>('GET', '/v1/hosts'))!.body.hosts[0]!;

t.test('Kuryr comes after the agent: meanwhile it is told in words, then networks are made', async (t) => {
  // Docker looks 15 s for it, for each of them.
  const [found] = await Promise.all([doctor(), site.up()]);
  const missing = new RegExp(`no plugin "${plugin}" that answers .*start kuryr-libnetwork`);
  t.match(found, { ok: false, detail: missing, fix: /no port of Neutron is plugged/ });
  t.match(await host(), {
    state: 'online',
    reason: missing,
    makes_networks: false,
    networks_problem: missing,
  });
  const early = await site.api.call('POST', '/v1/containers?run=true', { image: testImage });
  const refused = await site.reach(early!.body.uuid, 'Error');
  t.match(refused['status_reason'], missing);

  const kuryr = await startKuryr(`198.18.${randomInt(256)}.1/24`, plugin);
  t.teardown(() => kuryr.stop());
  const able = await until('a host that makes networks', host, (seen) => seen?.makes_networks === true);
  t.match(able, { state: 'online', reason: null, networks_problem: null });
  t.match(await doctor(), { ok: true, detail: `Docker reaches its plugin "${plugin}"` });
  const container = await site.run('late');
  t.match((await site.inside(container.uuid, 'ip', 'address', 'show', 'eth0')).out, addressOf(container));
  await site.remove(early!.body.uuid, container.uuid);
  await site.stop();
});
