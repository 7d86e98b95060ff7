/** Removing: not what is in use, not what is beside it, and nothing half. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { access, link, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Test } from 'tap';
import type { TroupeError } from '../../src/errors/errors.ts';
import { program } from '../support/run-program.ts';
import { mountElsewhere, onVolumeStage, type VolumesUnderTest } from './volume-driver-stage.ts';

export async function volumeDriverRemove(t: Test, under: VolumesUnderTest): Promise<void> {
  const gone = (path: string) => t.rejects(access(path), { code: 'ENOENT' });

  await t.test('what is removed is gone, and is removed again', async () => {
    const { driver, signal, spec, fileSpec } = await onVolumeStage(t, under);
    for (const one of [spec(), spec({ sizeGib: 1 })]) {
      const { path } = await driver.ensureVolume(one, signal);
      await writeFile(join(path, 'data'), 'x');
      await Promise.all([driver.removeVolume(one, signal), driver.removeVolume(one, signal)]);
      await gone(path);
      await driver.removeVolume(one, signal);
    }
    const file = fileSpec();
    const { path } = await driver.ensureFile(file, signal);
    await driver.removeVolume(file, signal);
    await gone(path);
    await driver.removeVolume({ worldId: randomUUID(), volumeId: randomUUID() }, signal);
  });

  await t.test('an id may be used again, and what it held is not there', async (t) => {
    const { driver, signal, spec } = await onVolumeStage(t, under);
    const one = spec({ sizeGib: 1 });
    const { path } = await driver.ensureVolume(one, signal);
    await program('fallocate', '--length', '900M', join(path, 'much'));
    await driver.removeVolume(one, signal);
    await driver.ensureVolume({ ...one, sizeGib: null }, signal);
    t.strictSame(await readdir(path), []);
    await program('fallocate', '--length', '1100M', join(path, 'more'));
    t.pass('the limit of before is not there either');
  });

  await t.test('what a container has mounted is not removed, and who has it is named', async (t) => {
    const { driver, signal, spec, fileSpec, beside } = await onVolumeStage(t, under);
    const [whole, part, sized, file] = [spec(), spec(), spec({ sizeGib: 1 }), fileSpec()];
    const paths: string[] = [];
    for (const one of [whole, part, sized]) paths.push((await driver.ensureVolume(one, signal)).path);
    paths.push((await driver.ensureFile(file, signal)).path);
    paths[1] = join(paths[1]!, 'with a blank');
    await mkdir(paths[1]);
    await mkdir(join(beside, 'folder'));
    await writeFile(join(beside, 'file'), '');
    for (const [index, one] of [whole, part, sized, file].entries()) {
      const target = join(beside, one === file ? 'file' : 'folder');
      const container = await mountElsewhere(paths[index]!, target);
      await t.rejects(driver.removeVolume(one, signal), {
        code: 'VOLUME_IN_USE',
        message: `The volume "${one.volumeId}" could not be removed: it is mounted by "cat" (process ${container.pid}); end that first`,
        details: { pid: container.pid, name: 'cat' },
      });
      await access(paths[index]!);
      await container.end();
      await driver.removeVolume(one, signal);
      await gone(paths[index]!);
    }
  });

  await t.test('nor what somebody mounted on the host', async (t) => {
    const { driver, signal, spec, beside } = await onVolumeStage(t, under);
    const one = spec();
    const { path } = await driver.ensureVolume(one, signal);
    await program('mount', '--bind', path, beside);
    await t.rejects(driver.removeVolume(one, signal), { code: 'VOLUME_IN_USE' });
    await program('umount', beside);
    await removeOnceLetGo(() => driver.removeVolume(one, signal));
  });

  await t.test('nor a file system that a process works in', async (t) => {
    const { driver, signal, spec, sized } = await onVolumeStage(t, under);
    if (sized !== 'image') return t.pass('a folder is removed under who works in it');
    const one = spec({ sizeGib: 1 });
    const { path } = await driver.ensureVolume(one, signal);
    const process = spawn('cat', { cwd: path, stdio: ['pipe', 'ignore', 'inherit'] });
    await once(process, 'spawn');
    await t.rejects(driver.removeVolume(one, signal), {
      code: 'VOLUME_IN_USE',
      retryable: true,
      message: /a process of this host works in it$/,
    });
    t.strictSame(await readdir(path), [], 'and it is mounted still');
    process.stdin.end();
    await once(process, 'exit');
    await driver.removeVolume(one, signal);
  });

  await t.test('nothing outside is removed, wherever links in it lead', async (t) => {
    const { driver, signal, spec, beside } = await onVolumeStage(t, under);
    const outside = join(beside, 'outside');
    await mkdir(outside);
    await writeFile(join(outside, 'file'), 'precious');
    for (const one of [spec(), spec({ sizeGib: 1 })]) {
      const { path } = await driver.ensureVolume(one, signal);
      await symlink(outside, join(path, 'folder'));
      await symlink(join(outside, 'file'), join(path, 'file'));
      await symlink('../../../..', join(path, 'up'));
      await symlink('/', join(path, 'lost+found'));
      await mkdir(join(path, 'deep', '-rf', 'line\nbreak'), { recursive: true });
      await driver.ensureVolume(one, signal);
      await driver.removeVolume(one, signal);
      await gone(path);
    }
    const one = spec();
    const { path } = await driver.ensureVolume(one, signal);
    await link(join(outside, 'file'), join(path, 'hard'));
    await rm(path, { recursive: true });
    await symlink(outside, path);
    await driver.removeVolume(one, signal);
    t.equal(await readFile(join(outside, 'file'), 'utf8'), 'precious', 'though its folder was made a link');
  });

  await t.test('nor one in which something is mounted, which would be erased with it', async (t) => {
    const { driver, signal, spec, beside, sized } = await onVolumeStage(t, under);
    await writeFile(join(beside, 'file'), 'precious');
    for (const one of [spec(), spec({ sizeGib: 1 })]) {
      const { path } = await driver.ensureVolume(one, signal);
      const inside = join(path, 'inside');
      await mkdir(inside);
      await program('mount', '--bind', beside, inside);
      await t.rejects(driver.removeVolume(one, signal), {
        code: 'VOLUME_IN_USE',
        message:
          one.sizeGib !== null && sized === 'image'
            ? /works in it$/
            : /something is mounted at ".*\/inside"; unmount it$/,
      });
      t.equal(await readFile(join(beside, 'file'), 'utf8'), 'precious');
      t.ok((await driver.listVolumes(signal)).some(({ volumeId }) => volumeId === one.volumeId));
      await program('umount', inside);
      await driver.removeVolume(one, signal);
    }
  });

  await t.test('one whose record was lost is removed, too', async () => {
    const { driver, signal, spec } = await onVolumeStage(t, under);
    const one = spec({ sizeGib: 1 });
    const { path } = await driver.ensureVolume(one, signal);
    const record = join(path, '..', 'volume.json');
    if (under.sized === 'image') await rm(record);
    await driver.removeVolume(one, signal);
    await gone(path);
  });
}

/** A container that somebody starts meanwhile has a copy of this host's mounts until its own root is made. */
async function removeOnceLetGo(remove: () => Promise<void>): Promise<void> {
  for (;;)
    try {
      return await remove();
    } catch (error) {
      const { details } = error as TroupeError;
      if (!String(details?.['name']).startsWith('runc:')) throw error;
      await setTimeout(20);
    }
}
