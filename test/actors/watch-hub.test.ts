/** The hub's promises (W1 to W3), over a store that a test trims, holds and lets fail. */
import fc from 'fast-check';
import t from 'tap';
import type { WatchChange, WatchSnapshotItem, WatchFilter } from '../../src/model/watch.ts';
import type { StreamEntry, StreamPage } from '../../src/actors/stores/store.ts';
import { createWatchHub } from '../../src/actors/watch-hub.ts';
import { TroupeError } from '../../src/errors/errors.ts';
import { containerAddress, hostAddress, shardOf, type Address, type Shard } from '../../src/model/address.ts';
import type { StreamRecord } from '../../src/model/journal.ts';

interface Stage {
  readonly hub: ReturnType<typeof createWatchHub>;
  readonly streams: Map<Shard, StreamEntry[]>;
  reads: number;
  /** Awaited by every read of the store. */
  gate: () => Promise<void>;
  /** A turn of `address`, durable and told. */
  commit(address: Address): StreamRecord;
  /** The same process over the same store, started again. */
  restarted(): Stage;
}

function stageOver(streams: Map<Shard, StreamEntry[]>, world = 'world-one'): Stage {
  let at = 0;
  const revisions = new Map<string, number>();
  const stage: Stage = {
    streams,
    reads: 0,
    gate: () => Promise.resolve(),
    hub: createWatchHub(
      {
        async stream(shard, after, limit): Promise<StreamPage> {
          stage.reads += 1;
          await stage.gate();
          const entries = streams.get(shard) ?? [];
          const oldest = entries[0]?.position ?? 0;
          const newest = entries.at(-1)?.position ?? 0;
          if (after > newest || (oldest > after + 1 && after < newest)) return { kind: 'expired', oldest };
          return {
            kind: 'page',
            entries: entries.filter(({ position }) => position > after).slice(0, limit),
          };
        },
      },
      () => [],
      () => world,
    ),
    commit(address) {
      const shard = shardOf(address);
      const entries = streams.get(shard) ?? [];
      streams.set(shard, entries);
      const revision = (revisions.get(address) ?? 0) + 1;
      revisions.set(address, revision);
      at += 1;
      const record: StreamRecord = {
        address, revision, at, event: 'it.happened', from: [], to: [], status: '', taskState: null, reason: null, ended: false, requestId: null,
      }; // prettier-ignore
      const position = (entries.at(-1)?.position ?? 0) + 1;
      entries.push({ position, record });
      stage.hub.publish(record, position);
      return record;
    },
    restarted() {
      const next = stageOver(streams, world);
      next.hub.restore(
        new Map([...streams].map(([shard, entries]) => [shard, entries.at(-1)?.position ?? 0])),
      );
      return next;
    },
  };
  return stage;
}

interface Reader {
  readonly told: (WatchChange | 'snapshot')[];
  readonly changes: readonly WatchChange[];
  /** As a client keeps them: the snapshot's, and the last of each shard's. */
  readonly positions: readonly string[];
  close(): void;
}

async function read(
  { hub }: Stage,
  filter: Partial<WatchFilter>,
  from: readonly string[] = [],
  drained: () => Promise<boolean> = () => Promise.resolve(true),
  takes: (change: WatchChange) => boolean = () => true,
): Promise<Reader> {
  const told: Reader['told'] = [];
  const positions = new Map<string, string>(from.map((position, at) => [`given ${at}`, position]));
  const { close } = await hub.subscribe({ tenant: null, kinds: null, id: null, ...filter }, from, {
    snapshot(_: readonly WatchSnapshotItem[], position) {
      told.push('snapshot');
      positions.clear();
      positions.set('snapshot', position);
      return true;
    },
    change(change) {
      if (!takes(change)) return false;
      told.push(change);
      positions.set(shardOf(change.address as Address), change.position);
      return true;
    },
    drained,
  });
  return {
    told,
    get changes() {
      return told.filter((each): each is WatchChange => each !== 'snapshot');
    },
    get positions() {
      return [...positions.values()];
    },
    close,
  };
}

const web = containerAddress('p1', 'web');
const db = containerAddress('p2', 'db');
const host = hostAddress('h1');
const seen = (changes: readonly WatchChange[]): string[] =>
  changes.map(({ address, revision }) => `${address}@${revision}`);
const many = (stage: Stage, address: Address, count: number): void => {
  for (let made = 0; made < count; made += 1) stage.commit(address);
};

t.test('a resume gets what was missed, from memory while memory has it, else from the store', async (t) => {
  for (const missed of [0, 1, 999, 2_500]) {
    const stage = stageOver(new Map());
    const reader = await read(stage, { tenant: 'p1' });
    many(stage, web, 5);
    reader.close();
    many(stage, web, missed);
    const reads = stage.reads;
    const resumed = await read(stage, { tenant: 'p1' }, reader.positions);
    t.equal(resumed.told.length, missed, `${missed} missed`);
    t.same(
      seen(resumed.changes),
      Array.from({ length: missed }, (_, at) => `${web}@${at + 6}`),
    );
    t.equal(
      stage.reads > reads,
      missed > 2_000,
      `${missed}: the store ${missed > 2_000 ? 'is' : 'is not'} read`,
    );
    stage.commit(web);
    t.equal(resumed.told.length, missed + 1, 'and goes on');
  }
});

t.test('a resume after a restart reads the store', async (t) => {
  const stage = stageOver(new Map());
  const reader = await read(stage, { tenant: 'p1' });
  many(stage, web, 3);
  reader.close();
  many(stage, web, 700);
  const next = stage.restarted();
  const resumed = await read(next, { tenant: 'p1' }, reader.positions);
  t.equal(resumed.changes.length, 700);
  t.equal(resumed.told.includes('snapshot'), false);
});

t.test('what is no longer all there is a new snapshot, said so', async (t) => {
  const stage = stageOver(new Map());
  const reader = await read(stage, { tenant: 'p1' });
  many(stage, web, 3);
  reader.close();
  many(stage, web, 2_500);
  stage.streams.set('t:p1', stage.streams.get('t:p1')!.slice(100));
  const trimmed = await read(stage, { tenant: 'p1' }, reader.positions);
  t.same(trimmed.told, ['snapshot'], 'trimmed');
  stage.commit(web);
  t.equal(trimmed.changes.length, 1, 'and goes on from there');

  const other = stageOver(new Map(), 'world-two');
  many(other, web, 3_000);
  t.same((await read(other, { tenant: 'p1' }, reader.positions)).told, ['snapshot'], 'of another world');

  const fresh = stageOver(new Map());
  fresh.commit(web);
  t.same((await read(fresh, { tenant: 'p1' }, reader.positions)).told, ['snapshot'], 'ahead of the stream');
});

t.test('a store that lost its tail uses positions twice, and nobody takes one for the other', async (t) => {
  const stage = stageOver(new Map());
  many(stage, web, 5);
  const away = await read(stage, { tenant: 'p1' });
  many(stage, web, 5);
  away.close();
  const watching = await read(stage, { tenant: 'p1' });
  stage.streams.get('t:p1')!.splice(6);
  many(stage, web, 10);
  t.same(
    watching.told.slice(0, 1).concat(watching.told.slice(1, 2)),
    ['snapshot', 'snapshot'],
    'who watches is told anew',
  );
  t.equal(watching.changes.length, 9);
  const back = await read(stage, { tenant: 'p1' }, away.positions);
  t.same(back.told, ['snapshot'], 'and who was away at a position that is another record’s now');
});

t.test('who watches all resumes with one position of each tenant', async (t) => {
  const stage = stageOver(new Map());
  many(stage, web, 2);
  const reader = await read(stage, {});
  for (const address of [web, db, host, db]) stage.commit(address);
  reader.close();
  const late = containerAddress('p3', 'late');
  for (const address of [late, web, db, host]) stage.commit(address);
  const next = stage.restarted();
  const resumed = await read(next, {}, reader.positions);
  t.same(seen(resumed.changes).sort(), [`${late}@1`, `${web}@4`, `${db}@3`, `${host}@2`].sort());
  t.equal(resumed.told.includes('snapshot'), false);
  const [first] = reader.changes;
  t.same((await read(next, {}, [first!.position])).told, ['snapshot'], 'with less it is told anew');
  t.ok(first!.position.length <= 123, 'a change’s position fits a close frame');
  const wide = stageOver(new Map());
  const watching = await read(wide, {});
  for (let tenant = 0; tenant < 500; tenant += 1) wide.commit(containerAddress(`p${tenant}`, 'c'));
  t.ok(
    watching.changes.every(({ position }) => position.length <= 123),
    'however many tenants there are',
  );
});

t.test('what is no position is refused, and leaves nothing behind', async (t) => {
  const stage = stageOver(new Map());
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  for (const text of ['x', '', '{}', encode(7), encode(null), encode({ w: 'world-on' }), encode({ w: 'world-on', p: { 't:p1': 5 } }),
    encode({ w: 'world-on', p: { 't:p1': [-1, 1] } }), encode({ w: 'world-on', p: { 't:p1': [1.5, null] } }), encode({ w: 1, p: {} })]) {
    await t.rejects(read(stage, { tenant: 'p1' }, [text]), { code: 'INVALID_PARAMETER', message: /is not a position of this stream/ }, text);
  } // prettier-ignore
  t.equal(stage.hub.watchers, 0);
});

t.test('a store that fails while a reader catches up leaves no subscription behind', async (t) => {
  const stage = stageOver(new Map());
  const reader = await read(stage, { tenant: 'p1' });
  many(stage, web, 2);
  reader.close();
  const next = stage.restarted();
  next.gate = () => Promise.reject(new TroupeError('STORE_UNAVAILABLE', 'It is away'));
  await t.rejects(read(next, { tenant: 'p1' }, reader.positions), { code: 'STORE_UNAVAILABLE' });
  t.equal(next.hub.watchers, 0);
});

t.test(
  'a reader that catches up is waited for, page by page, and misses nothing of what goes on',
  async (t) => {
    const stage = stageOver(new Map());
    const reader = await read(stage, { tenant: 'p1' });
    many(stage, web, 1);
    reader.close();
    many(stage, web, 3_000);
    const next = stage.restarted();
    const takes: (() => void)[] = [];
    let most = 0;
    let waiting = 0;
    const resuming = read(
      next,
      { tenant: 'p1' },
      reader.positions,
      () => new Promise((resolve) => takes.push(() => ((waiting = 0), resolve(true)))),
      () => ((most = Math.max(most, (waiting += 1))), true),
    );
    let done = false;
    void resuming.then(() => (done = true));
    let since = 0;
    for (; !done; since += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      next.commit(web);
      takes.shift()?.();
    }
    const { changes } = await resuming;
    t.ok(since > 3, `${since} commits meanwhile`);
    t.equal(changes.length, 3_000 + since);
    t.same(
      changes.slice(3_000).map(({ revision }) => revision),
      Array.from({ length: since }, (_, at) => at + 1),
      'in order, none twice',
    );
    t.ok(most <= 1_000, `${most} at once`);
  },
);

t.test('a reader that goes while it is waited for is forgotten', async (t) => {
  const stage = stageOver(new Map());
  const reader = await read(stage, { tenant: 'p1' });
  many(stage, web, 1);
  reader.close();
  many(stage, web, 3_000);
  const gone = await read(stage, { tenant: 'p1' }, reader.positions, () => Promise.resolve(false));
  t.ok(gone.changes.length < 3_000);
  t.equal(stage.hub.watchers, 0);
  const dropped = await read(
    stage,
    { tenant: 'p1' },
    reader.positions,
    undefined,
    ({ revision }) => revision < 5,
  );
  t.equal(dropped.changes.length, 3);
  t.equal(stage.hub.watchers, 0);
  stage.commit(web);
  t.equal(dropped.changes.length, 3);
});

t.test('a slow one among many costs the others nothing', async (t) => {
  const stage = stageOver(new Map());
  const slow = await read(stage, { tenant: 'p1' }, [], undefined, ({ revision }) => revision < 3);
  const quick = await read(stage, { tenant: 'p1' });
  many(stage, web, 5);
  t.equal(slow.changes.length, 2);
  t.equal(quick.changes.length, 5);
  t.equal(stage.hub.watchers, 1);
  const [first] = quick.changes;
  t.equal(first, slow.changes[0], 'one change is one object, for all');
});

t.test('memory holds so much of all streams, and no more', async (t) => {
  const stage = stageOver(new Map());
  const reader = await read(stage, { tenant: 'p0' });
  stage.commit(containerAddress('p0', 'c'));
  reader.close();
  stage.commit(containerAddress('p0', 'c'));
  for (let tenant = 1; tenant <= 110; tenant += 1) many(stage, containerAddress(`p${tenant}`, 'c'), 1_000);
  const reads = stage.reads;
  t.equal((await read(stage, { tenant: 'p0' }, reader.positions)).changes.length, 1);
  t.ok(stage.reads > reads, 'the stream that was silent longest is read from the store');
  t.equal(
    (await read(stage, { tenant: 'p110' }, reader.positions)).told[0],
    'snapshot',
    'a position of another tenant is none',
  );
});

/** Random lives of projects and watchers: each watcher is told exactly its own, in order, whenever it was away. */
t.test('nobody is ever told of another project, and nobody misses anything of its own', async (t) => {
  const tenants = ['p1', 'p2', 'p', 'p11'];
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('commit' as const), tenant: fc.constantFrom(...tenants, null), actor: fc.nat(2) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('leave' as const), who: fc.nat(9) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('return' as const), who: fc.nat(9) }) },
    { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
  ); // prettier-ignore
  const watcher = fc.record({
    tenant: fc.constantFrom(...tenants, null),
    kinds: fc.constantFrom(
      null,
      ['container' as const],
      ['host' as const],
      ['tenant' as const, 'container' as const],
    ),
    id: fc.constantFrom(null, null, 'c0', 'c1', 'p1'),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(watcher, { minLength: 1, maxLength: 6 }),
      fc.array(step, { maxLength: 60 }),
      async (filters, steps) => {
        let stage = stageOver(new Map());
        const all: StreamRecord[] = [];
        const watchers = await Promise.all(
          filters.map(async (filter) => ({
            filter,
            reader: await read(stage, filter),
            here: true,
            got: [] as WatchChange[],
          })),
        );
        const leave = (each: (typeof watchers)[number]): void => {
          if (!each.here) return;
          each.reader.close();
          each.got.push(...each.reader.changes);
          each.here = false;
        };
        const comeBack = async (each: (typeof watchers)[number]): Promise<void> => {
          if (each.here) return;
          each.reader = await read(stage, each.filter, each.reader.positions);
          if (each.reader.told.includes('snapshot'))
            throw new Error('It was all there, and a snapshot was told');
          each.here = true;
        };
        for (const each of steps) {
          if (each.do === 'commit') {
            all.push(
              stage.commit(
                each.tenant === null
                  ? hostAddress(`c${each.actor}`)
                  : containerAddress(each.tenant, `c${each.actor}`),
              ),
            );
          } else if (each.do === 'restart') {
            watchers.forEach(leave);
            stage = stage.restarted();
          } else {
            const one = watchers[each.who % watchers.length]!;
            if (each.do === 'leave') leave(one);
            else await comeBack(one);
          }
        }
        for (const each of watchers) {
          await comeBack(each);
          leave(each);
          const mine = all.filter(({ address }) => {
            const [kind, tenant, id] = address.startsWith('host/')
              ? ['host', null, address.slice(5)]
              : address.split('/');
            return (
              (each.filter.tenant === null || each.filter.tenant === tenant) &&
              (each.filter.kinds === null || (each.filter.kinds as readonly unknown[]).includes(kind)) &&
              (each.filter.id === null || each.filter.id === id)
            );
          });
          // Shards have an order of their own each, and none among them.
          for (const shard of new Set(all.map(({ address }) => shardOf(address as Address)))) {
            const of = (records: readonly { readonly address: string; readonly at: number }[]): number[] =>
              records.filter(({ address }) => shardOf(address as Address) === shard).map(({ at }) => at);
            if (of(each.got).join() !== of(mine).join())
              throw new Error(
                `${JSON.stringify(each.filter)} was told ${of(each.got).join()} of ${shard}, not ${of(mine).join()}`,
              );
          }
          if (each.got.length !== mine.length) throw new Error('It was told of others');
        }
        if (stage.hub.watchers !== 0) throw new Error('Somebody was not forgotten');
      },
    ),
    { numRuns: 300, seed: Number(process.env['FC_SEED'] ?? 1) },
  );
  t.pass('300 lives');
});
