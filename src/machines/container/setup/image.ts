/** The image that it is made of, and one that is made of it. */
import { imageAddress } from '../../../model/address.ts';
import type { ContainerCommand } from '../../../model/events.ts';
import type { ImageInput } from '../../../model/image-events.ts';
import { committedImage } from '../../../model/image.ts';
import { failureOf } from '../../retry-policy.ts';
import type { ContainerContext } from '../context.ts';
import { assign, emit, type Guards } from './types.ts';

const imageOf = (
  { tenant, hostId, id, generation, deadlines }: ContainerContext,
  { imageId, commitId, repository, tag, isStored }: Extract<ContainerCommand, { type: 'container.commit' }>,
): ImageInput => ({
  id: imageId,
  tenant,
  hostId: hostId ?? '',
  // What is on its way to Glance is nothing that its project could name yet.
  reference: isStored ? committedImage(tenant, imageId, 'commit') : committedImage(tenant, repository, tag),
  name: `${repository}:${tag}`,
  origin: { kind: 'commit', commitId, containerId: id, generation },
  storedId: isStored ? imageId : null,
  deadlines: { makeMs: deadlines.imageMs, removeMs: deadlines.removeMs },
});

export const imageGuards = {
  isImageReady: ({ context: { imagePresent, imagePullPolicy } }) =>
    imagePresent && imagePullPolicy !== 'always',
  isImageMissing: ({ context, event }) =>
    failureOf(event).code === 'IMAGE_NOT_FOUND' &&
    context.imagePresent &&
    context.imagePullPolicy !== 'never',
} satisfies Guards;

export const imageActions = {
  forgetImage: assign({ imagePresent: false }),
  recordImage: assign({ imagePresent: true }),
  askCommit: emit(({ context, event }) => {
    const asked = event as Extract<ContainerCommand, { type: 'container.commit' }>;
    const { origin, ...begin } = imageOf(context, asked);
    return {
      type: 'message' as const,
      to: imageAddress(context.tenant, asked.imageId),
      event: { type: 'image.commit', origin },
      begin: { ...begin, origin },
    };
  }),
};
