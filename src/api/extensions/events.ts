/**
 * `POST /v1/{containers,hosts,tenants,…}/{id}/events`: sends an actor one of the
 * events that its lifecycle offers, as it is offered there. Who may is the
 * policy's word, whether it is possible now the chart's; what no chart
 * describes as a command can't be sent.
 */
import { isDeepStrictEqual } from 'node:util';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { AllowedEvent, ControlPlane } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import { actorKinds, parseAddress, pluralOf } from '../../model/address.ts';
import { ruleOfEvent } from '../policy/offers.ts';
import { callerOf } from '../request.ts';
import { onlyKnown } from '../zun/values.ts';
import type { Found, LookUps } from './lifecycles.ts';

type Command = { readonly type: string; readonly [field: string]: unknown };

const saidOfIt: ReadonlySet<string> = new Set(['answer', 'reason', 'to', 'starts']);

/** Without what only the lifecycle says of it. */
const commandOf = ({ type, ...fields }: AllowedEvent): Command => ({
  type,
  ...Object.fromEntries(Object.entries(fields).filter(([field]) => !saidOfIt.has(field))),
});

/**
 * The event that a body asks for, as the actor offers it.
 * @throws TroupeError INVALID_PARAMETER for one that is not offered; FORBIDDEN for one that is offered to others
 */
export function offeredEvent(
  controlPlane: ControlPlane,
  { access }: FastifyRequest,
  { address, target }: Found,
  body: unknown,
): Command {
  const { allowedEvents } = controlPlane.lifecycle(address);
  const asked = allowedEvents.find((each) => isDeepStrictEqual(commandOf(each), body));
  if (!asked) {
    const known = allowedEvents
      .filter((each) => access.may(ruleOfEvent(each), target))
      .map((each) => JSON.stringify(commandOf(each)));
    throw new TroupeError('INVALID_PARAMETER', `It takes one of these events: ${known.join(', ') || 'none'}`);
  }
  access.require(ruleOfEvent(asked), target);
  return commandOf(asked);
}

export function events(controlPlane: ControlPlane, lookUps: LookUps) {
  return async (app: FastifyInstance): Promise<void> => {
    for (const kind of actorKinds) {
      app.post<{ Params: { id: string } }>(`/v1/${pluralOf(kind)}/:id/events`, async (request, reply) => {
        onlyKnown(request.query as object as Record<string, unknown>, []);
        const found = lookUps[kind](request, request.params.id, 'troupe:events');
        const { address } = found;
        const command = offeredEvent(controlPlane, request, found, request.body);
        const { answer, reason, revision } = await controlPlane.send(address, command, callerOf(request));
        if (answer === 'refused') {
          const { id } = parseAddress(address);
          throw new TroupeError(
            'INVALID_STATE',
            `The ${kind} ${id} refuses ${command.type}: ${reason ?? ''}`,
          );
        }
        reply.code(202);
        return { answer, reason, revision };
      });
    }
  };
}
