/** What all routes of containers share: who finds which, how it is shown, and what a refusal says. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ControlPlane } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import type { CommandAnswer } from '../../model/caller.ts';
import type { ContainerView } from '../../model/container-view.ts';
import type { Environment } from '../../model/environment.ts';
import type { ContainerService } from '../../model/events.ts';
import type { Target } from '../policy/expression.ts';
import { offersTo } from '../policy/offers.ts';
import type { RuleName } from '../policy/rules.ts';
import type { Shown } from './container-texts.ts';
import { containerView, guardedFields, type ViewOptions } from './container-view.ts';
import { baseUrlOf } from './discovery.ts';
import { queryInteger } from './values.ts';

export type Fields = Readonly<Record<string, unknown>>;

export interface ById {
  Params: { id: string };
}

const keyMost = 255;
const stopGraceSeconds = 10;
/** A week: who wants it to end later asks later. */
const graceMostSeconds = 7 * 24 * 3600;

export const queryOf = (request: FastifyRequest): Fields => request.query as Fields;

/** Actions take their parameters from the query, the body, or both. */
export const parametersOf = (request: FastifyRequest): Fields => ({
  ...(request.body as Fields | null),
  ...queryOf(request),
});

/** Milliseconds. @throws TroupeError INVALID_INPUT */
export const graceOf = (asked: Fields): number =>
  queryInteger('timeout', asked['timeout'], stopGraceSeconds, 0, graceMostSeconds) * 1000;

/** The request's idempotency key; null when it has none. @throws TroupeError INVALID_VALUE */
export function keyOf(request: FastifyRequest): string | null {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return null;
  if (typeof key === 'string' && key !== '' && key.length <= keyMost) return key;
  throw new TroupeError('INVALID_VALUE', `Idempotency-Key must have 1 to ${keyMost} characters`);
}

/** Action answers carry the JSON body `null`. */
export const nothing = (reply: FastifyReply): FastifyReply =>
  reply.code(202).type('application/json').send('null');

export interface ContainerAccess {
  /**
   * Owners find their own; an admin, and who was let look `everywhere`, finds everyone's. A foreign id answers as an unknown
   * one. What is found may be asked what `rule` says.
   * @throws TroupeError CONTAINER_NOT_FOUND, FORBIDDEN
   */
  find(request: FastifyRequest, id: string, rule: RuleName, everywhere?: boolean): ContainerView;
  show(request: FastifyRequest, view: ContainerView): Fields;
  /** Asks the container something that its chart may refuse. @throws TroupeError INVALID_STATE, with what is allowed now */
  ask(
    request: FastifyRequest,
    view: ContainerView,
    verb: string,
    command: () => Promise<CommandAnswer>,
  ): Promise<void>;
  /** @throws TroupeError INVALID_STATE, with what is allowed now */
  require(request: FastifyRequest, view: ContainerView, verb: string, service: ContainerService): void;
}

/** What a rule may know of a container, or of a capsule. */
export const targetOf = ({ tenant, spec }: Pick<ContainerView, 'tenant' | 'spec'>): Target => ({
  project_id: tenant,
  user_id: spec.userId,
});

/** Fields that not everybody sees, each by its rule. */
export const shownTo =
  ({ access }: FastifyRequest, view: ContainerView): ViewOptions['shows'] =>
  (field) =>
    access.may(`container:get_one:${field}`, targetOf(view));

/** The same for many: a rule knows of a container only whose it is. */
export function shownToCaller({ access }: FastifyRequest): (view: ContainerView) => Shown {
  const byTenant = new Map<string, Map<string, Shown>>();
  return (view) => {
    const { tenant, spec } = view;
    let byUser = byTenant.get(tenant);
    if (!byUser) byTenant.set(tenant, (byUser = new Map()));
    let shown = byUser.get(spec.userId);
    if (!shown) {
      const target = targetOf(view);
      const fields = guardedFields.filter((field) => access.may(`container:get_one:${field}`, target));
      byUser.set(spec.userId, (shown = { shows: (field) => fields.includes(field), key: fields.join() }));
    }
    return shown;
  };
}

export function createContainerAccess(controlPlane: ControlPlane, environment: Environment): ContainerAccess {
  const check = (
    request: FastifyRequest,
    view: ContainerView,
    verb: string,
    { answer, reason }: CommandAnswer,
  ): void => {
    if (answer === 'refused') throw refusal(controlPlane, request, view, verb, reason);
  };
  return {
    find({ access, identity }, id, rule, everywhere = false) {
      const view = controlPlane.container(access.isAdmin || everywhere ? null : identity.projectId, id);
      access.require(rule, targetOf(view));
      return view;
    },
    show: (request, view) =>
      containerView(view, { shows: shownTo(request, view), baseUrl: baseUrlOf(request) }, environment.now()),
    ask: async (request, view, verb, command) => check(request, view, verb, await command()),
    require: (request, view, verb, service) =>
      check(request, view, verb, controlPlane.permits(view.address, service)),
  };
}

/** 409, with the state that refused and what the caller may do now. */
function refusal(
  controlPlane: ControlPlane,
  request: FastifyRequest,
  view: ContainerView,
  verb: string,
  reason: string | null,
): TroupeError {
  const { status, allowedEvents } = controlPlane.lifecycle(view.address);
  const allowed = offersTo(request.access, targetOf(view), allowedEvents)
    .filter(({ answer }) => answer !== 'refused')
    .map(({ type, mode }) => (mode === undefined ? { type } : { type, mode }));
  const names = allowed.map(({ type, mode }) => (mode === undefined ? type : `${type} (${String(mode)})`));
  return new TroupeError(
    'INVALID_STATE',
    `Cannot ${verb} container ${view.id} in ${status} state${reason ? `: ${reason}` : ''}; allowed now: ${names.join(', ') || 'nothing'}`,
    { details: { state: status, allowed } },
  );
}
