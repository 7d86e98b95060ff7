/** Who the token speaks for, so that a client shows no more than its bearer may see. */
import type { FastifyInstance } from 'fastify';
import { onlyKnown } from '../zun/values.ts';

export async function identity(app: FastifyInstance): Promise<void> {
  app.get('/v1/identity', (request) => {
    request.access.require('troupe:identity');
    onlyKnown(request.query as object as Record<string, unknown>, []);
    const { userId, userName, projectId, projectName, roles } = request.identity;
    return {
      user_id: userId,
      user_name: userName,
      project_id: projectId,
      project_name: projectName,
      roles,
      admin: request.access.isAdmin,
    };
  });
}
