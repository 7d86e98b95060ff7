/** A volume that a request makes is promised before Cinder hears of it, and the promise broken when it is refused. */
import t from 'tap';
import { createCinderDesk } from '../../src/api/zun/cinder-desk.ts';
import { TroupeError } from '../../src/errors/errors.ts';
import type { Cinder, CinderWish } from '../../src/model/cinder.ts';

const bearer = { token: 'hers', userId: 'u1', projectId: 'p1', requestId: 'req-1' };
const wish = { name: 'one', source: null, sizeGib: 1, isKept: false, destination: '/one', readOnly: false };

/** A Cinder that makes what `create` lets it. @param before what it has; whose promises hold */
function desk(create: (wish: CinderWish) => void, before: readonly CinderWish[] = []) {
  const volumes = before.map((each, index) => ({ ...each, id: `v${index + 1}` }));
  const events: string[] = [];
  const holding = new Set(['p0']);
  const cinder = {
    async find(name: string) {
      const found = volumes.find((each) => each.name === name);
      if (!found) throw new TroupeError('VOLUME_NOT_FOUND', 'There is none');
      return found;
    },
    async create(asked: CinderWish) {
      events.push(`create ${asked.sizeGib}`);
      create(asked);
      const volume = { ...asked, id: `v${volumes.length + 1}` };
      volumes.push(volume);
      return volume;
    },
  } as unknown as Cinder;
  const promises = {
    async make(sizeGib: number) {
      const id = `p${holding.size}`;
      holding.add(id);
      events.push(`promise ${id}, ${sizeGib}`);
      return id;
    },
    async renew(id: string) {
      events.push(`renew ${id}`);
      return holding.has(id);
    },
    async drop(id: string) {
      events.push(`drop ${id}`);
    },
  };
  return { events, volumes, ...createCinderDesk(cinder, 'world-1', promises) };
}

const nothing = (): void => {};

t.test('a volume is promised before it is made, and says so', async (t) => {
  const { mounts, events, volumes } = desk(nothing);
  const { mounts: made } = await mounts([wish], 'seed', bearer);
  t.same(events, ['promise p1, 1', 'create 1']);
  t.match(volumes[0]!.metadata, { troupe_promise: 'p1', troupe_world: 'world-1' });
  t.match(made, [{ made: { promiseId: 'p1', cinder: { volumeId: 'v1', isTemporary: true } } }]);
});

t.test(
  'what was made for a request that is refused is to go, and what Cinder made without an answer',
  async (t) => {
    const { mounts, events } = desk(({ sizeGib }) => {
      if (sizeGib > 1) throw new TroupeError('CLOUD_UNAVAILABLE', 'Cinder has not answered in time');
    });
    const second = { ...wish, name: 'two', destination: '/two', sizeGib: 2 };
    await t.rejects(mounts([wish, second], 'seed', bearer), { code: 'CLOUD_UNAVAILABLE' });
    t.same(events, ['promise p1, 1', 'create 1', 'promise p2, 2', 'create 2', 'drop p1', 'drop p2']);
  },
);

t.test('a request that is sent again goes on with what it has made', async (t) => {
  const first = desk(nothing);
  await first.mounts([wish], 'seed', bearer);
  const { name, sizeGib, metadata } = first.volumes[0]!;
  const again = desk(nothing, [{ name, sizeGib, metadata: { ...metadata, troupe_promise: 'p0' } }]);
  const { mounts, undo } = await again.mounts([wish], 'seed', bearer);
  t.match(mounts, [{ made: { promiseId: 'p0', cinder: { volumeId: 'v1' } } }]);
  await undo();
  t.same(again.events, ['renew p0', 'drop p0']);

  const kept = desk(nothing, [{ name, sizeGib, metadata: { ...metadata, troupe_promise: 'ended' } }]);
  const { mounts: known, undo: leave } = await kept.mounts([wish], 'seed', bearer);
  t.equal(known[0]!.made?.promiseId, undefined);
  await leave();
  t.same(kept.events, ['renew ended'], 'what is somebody’s by now is left alone');
});
