/**
 * Files as they are copied into a container and out of it. What an archive
 * says of itself is whoever wrote it saying so: a tar may name what lies
 * outside the folder it is unpacked into, or be a thousand times what it looks.
 */

/** What a path in a container is. */
export interface PathStat {
  readonly name: string;
  readonly sizeBytes: number;
  /** Go's `os.FileMode`: the lower nine bits are Unix permissions, bit 31 is a directory, bit 27 a symbolic link. */
  readonly mode: number;
  /** ISO 8601. */
  readonly modifiedAt: string;
  /** Empty unless it is a symbolic link. */
  readonly linkTarget: string;
}

const directoryBit = 31;
const linkBit = 27;

export const isDirectory = ({ mode }: Pick<PathStat, 'mode'>): boolean => hasBit(mode, directoryBit);
export const isSymbolicLink = ({ mode }: Pick<PathStat, 'mode'>): boolean => hasBit(mode, linkBit);

const hasBit = (mode: number, bit: number): boolean => Math.floor(mode / 2 ** bit) % 2 === 1;

export interface ArchiveLimits {
  /** Of all its files, as they are unpacked. */
  readonly bytesMost: number;
  readonly entriesMost: number;
  /** Bytes unpacked ÷ bytes packed. */
  readonly ratioMost: number;
}

/** One header of a tar. */
export interface ArchiveEntry {
  readonly name: string;
  /** As `tar-stream` names it; null for one that it doesn't know. */
  readonly type: string | null;
  /** Of a link; null otherwise. */
  readonly linkname: string | null;
  readonly pax?: Readonly<Record<string, string>> | null;
}

const copied: ReadonlySet<string | null> = new Set([
  'file',
  'contiguous-file',
  'directory',
  'symlink',
  'link',
]);

/**
 * Why an entry is not copied; null when it may be. Names lead nowhere but down
 * from where they are unpacked, and so do hard links, which nobody resolves later. A
 * symbolic link may say what it likes: it is never followed here.
 */
export function entryProblem({ name, type, linkname, pax }: ArchiveEntry): string | null {
  if (!copied.has(type)) return `is ${kindOf(type)}; files, folders and links are copied`;
  // Sparse files are told in three ways, each of which makes much of little.
  if (Object.keys(pax ?? {}).some((key) => key.startsWith('GNU.sparse.')))
    return 'is a sparse file; copy it as a whole one';
  const path = pathProblem(name);
  if (path !== null) return `${path}; names must lead down from where they are unpacked`;
  if (type !== 'link' && type !== 'symlink') return null;
  if (linkname === null || linkname === '' || linkname.includes('\0')) return 'is a link to nowhere';
  if (type === 'link' && pathProblem(linkname) !== null)
    return `is a hard link to "${linkname}", which lies outside the archive`;
  return null;
}

/** Why a name does not lead down from where it is unpacked; null when it does. */
export function pathProblem(name: string): string | null {
  if (name === '' || name.includes('\0')) return 'has no name';
  if (name.startsWith('/')) return 'has an absolute name';
  return name.split('/').includes('..') ? 'has a name with ".." in it' : null;
}

function kindOf(type: string | null): string {
  if (type === null) return 'of a kind that is not known, or a sparse file';
  return type.endsWith('-device') ? 'a device' : `a ${type}`;
}
