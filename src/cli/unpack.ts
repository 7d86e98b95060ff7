/**
 * Unpacks a tar that comes from a container, which may be anybody's, into a folder here.
 *
 * U1. Nothing is written outside the folder: names lead down, and no part of one that is below it may be a link.
 * U2. Links are made last, so that nothing of the same tar goes through one; those that lead out are not made.
 * U3. A file is made anew, never written through what was there; what it may do here is only what its permissions say.
 */
import { createWriteStream } from 'node:fs';
import { link, lstat, mkdir, symlink, unlink } from 'node:fs/promises';
import { dirname, join, posix } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { extract } from 'tar-stream';
import { entryProblem, type ArchiveEntry } from '../model/archive.ts';
import { CommandFailed } from './command-failed.ts';

export interface Unpacked {
  readonly files: number;
  /** What was not made, with its reason. */
  readonly left: readonly string[];
}

/** Of a folder; its owner gets in, whatever it was there. */
const folderLeast = 0o700;
const permissions = 0o777;

/**
 * @param folder exists
 * @param nameOf what becomes of an entry's name, e.g. another first part of it
 * @throws CommandFailed for what can't be written here, or may not be; what came before stays
 */
export async function unpack(
  tar: Readable,
  folder: string,
  nameOf: (name: string) => string = (name) => name,
): Promise<Unpacked> {
  const links: (() => Promise<void>)[] = [];
  const left: string[] = [];
  let files = 0;
  const entries = extract();
  const arrived = pipeline(tar, entries as unknown as NodeJS.WritableStream).catch(() => {});
  try {
    for await (const entry of entries) {
      const { header } = entry;
      const problem = entryProblem(header as ArchiveEntry);
      if (problem !== null) throw new CommandFailed(`"${shown(header.name)}" ${problem}`, 1);
      const name = partsOf(nameOf(header.name)).join('/');
      if (name === '') {
        entry.resume();
        continue;
      }
      const { type, linkname, mode } = header;
      if (type === 'directory') {
        await makeFolders(folder, name, (mode & permissions) | folderLeast);
        entry.resume();
      } else if (type === 'symlink' || type === 'link') {
        entry.resume();
        if (type === 'symlink' && leadsOut(name, linkname))
          left.push(`"${shown(name)}" is a link to "${shown(linkname)}", out of what is copied`);
        else if (type === 'symlink') links.push(() => makeLink(folder, name, linkname));
        else await makeHardLink(folder, name, partsOf(nameOf(linkname)).join('/'));
      } else {
        const path = await placeFor(folder, name);
        await pipeline(
          Readable.from(entry as unknown as AsyncIterable<Buffer>, { objectMode: false }),
          createWriteStream(path, { flags: 'wx', mode: mode & permissions }),
        );
        files += 1;
      }
    }
    for (const make of links) await make();
  } catch (error) {
    tar.destroy();
    throw error instanceof CommandFailed
      ? error
      : new CommandFailed(wordsOf(error as NodeJS.ErrnoException), 1);
  } finally {
    await arrived;
  }
  return { files, left };
}

/** What this machine says of a file, or that the tar is none, or ends early. */
const wordsOf = ({ message, syscall }: NodeJS.ErrnoException): string =>
  syscall === undefined ? `The files broke off before their end: ${message}` : message;

const shown = (name: string): string => name.replaceAll(/\p{Cc}/gu, ' ');

const partsOf = (name: string): readonly string[] =>
  name.split('/').filter((part) => part !== '' && part !== '.');

/** Whether a link leads out of the folder that it is unpacked into. */
function leadsOut(name: string, target: string): boolean {
  if (target.startsWith('/')) return true;
  const path = posix.normalize(posix.join(posix.dirname(name), target));
  return path === '..' || path.startsWith('../');
}

const kindAt = (path: string) => lstat(path).catch(() => null);

/** Each folder on the way down is one, and no link to one. @throws CommandFailed */
async function makeFolders(folder: string, name: string, mode: number): Promise<string> {
  let path = folder;
  for (const part of partsOf(name)) {
    path = join(path, part);
    const found = await kindAt(path);
    if (found?.isDirectory()) continue;
    if (found) throw new CommandFailed(`"${shown(path)}" is there, and is no folder; move it away`, 1);
    await mkdir(path, { mode });
  }
  return path;
}

/** Where nothing is any more. @throws CommandFailed for a folder that is in the way */
async function placeFor(folder: string, name: string): Promise<string> {
  const above = dirname(name);
  if (above !== '.') await makeFolders(folder, above, 0o755);
  const path = join(folder, name);
  const found = await kindAt(path);
  if (found?.isDirectory())
    throw new CommandFailed(`"${shown(path)}" is there, and is a folder; move it away`, 1);
  if (found) await unlink(path);
  return path;
}

const makeLink = async (folder: string, name: string, target: string): Promise<void> =>
  symlink(target, await placeFor(folder, name));

/** To a file that came before, which no link leads to: those are made later. @throws CommandFailed */
async function makeHardLink(folder: string, name: string, target: string): Promise<void> {
  let path = folder;
  for (const part of partsOf(target)) {
    path = join(path, part);
    if ((await kindAt(path))?.isSymbolicLink())
      throw new CommandFailed(`"${shown(name)}" is a hard link through "${shown(path)}", which is a link`, 1);
  }
  if (!(await kindAt(path))?.isFile())
    throw new CommandFailed(`"${shown(name)}" is a hard link to what is no file`, 1);
  if (target !== name) await link(path, await placeFor(folder, name));
}
