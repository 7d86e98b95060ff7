/** Images in the ledger: what was begun in Glance, and no actor works on. */
import { toFailure } from '../errors/errors.ts';
import type { ImageContext } from '../machines/image/context.ts';
import type { ImageStore, UnfinishedImage } from './image-store.ts';
import type { Runtime } from './runtime.ts';
import type { AuditEntry } from '../model/audit-entry.ts';

/** Images that Glance is being given, or what is left of them taken from it: their projects, by their ids. */
export function imagesUnderway(runtime: Runtime): ReadonlyMap<string, string> {
  const underway = new Map<string, string>();
  for (const { committed } of runtime.cellsOf('image').values()) {
    if (!committed || committed.record.endedAt !== null) continue;
    if (!committed.paths.some((path) => /^(storing|discarding)\b/.test(path))) continue;
    const { id, tenant } = committed.record.context as ImageContext;
    underway.set(id, tenant);
  }
  return underway;
}

export async function auditImages(runtime: Runtime, store: ImageStore): Promise<readonly AuditEntry[]> {
  let unfinished: readonly UnfinishedImage[];
  try {
    // Asked first: what is begun after that is in nobody's way.
    unfinished = await store.unfinished();
  } catch (error) {
    const detail = `What was begun there is not known: ${toFailure(error).message}`;
    return [{ problem: 'images-silent', address: null, hostId: null, detail }];
  }
  const underway = imagesUnderway(runtime);
  return unfinished
    .filter(({ imageId }) => !underway.has(imageId))
    .map(({ id, name, status, imageId }) => ({
      problem: 'unfinished-image',
      address: null,
      hostId: null,
      detail: `image "${name}" (${id}) is "${status}" in Glance, begun by image ${imageId}, which works on it no more; it is removed at one of the next looks`,
    }));
}
