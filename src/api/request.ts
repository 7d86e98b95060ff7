/** What every request carries once it has been let in. */
import type { Caller } from '../actors/index.ts';
import type { Identity } from './auth/identity.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** `req-<uuid>`, answered in `x-openstack-request-id`. */
    requestId: string;
    /** Set on every route but the public ones. */
    identity: Identity;
    /** The microversion in force: the N of 1.N. */
    minor: number;
  }
}

export const callerOf = (request: { readonly requestId: string; readonly identity: Identity }): Caller => ({
  userId: request.identity.userId,
  projectId: request.identity.projectId,
  requestId: request.requestId,
});
