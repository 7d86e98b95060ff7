/** Who may do what, where the owner of a resource is not enough. */
import type { FastifyRequest } from 'fastify';
import { TroupeError } from '../errors/errors.ts';
import { isAdmin } from './auth/identity.ts';

/** @throws TroupeError FORBIDDEN naming the rule; NOT_ACCEPTABLE below the version that has the route */
export function requireAdmin(request: FastifyRequest, rule: string, sinceMinor: number): void {
  if (request.minor < sinceMinor) throw new TroupeError('NOT_ACCEPTABLE', '');
  if (!isAdmin(request.identity))
    throw new TroupeError('FORBIDDEN', `Policy doesn't allow ${rule} to be performed.`);
}
