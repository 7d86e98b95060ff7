/** What a project may have, has, and bears beside it: an extension, since Zun's quotas know nothing of neighbours. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ControlPlane, TenantView } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import type { Amounts } from '../../model/container.ts';
import { neighboursModes, type Neighbours } from '../../model/placement.ts';
import { isAdmin } from '../auth/identity.ts';
import { requireAdmin } from '../policy.ts';
import { callerOf } from '../request.ts';
import { object } from '../zun/body-fields.ts';
import { integerIn, invalidField, onlyKnown } from '../zun/values.ts';

type Fields = Readonly<Record<string, unknown>>;

/** As the body names them, and the amount it is. */
const limitNames = {
  containers: 'containers',
  cpu: 'cpuMillis',
  memory: 'memoryMib',
  disk: 'diskGib',
} as const satisfies Record<string, keyof Amounts>;

const amountsView = ({ containers, cpuMillis, memoryMib, diskGib }: Amounts): Fields => ({
  containers,
  cpu: cpuMillis < 0 ? -1 : cpuMillis / 1000,
  memory: memoryMib,
  disk: diskGib,
});

const tenantView = ({ id, limits, used, reserved, neighbours }: TenantView): Fields => ({
  id,
  limits: amountsView(limits),
  used: amountsView(used),
  reserved,
  neighbours,
});

export function tenants(controlPlane: ControlPlane) {
  return async (app: FastifyInstance): Promise<void> => {
    const mine = (request: FastifyRequest, id: string): string => {
      if (id === request.identity.projectId || isAdmin(request.identity)) return id;
      throw new TroupeError('NOT_FOUND', `The tenant "${id}" could not be found`);
    };

    app.get('/v1/tenants', (request) => {
      onlyKnown(request.query as Fields, []);
      const all = isAdmin(request.identity)
        ? controlPlane.tenants()
        : [controlPlane.tenant(request.identity.projectId)];
      return { tenants: all.map(tenantView) };
    });

    app.get<{ Params: { id: string } }>('/v1/tenants/:id', (request) => {
      onlyKnown(request.query as Fields, []);
      return tenantView(controlPlane.tenant(mine(request, request.params.id)));
    });

    app.patch<{ Params: { id: string } }>('/v1/tenants/:id', async (request) => {
      const id = mine(request, request.params.id);
      const body = (request.body ?? {}) as Fields;
      onlyKnown(body, ['limits', 'neighbours']);
      const limits = object(body, 'limits', Object.keys(limitNames));
      const neighbours = neighboursOf(body);
      if (limits) requireAdmin(request, 'troupe:limits', 1);
      if (neighbours !== null) {
        const { answer, reason } = await controlPlane.isolate(id, neighbours, callerOf(request));
        if (answer === 'refused')
          throw new TroupeError('FORBIDDEN', reason ?? 'The site does not let its tenants choose that');
      }
      if (limits)
        await controlPlane.setLimits(
          id,
          { ...controlPlane.tenant(id).limits, ...amountsOf(limits) },
          callerOf(request),
        );
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

/** @throws TroupeError INVALID_INPUT */
function amountsOf(limits: Fields): Partial<Amounts> {
  return Object.fromEntries(
    Object.entries(limits).map(([name, value]) => {
      const amount = limitNames[name as keyof typeof limitNames];
      const number = name === 'cpu' && typeof value === 'number' ? value : integerIn(value);
      if (number === null || number < -1)
        throw invalidField(`limits.${name}`, value, 'It must be a number of at least 0, or -1 for no limit');
      return [amount, name === 'cpu' && number >= 0 ? Math.round(number * 1000) : Math.trunc(number)];
    }),
  );
}
