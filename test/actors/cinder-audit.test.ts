/** What the ledger says of volumes that requests have had made in Cinder. */
import t from 'tap';
import { auditCinder } from '../../src/actors/cinder-audit.ts';
import type { Runtime } from '../../src/actors/runtime.ts';
import { mostTries } from '../../src/machines/retry-policy.ts';
import { volumeAddress } from '../../src/model/address.ts';
import { madeBy, madeFor, promisedBy } from '../../src/model/cinder-marks.ts';
import type { Cinder } from '../../src/model/cinder.ts';

/** @param promise of the volume that Cinder has; null = it holds no more */
const audit = (promise: { readonly tries: number } | null) => {
  const address = volumeAddress('p1', 'promise-1');
  const context = {
    id: 'promise-1',
    tenant: 'p1',
    cinder: null,
    promise: { forMs: 1_000 },
    reason: 'Cinder does not delete it',
    ...promise,
  };
  const record = { context, operations: {}, revision: 3 };
  const cell = { address, committed: { record, projection: { status: 'deleting' } } };
  const runtime = {
    tombstones: new Map(),
    cell: () => undefined,
    cellsOf: (kind: string) => new Map(kind === 'volume' && promise ? [[address, cell]] : []),
  } as unknown as Runtime;
  const metadata = { ...madeBy('world-1'), ...madeFor('volume-1'), ...promisedBy('promise-1') };
  const cinder = {
    attachments: async () => [],
    withMetadata: async () => [{ id: 'of-cinder', projectId: 'p1', metadata }],
  } as unknown as Cinder;
  return auditCinder({ cinder, runtime, worldId: 'world-1' });
};

t.test('what is promised is explained, while Cinder deletes it, too', async (t) => {
  t.same(await audit({ tries: 0 }), []);
  t.same(await audit({ tries: mostTries - 1 }), []);
});

t.test('what Cinder does not delete is told', async (t) => {
  t.match(await audit({ tries: mostTries }), [
    {
      problem: 'volume-held',
      address: 'volume/p1/promise-1',
      detail: /can't be deleted: Cinder does not delete it$/,
    },
  ]);
});

t.test('what nobody promises any more, nor mounts, is told', async (t) => {
  t.match(await audit(null), [{ problem: 'volume-without-actor', address: 'volume/p1/volume-1' }]);
});
