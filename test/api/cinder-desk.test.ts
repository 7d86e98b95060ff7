/** Volumes that a request makes are gone when it is refused, though Cinder deletes none that it is still making. */
import t from 'tap';
import { createCinderDesk } from '../../src/api/zun/cinder-desk.ts';
import { TroupeError } from '../../src/errors/errors.ts';
import type { Cinder } from '../../src/model/cinder.ts';

const bearer = { token: 'hers', projectId: 'p1', requestId: 'req-1' };
const wish = { name: 'one', source: null, sizeGib: 1, isKept: false, destination: '/one', readOnly: false };

t.test('what was made for a request that is refused is deleted once it can be', async (t) => {
  const volumes = new Set<string>();
  let refusals = 2;
  const cinder = {
    find: () => Promise.reject(new TroupeError('VOLUME_NOT_FOUND', 'There is none')),
    create({ sizeGib }: { readonly sizeGib: number }) {
      if (sizeGib > 1) return Promise.reject(new TroupeError('QUOTA_EXCEEDED', 'No GiB is left'));
      volumes.add('v1');
      return Promise.resolve({ id: 'v1', sizeGib });
    },
    async remove(id: string) {
      refusals -= 1;
      if (refusals >= 0) throw new TroupeError('CLOUD_REFUSED', 'It is "creating"');
      volumes.delete(id);
    },
  } as unknown as Cinder;
  const desk = createCinderDesk(cinder, 'world-1');
  const second = { ...wish, name: 'two', destination: '/two', sizeGib: 2 };
  await t.rejects(desk.mounts([wish, second], 'seed', bearer), { code: 'QUOTA_EXCEEDED' });
  t.same([...volumes], []);
});
