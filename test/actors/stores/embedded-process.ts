/**
 * An embedded store in a process of its own. `hold`: opens it and stays;
 * `write`: commits as fast as it can, and tells each answer. Directory: last argument.
 */
import { createEmbeddedStore } from '../../../src/actors/stores/embedded.ts';
import { defaultRetention } from '../../../src/actors/stores/store.ts';
import { containerAddress } from '../../../src/model/address.ts';
import { turn } from '../../conformance/store.ts';
import { createTestEnvironment } from '../../support/test-environment.ts';

const [what, directory] = process.argv.slice(2) as ['hold' | 'write', string];
const store = createEmbeddedStore({
  directory,
  environment: createTestEnvironment(),
  retention: defaultRetention,
  mapSize: 64 * 1024 * 1024,
});
const say = (message: object): Promise<void> =>
  new Promise((resolve) => process.send!(message, () => resolve()));

// With a listener it stays until it is killed.
process.on('message', () => {});

try {
  const { epoch } = await store.open({ hostname: 'test', pid: process.pid, startedAt: Date.now() }, 0);
  await say({ opened: epoch });
  const actors = Array.from({ length: 4 }, (_, index) => containerAddress('p1', `c${index}`));
  const revisions = new Map<string, number>();
  for await (const each of store.scan())
    if (!('error' in each)) revisions.set(each.record.address, each.record.revision);
  while (what === 'write') {
    const batch = actors.map((address) => {
      const revision = (revisions.get(address) ?? 0) + 1;
      revisions.set(address, revision);
      // Ids that no other process of the test has used.
      return turn(address, revision, epoch, { record: { turnId: `e${epoch}-r${revision}-${address}` } });
    });
    const outcomes = await store.commit(batch, []);
    if (outcomes.some(({ kind }) => kind !== 'committed')) await say({ failed: outcomes });
    await say({ answered: batch.map(({ record }) => record.turnId) });
  }
} catch (error) {
  await say({ refused: (error as Error).message });
}
