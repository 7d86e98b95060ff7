/** The program a sandbox runs. The contract runs it for real on this machine's processor. */
import t from 'tap';
import { extract } from 'tar-stream';
import {
  sandboxElf,
  sandboxImageReference,
  sandboxImageTar,
  sandboxProgram,
} from '../../src/drivers/runtime/sandbox-image.ts';

t.test('one small executable for each processor', async (t) => {
  for (const [architecture, machine, size] of [
    ['amd64', 62, 129],
    ['arm64', 183, 152],
  ] as const) {
    const elf = sandboxElf(architecture);
    t.equal(elf.length, size);
    t.equal(elf.subarray(0, 4).toString('latin1'), '\x7fELF');
    t.equal(elf.readUInt16LE(18), machine);
    // The entry lies behind the headers, inside what is loaded.
    const entry = elf.readBigUInt64LE(24) - elf.readBigUInt64LE(64 + 16);
    t.equal(entry, 120n);
    t.equal(elf.readBigUInt64LE(64 + 32), BigInt(size), 'all of it is loaded');
    t.match(sandboxImageReference(architecture), architecture);
  }
});

t.test('arm64 jumps back to its first instruction', async (t) => {
  const elf = sandboxElf('arm64');
  const branch = elf.readUInt32LE(148);
  t.equal(branch >>> 26, 0b000101, 'an unconditional branch');
  const words = ((branch & 0x3ffffff) << 6) >> 6;
  t.equal(148 + words * 4, 120);
});

t.test('the image holds it and nothing else, the same bytes each time but for times', async (t) => {
  const files: string[] = [];
  const tar = extract();
  tar.on('entry', (header, stream, next) => {
    files.push(`${header.name} ${header.mode?.toString(8)} ${header.size}`);
    stream.resume().once('end', next);
  });
  tar.end(await sandboxImageTar('amd64'));
  await new Promise<void>((resolve) => tar.once('finish', () => resolve()));
  t.same(files, [`${sandboxProgram.slice(1)} 755 129`]);
});
