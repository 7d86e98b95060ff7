/** Neutron's agent on a host is dead, for everybody: so this runs beside no other test of the cloud. */
import { hostname } from 'node:os';
import t from 'tap';
import { until } from '../../support/troupe.ts';
import { createCloud } from '../cloud.ts';
import { createNeutronCloud } from '../neutron-cloud.ts';
import { createNeutronSite } from '../neutron-site.ts';

t.setTimeout(240_000);
const cloud = await createCloud(t);
const neutron = await createNeutronCloud(t, cloud);
const site = await createNeutronSite(t, cloud);
const blue = await cloud.project('blue');
const mia = await cloud.person('mia');
await cloud.grant(mia, blue, 'member');
const token = await cloud.token(mia, blue);
const home = await neutron.network(blue, 'home', '10.93.1.0/24');

t.test('an agent that is dead is said in words, and asked again when it lives', async (t) => {
  const dead = neutron.freeze('neutron-agent');
  await neutron.awaitAgent(false);
  const doctor = await site.site.site.run('doctor', '-o', 'json');
  t.match(
    (JSON.parse(doctor.out) as readonly { check: string }[]).filter(({ check }) =>
      check.startsWith('neutron'),
    ),
    [
      { check: 'neutron', ok: true },
      {
        ok: false,
        check: 'neutron-agent',
        detail: new RegExp(`on "${hostname()}" is dead: last heard`),
        fix: /Start neutron-linuxbridge-agent there/,
      },
    ],
  );
  const lone = await site.create(token, {});
  const { status_reason: reason } = await site.reach(token, lone.uuid, 'Error');
  t.match(reason, /can't bind the port .* \(binding_failed\): its agent there does not live/);
  dead.thaw();
  await neutron.awaitAgent(true);
  const container = await site.run(token);
  t.equal((await neutron.port(container.addresses[home]![0]!.port)).status, 'ACTIVE');
  for (const { uuid } of [lone, container]) await site.remove(token, uuid);
  await until(
    'the end of all ports',
    () => neutron.ports(`network_id=${home}`),
    (ports) => ports.length === 0,
  );
  t.same(await site.audit(), []);
});
