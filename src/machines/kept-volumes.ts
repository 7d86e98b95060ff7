/** What a request had made in Cinder is theirs who are to mount it, from their first step on. */
import { volumeAddress } from '../model/address.ts';
import type { Made } from '../model/container.ts';
import type { Emitted } from '../model/events.ts';

/** Of volumes that are promised to who mounts them. */
export const promisesOf = (mounts: readonly { readonly made: Made | null }[]): readonly string[] =>
  mounts.flatMap(({ made }) => made?.promiseId ?? []);

/** To what promises them. */
export const keepMessages = (
  tenant: string,
  promises: readonly string[],
): readonly Extract<Emitted, { type: 'message' }>[] =>
  promises.map((id) => ({
    type: 'message',
    to: volumeAddress(tenant, id),
    event: { type: 'volume.keep' },
  }));
