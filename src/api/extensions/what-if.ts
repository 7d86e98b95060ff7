/**
 * `POST /v1/{containers,hosts,tenants,…}/{id}/what-if`: what an event would
 * lead to, with nothing sent; and `POST /v1/what-if` of several, taken one
 * after the other. Who may ask is who may send it.
 *
 * `effects=wait` leaves what would be set off undone, in place of taking it to
 * go well; `deadlines=pass` lets time pass. Of a host also its loss can be
 * tried out, which nobody can send: `{"type": "link.closed"}`.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ControlPlane, WhatIf, WhatIfEvent, WhatIfOptions } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import { actorKinds, pluralOf, type ActorKind } from '../../model/address.ts';
import { invalidQuery, onlyKnown } from '../zun/values.ts';
import { offeredEvent } from './events.ts';
import type { LookUps } from './lifecycles.ts';
import { isSeenBy, seenSteps } from './seen.ts';

/** Events of one question. */
const eventsMost = 1_000;

const choices = { effects: ['succeed', 'wait'], deadlines: ['wait', 'pass'] } as const;

export function whatIf(controlPlane: ControlPlane, lookUps: LookUps) {
  return async (app: FastifyInstance): Promise<void> => {
    const trial = (request: FastifyRequest, kind: ActorKind, id: string, event: unknown): WhatIfEvent => {
      const found = lookUps[kind](request, id, 'troupe:what_if');
      const isLoss = kind === 'host' && (event as { readonly type?: unknown } | null)?.type === 'link.closed';
      return {
        address: found.address,
        event: isLoss ? { type: 'link.closed' } : offeredEvent(controlPlane, request, found, event),
      };
    };
    const answer = (request: FastifyRequest, events: readonly WhatIfEvent[]): WhatIf => {
      const options = optionsOf(request.query as Readonly<Record<string, unknown>>);
      return visibleTo(request, controlPlane.whatIf(events, options));
    };
    for (const kind of actorKinds) {
      app.post<{ Params: { id: string } }>(`/v1/${pluralOf(kind)}/:id/what-if`, (request) =>
        answer(request, [trial(request, kind, request.params.id, request.body)]),
      );
    }
    app.post('/v1/what-if', (request) => {
      request.access.require('troupe:what_if');
      const asked = eventsOf(request.body);
      return answer(
        request,
        asked.map(({ kind, id, event }) => trial(request, kind, id, event)),
      );
    });

    function eventsOf(body: unknown): readonly { kind: ActorKind; id: string; event: unknown }[] {
      const { events } = (body ?? {}) as { readonly events?: unknown };
      const isList =
        Array.isArray(events) &&
        events.length > 0 &&
        events.every(
          (each: unknown) =>
            typeof each === 'object' &&
            each !== null &&
            'kind' in each &&
            'id' in each &&
            typeof each.id === 'string' &&
            (actorKinds as readonly unknown[]).includes(each.kind),
        );
      if (!isList || events.length > eventsMost)
        throw new TroupeError(
          'INVALID_PARAMETER',
          `"events" must be a list of 1 to ${eventsMost} objects with a kind, an id and an event`,
        );
      return events as { kind: ActorKind; id: string; event: unknown }[];
    }
  };
}

/** @throws TroupeError INVALID_INPUT */
function optionsOf(query: Readonly<Record<string, unknown>>): WhatIfOptions {
  onlyKnown(query, Object.keys(choices));
  for (const [name, known] of Object.entries(choices)) {
    const value = query[name];
    if (value !== undefined && !(known as readonly unknown[]).includes(value))
      throw invalidQuery(name, value, `It must be ${known.join(' or ')}`);
  }
  return { effects: 'succeed', deadlines: 'wait', ...query } as WhatIfOptions;
}

/** Without what the caller could not see happen. */
const visibleTo = (request: FastifyRequest, { steps, actors, isCut }: WhatIf): WhatIf => ({
  steps: seenSteps(request, steps),
  actors: actors.filter((each) => isSeenBy(request, each)),
  isCut,
});
