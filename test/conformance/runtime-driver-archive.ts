/** Files of a container as tar streams. */
import { PassThrough, Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { extract, pack } from 'tar-stream';
import type { Test } from 'tap';
import { creation, type DriverUnderTest, onStage, started } from './runtime-driver-stage.ts';

const directory = 2 ** 31;

export async function runtimeDriverArchive(t: Test, under: DriverUnderTest): Promise<void> {
  await t.test('what is put in can be got out, whether it runs or not', async (t) => {
    const stage = onStage(under);
    const { driver, spec, id, operation, signal } = stage;
    await driver.createContainer(operation(), creation(spec()), signal);
    await driver.archive.put(operation(), '/tmp', tarOf({ 'a/one': 'first', 'a/two': 'second' }), signal);
    await driver.startContainer(operation(), { run: 1, limits: null }, signal);
    await driver.archive.put(operation(), '/tmp', tarOf({ 'a/two': 'third' }), signal);
    const { stat, tar } = await driver.archive.get(id, '/tmp/a', signal);
    t.match(stat, { name: 'a', linkTarget: '' });
    t.ok(stat.mode >= directory);
    t.equal(stat.mode % 512, 0o755);
    t.match(stat.modifiedAt, /^\d{4}-\d\d-\d\dT/);
    t.same(await filesOf(tar), { 'a/one': 'first', 'a/two': 'third' });
    const one = await driver.archive.get(id, '/tmp/a/one', signal);
    t.match(one.stat, { name: 'one', sizeBytes: 5 });
    t.same(await filesOf(one.tar), { one: 'first' });
    const link = await driver.archive.get(id, '/usr/bin', signal);
    t.match(link.stat, { name: 'bin', linkTarget: /bin$/ });
    link.tar.destroy();
  });

  await t.test('paths that are not there, or no folders', async (t) => {
    const stage = onStage(under);
    const { driver, id, operation, signal } = stage;
    const put = (path: string) => driver.archive.put(operation(), path, tarOf({ a: 'b' }), signal);
    await t.rejects(driver.archive.get(id, '/tmp', signal), { code: 'CONTAINER_GONE' });
    await t.rejects(put('/tmp'), { code: 'CONTAINER_GONE' });
    await started(stage);
    await t.rejects(driver.archive.get(id, '/no/such', signal), {
      code: 'INVALID_SPEC',
      message: /"\/no\/such" is not in the container/,
    });
    await t.rejects(put('/no/such'), { code: 'INVALID_SPEC', message: /is not in the container/ });
    await t.rejects(put('/etc/passwd'), { code: 'INVALID_SPEC', message: /is not a folder/ });
    for (const path of ['', '/a\0b']) {
      await t.rejects(driver.archive.get(id, path, signal), { code: 'INVALID_SPEC' });
      await t.rejects(put(path), { code: 'INVALID_SPEC' });
    }
    await t.rejects(driver.archive.get(id, '/no', signal), { code: 'INVALID_SPEC' }, 'nothing was made');
    await t.rejects(
      driver.archive.put(operation(2), '/tmp', tarOf({ a: 'b' }), signal),
      { code: 'CONTAINER_GONE' },
      'another generation',
    );
  });

  await t.test('what is no tar, or breaks off', async (t) => {
    const stage = onStage(under);
    const { driver, operation, signal } = stage;
    await started(stage);
    const put = (tar: Readable) => driver.archive.put(operation(), '/tmp', tar, signal);
    await t.rejects(put(Readable.from([Buffer.alloc(2_000, 65)])), {
      code: 'INVALID_SPEC',
      message: /not a tar/,
    });
    const whole = await buffer(tarOf({ big: 'x'.repeat(100_000) }));
    for (const how of ['error', 'silence']) {
      const broken = new PassThrough();
      broken.write(whole.subarray(0, 50_000));
      const refused = t.rejects(put(broken), { code: 'INVALID_SPEC', message: /broke off/ }, how);
      setTimeout(() => broken.destroy(how === 'error' ? new Error('gone') : undefined), 100);
      await refused;
    }
    await put(tarOf({ fine: 'yes' }));
  });

  await t.test('a slow reader holds the engine back and gets every byte', async (t) => {
    const stage = onStage(under);
    const { driver, id, operation, signal } = stage;
    await started(stage);
    const size = 20_000_000;
    await driver.archive.put(operation(), '/tmp', tarOf({ big: Buffer.alloc(size, 1) }), signal);
    const { tar } = await driver.archive.get(id, '/tmp/big', signal);
    await new Promise((resolve) => setTimeout(resolve, 300));
    t.ok(tar.readableLength < 1024 * 1024, `${tar.readableLength} bytes wait in memory`);
    t.equal((await filesOf(tar))['big']?.length, size);
  });
}

function tarOf(files: Readonly<Record<string, string | Buffer>>): Readable {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) tar.entry({ name }, content);
  tar.finalize();
  return Readable.from(tar);
}

async function filesOf(tar: Readable): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  const entries = extract();
  tar.pipe(entries);
  for await (const entry of entries) {
    const content = await text(Readable.from(entry));
    if (entry.header.type === 'file') files[entry.header.name] = content;
  }
  return files;
}
