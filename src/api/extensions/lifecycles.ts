/** Where an actor is, how it got there, and the chart it is on: extensions beside Zun's routes. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ControlPlane } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import { actorKinds, hostAddress, tenantAddress, type ActorKind, type Address } from '../../model/address.ts';
import { isAdmin } from '../auth/identity.ts';
import { requireAdmin } from '../policy.ts';
import { onlyKnown, queryInteger } from '../zun/values.ts';

const historyMost = 1_000;
const historyDefault = 100;

/** By the plural of a kind: an address that the caller may see, or it throws as for an unknown one. */
export type LookUps = Readonly<
  Record<string, (request: FastifyRequest, id: string, ended: boolean) => Address>
>;

export const lookUpsOf = (controlPlane: ControlPlane): LookUps => ({
  containers(request, id, ended) {
    const tenant = isAdmin(request.identity) ? null : request.identity.projectId;
    return (ended ? controlPlane.ended(tenant, id) : null) ?? controlPlane.container(tenant, id).address;
  },
  hosts(request, id) {
    requireAdmin(request, 'host:get', 1);
    const host = controlPlane.hosts().find((each) => each.id === id || each.hostname === id);
    if (!host) throw new TroupeError('HOST_NOT_FOUND', `Compute host ${id} could not be found.`);
    return hostAddress(host.id);
  },
  tenants(request, id) {
    if (id === '' || (id !== request.identity.projectId && !isAdmin(request.identity)))
      throw new TroupeError('NOT_FOUND', `The tenant "${id}" could not be found`);
    return tenantAddress(id);
  },
});

export function lifecycles(controlPlane: ControlPlane, lookUps: LookUps) {
  return async (app: FastifyInstance): Promise<void> => {
    for (const [plural, look] of Object.entries(lookUps)) {
      app.get<{ Params: { id: string } }>(`/v1/${plural}/:id/lifecycle`, (request) => {
        onlyKnown(request.query as object as Record<string, unknown>, []);
        return controlPlane.lifecycle(look(request, request.params.id, false));
      });
      app.get<{ Params: { id: string } }>(`/v1/${plural}/:id/history`, async (request) => {
        const query = request.query as Record<string, unknown>;
        onlyKnown(query, ['after', 'limit']);
        const after = queryInteger('after', query['after'], 0, 0);
        const limit = Math.min(queryInteger('limit', query['limit'], historyDefault, 1), historyMost);
        // What has ended is gone from every other route; how it ended is asked here.
        const address = look(request, request.params.id, true);
        return { history: await controlPlane.history(address, { after, limit }) };
      });
    }
    app.get<{ Params: { kind: string } }>('/v1/statecharts/:kind', (request) => {
      const { kind } = request.params;
      const query = request.query as Record<string, unknown>;
      onlyKnown(query, ['version']);
      if (!actorKinds.includes(kind as ActorKind)) {
        throw new TroupeError(
          'NOT_FOUND',
          `There is no statechart "${kind}"; there are ${actorKinds.join(', ')}`,
        );
      }
      return controlPlane.chart(
        kind as ActorKind,
        query['version'] === undefined ? null : queryInteger('version', query['version'], 1, 1),
      );
    });
  };
}
