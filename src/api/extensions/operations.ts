/** For operators: what has no owner, and how a host joins. */
import type { FastifyInstance } from 'fastify';
import type { ControlPlane } from '../../actors/index.ts';
import { onlyKnown } from '../zun/values.ts';
import type { AuditEntry } from '../../model/audit-entry.ts';

export function operations(controlPlane: ControlPlane) {
  return async (app: FastifyInstance): Promise<void> => {
    app.get('/v1/audit', async (request) => {
      request.access.require('troupe:audit', {});
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
      request.access.require('troupe:quarantine', {});
      return { quarantine: controlPlane.quarantined() };
    });
    app.post('/v1/join_tokens', async (request, reply) => {
      request.access.require('troupe:join', {});
      reply.code(201);
      return { join_token: await controlPlane.createJoinToken() };
    });
  };
}
