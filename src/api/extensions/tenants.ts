/** `/v1/tenants`: limits and what is taken of them. Members see their own, admins all. */
import type { FastifyInstance } from 'fastify';
import type { ControlPlane, TenantView } from '../../actors/index.ts';
import type { Amounts } from '../../model/container.ts';
import { isAdmin } from '../auth/identity.ts';
import { onlyKnown } from '../zun/values.ts';

/** In Zun's units and names of resources; -1 = without limit. */
const amounts = ({ containers, cpuMillis, memoryMib, diskGib }: Amounts): Record<string, number> => ({
  containers,
  cpu: cpuMillis < 0 ? -1 : cpuMillis / 1000,
  memory: memoryMib,
  disk: diskGib,
});

const tenantView = ({ id, limits, used, reserved }: TenantView): Record<string, unknown> => ({
  id,
  limits: amounts(limits),
  used: amounts(used),
  reserved,
});

export function tenants(controlPlane: ControlPlane) {
  return async (app: FastifyInstance): Promise<void> => {
    app.get('/v1/tenants', (request) => {
      onlyKnown(request.query as object as Record<string, unknown>, []);
      const all = isAdmin(request.identity)
        ? controlPlane.tenants()
        : [controlPlane.tenant(request.identity.projectId)];
      return { tenants: all.map(tenantView) };
    });
  };
}
