/** What Redis has answered survives it: kill -9, a file that is cut off, a disk that is full. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createRedisStore } from '../../../src/actors/stores/redis.ts';
import {
  defaultRetention,
  type Outcome,
  type Store,
  type TurnWrite,
} from '../../../src/actors/stores/store.ts';
import { containerAddress, tenantAddress } from '../../../src/model/address.ts';
import { one, turn } from '../../conformance/store.ts';
import { startRedis, type RedisProcess } from '../../support/redis.ts';
import { createTestEnvironment } from '../../support/test-environment.ts';

const owner = { hostname: 'test', pid: process.pid, startedAt: 0 };
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function storeAt(t: Test, { url }: RedisProcess): Store {
  const store = createRedisStore({
    environment: createTestEnvironment(),
    retention: defaultRetention,
    url,
    nodes: [],
    username: null,
    password: null,
    ca: null,
    prefix: '',
  });
  t.teardown(() => store.close());
  return store;
}

/** Asks again until the outcome is known, as the committer does: a refusal says nothing about the time before. */
async function settle(store: Store, write: TurnWrite): Promise<Outcome> {
  for (let inDoubt = false; ;) {
    const [outcome] = await store.commit([write], []);
    if (outcome!.kind === 'committed') return outcome!;
    if (outcome!.kind === 'refused' && !(inDoubt && outcome!.cause === 'full')) return outcome!;
    inDoubt = true;
    await pause(20);
  }
}

t.test('killed with -9 in the middle, three times: all that was answered is there, and once', async (t) => {
  const redis = await startRedis();
  t.teardown(() => redis.stop());
  const store = storeAt(t, redis);
  const { epoch } = await store.open(owner, 0);
  const actors = Array.from({ length: 8 }, (_, index) => containerAddress('p1', `c${index}`));
  const written = new Map<string, string[]>();
  let stopping = false;
  let doubts = 0;
  const work = actors.map(async (address) => {
    const mine: string[] = [];
    written.set(address, mine);
    for (let revision = 1; !stopping; revision += 1) {
      const write = turn(address, revision, epoch);
      let [outcome] = await store.commit([write], []);
      if (outcome!.kind !== 'committed') {
        doubts += 1;
        outcome = await settle(store, write);
      }
      if (outcome!.kind !== 'committed') throw new Error(JSON.stringify(outcome));
      mine.push(write.record.turnId);
    }
  });
  for (let time = 0; time < 3; time += 1) {
    const before = [...written.values()].flat().length;
    while ([...written.values()].flat().length < before + 200) await pause(5);
    await redis.kill();
    await redis.start();
  }
  stopping = true;
  await Promise.all(work);
  t.ok(doubts > 0, `${doubts} turns were in doubt`);
  for (const address of actors) {
    const turns = written.get(address)!;
    const journal = await store.journal(address, { after: 0, limit: 10_000 });
    const kept = turns.slice(-journal.length);
    t.same(
      journal.map(({ turnId }) => turnId),
      kept,
    );
    t.match(await store.read(address), { record: { revision: turns.length, turnId: turns.at(-1) } });
  }
  t.equal(await store.position('t:p1'), [...written.values()].flat().length, 'no position was given twice');
});

t.test('its file cut off at any byte: each batch is there whole, or not at all', async (t) => {
  const redis = await startRedis();
  t.teardown(() => redis.stop());
  const store = storeAt(t, redis);
  const { epoch } = await store.open(owner, 0);
  const two = containerAddress('p1', 'two');
  const parts = {
    outbox: [{ to: tenantAddress('p1'), sequence: 1, event: { type: 'x' }, requestId: null }],
    inbox: [{ from: tenantAddress('p1'), sequence: 7, last: false }],
    document: { generation: 1, body: 'a spec' },
    index: { add: ['host:h1'], remove: [] },
  };
  await store.commit([turn(one, 1, epoch)], []);
  const file = appendOnlyFile(redis.directory);
  const before = statSync(file).size;
  await store.commit([turn(one, 2, epoch, parts), turn(two, 1, epoch, parts)], []);
  await redis.kill();
  const after = statSync(file).size;
  t.ok(after > before + 1_000);
  const cuts = [0, 1, 0.13, 0.3, 0.47, 0.64, 0.81, 0.999].map((share) =>
    Math.floor(before + share * (after - before)),
  );
  for (const cut of cuts) {
    const directory = mkdtempSync(join(tmpdir(), 'troupe-aof-'));
    cpSync(redis.directory, directory, { recursive: true });
    truncateSync(appendOnlyFile(directory), cut);
    const again = await startRedis([], { directory });
    t.teardown(async () => {
      await again.stop();
      rmSync(directory, { recursive: true, force: true });
    });
    const reader = storeAt(t, again);
    await reader.open(owner, 0);
    const whole = cut === after;
    t.match(
      await reader.read(one),
      { record: { revision: whole ? 2 : 1 }, outbox: { length: whole ? 1 : 0 } },
      `byte ${cut}`,
    );
    t.equal((await reader.read(two)) !== null, whole);
    t.equal(await reader.position('t:p1'), whole ? 3 : 1);
    t.equal((await reader.members('t:p1', 'host:h1')).length, whole ? 2 : 0);
    t.equal((await reader.journal(one, { after: 0, limit: 9 })).length, whole ? 2 : 1);
  }
});

t.test(
  'a full disk: with "always" Redis ends, with "everysec" it refuses; nothing answered is lost',
  async (t) => {
    for (const policy of ['always', 'everysec']) {
      const disk = smallDisk(t);
      const redis = await startRedis(['--appendfsync', policy], { directory: disk });
      t.teardown(() => redis.stop());
      const store = storeAt(t, redis);
      const { epoch } = await store.open(owner, 0);
      await store.commit([turn(one, 1, epoch)], []);
      execFileSync('sh', ['-c', `dd if=/dev/zero of=${join(disk, 'filler')} bs=4k 2>/dev/null || true`]);
      const large = (revision: number): TurnWrite =>
        turn(one, revision, epoch, { document: { generation: revision, body: 'x'.repeat(64 * 1024) } });
      let revision = 1;
      let outcome: Outcome;
      do {
        revision += 1;
        [outcome] = (await store.commit([large(revision)], [])) as [Outcome];
        // The file is written once a second only, behind the answer.
        if (outcome.kind === 'committed') await pause(100);
      } while (outcome.kind === 'committed');
      if (policy === 'always') {
        t.match(outcome, { kind: 'unknown' }, 'the connection was gone');
        await redis.ended();
      } else {
        t.match(outcome, { kind: 'refused', cause: 'full', reason: /MISCONF/ });
      }
      rmSync(join(disk, 'filler'));
      if (policy === 'always') await redis.start();
      const write = large(revision);
      while ((await settle(store, write)).kind !== 'committed') await pause(100);
      t.match(await store.read(one), { record: { revision } });
      t.same(
        (await store.journal(one, { after: 0, limit: 99 })).map((record) => record.revision),
        Array.from({ length: revision }, (_, index) => index + 1),
      );
    }
  },
);

/** Of Redis 7: the one file of increments. */
function appendOnlyFile(directory: string): string {
  const folder = join(directory, 'appendonlydir');
  return join(
    folder,
    readdirSync(folder).find((name) => name.endsWith('.incr.aof'))!,
  );
}

function smallDisk(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'troupe-full-'));
  const disk = join(directory, 'disk');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk]);
  t.teardown(() => {
    execFileSync('umount', ['-l', disk]);
    rmSync(directory, { recursive: true, force: true });
  });
  return disk;
}
