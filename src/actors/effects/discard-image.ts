/** Takes away what was begun of an image in Glance. Done again after a crash, it finds nothing there any more. */
import { toFailure } from '../../errors/errors.ts';
import type { ImageStore } from '../image-store.ts';
import type { Effect } from './effect.ts';

/** @param store null where the site has none any more: then nothing can be taken away there */
export const discardImageEffect =
  (store: ImageStore | null): Effect =>
  ({ operation, done, failed }) => {
    const { storedId } = operation.input as { readonly storedId: string };
    const discarded = store
      ? store.discard(storedId)
      : Promise.reject(new Error('This site has no Glance any more; its configuration names no cloud'));
    discarded.then(
      () => done(null),
      (error: unknown) => failed(toFailure(error)),
    );
    return () => {};
  };
