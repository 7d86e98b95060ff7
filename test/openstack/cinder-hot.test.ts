/** Volumes of the real Cinder that come and go while their container lives, are shared, and are a capsule's. */
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { docker, until } from '../support/troupe.ts';
import { testImage } from '../cli/engine/command-site.ts';
import { createSharedType, projectVolumes } from './cinder-cloud.ts';
import { cloudFolder, createCloud } from './cloud.ts';
import { start } from './keystone-site.ts';
import { createCloudSite, type Container } from './neutron-site.ts';
import { createServiceProxy } from './service-proxy.ts';

t.setTimeout(420_000);
const cloud = await createCloud(t);
const { proxy, region, url } = await createServiceProxy(t, cloud, 'block-storage');
const site = await createCloudSite(t, cloud, region, { volume: { driver: 'cinder' } });
const blue = await cloud.project('blue');
const mia = await cloud.person('mia');
await cloud.grant(mia, blue, 'member');
const token = await cloud.token(mia, blue);
const sharedType = await createSharedType(t, url, cloud);
const cinder = projectVolumes(t, url, blue.id, token);
const data = await cinder.make('data');

interface Listed {
  readonly volume_id: string;
  readonly path: string;
  readonly read_only: boolean;
  readonly status: string;
}

const shell = ({ uuid }: Container, line: string) => site.inside(uuid, 'sh', '-c', line);
const act = ({ uuid }: Container, verb: 'attach' | 'detach', asked: Readonly<Record<string, string>>) =>
  site.call('POST', `/v1/containers/${uuid}/volume_${verb}?${new URLSearchParams(asked)}`, token);
const list = async ({ uuid }: Container): Promise<readonly Listed[]> =>
  (await site.call('GET', `/v1/containers/${uuid}/volume_list`, token)).json['volumes'] as Listed[];
/** It rests, with these statuses of its volumes. */
const settles = (container: Container, ...statuses: readonly string[]): Promise<Container> =>
  until(
    `volumes ${statuses.join(', ') || 'gone'}`,
    async () => ({ now: await site.show(token, container.uuid), volumes: await list(container) }),
    ({ now, volumes }) =>
      now.task_state === null && volumes.map(({ status }) => status).join() === statuses.join(),
  ).then(({ now }) => now);
const reaches = (container: Container, words: RegExp) =>
  until(
    `${words}`,
    () => shell(container, 'cat /data/words'),
    ({ out }) => words.test(out),
  );
const at = { volume: 'data', path: '/data' };

t.test('a volume comes and goes while its container runs', async (t) => {
  const one = await site.run(token, { name: 'one' });
  for (const [asked, status, says] of [
    [{ volume: 'nowhere', path: '/data' }, 404, /nowhere could not be found in Cinder/],
    [{ volume: 'data', path: 'data' }, 400, /absolute path/],
    [{ volume: 'data', path: '/data/../etc' }, 400, /shortest form/],
    [{ volume: 'data' }, 400, /absolute path/],
    [{ path: '/data' }, 400, /Name the volume/],
  ] as const) {
    const refused = await act(one, 'attach', asked as Readonly<Record<string, string>>);
    t.equal(refused.status, status);
    t.match(refused.text, says);
  }
  t.match((await act(one, 'detach', { volume: 'data' })).text, /is not attached/);

  t.equal((await act(one, 'attach', at)).status, 202);
  await settles(one, 'attached');
  t.match(await list(one), [{ volume_id: data.id, path: '/data', read_only: false }]);
  t.match(await cinder.reach(data.id, 'in-use'), { attachments: [{ server_id: one.uuid }] });
  t.match(await shell(one, 'echo kept >/data/words; mount | grep " /data "'), { out: /ext4/ });
  t.match(await act(one, 'attach', { volume: data.id, path: '/other' }), { status: 400 });
  const two = await site.run(token, { name: 'two' });
  t.match((await act(two, 'attach', at)).text, /Volume data is in use/, 'it is not to be shared');
  t.same(await site.audit(), []);

  await site.call('POST', `/v1/containers/${one.uuid}/reboot?timeout=1`, token);
  await site.reach(token, one.uuid, 'Running');
  t.match(await shell(one, 'cat /data/words'), { out: /kept/ }, 'it is there again after a restart');
  await site.call('POST', `/v1/containers/${one.uuid}/rebuild`, token);
  await site.reach(token, one.uuid, 'Running');
  t.match(await shell(one, 'cat /data/words'), { out: /kept/ }, 'and after a rebuild');
  const [found] = await docker.listContainers({ filters: { label: [`troupe.container-id=${one.uuid}`] } });
  await docker.getContainer(found!.Id).restart({ t: 0 });
  await reaches(one, /kept/);
  await settles(one, 'attached');

  await docker
    .getContainer(found!.Id)
    .exec({ Cmd: ['sh', '-c', 'cd /data; exec sleep 1000'] })
    .then((exec) => exec.start({ Detach: true }));
  await until(
    'its process',
    () => shell(one, 'ls -l /proc/[0-9]*/cwd'),
    ({ out }) => / \/data\s/.test(out),
  );
  t.equal((await act(one, 'detach', { volume: 'data' })).status, 202);
  const busy = await settles(one, 'attached');
  t.match(busy.status_reason, /"sleep" \(process \d+ of its host\) uses it/, 'who uses it is told');
  t.match(await shell(one, 'cat /data/words'), { out: /kept/ }, 'and it stays');
  await shell(one, 'for p in /proc/[0-9]*; do [ "$(readlink $p/cwd)" = /data ] && kill ${p#/proc/}; done');
  await until(
    'its end',
    () => shell(one, 'ls -l /proc/[0-9]*/cwd'),
    ({ out }) => !/ \/data\s/.test(out),
  );
  t.equal((await act(one, 'detach', { volume: 'data' })).status, 202);
  const left = await settles(one);
  t.equal(left.status_reason, null);
  t.match(await cinder.reach(data.id, 'available'), { attachments: [] });
  t.match(await shell(one, 'ls /data; mount'), { out: /^(?![^]*words)(?![^]* \/data )/ });
  t.notMatch(execFileSync('losetup', ['--noheadings', '--output', 'BACK-FILE']).toString(), data.id);

  await site.call('POST', `/v1/containers/${two.uuid}/stop?timeout=1`, token);
  await site.reach(token, two.uuid, 'Stopped');
  t.equal((await act(two, 'attach', { ...at, read_only: 'true' })).status, 202, 'what is stopped gets it');
  await settles(two, 'attached');
  await site.call('POST', `/v1/containers/${two.uuid}/start`, token);
  await site.reach(token, two.uuid, 'Running');
  t.match(await shell(two, 'cat /data/words; echo more >/data/words'), {
    out: /kept[^]*Read-only file system/,
  });
  await site.remove(token, two.uuid);
  t.match(await cinder.reach(data.id, 'available'), { attachments: [] }, 'and it goes with its container');
  await site.remove(token, one.uuid);
  t.same(await site.audit(), []);
});

t.test('whatever is killed in the middle, it is attached once, or not at all', async (t) => {
  const one = await site.run(token, { name: 'one' });
  for (const [verb, where, statuses] of [
    ['attach', /POST \S*\/attachments$/, ['attached']],
    ['detach', /DELETE \S*\/attachments\//, []],
  ] as const) {
    proxy.seen.length = 0;
    proxy.onlyAt = where;
    proxy.fault = 'hang';
    t.equal((await act(one, verb, verb === 'attach' ? at : { volume: 'data' })).status, 202);
    await until(
      'the call',
      async () => proxy.seen.some(({ method, path }) => where.test(`${method} ${path}`)),
      (isThere) => isThere,
    );
    site.kill();
    proxy.fault = null;
    proxy.onlyAt = null;
    await start(site.site);
    await settles(one, ...statuses);
    t.equal((await cinder.attachments(data.id)).length, statuses.length, `killed in ${verb}`);
    t.match(await shell(one, 'mount | grep -c " /data "'), { out: new RegExp(`${statuses.length}`) });
    t.same(await site.audit(), []);
  }
  await site.remove(token, one.uuid);
});

t.test('what can’t be mounted is let go of: its container lives on and says why', async (t) => {
  const foreign = await cinder.make('foreign');
  const folder = join(cloudFolder, 'cinder', 'volumes');
  const file = readdirSync(folder).find((name) => name.includes(foreign.id))!;
  execFileSync('mkswap', [join(folder, file)], { stdio: 'pipe' });
  const one = await site.run(token, { name: 'one' });
  t.equal((await act(one, 'attach', { volume: 'foreign', path: '/data' })).status, 202);
  const left = await settles(one);
  t.match(left, { status: 'Running', status_reason: /it holds "swap"/ });
  t.match(await cinder.reach(foreign.id, 'available'), { attachments: [] });
  t.same(await cinder.attachments(foreign.id), []);
  await site.remove(token, one.uuid);
  t.same(await site.audit(), []);
});

t.test('a volume that is to be shared has two containers', async (t) => {
  const shared = await cinder.make('shared', sharedType);
  const [one, two] = [await site.run(token, { name: 'one' }), await site.run(token, { name: 'two' })];
  for (const each of [one, two]) {
    t.equal((await act(each, 'attach', { volume: 'shared', path: '/data' })).status, 202);
    await settles(each, 'attached');
  }
  t.equal((await cinder.attachments(shared.id)).length, 2);
  await shell(one, 'echo both >/data/words; sync');
  await reaches(two, /both/);
  await act(one, 'detach', { volume: 'shared' });
  await settles(one);
  t.match(await shell(two, 'cat /data/words'), { out: /both/ }, 'one lets go of it, the other has it on');
  await site.remove(token, two.uuid);
  await site.remove(token, one.uuid);
  t.match(await cinder.reach(shared.id, 'available'), { attachments: [] });
  t.same(await site.audit(), []);
});

t.test('a capsule has volumes of Cinder', async (t) => {
  const command = ['sh', '-c', 'trap exit TERM; while :; do sleep 1 & wait; done'];
  const volumeMounts = [{ name: 'kept', mountPath: '/data' }];
  const template = {
    kind: 'capsule',
    metadata: { name: 'pod' },
    spec: {
      containers: ['writer', 'reader'].map((name) => ({ name, image: testImage, command, volumeMounts })),
      volumes: [{ name: 'kept', cinder: { volumeID: data.id } }],
    },
  };
  const made = await site.call('POST', '/v1/capsules', token, { template });
  t.equal(made.status, 202, made.text);
  const path = `/v1/capsules/${String(made.json['uuid'])}`;
  const { json } = await until(
    'the capsule',
    () => site.call('GET', path, token),
    ({ json: now }) => now['status'] === 'Running',
  );
  const [writer, reader] = json['containers'] as Container[];
  t.match(await cinder.reach(data.id, 'in-use'), { attachments: [{ server_id: json['uuid'] }] });
  await shell(writer!, 'echo of-the-capsule >/data/words');
  t.match(await shell(reader!, 'cat /data/words'), { out: /of-the-capsule/ });
  t.match((await act(writer!, 'attach', { volume: data.id, path: '/more' })).status, 400);
  t.equal((await act(writer!, 'detach', { volume: data.id })).status, 409);
  t.same(await site.audit(), []);
  await site.call('DELETE', path, token);
  await until(
    'its end',
    () => site.call('GET', path, token),
    ({ status }) => status === 404,
  );
  t.match(await cinder.reach(data.id, 'available'), { attachments: [] });
  t.same(await site.audit(), []);
});
