/**
 * The site's keys: they seal environment values and passwords wherever these
 * rest. The first one is made on first use beside the state, 0600; every
 * control plane over one shared store needs the same file.
 *
 * A key is changed by a new first line: it seals from then on, the others go
 * on opening what they have sealed.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Sealer } from '../actors/documents.ts';
import { TroupeError } from '../errors/errors.ts';
import { writePrivateFile } from './private-file.ts';

const keyBytes = 32;
const ivBytes = 12;
const tagBytes = 16;
const noncesAtOnce = 128;
/** Hexadecimal digits of a key's id: enough to tell those of one site apart. */
const idLength = 8;

/**
 * Reads the keys at `path`, one a line in Base64; or makes one there.
 * @param isMade false: it must be there
 * @throws TroupeError INVALID_CONFIG when the file holds no key, or is not there and may not be made
 */
export function loadSiteKeys(path: string, isMade = true): readonly Buffer[] {
  try {
    const lines = readFileSync(path, 'utf8').split('\n');
    const keys = lines.flatMap((line) => (line.trim() === '' ? [] : [Buffer.from(line.trim(), 'base64')]));
    if (keys.length > 0 && keys.every(({ length }) => length === keyBytes)) return keys;
    throw new TroupeError(
      'INVALID_CONFIG',
      `"${path}" does not hold a site key (32 bytes in Base64, one key a line)`,
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  if (!isMade)
    throw new TroupeError(
      'INVALID_CONFIG',
      `The site's key "${path}" (state.keyFile) is not there: nothing secret could be kept or read; make it with "openssl rand -base64 32"`,
    );
  const key = randomBytes(keyBytes);
  // On disk before it seals anything: what is sealed with a key that is lost is lost.
  writePrivateFile(path, `${key.toString('base64')}\n`);
  return [key];
}

const idOf = (key: Buffer): string => createHash('sha256').update(key).digest('hex').slice(0, idLength);

/**
 * AES-256-GCM: the key's id, a point, and Base64 of nonce, tag and text. What earlier releases sealed names no key.
 * @param keys the first seals
 * @see NIST SP 800-38D
 */
export function createSealer(keys: readonly Buffer[]): Sealer {
  const [current] = keys;
  if (!current) throw new RangeError('A sealer needs a key');
  const byId = new Map(keys.map((key) => [idOf(key), key]));
  const currentId = idOf(current);
  const nonce = createNonces();
  return {
    seal(text) {
      const iv = nonce();
      const cipher = createCipheriv('aes-256-gcm', current, iv);
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return `${currentId}.${Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64')}`;
    },
    open(sealed) {
      const at = sealed.indexOf('.');
      if (at < 0) return openWithAny(keys, sealed);
      const key = byId.get(sealed.slice(0, at));
      if (!key)
        throw new Error(
          `It was sealed with the key "${sealed.slice(0, at)}", which is not in the site's key file (any more)`,
        );
      return openWith(key, sealed.slice(at + 1));
    },
  };
}

/** Random nonces, each given once. They are drawn many at a time: asking the system costs the same for one. */
function createNonces(): () => Buffer {
  let drawn = randomBytes(0);
  return () => {
    if (drawn.length === 0) drawn = randomBytes(ivBytes * noncesAtOnce);
    const next = drawn.subarray(0, ivBytes);
    drawn = drawn.subarray(ivBytes);
    return next;
  };
}

function openWithAny(keys: readonly Buffer[], sealed: string): string {
  for (const [at, key] of keys.entries()) {
    try {
      return openWith(key, sealed);
    } catch (error) {
      if (at === keys.length - 1) throw error;
    }
  }
  throw new RangeError('A sealer needs a key');
}

function openWith(key: Buffer, sealed: string): string {
  const bytes = Buffer.from(sealed, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, ivBytes));
  decipher.setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
  return Buffer.concat([decipher.update(bytes.subarray(ivBytes + tagBytes)), decipher.final()]).toString(
    'utf8',
  );
}
