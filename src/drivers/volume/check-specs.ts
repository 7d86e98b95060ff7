/** What is asked of a volume, checked before anything is made. Ids are checked where paths are made of them. */
import { TroupeError } from '../../errors/errors.ts';
import type { FileSpec, VolumeSpec } from './volume-driver.ts';

/** 16 TiB: what ext4 holds with blocks of 4 KiB, and more than a host has. */
const mostGib = 16 * 2 ** 10;

/** @throws TroupeError INVALID_INPUT */
export function checkVolume({ sizeGib }: VolumeSpec): void {
  if (sizeGib !== null && !(Number.isInteger(sizeGib) && sizeGib > 0 && sizeGib < mostGib))
    throw new TroupeError('INVALID_INPUT', `A volume can't have ${sizeGib} GiB`);
}

/** @throws TroupeError INVALID_INPUT: no bit but read, write and execute */
export function checkFile({ mode }: FileSpec): void {
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o777)
    throw new TroupeError('INVALID_INPUT', `A file can't have the mode ${mode}`);
}
