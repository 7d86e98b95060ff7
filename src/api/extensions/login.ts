/**
 * Logging in by name, for the console: `GET /v1/login` says how one may log in
 * here, `POST /v1/login` gives a token for a project. The password goes to
 * Keystone and nowhere else; it is in no log, and nothing here keeps it.
 *
 * With `user`, `password`, `domain` and, where it is known, `project` by name or id: a
 * token of that project, of the only one, or, of several, what to choose by: a token of none
 * and the `projects`. With `token` and `project_id` that token becomes one of the project.
 */
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type, type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { TroupeError } from '../../errors/errors.ts';
import { invalidField } from '../zun/values.ts';

export interface ProjectChoice {
  readonly id: string;
  readonly name: string;
}

/** All throw TroupeError LOGIN_REFUSED, CLOUD_UNAVAILABLE. */
export interface LoginDesk {
  /** Of people who name none. */
  readonly domain: string;
  /** From one address, in a minute. */
  readonly attemptsMost: number;
  /** A token of no project. */
  logIn(login: {
    readonly user: string;
    readonly password: string;
    readonly domain: string;
    readonly requestId: string;
  }): Promise<{ readonly token: string }>;
  projectsOf(token: string, requestId: string): Promise<readonly ProjectChoice[]>;
  scoped(
    token: string,
    projectId: string,
    requestId: string,
  ): Promise<{ readonly token: string; readonly expiresAt: number }>;
}

const text = (description: string, maxLength = 255, more: object = {}) =>
  Type.String({ description, minLength: 1, maxLength, ...more });
const secret = { 'x-secret': true };
/** Of the body, which has the first four or the last two. */
export const loginFields = {
  user: text('Name of the user'),
  password: text('Goes to Keystone alone', 4_096, secret),
  domain: text('Of the user, by name; by default the site’s'),
  project: text('By name or id; without it the only one, or a choice'),
  token: text('One of no project, as a choice came with', 8_192, secret),
  project_id: text('Which was chosen'),
};
const { user, password, domain, project, token, project_id } = loginFields;
const byName = Type.Object(
  { user, password, domain: Type.Optional(domain), project: Type.Optional(project) },
  { additionalProperties: false },
);
const byToken = Type.Object({ token, project_id }, { additionalProperties: false });
const shapes = { byName: Compile(byName), byToken: Compile(byToken) };

interface Chosen {
  readonly token: string;
  readonly expires_at: string;
}
interface ToChoose {
  readonly token: string;
  readonly projects: readonly ProjectChoice[];
}

export function login(desk: LoginDesk | null) {
  return async (app: FastifyInstance): Promise<void> => {
    const config = { public: true };
    app.get('/v1/login', { config }, () => ({
      methods: desk ? ['token', 'keystone'] : ['token'],
      domain: desk?.domain ?? null,
    }));
    if (!desk) return;
    await app.register(rateLimit, { global: false });
    const limited = {
      ...config,
      rateLimit: { max: desk.attemptsMost, timeWindow: 60_000, errorResponseBuilder: tooMany },
    };
    app.post('/v1/login', { config: limited }, async (request, reply): Promise<Chosen | ToChoose> => {
      reply.header('cache-control', 'no-store');
      const { body, requestId } = request;
      if (shapes.byToken.Check(body)) return scoped(desk, body.token, body.project_id, requestId);
      if (!shapes.byName.Check(body)) throw invalidBody(body);
      const answer = await byNameAndPassword(desk, body, requestId);
      request.log.info({ request_id: requestId, user: body.user }, 'logged in by name');
      return answer;
    });
  };
}

async function byNameAndPassword(
  desk: LoginDesk,
  { user, password, domain = desk.domain, project }: Static<typeof byName>,
  requestId: string,
): Promise<Chosen | ToChoose> {
  const { token } = await desk.logIn({ user, password, domain, requestId });
  const all = await desk.projectsOf(token, requestId);
  const fitting =
    project === undefined ? all : all.filter(({ id, name }) => id === project || name === project);
  const [only] = fitting;
  if (!only)
    throw new TroupeError(
      'LOGIN_REFUSED',
      project === undefined
        ? `User "${user}" has a role in no project; ask an admin of the cloud for one`
        : `User "${user}" has no role in a project "${project}"`,
    );
  return fitting.length === 1 ? scoped(desk, token, only.id, requestId) : { token, projects: fitting };
}

async function scoped(desk: LoginDesk, token: string, projectId: string, requestId: string): Promise<Chosen> {
  const issued = await desk.scoped(token, projectId, requestId);
  return { token: issued.token, expires_at: new Date(issued.expiresAt).toISOString() };
}

/** Names the field, and never a value: one of them is a password. */
function invalidBody(body: unknown): TroupeError {
  const [error] = shapes.byName.Errors(body);
  const field = error?.instancePath.slice(1) ?? '';
  return invalidField(field === '' ? 'body' : field, '…', error?.message ?? 'It must hold user and password');
}

const tooMany = (_: FastifyRequest, { after }: { readonly after: string }): Error =>
  Object.assign(new Error(`Too many logins from here; try again in ${after}`), { statusCode: 429 });
