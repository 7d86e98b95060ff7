/** The keys that leave a terminal without ending what runs there, as Docker's client writes and takes them. */

/** @see docker attach, "--detach-keys" */
export const usualDetachKeys = 'ctrl-p,ctrl-q';

/** The control characters that `ctrl-` and one of these make, from 0 on. */
const controls = '@abcdefghijklmnopqrstuvwxyz[\\]^_';

/** The bytes of `ctrl-p,x` and the like. @throws RangeError in words */
export function parseDetachKeys(keys: string): readonly number[] {
  return keys.split(',').map((key) => {
    const control = /^ctrl-(.)$/i.exec(key)?.[1]?.toLowerCase();
    const byte = control === undefined ? key.charCodeAt(0) : controls.indexOf(control);
    if ((control === undefined && !/^[\x20-\x7e]$/.test(key)) || byte < 0)
      throw new RangeError(`"${key}" is no key: write a character, or ctrl- and a letter or one of @[\\]^_`);
    return byte;
  });
}

export interface DetachFilter {
  /** What of `bytes` is for the process, and whether the keys were among them. What may be their beginning waits. */
  feed(bytes: Uint8Array): { readonly pass: Buffer; readonly detached: boolean };
}

export function createDetachFilter(keys: readonly number[]): DetachFilter {
  let held: number[] = [];
  const isBeginning = (): boolean => held.every((byte, at) => byte === keys[at]);
  return {
    feed(bytes) {
      const pass: number[] = [];
      for (const byte of bytes) {
        held.push(byte);
        while (!isBeginning()) pass.push(held.shift()!);
        if (held.length === keys.length) {
          held = [];
          return { pass: Buffer.from(pass), detached: true };
        }
      }
      return { pass: Buffer.from(pass), detached: false };
    },
  };
}
