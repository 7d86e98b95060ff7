/** Terminals of containers by REST: asked for here, connected to by WebSocket. @see zun-api 2.7, 4.2 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ControlPlane } from '../../actors/index.ts';
import { TroupeError } from '../../errors/errors.ts';
import type { ContainerView } from '../../model/container-view.ts';
import type { Environment } from '../../model/environment.ts';
import type { SessionWish } from '../../model/session.ts';
import { callerOf } from '../request.ts';
import { sessionPath } from '../stream/session-socket.ts';
import type { Session, Sessions, TerminalSize } from '../stream/sessions.ts';
import { createContainerAccess, parametersOf, queryOf, type ById, type Fields } from './container-access.ts';
import { baseUrlOf } from './discovery.ts';
import { invalidQuery, onlyKnown, queryInteger } from './values.ts';

export interface SessionDesk {
  readonly sessions: Sessions;
  /** How clients reach the API; empty: as they wrote it. */
  readonly publicUrl: string;
}

interface ByExec {
  Params: { id: string; exec: string };
}

const answerMs = 10_000;
/** Of a terminal, as the kernel keeps it. @see ioctl_tty(2), struct winsize */
const sizeMost = 65_535;

/** What a client connects to. @throws TroupeError TOO_MANY_SESSIONS */
export function beginSession(
  { sessions, publicUrl }: SessionDesk,
  request: FastifyRequest,
  view: ContainerView,
  wish: SessionWish,
): { readonly session: Session; readonly url: string } {
  const { session, ticket } = sessions.begin(callerOf(request), view, wish);
  const query = new URLSearchParams({ token: ticket, uuid: view.id });
  if (wish.kind === 'execute') query.set('exec_id', session.id);
  const base = publicUrl === '' ? baseUrlOf(request) : publicUrl;
  return { session, url: `${webSocketBase(base)}${sessionPath}?${query}` };
}

/** With its port also where that goes without saying: zunclient makes its Origin of it. */
function webSocketBase(base: string): string {
  const { protocol, hostname, port } = new URL(base);
  const isEncrypted = protocol === 'https:';
  return `${isEncrypted ? 'wss' : 'ws'}://${hostname}:${port === '' ? (isEncrypted ? 443 : 80) : port}`;
}

export function containerSessions(controlPlane: ControlPlane, environment: Environment, desk: SessionDesk) {
  return async (app: FastifyInstance): Promise<void> => {
    const access = createContainerAccess(controlPlane, environment);

    const resize = (view: ContainerView, execId: string | null, size: TerminalSize): Promise<unknown> =>
      controlPlane.serve(view.address, { kind: 'resizeTerminal', execId, ...size }, answerMs);

    app.get<ById>('/v1/containers/:id/attach', async (request, reply) => {
      onlyKnown(queryOf(request), []);
      const view = access.find(request, request.params.id, 'container:attach');
      access.require(request, view, 'attach', 'container.attach');
      if (!view.spec.interactive) throw notInteractive();
      const { url } = beginSession(desk, request, view, { kind: 'attach' });
      return reply.type('application/json').send(JSON.stringify(url));
    });

    app.post<ById>('/v1/containers/:id/resize', async (request, reply) => {
      const asked = parametersOf(request);
      onlyKnown(asked, ['h', 'w']);
      const size = sizeOf(asked);
      const view = access.find(request, request.params.id, 'container:resize');
      access.require(request, view, 'resize', 'container.attach');
      if (!view.spec.tty) throw notInteractive();
      await resize(view, null, size);
      return reply.type('application/json').send('null');
    });

    app.post<ById>('/v1/containers/:id/execute_resize', async (request, reply) => {
      const asked = parametersOf(request);
      onlyKnown(asked, ['exec_id', 'h', 'w']);
      const size = sizeOf(asked);
      const execId = execIdOf(asked['exec_id']);
      const view = access.find(request, request.params.id, 'container:execute_resize');
      const session = desk.sessions.find(view, execId);
      // Clients ask before there is a terminal, and after its end; one that is still to be is born so.
      session.size = size;
      if (session.tty && session.state === 'open' && session.execId !== null) {
        access.require(request, view, 'execute_resize', 'container.execute');
        await resize(view, session.execId, size);
      }
      return reply.type('application/json').send('null');
    });

    app.get<ByExec>('/v1/containers/:id/execute/:exec', async (request) => {
      onlyKnown(queryOf(request), []);
      const view = access.find(request, request.params.id, 'container:execute_show');
      const session = desk.sessions.find(view, execIdOf(request.params.exec));
      const { id: exec_id, state, execId, exitCode } = session;
      const known = { exec_id, connected: state === 'open', running: false, exit_code: exitCode };
      if (execId === null || exitCode !== null) return known;
      const service = { kind: 'awaitEnd', execId, timeLimitMs: 0 } as const;
      const { running, exitCode: ended } = (await controlPlane.serve(view.address, service, answerMs)) as {
        readonly running: boolean;
        readonly exitCode: number | null;
      };
      session.exitCode = ended;
      return { ...known, running, exit_code: ended };
    });
  };
}

/** @throws TroupeError INVALID_INPUT */
function sizeOf(asked: Fields): TerminalSize {
  const side = (key: 'h' | 'w'): number => {
    if (asked[key] === undefined) throw invalidQuery(key, asked[key], 'It is required');
    return queryInteger(key, asked[key], 0, 1, sizeMost);
  };
  return { rows: side('h'), columns: side('w') };
}

/** @throws TroupeError INVALID_INPUT */
function execIdOf(value: unknown): string {
  if (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)) return value;
  throw invalidQuery('exec_id', value, 'It must be the exec_id that execute answered');
}

const notInteractive = (): TroupeError =>
  new TroupeError(
    'NOT_INTERACTIVE',
    "Container doesn't support to be attached, please check the interactive set properly",
  );
