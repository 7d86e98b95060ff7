/** For operators: what has no owner, and how a host joins. Admins only. */
import type { FastifyInstance } from 'fastify';
import type { ControlPlane } from '../../actors/index.ts';
import { requireAdmin } from '../policy.ts';

export function operations(controlPlane: ControlPlane) {
  return async (app: FastifyInstance): Promise<void> => {
    app.get('/v1/audit', async (request) => {
      requireAdmin(request, 'troupe:audit', 1);
      return { audit: await controlPlane.audit() };
    });
    app.get('/v1/quarantine', (request) => {
      requireAdmin(request, 'troupe:quarantine', 1);
      return { quarantine: controlPlane.quarantined() };
    });
    app.post('/v1/join_tokens', async (request, reply) => {
      requireAdmin(request, 'troupe:join', 1);
      reply.code(201);
      return { join_token: await controlPlane.createJoinToken() };
    });
  };
}
