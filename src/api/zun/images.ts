/** `/v1/images`: what the hosts' engines keep. For admins, but for a search, and what is the project's own. @see zun-api 2.8 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ControlPlane } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import type { ImageView } from '../../model/image-view.ts';
import { isCommitted } from '../../model/image.ts';
import type { RuleName } from '../policy/rules.ts';
import { callerOf } from '../request.ts';
import { text } from './body-fields.ts';
import { queryOf, type ById, type Fields } from './container-access.ts';
import { imageDriver, imagePattern, nameLength, pullPolicy } from './create-body.ts';
import { baseUrlOf } from './discovery.ts';
import { page, pagingParameters, type Listing } from './paging.ts';
import { bearerOf, catalogueOf, type ImageDesk } from './stored-images.ts';
import { invalidField, onlyKnown, queryBoolean } from './values.ts';

/** @param baseUrl null in lists, which carry no links */
function imageView({ access }: FastifyRequest, view: ImageView, baseUrl: string | null): Fields {
  return {
    uuid: view.id,
    ...(baseUrl === null
      ? {}
      : {
          links: [
            { href: `${baseUrl}/v1/images/${view.id}`, rel: 'self' },
            { href: `${baseUrl}/images/${view.id}`, rel: 'bookmark' },
          ],
        }),
    image_id: view.imageId,
    project_id: view.tenant,
    repo: view.repo,
    tag: view.tag,
    size: view.sizeBytes === null ? null : String(view.sizeBytes),
    ...(access.may('host:get', {}) ? { host: view.hostname } : {}),
    // What Zun keeps to itself.
    status: view.status,
    status_reason: view.reason,
  };
}

const listing: Listing<ImageView> = {
  id: ({ id }) => id,
  sortKeys: {
    uuid: ({ id }) => id,
    repo: ({ repo }) => repo,
    tag: ({ tag }) => tag,
    image_id: ({ imageId }) => imageId,
    size: ({ sizeBytes }) => sizeBytes,
    host: ({ hostname }) => hostname,
  },
  notFound: (id) => new TroupeError('IMAGE_UNKNOWN', `Image ${id} could not be found.`),
};

const words = { least: 1, most: 255 };

export function images({ images: desk, registries }: ControlPlane, stored: ImageDesk) {
  return async (app: FastifyInstance): Promise<void> => {
    const find = async (
      { access, identity }: FastifyRequest,
      id: string,
      rule: RuleName,
    ): Promise<ImageView> => {
      const found = await desk.find(access.isAdmin ? null : identity.projectId, id);
      access.require(rule, found.tenant === null ? {} : { project_id: found.tenant });
      return found;
    };
    const show = (request: FastifyRequest, view: ImageView): Fields =>
      imageView(request, view, baseUrlOf(request));

    app.get('/v1/images', async (request) => {
      request.access.require('image:get_all', {});
      const query = queryOf(request);
      onlyKnown(query, pagingParameters);
      const { items, next } = page(await desk.list(), query, listing);
      return {
        images: items.map((view) => imageView(request, view, null)),
        next: next === null ? null : `${baseUrlOf(request)}/v1/images?${next}`,
      };
    });
    app.get<ById>('/v1/images/:id', async (request) => {
      onlyKnown(queryOf(request), []);
      return show(request, await find(request, request.params.id, 'image:get_one'));
    });
    app.post('/v1/images', async (request, reply) => {
      request.access.require('image:pull', {});
      onlyKnown(queryOf(request), []);
      const body = (request.body ?? {}) as Fields;
      // Zun takes `tag`, `image_id` and `size`, and fills them in itself.
      onlyKnown(body, ['repo', 'host', 'image_id', 'tag', 'size', 'image_pull_policy', 'registry']);
      const repo = text(body, 'repo', nameLength, imagePattern);
      const host = text(body, 'host', words);
      if (repo === null) throw new TroupeError('INVALID_INPUT', "'repo' is a required property");
      if (host === null) throw new TroupeError('INVALID_INPUT', "'host' is a required property");
      const { image, imageReference, registryId } = registries.nameImage(
        request.identity.projectId,
        repo,
        text(body, 'registry', nameLength),
      );
      if (imageReference !== null && isCommitted(imageReference))
        throw invalidField('repo', repo, 'Your project has made that image itself; it is in no registry');
      const policy = pullPolicy(body, 'always');
      const asked = { host, image: imageReference ?? image, policy, registryId };
      const made = await desk.pull(asked, callerOf(request));
      reply.code(202).header('location', `${baseUrlOf(request)}/v1/images/${made.id}`);
      return show(request, made);
    });
    app.delete<ById>('/v1/images/:id', async (request, reply) => {
      onlyKnown(queryOf(request), []);
      await desk.remove(await find(request, request.params.id, 'image:delete'), callerOf(request));
      return reply.code(200).type('application/json').send('null');
    });
    const search = async (request: FastifyRequest, term: string): Promise<readonly Fields[]> => {
      request.access.require('image:search');
      const query = queryOf(request);
      onlyKnown(query, ['image_driver', 'exact_match']);
      const driver = imageDriver(query['image_driver'], stored.driver);
      const isExact = queryBoolean('exact_match', query['exact_match'], false);
      if (driver === 'glance') return catalogueOf(stored).search(term, isExact, bearerOf(request));
      const found = await desk.search(term);
      return found
        .filter(({ name }) => !isExact || name === term)
        .map(({ name, description, isOfficial, stars }) => ({
          name,
          description,
          metadata: { is_official: isOfficial, star_count: stars },
        }));
    };
    app.get<ById>('/v1/images/:id/search', (request) => search(request, request.params.id));
    // Zun's client does not escape the name's own "/".
    app.get<{ Params: { id: string; name: string } }>('/v1/images/:id/:name/search', (request) =>
      search(request, `${request.params.id}/${request.params.name}`),
    );
  };
}
