/** Making, measuring, listing. */
import { randomUUID } from 'node:crypto';
import { appendFile, chmod, mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import { program } from '../support/run-program.ts';
import { onVolumeStage, type VolumesUnderTest } from './volume-driver-stage.ts';

export async function volumeDriverLife(t: Test, under: VolumesUnderTest): Promise<void> {
  await t.test('a volume is an empty folder for everybody, and stays what it is', async (t) => {
    const { driver, again, signal, spec } = await onVolumeStage(t, under);
    const one = spec();
    const { path } = await driver.ensureVolume(one, signal);
    t.strictSame(await readdir(path), []);
    t.equal((await stat(path)).mode & 0o7777, 0o777);
    await writeFile(join(path, 'data'), 'precious');
    await chmod(path, 0o700);
    for (const other of [driver, again()]) {
      t.strictSame(await other.ensureVolume(one, signal), { path });
      t.equal(await readFile(join(path, 'data'), 'utf8'), 'precious');
      t.equal((await stat(path)).mode & 0o7777, 0o700, 'what its container decided');
    }
  });

  await t.test('no text of the user is in its path', async (t) => {
    const { driver, signal, spec, directory } = await onVolumeStage(t, under);
    const one = spec({ name: '../../etc/passwd\n', tenant: '../p1' });
    const { path } = await driver.ensureVolume(one, signal);
    t.equal(path, join(directory, one.worldId, one.volumeId, 'data'));
    t.match(await driver.listVolumes(signal), [{ name: '../../etc/passwd\n', tenant: '../p1' }]);
  });

  await t.test('a volume of a size holds that much and no more', async (t) => {
    const { driver, again, signal, spec, sized } = await onVolumeStage(t, under);
    t.match(await driver.probe(signal), { sizedBy: sized, problems: [] });
    const one = spec({ sizeGib: 1 });
    const { path } = await driver.ensureVolume(one, signal);
    t.strictSame(await readdir(path), [], 'empty, too');
    t.equal((await stat(path)).mode & 0o7777, 0o777);
    await program('fallocate', '--length', '800M', join(path, 'much'));
    const { usedBytes, limitBytes } = await driver.usage(one, signal);
    t.ok(usedBytes >= 800 * 2 ** 20 && usedBytes < 2 ** 30, `${usedBytes}`);
    t.ok(limitBytes !== null && limitBytes > 0.9 * 2 ** 30 && limitBytes <= 2 ** 30, `${limitBytes}`);
    await mkdir(join(path, 'deep'));
    await t.rejects(program('fallocate', '--length', '300M', join(path, 'deep', 'more')), {
      message: /No space left on device|Disk quota exceeded/,
    });
    t.strictSame(await again().ensureVolume(one, signal), { path });
    t.strictSame((await readdir(path)).toSorted(), ['deep', 'much']);
  });

  await t.test('the size of one is not taken from another', async (t) => {
    const { driver, signal, spec } = await onVolumeStage(t, under);
    const specs = Array.from({ length: 3 }, () => spec({ sizeGib: 1 }));
    const made = await Promise.all([...specs, ...specs].map((one) => driver.ensureVolume(one, signal)));
    t.equal(new Set(made.map(({ path }) => path)).size, 3);
    for (const { path } of made.slice(0, 2))
      await program('fallocate', '--length', '800M', join(path, 'much'));
    const used = await Promise.all(specs.map((one) => driver.usage(one, signal)));
    t.strictSame(
      used.map(({ usedBytes }) => usedBytes > 700 * 2 ** 20),
      [true, true, false],
    );
  });

  await t.test('what a volume without a size uses is counted', async (t) => {
    const { driver, signal, spec } = await onVolumeStage(t, under);
    const one = spec();
    const { path } = await driver.ensureVolume(one, signal);
    const before = await driver.usage(one, signal);
    await writeFile(join(path, 'data'), Buffer.alloc(300_000, 'x'));
    const after = await driver.usage(one, signal);
    t.equal(after.limitBytes, null);
    const grown = after.usedBytes - before.usedBytes;
    t.ok(grown >= 300_000 && grown < 400_000, `${grown}`);
    await t.rejects(driver.usage({ ...one, volumeId: randomUUID() }, signal), { code: 'VOLUME_NOT_FOUND' });
  });

  await t.test('more than the host has, and another size than it has, are refused', async (t) => {
    const { driver, signal, spec } = await onVolumeStage(t, under);
    await t.rejects(driver.ensureVolume(spec({ sizeGib: 16_000 }), signal), {
      code: 'DISK_FULL',
      message: /could not be made: it asks for 16000 GiB, and this host has \d+\.\d GiB left$/,
    });
    const one = spec({ sizeGib: 1 });
    await driver.ensureVolume(one, signal);
    await t.rejects(driver.ensureVolume({ ...one, sizeGib: 2 }, signal), {
      code: 'INVALID_SPEC',
      message: /it has 1 GiB on this host, which can't be changed$/,
    });
    await t.rejects(driver.ensureVolume({ ...one, sizeGib: null }, signal), { code: 'INVALID_SPEC' });
    for (const sizeGib of [0, -1, 1.5, 1e9, Number.NaN])
      await t.rejects(driver.ensureVolume(spec({ sizeGib }), signal), { code: 'INVALID_INPUT' });
  });

  await t.test('a file that was sent', async (t) => {
    const { driver, again, signal, fileSpec, spec } = await onVolumeStage(t, under);
    const one = fileSpec({ mode: 0o640 });
    const umask = process.umask(0o077);
    const { path } = await driver.ensureFile(one, signal);
    process.umask(umask);
    t.equal(await readFile(path, 'utf8'), 'a = 1\n');
    const { ino, mode } = await stat(path);
    t.equal(mode & 0o7777, 0o640);
    t.strictSame(await again().ensureFile(one, signal), { path });
    t.equal((await stat(path)).ino, ino, 'the same again is the same file');
    const content = Buffer.from([0, 255, 10, 13]);
    await driver.ensureFile({ ...one, content, mode: 0o400 }, signal);
    t.ok((await readFile(path)).equals(content));
    t.equal((await stat(path)).mode & 0o7777, 0o400);
    t.match(await driver.usage(one, signal), { usedBytes: 4, limitBytes: null });
    for (const mode of [0o4755, -1, 0.5])
      await t.rejects(driver.ensureFile(fileSpec({ mode }), signal), { code: 'INVALID_INPUT' });
    await t.rejects(driver.ensureVolume({ ...one, sizeGib: null }, signal), { code: 'INVALID_SPEC' });
    const folder = spec();
    await driver.ensureVolume(folder, signal);
    await t.rejects(driver.ensureFile({ ...one, volumeId: folder.volumeId }, signal), {
      code: 'INVALID_SPEC',
    });
  });

  await t.test('all there are are listed, of all worlds', async (t) => {
    const { driver, signal, spec, fileSpec, sized } = await onVolumeStage(t, under);
    const foreign = randomUUID();
    const [one, two, file] = [spec(), spec({ sizeGib: 1, worldId: foreign, tenant: 'p2' }), fileSpec()];
    await driver.ensureVolume(one, signal);
    await driver.ensureVolume(two, signal);
    await driver.ensureFile(file, signal);
    const listed = await driver.listVolumes(signal);
    t.strictSame(
      new Set(listed.map((item) => JSON.stringify(Object.entries(item).toSorted()))),
      new Set(
        [
          { ...one, kind: 'folder' },
          { ...two, kind: sized },
          { ...file, kind: 'file', sizeGib: null, content: undefined, mode: undefined },
        ].map((item) =>
          JSON.stringify(
            Object.entries(item)
              .filter(([, value]) => value !== undefined)
              .toSorted(),
          ),
        ),
      ),
    );
  });

  await t.test('the same id in two worlds is two volumes', async (t) => {
    const { driver, signal, spec } = await onVolumeStage(t, under);
    const one = spec();
    const other = spec({ volumeId: one.volumeId, worldId: randomUUID() });
    const [{ path }, foreign] = [
      await driver.ensureVolume(one, signal),
      await driver.ensureVolume(other, signal),
    ];
    t.not(path, foreign.path);
    await driver.removeVolume(one, signal);
    t.strictSame(await readdir(foreign.path), []);
    t.strictSame(await driver.sweep(one.worldId, signal), []);
  });

  await t.test('ids that are none are refused before anything is done', async (t) => {
    const { driver, signal, spec, fileSpec, directory } = await onVolumeStage(t, under);
    const before = await readdir(join(directory, '..'));
    for (const bad of ['', '.', '..', '../x', '/etc', 'a/b', `${randomUUID()}/..`, `${randomUUID()}\n`])
      for (const change of [{ worldId: bad }, { volumeId: bad }]) {
        const identity = { worldId: under.worldId, volumeId: randomUUID(), ...change };
        const refused = { code: 'INVALID_INPUT' };
        await t.rejects(driver.ensureVolume({ ...spec(), ...identity }, signal), refused, bad);
        await t.rejects(driver.ensureFile({ ...fileSpec(), ...identity }, signal), refused, bad);
        await t.rejects(driver.removeVolume(identity, signal), refused, bad);
        await t.rejects(driver.usage(identity, signal), refused, bad);
      }
    t.strictSame(await readdir(join(directory, '..')), before);
  });

  await t.test('after the host was started again it is there with what it held', async (t) => {
    const { driver, signal, spec, sized } = await onVolumeStage(t, under);
    const one = spec({ sizeGib: 1 });
    const { path } = await driver.ensureVolume(one, signal);
    await writeFile(join(path, 'data'), 'precious');
    if (sized === 'image') await program('umount', path);
    t.strictSame(await driver.ensureVolume(one, signal), { path });
    t.equal(await readFile(join(path, 'data'), 'utf8'), 'precious');
    await appendFile(join(path, 'data'), '!');
    await rename(join(path, 'data'), join(path, 'moved'));
    t.strictSame(await readdir(path), ['moved']);
  });
}
