/** For operators: what has no owner, and how a host joins. Admins only. */
import type { FastifyInstance } from 'fastify';
import type { AuditEntry, ControlPlane } from '../../actors/index.ts';
import { requireAdmin } from '../policy.ts';
import { onlyKnown } from '../zun/values.ts';

export function operations(controlPlane: ControlPlane) {
  return async (app: FastifyInstance): Promise<void> => {
    app.get('/v1/audit', async (request) => {
      requireAdmin(request, 'troupe:audit', 1);
      onlyKnown(request.query as object as Record<string, unknown>, []);
      const entries = await controlPlane.audit();
      const isForeign = ({ problem }: AuditEntry): boolean => problem === 'of-another-world';
      return {
        audit: entries.filter((entry) => !isForeign(entry)),
        // With our labels, and somebody else's: shown, and no leak of ours.
        other_worlds: entries.filter(isForeign),
      };
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
