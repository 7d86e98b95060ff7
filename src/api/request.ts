/** What every request carries once it has been let in. */
import type { Identity } from './auth/identity.ts';
import type { Access } from './policy/policy.ts';
import type { Caller } from '../model/caller.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** `req-<uuid>`, answered in `x-openstack-request-id`. */
    requestId: string;
    /** Set on every route but the public ones. */
    identity: Identity;
    /** What the caller may do; set with the identity. */
    access: Access;
    /** The microversion in force: the N of 1.N. */
    minor: number;
  }
}

export const callerOf = (request: { readonly requestId: string; readonly identity: Identity }): Caller => ({
  userId: request.identity.userId,
  projectId: request.identity.projectId,
  requestId: request.requestId,
});
