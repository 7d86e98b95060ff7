/** Images of Glance as requests name them: looked up in the caller's name, so that everybody sees there what Glance shows them. */
import type { FastifyRequest } from 'fastify';
import { TroupeError } from '../../errors/errors.ts';
import type { Bearer } from '../../model/bearer.ts';
import type { ContainerSpec, StoredImageRef } from '../../model/container.ts';
import { storedImage } from '../../model/image.ts';
import { callerOf } from '../request.ts';

/** What the API asks of Glance. `main` binds it. */
export interface ImageCatalogue {
  /** @throws TroupeError IMAGE_NOT_FOUND, NAME_AMBIGUOUS, INVALID_VALUE for what is no image of a container, CLOUD_UNAVAILABLE */
  find(idOrName: string, bearer: Bearer): Promise<StoredImageRef>;
  /** As Glance describes them. @throws TroupeError CLOUD_UNAVAILABLE */
  search(
    text: string,
    isExact: boolean,
    bearer: Bearer,
  ): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

export interface ImageDesk {
  /** Null where the site has no Glance. */
  readonly catalogue: ImageCatalogue | null;
  /** For requests that name no driver. */
  readonly driver: ContainerSpec['imageDriver'];
}

export type StoredImageFields = Pick<
  ContainerSpec,
  'image' | 'imageDriver' | 'imageReference' | 'registryId' | 'stored'
>;

export const bearerOf = (request: FastifyRequest): Bearer => ({
  ...callerOf(request),
  token: String(request.headers['x-auth-token'] ?? ''),
});

/** @throws TroupeError as {@link ImageCatalogue.find}; INVALID_VALUE where the site has no Glance */
export async function nameStoredImage(
  request: FastifyRequest,
  desk: ImageDesk,
  image: string,
): Promise<StoredImageFields> {
  const stored = await catalogueOf(desk).find(image, bearerOf(request));
  return {
    image,
    imageDriver: 'glance',
    imageReference: storedImage(stored.digest),
    registryId: null,
    stored,
  };
}

/** @throws TroupeError INVALID_VALUE */
export function catalogueOf({ catalogue }: ImageDesk): ImageCatalogue {
  if (catalogue) return catalogue;
  throw new TroupeError(
    'INVALID_VALUE',
    "This site has no Glance ('image_driver'): its users are not Keystone's; use docker",
  );
}
