/** What a project may have, has, and bears beside it: an extension, since Zun's quotas know nothing of neighbours. */
import type { FastifyInstance } from 'fastify';
import type { ControlPlane } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import type { LimitChanges } from '../../model/container.ts';
import { neighboursModes, type Neighbours } from '../../model/placement.ts';
import type { TenantView } from '../../model/tenant.ts';
import { callerOf } from '../request.ts';
import { object } from '../zun/body-fields.ts';
import type { ById } from '../zun/container-access.ts';
import { amountOf, amountsView, limitIn, resources, type Resource } from '../zun/quota-amounts.ts';
import { invalidField, onlyKnown } from '../zun/values.ts';
import type { LookUps } from './lifecycles.ts';

type Fields = Readonly<Record<string, unknown>>;

const tenantView = ({ id, limits, used, reserved, neighbours }: TenantView): Fields => ({
  id,
  limits: amountsView(limits),
  used: amountsView(used),
  reserved,
  neighbours,
});

export function tenants(controlPlane: ControlPlane, { tenant: look }: LookUps) {
  return async (app: FastifyInstance): Promise<void> => {
    app.get('/v1/tenants', ({ access, identity, query }) => {
      access.require('tenant:get_all');
      onlyKnown(query as Fields, []);
      const all = access.may('tenant:get_all_all_projects')
        ? controlPlane.tenants()
        : [controlPlane.tenant(identity.projectId)];
      return { tenants: all.map(tenantView) };
    });

    app.get<ById>('/v1/tenants/:id', (request) => {
      onlyKnown(request.query as Fields, []);
      look(request, request.params.id, 'tenant:get_one');
      return tenantView(controlPlane.tenant(request.params.id));
    });

    // Zun's quotas and this set the same limits, so the same rule says who may; null = the site's.
    app.patch<ById>('/v1/tenants/:id', async (request) => {
      const { id } = request.params;
      const body = (request.body ?? {}) as Fields;
      const { target } = look(request, id, 'tenant:get_one');
      onlyKnown(body, ['limits', 'neighbours']);
      const limits = object(body, 'limits', resources);
      const neighbours = neighboursOf(body);
      if (neighbours !== null) request.access.require('tenant:isolate', target);
      if (limits) request.access.require('quota:update', target);
      const changes = limits && changesOf(limits);
      if (neighbours !== null) {
        const { answer, reason } = await controlPlane.isolate(id, neighbours, callerOf(request));
        if (answer === 'refused')
          throw new TroupeError('FORBIDDEN', reason ?? 'The site does not let its tenants choose that');
      }
      if (changes) await controlPlane.setLimits(id, changes, callerOf(request));
      return tenantView(controlPlane.tenant(id));
    });
  };
}

/** @throws TroupeError INVALID_INPUT */
function neighboursOf({ neighbours }: Fields): Neighbours | null {
  if (neighbours === undefined || neighbours === null) return null;
  if (neighboursModes.includes(neighbours as Neighbours)) return neighbours as Neighbours;
  throw invalidField('neighbours', neighbours, `It must be one of ${neighboursModes.join(', ')}`);
}

/** CPUs also in parts; null = the site's. @throws TroupeError INVALID_INPUT */
const changesOf = (limits: Fields): LimitChanges =>
  Object.fromEntries(
    Object.entries(limits).map(([name, value]) => [
      amountOf[name as Resource],
      value === null ? null : limitIn(name as Resource, value, `limits.${name}`, 'in parts'),
    ]),
  );
