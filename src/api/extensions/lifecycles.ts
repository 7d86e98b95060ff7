/** Where an actor is, how it got there, and the chart it is on: extensions beside Zun's routes. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ControlPlane } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import {
  actorKinds,
  hostAddress,
  kindOf,
  parseAddress,
  pluralOf,
  tenantAddress,
  type ActorKind,
  type Address,
  type OwnedKind,
} from '../../model/address.ts';
import type { Target } from '../policy/expression.ts';
import { offersTo } from '../policy/offers.ts';
import type { RuleName } from '../policy/rules.ts';
import { targetOf } from '../zun/container-access.ts';
import { canBeProject } from '../zun/quota-amounts.ts';
import { onlyKnown, queryInteger } from '../zun/values.ts';

const historyMost = 1_000;
const historyDefault = 100;

/** What was looked for, and what a rule may know of it. */
export interface Found {
  readonly address: Address;
  readonly target: Target;
}

/**
 * What the caller may see and `rule` lets it do. What is another project's answers as what is unknown. `ended`: one that
 * has ended will do, too.
 */
type LookUp = (request: FastifyRequest, id: string, rule: RuleName, ended?: 'or ended') => Found;

export type LookUps = Readonly<Record<ActorKind, LookUp>>;

/** @throws TroupeError FORBIDDEN; and by the kind CONTAINER_NOT_FOUND, NETWORK_NOT_FOUND, …, NAME_AMBIGUOUS */
export const lookUpsOf = (controlPlane: ControlPlane): LookUps => ({
  container: owned('container', controlPlane, (tenant, id) => {
    const view = controlPlane.container(tenant, id);
    return { address: view.address, target: targetOf(view) };
  }),
  capsule: owned('capsule', controlPlane, (tenant, id) => {
    const view = controlPlane.capsules.find(tenant, id);
    return { address: view.address, target: targetOf(view) };
  }),
  network: owned('network', controlPlane, (tenant, id) =>
    inProject(controlPlane.local.network(tenant, id).address),
  ),
  volume: owned('volume', controlPlane, (tenant, id) =>
    inProject(controlPlane.local.volume(tenant, id).address),
  ),
  image: owned('image', controlPlane, (tenant, id) => inProject(controlPlane.owned('image', tenant, id))),
  registry: owned('registry', controlPlane, (tenant, id) => {
    const view = controlPlane.registries.find(tenant, id);
    return { address: view.address, target: { project_id: view.tenant, user_id: view.userId } };
  }),
  sandbox: owned('sandbox', controlPlane, (tenant, id) =>
    inProject(controlPlane.owned('sandbox', tenant, id)),
  ),
  pool: owned('pool', controlPlane, (tenant, id) => inProject(controlPlane.owned('pool', tenant, id))),
  host({ access }, id, rule) {
    // Whether there is one is not for everybody.
    access.require('host:get', {});
    access.require(rule, {});
    const host = controlPlane.hosts().find((each) => each.id === id || each.hostname === id);
    if (!host) throw new TroupeError('HOST_NOT_FOUND', `Compute host ${id} could not be found.`);
    return { address: hostAddress(host.id), target: {} };
  },
  tenant(request, id, rule) {
    const { access, identity } = request;
    if ((id !== identity.projectId && !access.isAdmin) || !canBeProject(request, id))
      throw new TroupeError('NOT_FOUND', `The tenant "${id}" could not be found`);
    const found = inProject(tenantAddress(id));
    access.require(rule, found.target);
    return found;
  },
});

/** Null = all of them, for admins. */
export const tenantOf = ({ access, identity }: FastifyRequest): string | null =>
  access.isAdmin ? null : identity.projectId;

/** Known of it is whose it is. */
const inProject = (address: Address): Found => ({
  address,
  target: { project_id: parseAddress(address).tenant! },
});

function owned(
  kind: OwnedKind,
  controlPlane: ControlPlane,
  find: (tenant: string | null, id: string) => Found,
): LookUp {
  return (request, id, rule, ended) => {
    const tenant = tenantOf(request);
    const past = ended ? controlPlane.ended(kind, tenant, id) : null;
    const found = past ? inProject(past) : find(tenant, id);
    request.access.require(rule, found.target);
    return found;
  };
}

export function lifecycles(controlPlane: ControlPlane, lookUps: LookUps) {
  return async (app: FastifyInstance): Promise<void> => {
    for (const kind of actorKinds) {
      const look = lookUps[kind];
      app.get<{ Params: { id: string } }>(`/v1/${pluralOf(kind)}/:id/lifecycle`, (request) => {
        onlyKnown(request.query as object as Record<string, unknown>, []);
        const { access } = request;
        const { address, target } = look(request, request.params.id, 'troupe:lifecycle');
        const { allowedEvents, services, related, ...lifecycle } = controlPlane.lifecycle(address);
        return {
          ...lifecycle,
          allowedEvents: offersTo(access, target, allowedEvents),
          services: offersTo(access, target, services),
          related: related.filter((each) => kindOf(each.address) !== 'host' || access.may('host:get', {})),
        };
      });
      app.get<{ Params: { id: string } }>(`/v1/${pluralOf(kind)}/:id/history`, async (request) => {
        const query = request.query as Record<string, unknown>;
        onlyKnown(query, ['after', 'limit']);
        const after = queryInteger('after', query['after'], 0, 0);
        const limit = Math.min(queryInteger('limit', query['limit'], historyDefault, 1), historyMost);
        // What has ended is gone from every other route; how it ended is asked here.
        const { address } = look(request, request.params.id, 'troupe:history', 'or ended');
        return { history: await controlPlane.history(address, { after, limit }) };
      });
    }
    app.get<{ Params: { kind: string } }>('/v1/statecharts/:kind', (request) => {
      request.access.require('troupe:statecharts');
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
