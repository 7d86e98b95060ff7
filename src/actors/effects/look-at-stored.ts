/** Whether Glance still believes to be given an image. */
import { toFailure } from '../../errors/errors.ts';
import type { ImageStore } from '../image-store.ts';
import type { Effect } from './effect.ts';

/** @param store null where the site has none any more */
export const lookAtStoredEffect =
  (store: ImageStore | null): Effect =>
  ({ operation, done, failed }) => {
    const { storedId } = operation.input as { readonly storedId: string };
    const looked = store
      ? store.isSaving(storedId)
      : Promise.reject(new Error('This site has no Glance any more; its configuration names no cloud'));
    looked.then(
      (isSaving) => done({ isSaving }),
      (error: unknown) => failed(toFailure(error)),
    );
    return () => {};
  };
