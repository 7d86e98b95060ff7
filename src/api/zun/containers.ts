/** `/v1/containers`: Zun's verbs over the actors' facade. Each handler takes validated input, asks, and answers a view. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ContainerView, ControlPlane } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import type { Environment } from '../../model/environment.ts';
import type { ContainerCommand } from '../../model/events.ts';
import { isAdmin } from '../auth/identity.ts';
import { callerOf } from '../request.ts';
import { containerView } from './container-view.ts';
import { parseCreateBody } from './create-body.ts';
import { baseUrlOf } from './discovery.ts';
import { requireVersion } from './microversion.ts';
import { generateName } from './names.ts';
import { page, pagingParameters } from './paging.ts';
import { invalidQuery, onlyKnown, queryBoolean, queryInteger } from './values.ts';

export interface ContainersOptions {
  readonly controlPlane: ControlPlane;
  readonly environment: Environment;
  readonly defaults: { readonly cpu: number | null; readonly memoryMib: number | null };
}

type Fields = Readonly<Record<string, unknown>>;
interface ById {
  Params: { id: string };
}

/** Equality filters of the list. */
const filters = [
  'name',
  'image',
  'project_id',
  'user_id',
  'memory',
  'host',
  'task_state',
  'status',
  'auto_remove',
] as const;
/** Bytes of a log in one JSON answer; followers get a stream without such a bound. */
const logBytesMost = 8 * 1024 * 1024;
const stopGraceSeconds = 10;

export function containers({ controlPlane, environment, defaults }: ContainersOptions) {
  return async (app: FastifyInstance): Promise<void> => {
    /** Owners find their own; an admin finds everyone's. A foreign id answers as an unknown one. */
    const find = (request: FastifyRequest, id: string): ContainerView =>
      controlPlane.container(isAdmin(request.identity) ? null : request.identity.projectId, id);

    const show = (request: FastifyRequest, view: ContainerView): Fields =>
      containerView(
        view,
        { admin: isAdmin(request.identity), baseUrl: baseUrlOf(request) },
        environment.now(),
      );

    const query = (request: FastifyRequest): Fields => request.query as Fields;
    /** Actions take their parameters from the query, the body, or both. */
    const merged = (request: FastifyRequest): Fields => ({
      ...(request.body as Fields | null),
      ...query(request),
    });

    const act = async (
      request: FastifyRequest,
      id: string,
      verb: string,
      command: ContainerCommand,
    ): Promise<void> => {
      const view = find(request, id);
      const { answer, reason } = await controlPlane.command(view.address, command, callerOf(request));
      if (answer !== 'refused') return;
      const allowed = controlPlane
        .lifecycle(view.address)
        .allowedEvents.filter((each) => each.answer !== 'refused')
        .map(({ type }) => type);
      const what = `Cannot ${verb} container ${view.id} in ${view.status} state`;
      throw new TroupeError('INVALID_STATE', `${what}${reason ? `: ${reason}` : ''}`, {
        details: { state: view.status, allowed: [...new Set(allowed)] },
      });
    };

    app.post('/v1/containers', async (request, reply) => {
      onlyKnown(query(request), ['run']);
      const run = queryBoolean('run', query(request)['run'], false);
      const body = (request.body ?? {}) as Fields;
      const spec = parseCreateBody(body, {
        minor: request.minor,
        admin: isAdmin(request.identity),
        userId: request.identity.userId,
        generatedName: generateName(environment),
        defaults,
      });
      const key = request.headers['idempotency-key'];
      const view = await controlPlane.createContainer({
        caller: callerOf(request),
        spec,
        run,
        idempotencyKey: typeof key === 'string' ? key : null,
        nameGenerated: body['name'] === undefined || body['name'] === null,
      });
      reply.code(202).header('location', `${baseUrlOf(request)}/v1/containers/${view.id}`);
      return show(request, view);
    });

    app.get('/v1/containers', (request) => {
      const asked = query(request);
      onlyKnown(asked, [...filters, ...pagingParameters, 'all_projects']);
      const admin = isAdmin(request.identity);
      const all = queryBoolean('all_projects', asked['all_projects'], false);
      if (all && !admin)
        throw new TroupeError(
          'FORBIDDEN',
          "Policy doesn't allow container:get_all_all_projects to be performed.",
        );
      if (asked['host'] !== undefined && !admin)
        throw new TroupeError('FORBIDDEN', "Policy doesn't allow container:get_one:host to be performed.");
      const now = environment.now();
      const views = controlPlane
        .containers({ tenant: all ? null : request.identity.projectId })
        .map((view) => containerView(view, { admin, baseUrl: null }, now))
        .filter((view) => filters.every((key) => matches(view, key, asked[key])));
      const { items, next } = page(views, asked, 'uuid');
      return {
        containers: items,
        next: next === null ? null : `${baseUrlOf(request)}/v1/containers?${next}`,
      };
    });

    app.get<ById>('/v1/containers/:id', (request) => {
      onlyKnown(query(request), ['all_projects']);
      return show(request, find(request, request.params.id));
    });

    app.delete<ById>('/v1/containers/:id', async (request, reply) => {
      const asked = query(request);
      onlyKnown(asked, ['force', 'stop', 'all_projects', 'timeout']);
      const force = queryBoolean('force', asked['force'], false);
      const stop = queryBoolean('stop', asked['stop'], false);
      if (force) requireVersion('force', request.minor, 7);
      if (stop) requireVersion('stop', request.minor, 12);
      if (force && !isAdmin(request.identity)) {
        throw new TroupeError('FORBIDDEN', "Policy doesn't allow container:delete_force to be performed.");
      }
      const mode = stop ? 'stop' : force ? 'force' : 'ifStopped';
      const verb = stop ? 'delete_after_stop' : force ? 'delete_force' : 'delete';
      const graceMs = queryInteger('timeout', asked['timeout'], stopGraceSeconds, 0) * 1000;
      await act(request, request.params.id, verb, { type: 'container.delete', mode, graceMs });
      return reply.code(204).send();
    });

    app.post<ById>('/v1/containers/:id/start', async (request, reply) => {
      await act(request, request.params.id, 'start', { type: 'container.start' });
      return nothing(reply);
    });

    app.post<ById>('/v1/containers/:id/stop', async (request, reply) => {
      const graceMs = queryInteger('timeout', merged(request)['timeout'], stopGraceSeconds, 0) * 1000;
      await act(request, request.params.id, 'stop', { type: 'container.stop', graceMs });
      return nothing(reply);
    });

    app.get<ById>('/v1/containers/:id/logs', async (request, reply) => {
      const asked = query(request);
      onlyKnown(asked, ['stdout', 'stderr', 'timestamps', 'tail', 'since', 'follow']);
      const view = find(request, request.params.id);
      if (
        !['Created', 'Running', 'Paused', 'Stopped', 'Error', 'Unknown', 'Restarting'].includes(view.status)
      ) {
        throw new TroupeError('INVALID_STATE', `Cannot logs container ${view.id} in ${view.status} state`);
      }
      const follow = queryBoolean('follow', asked['follow'], false);
      const gone = new AbortController();
      request.raw.on('close', () => gone.abort());
      const source = await controlPlane.logs(
        view.address,
        {
          stdout: queryBoolean('stdout', asked['stdout'], true),
          stderr: queryBoolean('stderr', asked['stderr'], true),
          timestamps: queryBoolean('timestamps', asked['timestamps'], false),
          tail: tail(asked['tail']),
          sinceSeconds: since(asked['since']),
          follow,
        },
        gone.signal,
      );
      if (follow) {
        reply.raw.on('close', () => source.destroy());
        return reply.type('text/plain; charset=utf-8').send(source);
      }
      const chunks: Buffer[] = [];
      let bytes = 0;
      for await (const chunk of source) {
        bytes += (chunk as Buffer).length;
        chunks.push(chunk as Buffer);
        if (bytes > logBytesMost) break;
      }
      const log = Buffer.concat(chunks).toString('utf8');
      const note =
        bytes > logBytesMost
          ? `\n[Troupe: cut after ${logBytesMost} bytes; ask for a tail, or follow]\n`
          : '';
      return reply.type('application/json').send(JSON.stringify(log + note));
    });
  };
}

/** Action answers carry the JSON body `null`. */
const nothing = (reply: FastifyReply): FastifyReply => reply.code(202).type('application/json').send('null');

function matches(view: Fields, key: string, wanted: unknown): boolean {
  if (wanted === undefined || wanted === 'None') return true;
  if (key === 'auto_remove') return view[key] === queryBoolean(key, wanted, false);
  return String(view[key] ?? '') === String(wanted);
}

function tail(value: unknown): number | 'all' {
  if (value === undefined || value === 'all' || value === 'None') return 'all';
  return queryInteger('tail', value, 0, 0);
}

/** Epoch seconds, or `YYYY-MM-DD HH:MM:SS,fff` in UTC. */
function since(value: unknown): number {
  if (value === undefined || value === 'None' || value === '') return 0;
  const text = String(value);
  if (/^\d+$/.test(text)) return Number(text);
  const time = Date.parse(`${text.replace(',', '.').replace(' ', 'T')}Z`);
  if (Number.isNaN(time))
    throw invalidQuery('since', value, 'It must be epoch seconds or YYYY-MM-DD HH:MM:SS,fff');
  return time / 1000;
}
