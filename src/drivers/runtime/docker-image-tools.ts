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

/** @see Docker Engine API, ImageSearch */
interface Hit {
  readonly name: string;
  readonly description: string;
  readonly is_official: boolean;
  readonly star_count: number;
}

/** As many as Docker Hub gives. */
const hitsMost = 100;

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

    async search(term, signal) {
      const query = { term, limit: String(hitsMost) };
      const reply = await engine.send<readonly Hit[]>({
        method: 'GET',
        path: '/images/search',
        query,
        signal,
      });
      // The engine passes on what came of its request to the registry, whatever that was, as an error of its own.
      if (!reply.ok)
        throw new TroupeError(
          'REGISTRY_UNAVAILABLE',
          `The registry could not be searched for "${term}": ${reply.message}`,
          { details: { engine: reply.message } },
        );
      return reply.body.map(({ name, description, is_official: isOfficial, star_count: stars }) => ({
        name,
        description,
        isOfficial,
        stars,
      }));
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
