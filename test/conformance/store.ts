/** The contract of `src/actors/stores/store.ts`, sentence by sentence, for any store. */
import type { Test } from 'tap';
import {
  defaultRetention,
  type ActorRecord,
  type Store,
  type TurnWrite,
} from '../../src/actors/stores/store.ts';
import {
  containerAddress,
  hostAddress,
  shardOf,
  tenantAddress,
  type Address,
} from '../../src/model/address.ts';

/** A text at rest: an actor's record, one of its messages, or its spec. */
export type StoredPart = 'record' | 'outbox' | 'document';

export interface StoreUnderTest {
  readonly store: Store;
  /** The same data through another store object, as a new process would see it. */
  reopen(): Promise<Store>;
  /** Changes the bytes of what is stored, behind the store's back. */
  tamper(address: Address, part: StoredPart, change: (bytes: Buffer) => Buffer): Promise<void>;
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
    inbox: [],
    document: null,
    index: { add: [], remove: [] },
    ...changes,
    record,
  };
}

/** When the environments of the tests say that it is. */
export const markedAt = Date.UTC(2026, 0, 1);

const flipped = (bytes: Buffer, bit: number): Buffer => {
  const copy = Buffer.from(bytes);
  copy[bit >> 3] = copy[bit >> 3]! ^ (1 << (bit & 7));
  return copy;
};

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
      inbox: [{ from: host, sequence: 9, last: false }],
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
    t.equal(await store.isOwner(), true);
    const next = await reopen();
    t.teardown(() => next.close());
    const world = await next.open(owner, 0);
    t.equal(world.worldId, worldId, 'the world stays the same');
    t.ok(world.epoch > epoch);
    t.equal(await store.isOwner(), false, 'the older can find out');
    const [stale, inNewShard] = await store.commit(
      [turn(one, 2, epoch), turn(elsewhere, 1, epoch)],
      [{ from: one, to: tenantAddress('p1'), sequence: 1 }],
    );
    t.match(stale, { kind: 'refused', cause: 'stale', storedEpoch: world.epoch });
    t.match(
      inNewShard,
      { kind: 'refused', cause: 'stale' },
      'nor can it begin a shard the newer does not know',
    );
    t.match(await store.writeForward(turn(one, 9, epoch)), { kind: 'refused', cause: 'stale' });
    await t.rejects(store.putSetting('join/a', '1'), { code: 'STALE_OWNER' });
    t.same(await next.settings(''), {}, 'settings are fenced too');
    t.match(await next.read(one), { record: { revision: 1 } });
    t.equal(await next.read(elsewhere), null);
    t.match(await commitOne(next, turn(one, 2, world.epoch)), { kind: 'committed' });
  });

  t.test(`${name}: what an older owner had written is told to it all the same (S1)`, async (t) => {
    const { store, reopen, epoch } = await fresh(t);
    const write = turn(one, 1, epoch);
    const first = await commitOne(store, write);
    const next = await reopen();
    t.teardown(() => next.close());
    await next.open(owner, 0);
    t.same(await commitOne(store, write), first, 'a caller that was not answered is told the truth');
  });

  t.test(
    `${name}: an epoch can be raised above one that an agent has seen, and shuts out nobody`,
    async (t) => {
      const { store, epoch } = await fresh(t);
      await commitOne(store, turn(two, 1, epoch));
      const raising = store.raiseEpoch(epoch + 40);
      const meanwhile = commitOne(store, turn(one, 1, epoch));
      const raised = await raising;
      t.ok(raised.epoch > epoch + 40);
      t.match(await meanwhile, { kind: 'committed' }, 'a turn on its way is of the same owner');
      t.match(await commitOne(store, turn(two, 2, epoch)), { kind: 'committed' }, 'and one decided before');
      t.match(await commitOne(store, turn(one, 2, raised.epoch)), { kind: 'committed' });
    },
  );

  t.test(`${name}: the epoch grows with each opening`, async (t) => {
    const under = await make();
    t.teardown(() => under.stop());
    t.equal(await under.store.isEmpty(), true);
    const epochs = [(await under.store.open(owner, 0)).epoch];
    for (let time = 0; time < 3; time += 1) {
      const next = await under.reopen();
      epochs.push((await next.open(owner, 0)).epoch);
      t.equal(await next.isEmpty(), false);
      await next.close();
    }
    t.same(
      epochs.map((epoch) => epoch - epochs[0]!),
      [0, 1, 2, 3],
    );
  });

  t.test(`${name}: a store that lost its tail is written forward`, async (t) => {
    const { store, epoch } = await fresh(t);
    await commitOne(store, turn(one, 1, epoch));
    const inbox = [one, two].map((from) => ({ from, sequence: 4, last: false }));
    const forward = turn(one, 6, epoch, { inbox });
    const written = await store.writeForward(forward);
    t.match(written, { kind: 'committed' });
    t.same(await store.writeForward(forward), written, 'once, however often');
    t.match(
      await store.writeForward(turn(one, 5, epoch)),
      { kind: 'refused', cause: 'conflict' },
      'never back',
    );
    t.match(await store.read(one), { record: { revision: 6 }, inbox: { length: 2 } });
    t.match(await commitOne(store, turn(one, 7, epoch)), { kind: 'committed' });
    t.same(
      (await store.journal(one, { after: 0, limit: 10 })).map(({ revision }) => revision),
      [1, 6, 7],
      'with all its history',
    );
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

  t.test(`${name}: everything is found again, in another process too`, async (t) => {
    const { store, reopen, epoch } = await fresh(t);
    const message = { to: host, sequence: 3, event: { type: 'host.claim' }, requestId: null };
    await store.commit(
      [
        turn(one, 1, epoch, { outbox: [message] }),
        turn(two, 1, epoch),
        turn(host, 1, epoch, { stream: null }),
      ],
      [],
    );
    const next = await reopen();
    t.teardown(() => next.close());
    await next.open(owner, 0);
    const found = await collect(next.scan());
    t.same(
      found.map((each) => ('error' in each ? each : each.record.address)).sort(),
      [one, two, host].sort(),
    );
    t.match(await next.read(one), { record: { revision: 1, epoch }, outbox: [message] });
    t.same([...(await next.shards())].sort(), ['hosts', 't:p1'], 'a shard without a stream is known too');
  });

  const halves: readonly [string, StoredPart, (bytes: Buffer) => Buffer][] = [
    ['cut off', 'record', (bytes) => bytes.subarray(0, bytes.length / 2)],
    ['emptied', 'record', () => Buffer.alloc(0)],
    ['overwritten', 'record', () => Buffer.from('{"half a reco')],
    ['of a sender with a message that is cut off', 'outbox', (bytes) => bytes.subarray(0, bytes.length / 2)],
    ['with one bit turned in a message', 'outbox', (bytes) => flipped(bytes, 8 * 100)],
  ];
  for (const [what, part, change] of halves) {
    t.test(`${name}: an actor that is ${what} is told by name, and its siblings are fine`, async (t) => {
      const { store, tamper, epoch } = await fresh(t);
      const outbox = [
        { to: host, sequence: 1, event: { type: 'x', text: 'y'.repeat(100) }, requestId: null },
      ];
      await store.commit([turn(one, 1, epoch), turn(two, 1, epoch, { outbox }), turn(host, 1, epoch)], []);
      await tamper(two, part, change);
      const found = await collect(store.scan());
      t.same(
        found.map((each) => ('error' in each ? `unreadable ${each.address}` : each.record.address)).sort(),
        [one, host, `unreadable ${two}`].sort(),
      );
      t.match(await store.read(two), { address: two, error: /./ });
      t.match(await commitOne(store, turn(one, 2, epoch)), { kind: 'committed' });
    });
  }

  t.test(`${name}: one bit turned anywhere in a record or spec is noticed`, async (t) => {
    const { store, tamper, epoch } = await fresh(t);
    await commitOne(store, turn(one, 1, epoch, { document: { generation: 1, body: '{"spec":"sealed"}' } }));
    const whole = await store.read(one);
    let bits = 0;
    await tamper(one, 'record', (bytes) => ((bits = bytes.length * 8), bytes));
    t.ok(bits > 1_000);
    const step = 37;
    for (let bit = bits % step; bit < bits; bit += step) {
      await tamper(one, 'record', (bytes) => flipped(bytes, bit));
      t.match(await store.read(one), { error: /./ }, `bit ${bit}`);
      await tamper(one, 'record', (bytes) => flipped(bytes, bit));
    }
    t.same(await store.read(one), whole);
    await tamper(one, 'document', (bytes) => flipped(bytes, 8 * 12 + 1));
    await t.rejects(store.document(one, 1), /altered/);
  });

  t.test(`${name}: a record of another actor, or with fields nobody knows, is none`, async (t) => {
    const { store, tamper, epoch } = await fresh(t);
    await store.commit([turn(one, 1, epoch), turn(two, 1, epoch)], []);
    let record: Buffer = Buffer.alloc(0);
    await tamper(one, 'record', (bytes) => (record = bytes));
    await tamper(two, 'record', () => record);
    t.match(await store.read(two), { error: /that of "container\/p1\/one"/ });
    const stranger = { ...turn(one, 2, epoch).record, colour: 'green' };
    t.match(await commitOne(store, { ...turn(one, 2, epoch), record: stranger }), { kind: 'committed' });
    t.match(await store.read(one), { error: /not what this release writes/ });
  });

  t.test(`${name}: what has ended goes after its time, what lives stays`, async (t) => {
    const { store, epoch } = await fresh(t);
    const month = 30 * 24 * 3600 * 1000;
    const end = 5_000;
    await commitOne(
      store,
      turn(one, 1, epoch, { record: { endedAt: end }, document: { generation: 1, body: 'x' } }),
    );
    await commitOne(store, turn(two, 1, epoch));
    t.match(await store.trim(end + month - 1, 'drop'), { actors: 0 }, 'not before');
    t.match(await store.read(one), { record: { endedAt: end } });
    t.match(
      await store.trim(end + month, 'keep'),
      { actors: 0 },
      'nor while a host that is away may have it',
    );
    t.match(await store.read(one), { record: { endedAt: end } });
    t.match(await store.trim(end + month, 'drop'), { actors: 1 });
    t.equal(await store.read(one), null);
    t.equal(await store.document(one, 1), null);
    t.same(await store.journal(one, { after: 0, limit: 10 }), []);
    t.match(await store.read(two), { record: { revision: 1 } });
    t.match(await store.trim(end + month, 'drop'), { actors: 0, records: 0 }, 'and once');
    t.same(
      (await collect(store.scan())).map((each) => ('error' in each ? each : each.record.address)),
      [two],
    );
  });

  t.test(`${name}: history and streams go by age, oldest first; marks of the living stay`, async (t) => {
    const { store, epoch } = await fresh(t);
    const at = (write: TurnWrite, when: number): TurnWrite => ({
      ...write,
      journal: { ...write.journal, at: when },
      stream: { ...write.stream!, at: when },
    });
    const marks = [host, tenantAddress('p1')].map((from, index) => ({
      from,
      sequence: index + 1,
      last: from === host,
    }));
    for (let revision = 1; revision <= 120; revision += 1) {
      const mark = marks[revision - 1];
      const inbox = mark ? [mark] : [];
      await commitOne(store, at(turn(one, revision, epoch, { inbox }), revision * 10));
    }
    const month = 30 * 24 * 3600 * 1000;
    t.match(await store.trim(1_005 + month, 'drop'), { actors: 0, records: 200 }, 'a hundred of each');
    const left = await store.journal(one, { after: 0, limit: 1_000 });
    t.same([left.length, left[0]?.revision], [20, 101]);
    t.match(await store.stream(shardOf(one), 99, 10), { kind: 'expired', oldest: 101 });
    t.match(await store.stream(shardOf(one), 100, 1), { kind: 'page', entries: [{ position: 101 }] });
    t.match(await store.read(one), { record: { revision: 120 }, inbox: { length: 2 } });
    // Marks are as old as the moment they were written, by our clock.
    await store.trim(markedAt + month, 'drop');
    t.match(await store.read(one), { inbox: [{ from: tenantAddress('p1') }], record: { revision: 120 } });
    t.match(
      await store.stream(shardOf(one), 119, 10),
      { kind: 'expired' },
      'an empty stream reaches nowhere back',
    );
    t.match(await store.stream(shardOf(one), 120, 10), { kind: 'page', entries: [] });
    t.match(await commitOne(store, turn(one, 121, epoch)), { kind: 'committed', position: 121 });
  });

  t.test(`${name}: of a living actor the last records are kept`, async (t) => {
    const { store, epoch } = await fresh(t);
    const batch = Array.from({ length: 1_000 }, (_, index) => turn(one, index + 1, epoch));
    await store.commit(batch, []);
    const kept = await store.journal(one, { after: 0, limit: 2_000 });
    t.equal(kept.at(-1)?.revision, 1_000);
    // Redis cuts its streams at whole nodes of a hundred.
    t.ok(
      kept.length >= defaultRetention.journalRecords && kept.length < defaultRetention.journalRecords + 100,
    );
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
