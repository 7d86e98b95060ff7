/**
 * `POST /v1/{containers,hosts,tenants}/{id}/events`: sends an actor one of the
 * events that its lifecycle offers, as it is offered there. Who may, and
 * whether it is possible now, is the chart's word; what no chart describes as
 * a command can't be sent.
 */
import { isDeepStrictEqual } from 'node:util';
import type { FastifyInstance } from 'fastify';
import type { AllowedEvent, ControlPlane } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import { parseAddress } from '../../model/address.ts';
import { isAdmin } from '../auth/identity.ts';
import { callerOf } from '../request.ts';
import { onlyKnown } from '../zun/values.ts';
import type { LookUps } from './lifecycles.ts';

type Command = { readonly type: string; readonly [field: string]: unknown };

const saidOfIt: ReadonlySet<string> = new Set(['answer', 'reason', 'to', 'starts', 'roles']);

/** Without what only the lifecycle says of it. */
const commandOf = ({ type, ...fields }: AllowedEvent): Command => ({
  type,
  ...Object.fromEntries(Object.entries(fields).filter(([field]) => !saidOfIt.has(field))),
});

export function events(controlPlane: ControlPlane, lookUps: LookUps) {
  return async (app: FastifyInstance): Promise<void> => {
    for (const [plural, look] of Object.entries(lookUps)) {
      app.post<{ Params: { id: string } }>(`/v1/${plural}/:id/events`, async (request, reply) => {
        onlyKnown(request.query as object as Record<string, unknown>, []);
        const address = look(request, request.params.id, false);
        const { allowedEvents } = controlPlane.lifecycle(address);
        const offered = allowedEvents.find((each) => isDeepStrictEqual(commandOf(each), request.body));
        if (!offered) {
          const known = allowedEvents.map((each) => JSON.stringify(commandOf(each))).join(', ');
          throw new TroupeError('INVALID_PARAMETER', `It takes one of these events: ${known || 'none'}`);
        }
        if (!offered.roles.includes(isAdmin(request.identity) ? 'admin' : 'owner'))
          throw new TroupeError('FORBIDDEN', `Policy doesn't allow ${offered.type} to be performed.`);
        const { answer, reason, revision } = await controlPlane.send(
          address,
          commandOf(offered),
          callerOf(request),
        );
        if (answer === 'refused') {
          const { kind, id } = parseAddress(address);
          throw new TroupeError(
            'INVALID_STATE',
            `The ${kind} ${id} refuses ${offered.type}: ${reason ?? ''}`,
          );
        }
        reply.code(202);
        return { answer, reason, revision };
      });
    }
  };
}
