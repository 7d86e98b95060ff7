/** Where an actor is, how it got there, and the chart it is on: extensions beside Zun's routes. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ControlPlane } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import {
  actorKinds,
  hostAddress,
  kindOf,
  pluralOf,
  tenantAddress,
  type ActorKind,
  type Address,
  type OwnedKind,
} from '../../model/address.ts';
import { isAdmin } from '../auth/identity.ts';
import { requireAdmin } from '../policy.ts';
import { onlyKnown, queryInteger } from '../zun/values.ts';

const historyMost = 1_000;
const historyDefault = 100;

/** An address that the caller may see, or it throws as for an unknown one. `ended`: one that has ended will do, too. */
type LookUp = (request: FastifyRequest, id: string, ended: boolean) => Address;

export type LookUps = Readonly<Record<ActorKind, LookUp>>;

export const lookUpsOf = (controlPlane: ControlPlane): LookUps => ({
  container(request, id, ended) {
    const tenant = tenantOf(request);
    return (
      (ended ? controlPlane.ended('container', tenant, id) : null) ??
      controlPlane.container(tenant, id).address
    );
  },
  capsule: owned('capsule', controlPlane, (tenant, id) => controlPlane.capsules.find(tenant, id).address),
  network: owned('network', controlPlane, (tenant, id) => controlPlane.local.network(tenant, id).address),
  volume: owned('volume', controlPlane, (tenant, id) => controlPlane.local.volume(tenant, id).address),
  sandbox: owned('sandbox', controlPlane, (tenant, id) => controlPlane.owned('sandbox', tenant, id)),
  pool: owned('pool', controlPlane, (tenant, id) => controlPlane.owned('pool', tenant, id)),
  host(request, id) {
    requireAdmin(request, 'host:get', 1);
    const host = controlPlane.hosts().find((each) => each.id === id || each.hostname === id);
    if (!host) throw new TroupeError('HOST_NOT_FOUND', `Compute host ${id} could not be found.`);
    return hostAddress(host.id);
  },
  tenant(request, id) {
    if (id === '' || (id !== request.identity.projectId && !isAdmin(request.identity)))
      throw new TroupeError('NOT_FOUND', `The tenant "${id}" could not be found`);
    return tenantAddress(id);
  },
});

/** Null = all of them, for admins. */
export const tenantOf = ({ identity }: FastifyRequest): string | null =>
  isAdmin(identity) ? null : identity.projectId;

function owned(
  kind: OwnedKind,
  controlPlane: ControlPlane,
  find: (tenant: string | null, id: string) => Address,
): LookUp {
  return (request, id, ended) => {
    const tenant = tenantOf(request);
    return (ended ? controlPlane.ended(kind, tenant, id) : null) ?? find(tenant, id);
  };
}

export function lifecycles(controlPlane: ControlPlane, lookUps: LookUps) {
  return async (app: FastifyInstance): Promise<void> => {
    for (const kind of actorKinds) {
      const look = lookUps[kind];
      app.get<{ Params: { id: string } }>(`/v1/${pluralOf(kind)}/:id/lifecycle`, (request) => {
        onlyKnown(request.query as object as Record<string, unknown>, []);
        const lifecycle = controlPlane.lifecycle(look(request, request.params.id, false));
        if (isAdmin(request.identity)) return lifecycle;
        // Hosts are for admins.
        return {
          ...lifecycle,
          related: lifecycle.related.filter(({ address }) => kindOf(address) !== 'host'),
        };
      });
      app.get<{ Params: { id: string } }>(`/v1/${pluralOf(kind)}/:id/history`, async (request) => {
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
