import t from 'tap';
import type { ImageStore, LeftLayer, UnfinishedImage } from '../../src/actors/image-store.ts';
import { createLeftImages } from '../../src/actors/left-images.ts';
import type { Runtime } from '../../src/actors/runtime.ts';
import { TroupeError } from '../../src/errors/errors.ts';
import { createTestEnvironment } from '../support/test-environment.ts';

const everyMs = 60_000;

/** Two layers that nobody names, one of them young, and an image that nobody works on. */
function scene() {
  const environment = createTestEnvironment();
  const begun = environment.now();
  const layers: readonly LeftLayer[] = [
    { id: 'old', name: 'layer old', tenant: 'p1', createdAt: begun },
    { id: 'young', name: 'layer young', tenant: 'p1', createdAt: begun + everyMs },
  ];
  const unfinished: readonly UnfinishedImage[] = [
    { id: 'half', name: 'web', status: 'saving', imageId: 'i0', createdAt: begun },
  ];
  const done: string[] = [];
  const state = {
    /** Paths of images of `p1`, by their ids. */
    images: {} as Readonly<Record<string, string>>,
    refusal: null as TroupeError | null,
    isStale: false,
  };
  const store = {
    unfinished: async () => unfinished,
    leftLayers: async () => layers,
    absentLayers: async () => {
      done.push('asked');
      return [];
    },
    async remove(id: string) {
      if (state.refusal) throw state.refusal;
      done.push(id);
    },
  } as unknown as ImageStore;
  const runtime = {
    cellsOf: () =>
      new Map(
        Object.entries(state.images).map(([id, path]) => [
          id,
          { committed: { paths: [path], record: { endedAt: null, context: { id, tenant: 'p1' } } } },
        ]),
      ),
  } as unknown as Runtime;
  const settings = {
    async putSetting() {
      if (state.isStale) throw new TroupeError('STALE_OWNER', 'Another owns it');
    },
  };
  const left = createLeftImages({ environment, runtime: () => runtime, store, settings, everyMs });
  left.start();
  return { environment, left, state, done };
}

t.test('what is old enough is removed at a look, and the young later', async (t) => {
  const { environment, left, done } = scene();
  await environment.advance(everyMs - 1);
  t.same(done, []);
  await environment.advance(1);
  t.same(done, ['half', 'old']);
  await environment.advance(everyMs);
  t.same(done.slice(2), ['half', 'old', 'young']);
  left.stop();
  await environment.advance(2 * everyMs);
  t.equal(done.length, 5, 'a look more after the end would be another’s');
});

t.test('while a commit of the project is under way its layers stay', async (t) => {
  const { environment, state, done } = scene();
  state.images = { i1: 'storing.attempting' };
  await environment.advance(everyMs);
  t.same(done, ['half'], 'that is of another image');
  state.images = { i0: 'discarding.waiting', i1: 'present' };
  done.length = 0;
  await environment.advance(everyMs);
  t.same(done, [], 'and so does what it has begun');
  state.images = { i1: 'present' };
  await environment.advance(everyMs);
  t.same(done, ['half', 'old', 'young']);
});

t.test('who owns the store no more removes nothing', async (t) => {
  const { environment, state, done } = scene();
  state.isStale = true;
  await environment.advance(everyMs);
  t.same(done, []);
});

t.test('what can’t be removed is in the ledger until it can', async (t) => {
  const { environment, left, state } = scene();
  state.refusal = new TroupeError('CLOUD_CONFLICT', 'It is protected');
  await environment.advance(everyMs);
  t.match(left.audit(), [
    {
      problem: 'left-image',
      detail: '"web" (half) is left in Glance and could not be removed: It is protected',
    },
    { problem: 'left-image', detail: /"layer old"/ },
  ]);
  state.refusal = null;
  await environment.advance(everyMs);
  t.same(left.audit(), []);
});
