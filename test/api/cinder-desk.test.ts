/** Volumes that a request makes go when it is refused: that is given to who sees to it, however long it takes. */
import t from 'tap';
import { createCinderDesk } from '../../src/api/zun/cinder-desk.ts';
import { TroupeError } from '../../src/errors/errors.ts';
import type { Cinder } from '../../src/model/cinder.ts';

const bearer = { token: 'hers', projectId: 'p1', requestId: 'req-1' };
const wish = { name: 'one', source: null, sizeGib: 1, isKept: false, destination: '/one', readOnly: false };

/** A Cinder that makes what `create` lets it. */
function desk(create: (sizeGib: number, make: () => void) => void) {
  const volumes: { readonly id: string; readonly sizeGib: number }[] = [];
  const discarded: string[] = [];
  const cinder = {
    find: () => Promise.reject(new TroupeError('VOLUME_NOT_FOUND', 'There is none')),
    async create({ sizeGib }: { readonly sizeGib: number }) {
      create(sizeGib, () => void volumes.push({ id: `v${volumes.length + 1}`, sizeGib }));
      return volumes.at(-1);
    },
    withMetadata: () => Promise.resolve(volumes),
  } as unknown as Cinder;
  return {
    discarded,
    ...createCinderDesk(cinder, 'world-1', {
      async discardVolume(tenant, { volumeId }) {
        discarded.push(`${tenant}/${volumeId}`);
      },
    }),
  };
}

t.test('what was made for a request that is refused is to go', async (t) => {
  const { mounts, discarded } = desk((sizeGib, make) => {
    if (sizeGib > 1) throw new TroupeError('QUOTA_EXCEEDED', 'No GiB is left');
    make();
  });
  const second = { ...wish, name: 'two', destination: '/two', sizeGib: 2 };
  await t.rejects(mounts([wish, second], 'seed', bearer), { code: 'QUOTA_EXCEEDED' });
  t.same(discarded, ['p1/v1']);
});

t.test('so is what Cinder made without an answer', async (t) => {
  const { mounts, discarded } = desk((_, make) => {
    make();
    throw new TroupeError('CLOUD_UNAVAILABLE', 'Cinder has not answered in time');
  });
  await t.rejects(mounts([wish], 'seed', bearer), { code: 'CLOUD_UNAVAILABLE' });
  t.same(discarded, ['p1/v1']);
});
