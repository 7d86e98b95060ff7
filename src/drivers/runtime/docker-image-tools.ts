/** Looking after the images of a Docker engine. */
import { TroupeError } from '../../errors/errors.ts';
import type { DockerEngine } from './docker-engine.ts';
import { refusal } from './docker-errors.ts';
import type { ImageToolsPower } from './runtime-powers.ts';

interface EngineImage {
  readonly Id: string;
  readonly RepoTags: readonly string[] | null;
  readonly Size: number;
  /** Epoch seconds. */
  readonly Created: number;
}

export function dockerImageTools(engine: DockerEngine): ImageToolsPower {
  return {
    async list(signal) {
      return (await listImages(engine, signal)).map(({ Id, RepoTags, Size, Created }) => ({
        imageId: engine.dialect.imageId(Id),
        references: toReferences(engine, RepoTags),
        sizeBytes: Size,
        createdAt: Created * 1000,
      }));
    },

    async remove(reference, signal) {
      const path = `/images/${encodeURIComponent(reference)}`;
      const reply = await engine.send({ method: 'DELETE', path, signal });
      if (reply.ok || reply.status === 404) return;
      if (reply.status === 409)
        throw new TroupeError(
          'IMAGE_IN_USE',
          `Image "${reference}" can't be removed: a container of this host, or another image, is made of it`,
          { details: { engine: reply.message } },
        );
      throw refusal('The image could not be removed', reply.status, reply.message);
    },
  };
}

export async function listImages(engine: DockerEngine, signal: AbortSignal): Promise<readonly EngineImage[]> {
  const reply = await engine.send<readonly EngineImage[]>({ method: 'GET', path: '/images/json', signal });
  if (!reply.ok) throw refusal('Images could not be listed', reply.status, reply.message);
  return reply.body;
}

/** As users write them. */
export function toReferences({ dialect }: DockerEngine, tags: readonly string[] | null): string[] {
  return (tags ?? []).filter((tag) => tag !== '<none>:<none>').map((tag) => dialect.familiar(tag));
}
