/** A file or folder of this machine as a tar. */
import { createReadStream } from 'node:fs';
import { lstat, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pack, type Header } from 'tar-stream';

const permissions = 0o7777;

/**
 * Links in it are links there, and lead where they say. Owners are root's, as of what an image holds.
 *
 * @param name what it is called in the tar
 * @param left told of what is neither file, folder nor link, which is left out
 * @returns it fails with the file system's error for what can't be read
 */
export function packed(path: string, name: string, left: (path: string) => void): Readable {
  const tar = pack();
  const out = Readable.from(tar as unknown as AsyncIterable<Buffer>, { objectMode: false });
  out.once('close', () => tar.destroy());
  const entry = (header: Partial<Header> & { readonly name: string }): Promise<void> =>
    new Promise((resolve, reject) =>
      tar.entry(header, (error?: Error | null) => (error ? reject(error) : resolve())),
    );

  const add = async (from: string, to: string): Promise<void> => {
    const found = await lstat(from);
    const header = { name: to, mode: found.mode & permissions, mtime: found.mtime };
    if (found.isSymbolicLink()) return entry({ ...header, type: 'symlink', linkname: await readlink(from) });
    if (found.isDirectory()) {
      await entry({ ...header, name: `${to}/`, type: 'directory' });
      for (const each of (await readdir(from)).sort()) await add(join(from, each), `${to}/${each}`);
      return;
    }
    if (!found.isFile()) return left(from);
    await new Promise<void>((resolve, reject) => {
      const sink = tar.entry({ ...header, size: found.size, type: 'file' }, (error?: Error | null) =>
        error ? reject(error) : resolve(),
      );
      sink.on('error', () => {});
      // One that grows meanwhile is as long as it was.
      const bytes = found.size === 0 ? Readable.from([]) : createReadStream(from, { end: found.size - 1 });
      bytes.once('error', (error: Error) => tar.destroy(error));
      bytes.pipe(sink as unknown as NodeJS.WritableStream);
    });
  };
  add(path, name).then(
    () => tar.finalize(),
    (error: unknown) => tar.destroy(error as Error),
  );
  return out;
}
