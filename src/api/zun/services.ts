/**
 * `/v1/services` and `/v1/availability_zones`: an agent is what Zun calls a
 * `zun-compute` service of its host. @see zun-api 2.10, 2.11
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ControlPlane } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import type { HostOperatorCommand } from '../../model/events.ts';
import type { HostDetail } from '../../model/host.ts';
import { callerOf } from '../request.ts';
import { text } from './body-fields.ts';
import { queryOf } from './container-access.ts';
import { onlyKnown, queryBoolean } from './values.ts';

const binary = 'zun-compute';
const nameLength = { least: 1, most: 255 };

/** Zun's are numbers; ours are the first of the host's UUID, which clients only show. */
const numberOf = (hostId: string): number => Number.parseInt(hostId.slice(0, 7), 16);

function serviceView(host: HostDetail): Record<string, unknown> {
  return {
    id: numberOf(host.id),
    host: host.hostname,
    binary,
    state: host.online ? 'up' : 'down',
    disabled: host.admission !== 'open',
    disabled_reason: host.cordonedFor,
    forced_down: host.status === 'lost',
    report_count: 0,
    last_seen_up: new Date(host.online ? host.updatedAt : host.since).toISOString(),
    availability_zone: host.availabilityZone,
    created_at: new Date(host.createdAt).toISOString(),
    updated_at: new Date(host.updatedAt).toISOString(),
  };
}

export function services(controlPlane: ControlPlane) {
  return async (app: FastifyInstance): Promise<void> => {
    const byName = (): readonly HostDetail[] =>
      controlPlane.hosts().toSorted((a, b) => (a.hostname < b.hostname ? -1 : 1));
    /** @throws TroupeError SERVICE_NOT_FOUND, INVALID_INPUT */
    const find = (query: Readonly<Record<string, unknown>>): HostDetail => {
      const [host, asked] = [text(query, 'host', nameLength), text(query, 'binary', nameLength)];
      const found = asked === binary && controlPlane.hosts().find(({ hostname }) => hostname === host);
      if (!found)
        throw new TroupeError(
          'SERVICE_NOT_FOUND',
          `Zun service ${asked} on host ${host} could not be found.`,
        );
      return found;
    };
    /** What it is already needs no command: Zun's verbs may be repeated. */
    const ask = async (
      request: FastifyRequest,
      { id, hostname }: HostDetail,
      command: HostOperatorCommand,
      isSo: (now: HostDetail | undefined) => boolean,
    ): Promise<void> => {
      const { answer, reason } = await controlPlane.commandHost(id, command, callerOf(request));
      if (answer !== 'refused' || isSo(controlPlane.hosts().find((each) => each.id === id))) return;
      throw new TroupeError(
        'INVALID_STATE',
        `Cannot change service ${binary} on host ${hostname}: ${reason}`,
      );
    };

    app.get('/v1/services', (request) => {
      request.access.require('zun-service:get_all', {});
      onlyKnown(queryOf(request), []);
      return { services: byName().map(serviceView) };
    });
    app.put('/v1/services/enable', async (request) => {
      request.access.require('zun-service:enable', {});
      onlyKnown(queryOf(request), ['host', 'binary']);
      const host = find(queryOf(request));
      await ask(request, host, { type: 'host.uncordon' }, (now) => now?.admission === 'open');
      return { service: { host: host.hostname, binary, disabled: false, disabled_reason: null } };
    });
    app.put('/v1/services/disable', async (request) => {
      request.access.require('zun-service:disable', {});
      onlyKnown(queryOf(request), ['host', 'binary', 'disabled_reason']);
      const host = find(queryOf(request));
      const reason = text(queryOf(request), 'disabled_reason', nameLength);
      await ask(request, host, { type: 'host.cordon', reason }, (now) => now?.admission !== 'open');
      return { service: { host: host.hostname, binary, disabled: true, disabled_reason: reason } };
    });
    // Down is what we say of a host that is not heard; who knows that it is dead need not wait for the deadline.
    app.put('/v1/services/force_down', async (request) => {
      request.access.require('zun-service:force_down', {});
      onlyKnown(queryOf(request), ['host', 'binary', 'forced_down']);
      const host = find(queryOf(request));
      const isForced = queryBoolean('forced_down', queryOf(request)['forced_down'], true);
      if (isForced) await ask(request, host, { type: 'host.giveUp' }, (now) => now?.status === 'lost');
      return { service: { host: host.hostname, binary, forced_down: isForced } };
    });
    app.delete('/v1/services', async (request, reply) => {
      request.access.require('zun-service:delete', {});
      onlyKnown(queryOf(request), ['host', 'binary']);
      const { id, hostname } = find(queryOf(request));
      const { answer, reason } = await controlPlane.removeHost(id, callerOf(request));
      if (answer === 'refused')
        throw new TroupeError(
          'INVALID_STATE',
          `Cannot delete service ${binary} on host ${hostname}: ${reason}`,
        );
      return reply.type('application/json').send('null');
    });
    app.get('/v1/availability_zones', (request) => {
      request.access.require('availability_zones:get_all');
      onlyKnown(queryOf(request), []);
      const zones = new Set(byName().map(({ availabilityZone }) => availabilityZone));
      return {
        availability_zones: [...zones].map((availability_zone) => ({ availability_zone })),
        next: null,
      };
    });
  };
}
