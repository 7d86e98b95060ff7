import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { open, type RootDatabase } from 'lmdb';
import t, { type Test } from 'tap';
import { createEmbeddedStore } from '../../../src/actors/stores/embedded.ts';
import { defaultRetention } from '../../../src/actors/stores/store.ts';
import { containerAddress } from '../../../src/model/address.ts';
import { one, storeContract, turn } from '../../conformance/store.ts';
import { createTestEnvironment } from '../../support/test-environment.ts';

const owner = { hostname: 'test', pid: process.pid, startedAt: 0 };
const environment = createTestEnvironment();
const at = (directory: string) =>
  createEmbeddedStore({ directory, environment, retention: defaultRetention, mapSize: 64 * 1024 * 1024 });

/** The same files, behind the store's back. */
async function behind<T>(directory: string, work: (root: RootDatabase) => Promise<T>): Promise<T> {
  const root = open({ path: join(directory, 'world'), maxDbs: 16 });
  try {
    return await work(root);
  } finally {
    await root.flushed;
    await root.close();
    // A store reads what it saw until its read transaction is renewed, by a timer of lmdb's.
    await setTimeout(2);
  }
}

const tableOf = { record: 'actors', outbox: 'outbox', document: 'documents' } as const;

interface ProcessAnswer {
  readonly opened?: number;
  readonly answered?: readonly string[];
  readonly failed?: unknown;
  readonly refused?: string;
}

function storeProcess(t: Test, what: 'hold' | 'write', directory: string) {
  const child = fork(join(import.meta.dirname, 'embedded-process.js'), [what, directory], { execArgv: [] });
  const answers: ProcessAnswer[] = [];
  let told: () => void = () => {};
  child.on('message', (answer) => {
    answers.push(answer as ProcessAnswer);
    told();
  });
  const gone = once(child, 'exit');
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await gone;
  };
  t.teardown(kill);
  return {
    child,
    kill,
    /** Told before it died and not taken yet. */
    rest: () => answers.splice(0),
    async next(): Promise<ProcessAnswer> {
      while (answers.length === 0) await new Promise<void>((resolve) => (told = resolve));
      return answers.shift()!;
    },
  };
}

storeContract(t, 'embedded', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'troupe-store-'));
  const store = at(directory);
  return {
    store,
    // The same process may not hold it twice, so the claim is given up as a dead process would.
    reopen: async () => {
      await behind(directory, (root) => root.openDB({ name: 'meta', encoding: 'string' }).remove('owner'));
      return at(directory);
    },
    tamper: (address, part, change) =>
      behind(directory, async (root) => {
        const table = root.openDB<Buffer, string | string[]>({ name: tableOf[part], encoding: 'binary' });
        const [key] = part === 'record' ? [address] : table.getKeys({ start: [address] });
        await table.put(key!, change(table.get(key!)!));
      }),
    async stop() {
      await store.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
});

t.test('a second process on the same directory is refused, and the first is named', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'troupe-store-'));
  const first = at(directory);
  await first.open({ ...owner, hostname: 'first' }, 0);
  t.teardown(async () => {
    await first.close();
    rmSync(directory, { recursive: true, force: true });
  });
  await t.rejects(at(directory).open(owner, 0), {
    code: 'INVALID_CONFIG',
    message: new RegExp(`process ${process.pid} on "first"`),
  });
});

t.test(
  'of several processes that find a dead holder one takes its place, and the others name it',
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'troupe-store-'));
    t.teardown(() => rmSync(directory, { recursive: true, force: true }));
    let before = 0;
    for (let time = 0; time < 3; time += 1) {
      const processes = Array.from({ length: 4 }, () => storeProcess(t, 'hold', directory));
      const answers = await Promise.all(
        processes.map(async ({ child, next }) => ({ pid: child.pid, answer: await next() })),
      );
      const [holder, ...others] = answers.filter(({ answer }) => 'opened' in answer);
      t.same(others, [], 'one alone');
      t.ok(
        holder?.answer.opened && holder.answer.opened > before,
        'and its epoch is greater than any before',
      );
      before = holder?.answer.opened ?? 0;
      for (const { answer } of answers.filter(({ answer: { refused } }) => refused))
        t.match(answer.refused, new RegExp(`held by process ${holder?.pid} on "test"`));
      await Promise.all(processes.map(({ kill }) => kill()));
    }
  },
);

t.test('killed with -9 in the middle, three times: all that was answered is there', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'troupe-store-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const answered: string[] = [];
  for (let time = 0; time < 3; time += 1) {
    const { next, kill, rest } = storeProcess(t, 'write', directory);
    t.match(await next(), { opened: time + 1 });
    for (let batch = 0; batch < 50 + time * 17; batch += 1) {
      const answer = await next();
      t.notOk(answer.failed ?? answer.refused);
      answered.push(...(answer.answered ?? []));
    }
    await kill();
    answered.push(...rest().flatMap((answer) => answer.answered ?? []));
  }
  const store = createEmbeddedStore({
    directory,
    environment,
    retention: { ...defaultRetention, journalRecords: 100_000 },
    mapSize: 64 * 1024 * 1024,
  });
  t.teardown(() => store.close());
  await store.open(owner, 0);
  const kept = new Set<string>();
  let turns = 0;
  for (const index of [0, 1, 2, 3]) {
    const address = containerAddress('p1', `c${index}`);
    const journal = await store.journal(address, { after: 0, limit: 100_000 });
    for (const { turnId } of journal) kept.add(turnId);
    const last = journal.at(-1)!;
    t.match(await store.read(address), { record: { revision: last.revision, turnId: last.turnId } });
    turns += last.revision;
  }
  t.same(
    answered.slice(-100).filter((turnId) => !kept.has(turnId)),
    [],
    `of ${answered.length} answered turns none is missing`,
  );
  t.equal(turns % 4, 0, 'batches are whole');
  t.equal(await store.position('t:p1'), turns, 'and so is the stream');
});

t.test('a full disk is a refusal: nothing is written, and room makes it work again', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'troupe-full-'));
  mkdirSync(join(directory, 'disk'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', join(directory, 'disk')]);
  const store = at(join(directory, 'disk'));
  t.teardown(async () => {
    await store.close();
    execFileSync('umount', [join(directory, 'disk')]);
    rmSync(directory, { recursive: true, force: true });
  });
  const { epoch } = await store.open(owner, 0);
  t.match((await store.commit([turn(one, 1, epoch)], []))[0], { kind: 'committed' });
  execFileSync('sh', [
    '-c',
    `dd if=/dev/zero of=${join(directory, 'disk', 'filler')} bs=4k 2>/dev/null || true`,
  ]);
  const large = turn(containerAddress('p1', 'large'), 1, epoch, {
    document: { generation: 1, body: 'x'.repeat(512 * 1024) },
  });
  const [outcome] = await store.commit([large], []);
  t.match(outcome, { kind: 'refused', cause: 'full' });
  t.equal(await store.read(containerAddress('p1', 'large')), null);
  await t.rejects(store.putSetting('key', 'x'.repeat(512 * 1024)), {
    code: 'STORE_UNAVAILABLE',
    message: /is its disk full/,
  });
  rmSync(join(directory, 'disk', 'filler'));
  t.match((await store.commit([large], []))[0], { kind: 'committed' });
});
