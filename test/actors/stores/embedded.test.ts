import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';
import t from 'tap';
import { createEmbeddedStore } from '../../../src/actors/stores/embedded.ts';
import { defaultRetention } from '../../../src/actors/stores/store.ts';
import { containerAddress } from '../../../src/model/address.ts';
import { one, storeContract, turn } from '../../conformance/store.ts';
import { makeZombie } from '../../support/zombie.ts';
import { createTestEnvironment } from '../../support/test-environment.ts';

const owner = { hostname: 'test', pid: process.pid, startedAt: 0 };
const environment = createTestEnvironment();
const at = (directory: string) =>
  createEmbeddedStore({ directory, environment, retention: defaultRetention, mapSize: 64 * 1024 * 1024 });

storeContract(t, 'embedded', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'troupe-store-'));
  const store = at(directory);
  return {
    store,
    // The same process may not hold it twice, so the claim is given up as a dead process would.
    reopen: async () => {
      rmSync(join(directory, 'owner'), { force: true });
      return at(directory);
    },
    async corrupt(address) {
      const db = open<string, string>({ path: join(directory, 'world'), encoding: 'string', maxDbs: 16 });
      await db.openDB<string, string>({ name: 'actors', encoding: 'string' }).put(address, '{"half a reco');
      await db.flushed;
    },
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

t.test('the owner file of a process that is gone stops nobody', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'troupe-store-'));
  const first = at(directory);
  await first.open({ ...owner, pid: 2 ** 22 - 1 }, 0);
  const second = at(directory);
  t.ok((await second.open(owner, 0)).epoch > 1);
  t.teardown(async () => {
    await second.close();
    await first.close();
    rmSync(directory, { recursive: true, force: true });
  });
});

t.test('one that has ended and was not waited for stops nobody either', async (t) => {
  const directory = t.testdir();
  const { pid, born } = await makeZombie(t);
  const holder = { ...owner, pid, processStart: born };
  writeFileSync(join(directory, 'owner'), JSON.stringify(holder));
  const store = at(directory);
  t.teardown(() => store.close());
  t.ok((await store.open(owner, 0)).epoch > 0);
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
  rmSync(join(directory, 'disk', 'filler'));
  t.match((await store.commit([large], []))[0], { kind: 'committed' });
});
