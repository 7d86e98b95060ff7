/** Files of containers in memory, as an engine keeps them: `/etc`, `/tmp` and what is put there. */
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { posix } from 'node:path';
import { extract, pack } from 'tar-stream';
import type { ArchivePower } from '../../src/drivers/runtime/runtime-powers.ts';
import { TroupeError } from '../../src/errors/errors.ts';

export interface FakeArchive extends ArchivePower {
  /** Of a container, by absolute path; null is a folder. */
  filesOf(containerId: string): Map<string, Buffer | null>;
  /** Entries as they came last, by name; what an engine would see. */
  readonly unpacked: { readonly name: string; readonly type: string; readonly linkname: string | null }[];
  /** Where no more than so many bytes fit; null = as much as comes. */
  roomBytes: number | null;
}

const directoryMode = 2 ** 31 + 0o755;

export function createFakeArchive(assertThere: (containerId: string) => void): FakeArchive {
  const containers = new Map<string, Map<string, Buffer | null>>();
  const absent = (path: string): TroupeError =>
    new TroupeError('INVALID_SPEC', `Path "${path}" is not in the container`, { details: { path } });
  const archive: FakeArchive = {
    unpacked: [],
    roomBytes: null,
    filesOf(containerId) {
      const known = containers.get(containerId);
      if (known) return known;
      const files = new Map<string, Buffer | null>([
        ['/', null],
        ['/tmp', null],
        ['/etc', null],
        ['/etc/hosts', Buffer.from('127.0.0.1 localhost\n')],
      ]);
      containers.set(containerId, files);
      return files;
    },
    async get(containerId, path) {
      assertThere(containerId);
      const files = archive.filesOf(containerId);
      const wanted = posix.normalize(path).replace(/(.)\/$/, '$1');
      const found = files.get(wanted);
      if (found === undefined) throw absent(path);
      const tar = pack();
      const parent = posix.dirname(wanted);
      for (const [name, content] of files) {
        if (name !== wanted && !name.startsWith(`${wanted}/`)) continue;
        const relative = posix.relative(parent, name) || '.';
        if (content === null) tar.entry({ name: `${relative}/`, type: 'directory' });
        else tar.entry({ name: relative }, content).on('error', () => {});
      }
      tar.finalize();
      return {
        stat: {
          name: posix.basename(wanted),
          sizeBytes: found?.length ?? 4_096,
          mode: found === null ? directoryMode : 0o644,
          modifiedAt: '2026-11-30T08:00:00Z',
          linkTarget: '',
        },
        tar: Readable.from(tar as unknown as AsyncIterable<Buffer>, { objectMode: false }),
      };
    },
    async put({ containerId }, path, tar) {
      assertThere(containerId);
      const files = archive.filesOf(containerId);
      const folder = posix.normalize(path).replace(/(.)\/$/, '$1');
      if (!files.has(folder)) throw absent(path);
      if (files.get(folder) !== null)
        throw new TroupeError('INVALID_SPEC', `Path "${path}" is not a folder in the container`);
      archive.unpacked.length = 0;
      const entries = extract();
      tar.once('error', (error) => entries.destroy(error));
      tar.once('close', () => !tar.readableEnded && entries.destroy(new Error('cut off')));
      tar.pipe(entries as unknown as NodeJS.WritableStream);
      let bytes = 0;
      try {
        for await (const entry of entries) {
          const { name, type, linkname } = entry.header;
          archive.unpacked.push({ name, type: String(type), linkname });
          const content = await buffer(Readable.from(entry as unknown as AsyncIterable<Buffer>));
          bytes += content.length;
          if (archive.roomBytes !== null && bytes > archive.roomBytes)
            throw new TroupeError(
              'DISK_FULL',
              'The files could not be written: the disk of this host is full',
            );
          if (type === 'file') files.set(posix.join(folder, name), content);
          if (type === 'directory') files.set(posix.join(folder, name).replace(/\/$/, ''), null);
        }
      } catch (error) {
        if (error instanceof TroupeError) throw error;
        throw new TroupeError(
          'INVALID_SPEC',
          'The files could not be written: they broke off before their end',
        );
      } finally {
        tar.destroy();
      }
    },
  };
  return archive;
}
