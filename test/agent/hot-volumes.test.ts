import t from 'tap';
import { createHotVolumes } from '../../src/agent/hot-volumes.ts';
import type { Volumes } from '../../src/agent/volumes.ts';
import { TroupeError } from '../../src/errors/errors.ts';
import type { HotMount } from '../../src/model/container.ts';
import { createFakeDriver } from '../support/fake-driver.ts';
import { args } from '../support/link-scene.ts';

const { signal } = new AbortController();
const identity = { opId: 'o1', worldId: 'w', containerId: 'c1', tenant: 'p1', generation: 1, epoch: 1 };
const data: HotMount = { volumeId: 'v1', destination: '/data', readOnly: false };

function scene(hot: readonly HotMount[]) {
  const driver = createFakeDriver(() => 1_000);
  const missing = new Set<string>();
  const volumes = {
    async path(_: unknown, id: string) {
      if (missing.has(id)) throw new TroupeError('VOLUME_NOT_FOUND', 'It is not mounted here any more');
      return `/volumes/${id}`;
    },
  } as unknown as Volumes;
  const hotVolumes = createHotVolumes({ driver, volumes, of: () => hot });
  const create = (start: boolean) => {
    if (args.createContainer.kind !== 'createContainer') throw new Error('It creates none');
    const options = { sandbox: null, files: null, mounts: [], run: 1, isFirst: true };
    driver.imageNames.add(args.createContainer.spec.image);
    return hotVolumes.driver.createContainer(
      identity,
      { ...options, spec: args.createContainer.spec, start },
      signal,
    );
  };
  const mounted = () => Object.fromEntries(driver.mounted.get('c1') ?? []);
  return { driver, missing, hotVolumes, create, mounted };
}
const how = { run: 1, limits: null };

t.test('a container with such volumes is started by itself, so that each start mounts them', async (t) => {
  const { hotVolumes, create, mounted } = scene([data]);
  t.equal((await create(true)).state, 'created');
  t.same(mounted(), {});
  t.equal((await hotVolumes.driver.startContainer(identity, how, signal)).state, 'running');
  t.same(mounted(), { '/data': '/volumes/v1' });
  t.equal((await scene([]).create(true)).state, 'running', 'one without them is as ever');
});

t.test('one that can’t be given its volume does not run without', async (t) => {
  const { driver, missing, hotVolumes, create } = scene([data]);
  await create(true);
  missing.add('v1');
  await t.rejects(hotVolumes.driver.startContainer(identity, how, signal), {
    code: 'VOLUME_NOT_FOUND',
    retryable: true,
  });
  t.equal(driver.containers.get('c1')?.observation.state, 'created', 'it was not begun');
  missing.clear();
  driver.failNext('mount', new TroupeError('VOLUME_ERROR', 'Something is mounted there already'));
  await t.rejects(hotVolumes.driver.startContainer(identity, how, signal), { code: 'VOLUME_ERROR' });
  t.equal(driver.containers.get('c1')?.observation.state, 'exited', 'it was ended at once');
});

t.test('what leaves is unmounted first, and what was never there is no failure', async (t) => {
  const { driver, missing, hotVolumes, create, mounted } = scene([]);
  await create(true);
  const other: HotMount = { volumeId: 'v2', destination: '/other', readOnly: true };
  await hotVolumes.remount(identity, { hot: [data], leaving: [] }, signal);
  t.same(mounted(), { '/data': '/volumes/v1' });
  await hotVolumes.remount(identity, { hot: [other], leaving: [data] }, signal);
  t.same(mounted(), { '/other': '/volumes/v2' });
  missing.add('v1');
  await hotVolumes.remount(identity, { hot: [], leaving: [data, other] }, signal);
  t.same(mounted(), {});
  driver.failNext('unmount', new TroupeError('VOLUME_IN_USE', '"sleep" uses it'));
  await t.rejects(hotVolumes.remount(identity, { hot: [], leaving: [other] }, signal), {
    code: 'VOLUME_IN_USE',
  });
});
