/** What a host does with a block device that os-brick gives it: trusted once it was looked at, formatted only where it holds nothing. */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createLocalVolumeDriver } from '../../src/drivers/volume/local-volumes.ts';

t.setTimeout(120_000);
const directory = mkdtempSync(join(tmpdir(), 'troupe-brick-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));
const driver = createLocalVolumeDriver({ directory: join(directory, 'volumes') });
const { signal } = new AbortController();
const worldId = randomUUID();

/** A device of 1 GiB whose backend calls it by this id. */
function device(t: Test, cinderId: string, fill: (file: string) => void = () => {}) {
  const file = join(directory, `volume-${cinderId}`);
  execFileSync('truncate', ['--size', '1G', file]);
  fill(file);
  const path = execFileSync('losetup', ['--find', '--show', file]).toString().trim();
  t.teardown(() => {
    execFileSync('losetup', ['--detach', path]);
    rmSync(file);
  });
  return { path, connection: { driver_volume_type: 'local', device_path: path } };
}

const specOf = (cinderId: string, connection: Readonly<Record<string, unknown>>) => ({
  worldId,
  volumeId: randomUUID(),
  tenant: 'p1',
  name: '',
  sizeGib: 1,
  cinderId,
  names: [cinderId],
  readOnly: false,
  isNew: false,
  connection,
});

t.test('an empty device gets a file system once, and what is on it stays', async (t) => {
  const cinderId = randomUUID();
  const { connection } = device(t, cinderId);
  const spec = specOf(cinderId, connection);
  await t.rejects(driver.connectVolume({ ...spec, readOnly: true }, signal), {
    code: 'VOLUME_ERROR',
    message: /it is empty, and only to be read/,
  });
  const { path } = await driver.connectVolume(spec, signal);
  writeFileSync(join(path, 'words'), 'kept');
  t.same(await driver.connectVolume(spec, signal), { path }, 'again it is the same');
  t.match(await driver.listVolumes(signal), [{ volumeId: spec.volumeId, kind: 'cinder' }]);
  await t.rejects(driver.removeVolume(spec, signal), { code: 'VOLUME_IN_USE', message: /disconnected/ });
  // Another container of this host has it, too.
  const other = { ...specOf(cinderId, connection), readOnly: true };
  const second = await driver.connectVolume({ ...other, readOnly: false }, signal);
  t.equal(readFileSync(join(second.path, 'words'), 'utf8'), 'kept');
  await driver.disconnectVolume(other, connection, signal);

  const open = openSync(join(path, 'words'), 'r');
  await t.rejects(driver.disconnectVolume(spec, connection, signal), {
    code: 'VOLUME_IN_USE',
    message: /a process of this host works in it/,
  });
  closeSync(open);
  await driver.disconnectVolume(spec, connection, signal);
  await driver.disconnectVolume(spec, connection, signal);
  t.same(await driver.listVolumes(signal), []);

  const back = await driver.connectVolume(spec, signal);
  t.equal(readFileSync(join(back.path, 'words'), 'utf8'), 'kept');
  execFileSync('umount', [back.path]);
  await driver.sweep(worldId, signal);
  t.notOk(existsSync(back.path), 'what is not mounted any more is no folder to write to');
  await t.rejects(driver.connectedPath(spec, signal), { code: 'VOLUME_NOT_FOUND' });
  await driver.connectVolume(spec, signal);
  await driver.disconnectVolume(spec, connection, signal);
});

t.test('what it is not taken for, or holds what can’t be mounted, is left as it is', async (t) => {
  const cases: readonly (readonly [string, (file: string) => void, RegExp, object?])[] = [
    [
      'data without a file system',
      (file) => {
        const open = openSync(file, 'r+');
        writeSync(open, 'a database without a file system', 8_192);
        closeSync(open);
      },
      /data of no file system that is known here.*Nothing was written/,
    ],
    ['swap', (file) => void execFileSync('mkswap', [file]), /it holds "swap".*Nothing was written/],
    ['another size', (file) => void execFileSync('truncate', ['--size', '3G', file]), /it is another one/],
    ['another volume', () => {}, /is the volume ".*": it is another one/, { names: [randomUUID()] }],
    ['encrypted', () => {}, /it is encrypted/],
  ];
  for (const [what, fill, message, wrong = {}] of cases) {
    const cinderId = randomUUID();
    const { path, connection } = device(t, cinderId, fill);
    const spec = { ...specOf(cinderId, { ...connection, encrypted: what === 'encrypted' }), ...wrong };
    const before = execFileSync('head', ['--bytes', '1M', path]);
    await t.rejects(driver.connectVolume(spec, signal), { message }, what);
    t.ok(execFileSync('head', ['--bytes', '1M', path]).equals(before), `${what} is untouched`);
    await driver.disconnectVolume(spec, connection, signal);
  }
  const none = specOf(randomUUID(), { driver_volume_type: 'carrier pigeon' });
  await t.rejects(driver.connectVolume(none, signal), {
    code: 'VOLUME_ERROR',
    message: /os-brick said: InvalidConnectorProtocol/,
  });
  await driver.disconnectVolume(none, null, signal);
  t.match(await driver.connector('one', signal), { host: 'one', os_type: 'linux' });
});
