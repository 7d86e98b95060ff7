/** Volumes of the real Cinder, attached as a container's and let go of again. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { pino } from 'pino';
import t from 'tap';
import { accessFromVariables } from '../../src/openstack/access.ts';
import { createCinder } from '../../src/openstack/cinder.ts';
import { createSession } from '../../src/openstack/session.ts';
import { createTransport } from '../../src/openstack/transport.ts';
import { createEnvironment } from '../../src/main/environment.ts';
import { until } from '../support/troupe.ts';
import { createCloud } from './cloud.ts';
import type { Fault } from './fault-proxy.ts';
import { createServiceProxy } from './service-proxy.ts';

t.setTimeout(120_000);
const cloud = await createCloud(t);
const environment = createEnvironment(pino({ level: 'silent' }));
const [services, blue, red] = [
  await cloud.project('services'),
  await cloud.project('blue'),
  await cloud.project('red'),
];
const [troupe, mia] = [await cloud.person('troupe'), await cloud.person('mia')];
for (const role of ['admin', 'service']) await cloud.grant(troupe, services, role);
for (const project of [blue, red]) await cloud.grant(mia, project, 'member');
const bearerOf = async (project: typeof blue) => ({
  token: await cloud.token(mia, project),
  userId: mia.id,
  projectId: project.id,
  requestId: `req-${randomUUID()}`,
});
const [inBlue, inRed] = [await bearerOf(blue), await bearerOf(red)];

const { proxy, region } = await createServiceProxy(t, cloud, 'block-storage');
const access = accessFromVariables({
  OS_AUTH_URL: cloud.authUrl,
  OS_USERNAME: troupe.name,
  OS_PASSWORD: troupe.password,
  OS_PROJECT_NAME: services.name,
  OS_REGION_NAME: region,
});
const transport = createTransport({ environment, timeoutMs: 2_000, ca: null, observe: () => {} });
t.teardown(() => transport.close());
const cinder = createCinder(createSession(access, transport, environment));

const settled = (id: string, status: string) =>
  until(
    'its status',
    () => cinder.show(id),
    (volume) => volume?.status === status,
  );
const made: string[] = [];
t.teardown(async () => {
  for (const id of made) await cinder.remove(id).catch(() => {});
});
const connector = {
  host: hostname(),
  ip: '127.0.0.1',
  multipath: false,
  os_type: 'linux',
  platform: 'x86_64',
};
const containerId = randomUUID();
const volume = await cinder.create(
  { name: 'data', sizeGib: 1, metadata: { troupe_container: containerId } },
  inBlue,
);
made.push(volume.id);
await settled(volume.id, 'available');

t.test('a volume is its project’s: another is told what is told of one that is not there', async (t) => {
  t.match(await cinder.find('data', inBlue), {
    id: volume.id,
    sizeGib: 1,
    metadata: { troupe_container: containerId },
  });
  t.match(await cinder.find(volume.id, inBlue), { name: 'data', isShared: false, attachments: [] });
  const unknown = randomUUID();
  for (const asked of [volume.id, unknown, 'data'])
    await t.rejects(cinder.find(asked, inRed), {
      code: 'VOLUME_NOT_FOUND',
      message: `Volume ${asked} could not be found in Cinder.`,
    });
  t.equal(await cinder.show(unknown), null);
});

t.test('an attachment carries the container, keeps everybody else away, and ends once', async (t) => {
  const attachment = await cinder.attach({ volumeId: volume.id, containerId, connector, readOnly: false });
  t.match(attachment, { volumeId: volume.id, containerId });
  const { device_path: device } = attachment.connection as { device_path: string };
  t.ok(existsSync(device), 'the host has the device');
  await cinder.complete(attachment.id);
  t.match(await settled(volume.id, 'in-use'), { attachments: [{ id: attachment.id, containerId }] });
  t.match(await cinder.attachment(attachment.id), { status: 'attached', containerId });
  const again = { volumeId: volume.id, containerId: randomUUID(), connector, readOnly: false };
  await t.rejects(cinder.attach(again), { code: 'VOLUME_IN_USE', message: /does not attach volume/ });
  await t.rejects(cinder.remove(volume.id), { code: 'VOLUME_IN_USE', message: /does not delete volume/ });
  await cinder.detach(attachment.id);
  await cinder.detach(attachment.id);
  t.match(await settled(volume.id, 'available'), { attachments: [] });
  t.equal(await cinder.attachment(attachment.id), null);
});

t.test('what Cinder should not answer is told in words', async (t) => {
  const faults: readonly (readonly [Fault, string, RegExp])[] = [
    [401, 'CLOUD_REFUSED', /Cinder does not take the token/],
    [403, 'CLOUD_REFUSED', /needs the roles "admin" and "service"/],
    [409, 'VOLUME_IN_USE', /A fault of the test/],
    [413, 'QUOTA_EXCEEDED', /does not attach volume/],
    [429, 'CLOUD_UNAVAILABLE', /answers with 429/],
    [503, 'CLOUD_UNAVAILABLE', /answers with 503/],
    ['hang', 'CLOUD_UNAVAILABLE', /has not answered within 2000 ms/],
    ['page', 'CLOUD_UNAVAILABLE', /something that isn't JSON/],
    ['nonsense', 'CLOUD_UNAVAILABLE', /something that is no attachment/],
    ['cut', 'CLOUD_UNAVAILABLE', /can't be reached/],
  ];
  for (const [fault, code, message] of faults) {
    proxy.fault = fault;
    const wish = { volumeId: volume.id, containerId, connector, readOnly: false };
    await t.rejects(cinder.attach(wish), { code, message }, `${fault}`);
    proxy.fault = null;
    t.ok(await cinder.show(volume.id));
  }
});

t.test('it goes when it is removed', async (t) => {
  await cinder.remove(volume.id);
  await until(
    'its end',
    () => cinder.show(volume.id),
    (found) => found === null,
  );
  await cinder.remove(volume.id);
  t.pass('also when it has gone');
});
