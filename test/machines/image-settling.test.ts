/** An image whose upload broke off is given to Glance again once that notices, and given up where it never does. */
import t from 'tap';
import { initialTransition, transition, type SnapshotFrom } from 'xstate';
import { imageMachine } from '../../src/machines/image.machine.ts';

type Snapshot = SnapshotFrom<typeof imageMachine>;

const done = (id: string, output: unknown = { at: 0 }) => ({ type: `xstate.done.actor.${id}`, output });
const failed = (id: string, code: string) => ({
  type: `xstate.error.actor.${id}`,
  error: { code, message: `It is ${code}`, retryable: true },
});

const after = (from: Snapshot, ...events: readonly object[]): Snapshot =>
  events.reduce<Snapshot>((at, event) => transition(imageMachine, at, event as never)[0], from);

const [begun] = initialTransition(imageMachine, {
  id: 'i1',
  tenant: 'p1',
  hostId: 'h1',
  reference: 'troupe-commit/p1/web:1',
  name: 'web:1',
  origin: { kind: 'commit', commitId: 'k1', containerId: 'c1', generation: 1 },
  storedId: 's1',
  deadlines: { makeMs: 60_000, removeMs: 30_000 },
});
const settling = after(
  begun,
  done('commitContainer', { imageId: 'sha256:1' }),
  failed('storeImage', 'CLOUD_BUSY'),
);
const looking = after(settling, done('settling.backoff'));

t.test('it is looked at until Glance has noticed', async (t) => {
  t.same(settling.value, { storing: { settling: 'pausing' } });
  t.same(looking.value, { storing: { settling: 'looking' } });
  const still = after(looking, done('lookAtStored', { isSaving: true }));
  t.same(still.value, { storing: { settling: 'pausing' } });
  t.same(after(looking, failed('lookAtStored', 'CLOUD_UNAVAILABLE')).value, {
    storing: { settling: 'pausing' },
  });
  const noticed = after(still, done('settling.backoff'), done('lookAtStored', { isSaving: false }));
  t.same(noticed.value, { storing: 'attempting' });
});

t.test('what Glance was cut off with itself is given up, and says so', async (t) => {
  const given = after(looking, done('settling.deadline'));
  t.same(given.value, { discarding: 'attempting' });
  const { value, context } = after(given, done('discardImage', null));
  t.equal(value, 'failed');
  t.match(context.failure, {
    code: 'CLOUD_CONFLICT',
    message: /cut off while it took image s1.*commit it anew/,
  });
});
