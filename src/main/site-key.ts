/**
 * The site's key: seals environment values wherever specs rest. Made on first
 * use beside the state, 0600; every control plane over one shared store needs
 * the same one.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Sealer } from '../actors/specs.ts';
import { TroupeError } from '../errors/errors.ts';
import { writePrivateFile } from './private-file.ts';

const keyBytes = 32;
const ivBytes = 12;
const tagBytes = 16;

/** Reads the key at `path`, or makes one there. @throws TroupeError INVALID_CONFIG when the file holds no key */
export function loadSiteKey(path: string): Buffer {
  try {
    const key = Buffer.from(readFileSync(path, 'utf8').trim(), 'base64');
    if (key.length === keyBytes) return key;
    throw new TroupeError('INVALID_CONFIG', `"${path}" does not hold a site key (32 bytes in Base64)`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const key = randomBytes(keyBytes);
  // On disk before it seals anything: what is sealed with a key that is lost is lost.
  writePrivateFile(path, `${key.toString('base64')}\n`);
  return key;
}

/** AES-256-GCM, Base64 of nonce, tag and text. @see NIST SP 800-38D */
export function createSealer(key: Buffer): Sealer {
  return {
    seal(text) {
      const iv = randomBytes(ivBytes);
      const cipher = createCipheriv('aes-256-gcm', key, iv);
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64');
    },
    open(sealed) {
      const bytes = Buffer.from(sealed, 'base64');
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, ivBytes));
      decipher.setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
      return Buffer.concat([decipher.update(bytes.subarray(ivBytes + tagBytes)), decipher.final()]).toString(
        'utf8',
      );
    },
  };
}
