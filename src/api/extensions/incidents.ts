/**
 * What led to what, as one tree across actors: `GET /v1/incidents?request_id=`
 * for all that a request led to, and `GET /v1/{containers,hosts,…}/{id}/incident`
 * for all that began with what led to a moment of one actor (`revision`, or
 * `at` in epoch ms; now when neither is given).
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ControlPlane, Incident, IncidentQuery } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import { actorKinds, pluralOf } from '../../model/address.ts';
import { invalidQuery, onlyKnown, queryInteger } from '../zun/values.ts';
import { tenantOf, type LookUps } from './lifecycles.ts';
import { seenSteps } from './seen.ts';

type Query = Readonly<Record<string, unknown>>;

export function incidents(controlPlane: ControlPlane, lookUps: LookUps) {
  return async (app: FastifyInstance): Promise<void> => {
    const find = async (request: FastifyRequest, query: IncidentQuery): Promise<Incident> => {
      const incident = await controlPlane.incident(query);
      const steps = incident ? seenSteps(request, incident.steps) : [];
      if (!incident || steps.length === 0)
        throw new TroupeError(
          'NOT_FOUND',
          'Nothing that is kept tells of it: it never was, or it was too long ago',
        );
      return { ...incident, steps };
    };
    app.get('/v1/incidents', (request) => {
      request.access.require('troupe:incidents');
      const query = request.query as Query;
      onlyKnown(query, ['request_id']);
      const { request_id: requestId } = query;
      if (typeof requestId !== 'string' || requestId === '')
        throw invalidQuery('request_id', requestId, 'It must be the id of a request, as answers name it');
      return find(request, { tenant: tenantOf(request), requestId });
    });
    for (const kind of actorKinds) {
      app.get<{ Params: { id: string } }>(`/v1/${pluralOf(kind)}/:id/incident`, (request) => {
        const query = request.query as Query;
        onlyKnown(query, ['revision', 'at']);
        const { address } = lookUps[kind](request, request.params.id, 'troupe:incidents', 'or ended');
        return find(request, { tenant: tenantOf(request), address, moment: momentOf(query) });
      });
    }
  };
}

/** @throws TroupeError INVALID_INPUT */
function momentOf({ revision, at }: Query): { readonly revision: number } | { readonly at: number } | null {
  if (revision !== undefined) return { revision: queryInteger('revision', revision, 1, 1) };
  return at === undefined ? null : { at: queryInteger('at', at, 0, 0) };
}
