/**
 * `POST /v1/containers/X/commit`. Zun stores the image in Glance and answers
 * its id; here it is kept by the container's host, for its project alone, and
 * the id is that of the image's actor. @see zun-api 2.7
 */
import type { FastifyInstance } from 'fastify';
import type { ControlPlane } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import type { Environment } from '../../model/environment.ts';
import { callerOf } from '../request.ts';
import { text } from './body-fields.ts';
import { createContainerAccess, queryOf, type ById } from './container-access.ts';
import { nameLength } from './create-body.ts';
import { invalidQuery, onlyKnown } from './values.ts';

/** @see distribution reference grammar: path and tag; it goes to no registry, so it names none with a port */
const repositoryPattern =
  /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^\w[\w.-]{0,127}$/;

export function containerCommit(controlPlane: ControlPlane, environment: Environment) {
  return async (app: FastifyInstance): Promise<void> => {
    const access = createContainerAccess(controlPlane, environment);
    app.post<ById>('/v1/containers/:id/commit', async (request, reply) => {
      const asked = queryOf(request);
      onlyKnown(asked, ['repository', 'tag']);
      const repository = text(asked, 'repository', nameLength);
      if (repository === null) throw new TroupeError('INVALID_INPUT', "'repository' is a required property");
      if (!repositoryPattern.test(repository))
        throw invalidQuery(
          'repository',
          repository,
          'It must be small letters and digits, such as "team/web"',
        );
      const given = text(asked, 'tag', { least: 0, most: 128 });
      const tag = given === null || given === '' || given === 'None' ? 'latest' : given;
      if (!tagPattern.test(tag))
        throw invalidQuery('tag', tag, 'It must be letters, digits, ".", "_" and "-", such as "1.2"');
      const view = access.find(request, request.params.id, 'container:commit');
      const { images } = controlPlane;
      const committing = images.commit(view, { repository, tag }, callerOf(request));
      await access.ask(request, view, 'commit', () => committing);
      reply.code(202);
      return { uuid: (await committing).imageId };
    });
  };
}
