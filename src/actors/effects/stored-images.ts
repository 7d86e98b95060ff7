/** What Glance is asked of an image that is to be there. */
import type { ImageStore } from '../image-store.ts';
import { promised, type Effect } from './effect.ts';

/** @param store null where the site has none any more: then nothing can be asked of it */
const asked = (
  store: ImageStore | null,
  work: (store: ImageStore, storedId: string) => Promise<unknown>,
): Effect =>
  promised(async ({ operation }) => {
    if (!store) throw new Error('This site has no Glance any more; its configuration names no cloud');
    return work(store, (operation.input as { readonly storedId: string }).storedId);
  });

/** Whether Glance still believes to be given it. */
export const lookAtStoredEffect = (store: ImageStore | null): Effect =>
  asked(store, async (glance, storedId) => ({ isSaving: await glance.isSaving(storedId) }));

/** Takes away what was begun of it there. Done again after a crash, it finds nothing there any more. */
export const discardImageEffect = (store: ImageStore | null): Effect =>
  asked(store, async (glance, storedId) => {
    await glance.discard(storedId);
    return null;
  });
