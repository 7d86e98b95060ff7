/** Why a world can't be copied, in words. */
import { TroupeError } from '../../errors/errors.ts';

export const unreadable = (address: string, error: string): TroupeError =>
  new TroupeError('STORE_UNAVAILABLE', `"${address}" can't be read, so the world can't be copied: ${error}`);

export const notEmpty = (what: string, instead: string): TroupeError =>
  new TroupeError('INVALID_CONFIG', `${what} is not empty; copy into ${instead}`);

/** @param remedy how to get rid of it */
export const halfCopied = (what: string, remedy: string): TroupeError =>
  new TroupeError('INVALID_CONFIG', `${what} holds a copy that was not finished; ${remedy} and copy again`);

export const takenMeanwhile = (): TroupeError =>
  new TroupeError(
    'STALE_OWNER',
    'A control plane has taken the store over while it was copied, so the copy is not whole; stop it, empty the target and copy again',
  );
