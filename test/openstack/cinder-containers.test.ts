/** Containers that mount volumes of the real Cinder, with the real os-brick and the real engine. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { until } from '../support/troupe.ts';
import { testImage } from '../cli/engine/command-site.ts';
import { projectVolumes } from './cinder-cloud.ts';
import { createCloud } from './cloud.ts';
import { start } from './keystone-site.ts';
import { createCloudSite, type Container } from './neutron-site.ts';
import { createServiceProxy } from './service-proxy.ts';

t.setTimeout(540_000);
const cloud = await createCloud(t);
const { proxy, region, url } = await createServiceProxy(t, cloud, 'block-storage');
const site = await createCloudSite(t, cloud, region, { volume: { driver: 'cinder', promisedMs: 40_000 } });
const [blue, green] = [await cloud.project('blue'), await cloud.project('green')];
const [mia, ben] = [await cloud.person('mia'), await cloud.person('ben')];
await cloud.grant(mia, blue, 'member');
await cloud.grant(ben, green, 'member');
const [token, other] = [await cloud.token(mia, blue), await cloud.token(ben, green)];
const cinder = projectVolumes(t, url, blue.id, token);
const data = await cinder.make('data');

const shell = (container: Container, line: string) => site.inside(container.uuid, 'sh', '-c', line);
const post = (by: string, ...mounts: readonly object[]) =>
  site.call('POST', '/v1/containers', by, { image: testImage, mounts });
const at = { source: 'data', destination: '/data' };
/** Devices of Cinder's that are still given out. */
const devices = (): string => execFileSync('losetup', ['--noheadings', '--output', 'BACK-FILE']).toString();
/** Where the only volume is mounted. */
const dataFolder = (): string => {
  const folder = join(site.site.site.directory, 'state', 'volumes');
  const world = readdirSync(folder)[0]!;
  return join(folder, world, readdirSync(join(folder, world))[0]!, 'data');
};
const clear = (): void => {
  proxy.fault = null;
  proxy.onlyAt = null;
};

t.test('a volume of the project is mounted, and its data outlives the container', async (t) => {
  const unknown = await post(token, { source: 'nowhere', destination: '/data' });
  t.equal(unknown.status, 404);
  t.match(unknown.text, /Volume nowhere could not be found in Cinder/);
  for (const source of ['data', data.id]) {
    const foreign = await post(other, { source, destination: '/data' });
    t.equal(foreign.status, 404, 'what is another project’s is not there');
    t.match(foreign.text, new RegExp(`Volume ${source} could not be found in Cinder`));
  }
  const sizeless = await post(token, { destination: '/data' });
  t.equal(sizeless.status, 400);
  t.match(sizeless.text, /has a size/);

  const one = await site.run(token, { name: 'one', mounts: [at] });
  t.match(await cinder.reach(data.id, 'in-use'), { attachments: [{ server_id: one.uuid }] });
  t.match(await shell(one, 'echo kept >/data/words; mount | grep " /data "'), { out: /ext4/ });
  t.same(await site.audit(), []);
  const taken = await post(token, at);
  t.equal(taken.status, 400);
  t.match(taken.text, /Volume data is in use/);

  await site.call('POST', `/v1/containers/${one.uuid}/reboot?timeout=1`, token);
  await site.reach(token, one.uuid, 'Running');
  t.match(await shell(one, 'cat /data/words'), { out: /kept/ }, 'it survives a restart');
  await site.call('POST', `/v1/containers/${one.uuid}/rebuild`, token);
  await site.reach(token, one.uuid, 'Running');
  t.match(await shell(one, 'cat /data/words'), { out: /kept/ }, 'and a rebuild');
  t.equal((await cinder.attachments(data.id)).length, 1);

  await site.remove(token, one.uuid);
  t.match(await cinder.reach(data.id, 'available'), { attachments: [] }, 'gone is detached');
  t.notMatch(devices(), data.id);

  const two = await site.run(token, { name: 'two', mounts: [{ ...at, source: data.id, read_only: true }] });
  t.match(await shell(two, 'cat /data/words; echo more >/data/words'), {
    out: /kept[^]*Read-only file system/,
    code: 1,
  });
  await site.remove(token, two.uuid);
  t.same(await site.audit(), []);
});

t.test('a volume by its size comes and goes with its container', async (t) => {
  const made = await site.run(token, { mounts: [{ size: 1, destination: '/scratch' }] });
  const volumes = await cinder.all();
  t.equal(volumes.length, 2);
  const volume = volumes.find(({ id }) => id !== data.id)!;
  t.match(volume, { status: 'in-use', size: 1, attachments: [{ server_id: made.uuid }] });
  t.match(await shell(made, 'df -m /scratch | tail -1; echo x >/scratch/x'), { code: 0, out: /\b9\d\d\b/ });
  await site.remove(token, made.uuid);
  t.same(
    (await cinder.all()).map(({ id }) => id),
    [data.id],
    'it is gone when its container is',
  );
  const scratch = { image: testImage, mounts: [{ size: 1, destination: '/scratch' }] };
  const refused = await site.call('POST', '/v1/containers', token, { ...scratch, disk: 120 });
  t.match(refused.text, /[Qq]uota/);
  await until(
    'the end of what a request that was refused had made',
    () => cinder.all(),
    (left) => left.length === 1,
  );
  const { uuid } = await site.create(token, { ...scratch, availability_zone: 'nowhere' });
  await site.reach(token, uuid, 'Error');
  t.equal((await cinder.all()).length, 2, 'one that never came to a host has its volume');
  await site.remove(token, uuid);
  await until(
    'the end of what was made for nothing',
    () => cinder.all(),
    (left) => left.length === 1,
  );
  t.same(await site.audit(), []);
});

t.test('what a request had made that is never heard of again goes, unless it is sent again', async (t) => {
  const mounts = [{ size: 1, destination: '/scratch' }, at];
  const send = (key: string) =>
    site.site.call('POST', '/v1/containers?run=true', token, {
      body: { image: testImage, command: ['sleep', '600'], mounts },
      headers: { 'idempotency-key': key },
    });
  /** Killed once Cinder has made the first and before it is asked of the second. */
  const cutOff = async (key: string): Promise<void> => {
    proxy.seen.length = 0;
    proxy.onlyAt = /GET \S*\/volumes\S*name=data$/;
    proxy.fault = 'hang';
    const answer = t.rejects(send(key));
    await until(
      'the second question',
      async () => proxy.seen.some(({ method, path }) => proxy.onlyAt!.test(`${method} ${path}`)),
      (isThere) => isThere,
    );
    site.kill();
    await answer;
    clear();
    await start(site.site);
    t.equal((await cinder.all()).length, 2, 'what was made is there');
    t.same(await site.audit(), [], 'and known, whatever comes of it');
  };
  await cutOff('again');
  const sent = await until(
    'its second time',
    () => send('again'),
    ({ status }) => status !== 409,
  );
  t.equal(sent.status, 202, sent.text);
  const { uuid } = sent.json as { uuid: string };
  await site.reach(token, uuid, 'Running');
  t.equal((await cinder.all()).length, 2, 'the second request has what the first has made');
  await site.remove(token, uuid);
  await cutOff('never again');
  await until(
    'the end of what was made',
    () => cinder.all(),
    (left) => left.length === 1,
    120_000,
  );
  t.same(await site.audit(), []);
});

t.test('whatever is cut off in the middle of an attachment, there is one', async (t) => {
  proxy.onlyAt = /POST \S*\/attachments$/;
  proxy.fault = 'lost';
  const { uuid } = await site.create(token, { mounts: [at] });
  await until(
    'its attachment',
    () => cinder.attachments(data.id),
    (found) => found.length === 1,
  );
  clear();
  const found = await site.reach(token, uuid, 'Running');
  t.equal((await cinder.attachments(data.id)).length, 1, 'an answer that was lost is found again');
  await site.remove(token, found.uuid);

  for (const [what, where] of [
    ['before Cinder heard of it', /POST \S*\/attachments$/],
    ['before Cinder was told that its host has it', /POST \S*\/attachments\/[^/]+\/action$/],
  ] as const) {
    proxy.seen.length = 0;
    proxy.onlyAt = where;
    proxy.fault = 'hang';
    const cut = await site.create(token, { mounts: [at] });
    await until(
      'the call',
      async () => proxy.seen.some(({ method, path }) => where.test(`${method} ${path}`)),
      (isThere) => isThere,
    );
    site.kill();
    clear();
    await start(site.site);
    await site.reach(token, cut.uuid, 'Running');
    t.match(await cinder.attachments(data.id), [{ status: 'attached' }], `killed ${what}`);
    t.same(await site.audit(), []);
    await site.remove(token, cut.uuid);
  }
  t.match(await cinder.reach(data.id, 'available'), { attachments: [] });
});

t.test('after its machine was started anew a container has its volume again', async (t) => {
  const held = await site.run(token, { mounts: [at] });
  await site.call('POST', `/v1/containers/${held.uuid}/stop?timeout=1`, token);
  await site.reach(token, held.uuid, 'Stopped');
  site.kill();
  // A machine that starts has nothing mounted.
  execFileSync('umount', [dataFolder()]);
  await start(site.site);
  await until(
    'its mount',
    async () => execFileSync('findmnt', ['--list', '--noheadings', '--output', 'TARGET']).toString(),
    (mounted) => mounted.includes(dataFolder()),
  );
  await until(
    'Cinder to have been told',
    () => site.call('POST', `/v1/containers/${held.uuid}/start`, token),
    ({ status }) => status === 202,
  );
  await site.reach(token, held.uuid, 'Running');
  t.match(await shell(held, 'cat /data/words'), { out: /kept/ });
  t.equal((await cinder.attachments(data.id)).length, 1);
  t.same(await site.audit(), []);
  await site.remove(token, held.uuid);
});

t.test('a volume that can’t be let go of keeps its container, and says why', async (t) => {
  const busy = await site.run(token, { mounts: [at] });
  const file = openSync(join(dataFolder(), 'words'), 'r');
  await site.call('DELETE', `/v1/containers/${busy.uuid}?stop=true`, token);
  const held = await until(
    'why it is held',
    () => site.show(token, busy.uuid),
    ({ status_reason: reason }) => /process of this host/.test(reason ?? ''),
  );
  t.equal(held.status, 'Deleting');
  t.match(await cinder.attachments(data.id), [{ status: 'attached' }], 'nobody else gets it meanwhile');

  proxy.onlyAt = /DELETE \S*\/attachments\//;
  proxy.fault = 500;
  closeSync(file);
  await until(
    'Cinder’s word',
    () => site.show(token, busy.uuid),
    ({ status_reason: reason }) => /500|times in a row/.test(reason ?? ''),
  );
  const force = `/v1/containers/${busy.uuid}?force=true&all_projects=true`;
  t.equal((await site.call('DELETE', force, cloud.adminToken)).status, 204, 'an admin gives it up');
  await until(
    'its end',
    () => site.call('GET', `/v1/containers/${busy.uuid}`, token),
    ({ status }) => status === 404,
  );
  // While Cinder counts as out, what it has can't be told.
  await until(
    'the ledger’s word',
    async () => JSON.stringify(await site.audit()),
    (told) => /volume-held.*can't be let go of/.test(told),
  );
  clear();
  t.match(await cinder.reach(data.id, 'available'), { attachments: [] });
  await until(
    'an empty ledger',
    () => site.audit(),
    (entries) => entries.length === 0,
  );
});
