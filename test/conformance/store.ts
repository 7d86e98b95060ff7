/** The contract of `src/actors/stores/store.ts`, sentence by sentence, for any store. */
import type { Test } from 'tap';
import type { ActorRecord, Store, TurnWrite } from '../../src/actors/stores/store.ts';
import {
  containerAddress,
  hostAddress,
  shardOf,
  tenantAddress,
  type Address,
} from '../../src/model/address.ts';

export interface StoreUnderTest {
  readonly store: Store;
  /** The same data through another store object, as a new process would see it. */
  reopen(): Promise<Store>;
  /** Writes a record that can't be read. */
  corrupt(address: Address): Promise<void>;
  stop(): Promise<void>;
}

const owner = { hostname: 'test', pid: process.pid, startedAt: 0 };
export const one = containerAddress('p1', 'one');
const two = containerAddress('p1', 'two');
const elsewhere = containerAddress('p2', 'three');
const host = hostAddress('h1');

let turns = 0;

export function turn(
  address: Address,
  revision: number,
  epoch: number,
  changes: Omit<Partial<TurnWrite>, 'record'> & { record?: Partial<ActorRecord> } = {},
): TurnWrite {
  turns += 1;
  const turnId = changes.record?.turnId ?? `turn-${turns}`;
  const at = 1_000 + turns;
  const record: ActorRecord = {
    address, revision, turnId, epoch, chartVersion: 1, value: { running: 'up' }, context: { hostId: 'h1', n: revision },
    operations: {}, attempts: {}, sequence: 0, createdAt: 1, since: at, updatedAt: at, endedAt: null, generation: 0,
    ...changes.record,
  }; // prettier-ignore
  return {
    journal: {
      revision, turnId, at, event: { type: 'test.turned' }, cause: { kind: 'runtime', reason: 'test' },
      from: ['a'], to: ['b'], patch: { n: revision }, started: [], ended: [], refused: null, chartVersion: 1,
    }, // prettier-ignore
    stream: {
      address, revision, at, event: 'test.turned', from: ['a'], to: ['b'], status: 'Running', taskState: null, reason: null,
      ended: false, requestId: null,
    }, // prettier-ignore
    outbox: [],
    inbox: null,
    document: null,
    index: { add: [], remove: [] },
    ...changes,
    record,
  };
}

const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
};

export function storeContract(t: Test, name: string, make: () => Promise<StoreUnderTest>): void {
  const fresh = async (t: Test): Promise<StoreUnderTest & { epoch: number; worldId: string }> => {
    const under = await make();
    t.teardown(() => under.stop());
    const { epoch, worldId } = await under.store.open(owner, 0);
    return { ...under, epoch, worldId };
  };
  const commitOne = async (store: Store, write: TurnWrite) => (await store.commit([write], []))[0]!;

  t.test(`${name}: a turn is written once, however often it is committed (S1)`, async (t) => {
    const { store, epoch } = await fresh(t);
    const write = turn(one, 1, epoch);
    const first = await commitOne(store, write);
    t.match(first, { kind: 'committed', position: 1 });
    t.same(await commitOne(store, write), first, 'the same turn again is success, at the same position');
    t.equal((await store.journal(one, { after: 0, limit: 10 })).length, 1);
    t.equal(await store.position(shardOf(one)), 1);
  });

  t.test(`${name}: a whole batch is found written, its earlier turns too (S1)`, async (t) => {
    const { store, epoch } = await fresh(t);
    const batch = [turn(one, 1, epoch), turn(one, 2, epoch), turn(one, 3, epoch)];
    const first = await store.commit(batch, []);
    t.same(await store.commit(batch, []), first);
    t.equal((await store.journal(one, { after: 0, limit: 10 })).length, 3);
  });

  t.test(`${name}: another turn at the same revision is a conflict, one that skips is behind`, async (t) => {
    const { store, epoch } = await fresh(t);
    await commitOne(store, turn(one, 1, epoch));
    t.match(await commitOne(store, turn(one, 1, epoch)), {
      kind: 'refused',
      cause: 'conflict',
      storedRevision: 1,
    });
    t.match(await commitOne(store, turn(one, 5, epoch)), {
      kind: 'refused',
      cause: 'behind',
      storedRevision: 1,
    });
    const stored = await store.read(one);
    t.match(stored, { record: { revision: 1 } }, 'and nothing was written');
  });

  t.test(`${name}: each actor of a batch has its own outcome, in its own order (S2)`, async (t) => {
    const { store, epoch } = await fresh(t);
    const outcomes = await store.commit(
      [
        turn(one, 1, epoch),
        turn(two, 7, epoch),
        turn(one, 2, epoch),
        turn(elsewhere, 1, epoch),
        turn(host, 1, epoch),
      ],
      [],
    );
    t.same(
      outcomes.map(({ kind }) => kind),
      ['committed', 'refused', 'committed', 'committed', 'committed'],
    );
    t.match(await store.read(one), { record: { revision: 2 } });
    t.equal(await store.read(two), null);
    t.equal(await store.position(shardOf(elsewhere)), 1, 'each shard counts for itself');
  });

  t.test(`${name}: all parts of a turn are there, or none (S3)`, async (t) => {
    const { store, epoch } = await fresh(t);
    const tenant = tenantAddress('p1');
    const message = { to: tenant, sequence: 1, event: { type: 'tenant.confirm' }, requestId: 'req-1' };
    const parts = {
      outbox: [message],
      inbox: { from: host, sequence: 9, last: false },
      document: { generation: 1, body: 'sealed' },
      index: { add: ['host:h1'], remove: [] },
    };
    await commitOne(store, turn(one, 5, epoch, parts));
    t.equal(await store.read(one), null);
    t.equal(await store.document(one, 1), null);
    t.same(await store.members(shardOf(one), 'host:h1'), []);
    t.match(await store.stream(shardOf(one), 0, 10), { kind: 'page', entries: [] });
    await commitOne(store, turn(one, 1, epoch, parts));
    t.match(await store.read(one), { outbox: [message], inbox: [{ from: host, sequence: 9 }] });
    t.equal(await store.document(one, 1), 'sealed');
    t.same(await store.members(shardOf(one), 'host:h1'), [one]);
    await commitOne(store, turn(one, 2, epoch, { index: { add: ['host:h2'], remove: ['host:h1'] } }));
    t.same(await store.members(shardOf(one), 'host:h1'), []);
    t.equal(await store.document(one, 1), 'sealed', 'a document stays');
  });

  t.test(`${name}: an acknowledged message is forgotten, the others stay in order`, async (t) => {
    const { store, epoch } = await fresh(t);
    const tenant = tenantAddress('p1');
    const outbox = [1, 2, 12].map((sequence) => ({
      to: tenant,
      sequence,
      event: { type: 'x' },
      requestId: null,
    }));
    await commitOne(store, turn(one, 1, epoch, { outbox }));
    await store.commit([], [{ from: one, to: tenant, sequence: 2 }]);
    const stored = await store.read(one);
    t.same(stored && 'outbox' in stored && stored.outbox.map(({ sequence }) => sequence), [1, 12]);
  });

  t.test(`${name}: a newer owner shuts out the older (S4)`, async (t) => {
    const { store, reopen, epoch, worldId } = await fresh(t);
    await commitOne(store, turn(one, 1, epoch));
    const next = await reopen();
    const world = await next.open(owner, 0);
    t.equal(world.worldId, worldId, 'the world stays the same');
    t.ok(world.epoch > epoch);
    t.match(await commitOne(store, turn(one, 2, epoch)), { kind: 'refused', cause: 'stale' });
    t.match(await commitOne(next, turn(one, 2, world.epoch)), { kind: 'committed' });
    await next.close();
  });

  t.test(`${name}: an epoch can be raised above one that an agent has seen`, async (t) => {
    const { store, epoch } = await fresh(t);
    const raised = await store.raiseEpoch(epoch + 40);
    t.ok(raised.epoch > epoch + 40);
    t.match(await commitOne(store, turn(one, 1, raised.epoch)), { kind: 'committed' });
  });

  t.test(`${name}: a store that lost its tail is written forward`, async (t) => {
    const { store, epoch } = await fresh(t);
    await commitOne(store, turn(one, 1, epoch));
    t.match(await store.writeForward(turn(one, 6, epoch)), { kind: 'committed' });
    t.match(await store.read(one), { record: { revision: 6 } });
    t.match(await commitOne(store, turn(one, 7, epoch)), { kind: 'committed' });
  });

  t.test(`${name}: streams have no holes, and say when they no longer reach back`, async (t) => {
    const { store, epoch } = await fresh(t);
    for (let revision = 1; revision <= 5; revision += 1) await commitOne(store, turn(one, revision, epoch));
    const page = await store.stream(shardOf(one), 2, 2);
    t.match(page, { kind: 'page', entries: [{ position: 3, record: { revision: 3 } }, { position: 4 }] });
    t.match(
      await store.stream(shardOf(one), 99, 2),
      { kind: 'expired' },
      'a position from the future is no position',
    );
  });

  t.test(`${name}: everything is found again, and what can't be read is told`, async (t) => {
    const { store, corrupt, epoch } = await fresh(t);
    await store.commit([turn(one, 1, epoch), turn(two, 1, epoch), turn(host, 1, epoch)], []);
    await corrupt(two);
    const found = await collect(store.scan());
    t.same(
      found.map((each) => ('error' in each ? `unreadable ${each.address}` : each.record.address)).sort(),
      [one, host, `unreadable ${two}`].sort(),
    );
    t.same([...(await store.shards())].sort(), ['hosts', 't:p1']);
  });

  t.test(`${name}: what has ended goes after its time, what lives stays`, async (t) => {
    const { store, epoch } = await fresh(t);
    await commitOne(
      store,
      turn(one, 1, epoch, { record: { endedAt: 5_000 }, document: { generation: 1, body: 'x' } }),
    );
    await commitOne(store, turn(two, 1, epoch));
    t.match(await store.trim(6_000), { actors: 0 }, 'not before');
    t.match(await store.read(one), { record: { endedAt: 5_000 } });
    const month = 30 * 24 * 3600 * 1000;
    t.match(await store.trim(5_001 + month + 60_000), { actors: 1 });
    t.equal(await store.read(one), null);
    t.equal(await store.document(one, 1), null);
    t.match(await store.read(two), { record: { revision: 1 } });
  });

  t.test(`${name}: settings`, async (t) => {
    const { store } = await fresh(t);
    await store.putSetting('join/a', '1');
    await store.putSetting('credential/b', '2');
    t.same(await store.settings('join/'), { 'join/a': '1' });
    await store.putSetting('join/a', null);
    t.same(await store.settings('join/'), {});
  });

  t.test(`${name}: a commit of 500 turns is one batch`, async (t) => {
    const { store, epoch } = await fresh(t);
    const writes = Array.from({ length: 500 }, (_, index) =>
      turn(containerAddress('p1', `c${index}`), 1, epoch),
    );
    const outcomes = await store.commit(writes, []);
    t.ok(outcomes.every(({ kind }) => kind === 'committed'));
    t.equal(await store.position('t:p1'), 500);
  });

  t.test(`${name}: it says how durable it is`, async (t) => {
    const { store } = await fresh(t);
    t.match(await store.durability(), { durable: true, explanation: /./ });
  });
}
