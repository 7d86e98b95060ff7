/** The HTTP API: registers everything, listens to nothing. Everything it needs comes by argument. */
import Fastify, { type FastifyBaseLogger, type FastifyInstance, type HTTPMethods } from 'fastify';
import type { ControlPlane } from '../actors/index.ts';
import type { Environment } from '../model/environment.ts';
import type { Authenticator } from './auth/identity.ts';
import { health, metrics } from './extensions/health.ts';
import { lifecycles } from './extensions/lifecycles.ts';
import { operations } from './extensions/operations.ts';
import './request.ts';
import type { Tickets } from './stream/tickets.ts';
import { containers } from './zun/containers.ts';
import { discovery } from './zun/discovery.ts';
import { errorBody, sendError } from './zun/errors.ts';
import { hosts } from './zun/hosts.ts';
import { requestedMinor, versionHeaders } from './zun/microversion.ts';

export interface AppOptions {
  readonly controlPlane: ControlPlane;
  readonly environment: Environment;
  readonly authenticator: Authenticator;
  readonly tickets: Tickets;
  readonly defaults: { readonly cpu: number | null; readonly memoryMib: number | null };
  readonly logger?: FastifyBaseLogger;
  readonly https?: { readonly cert: string; readonly key: string };
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Open to callers without a token. */
    public?: boolean;
  }
}

const bodyMostBytes = 1024 * 1024;
/** `req-` and a UUID, as oslo.middleware makes and takes them. */
const requestIdPattern = /^req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** First segments that lead to `/v1` without saying so. */
const versionless = new Set([
  'containers',
  'hosts',
  'tenants',
  'statecharts',
  'audit',
  'tickets',
  'join_tokens',
  'quarantine',
]);
const methods: readonly HTTPMethods[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];

export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { controlPlane, environment, authenticator, tickets } = options;
  const app = Fastify({
    ...(options.logger ? { loggerInstance: options.logger } : {}),
    ...(options.https ? { https: { cert: options.https.cert, key: options.https.key } } : {}),
    bodyLimit: bodyMostBytes,
    disableRequestLogging: true,
    genReqId: () => `req-${environment.id()}`,
    rewriteUrl: (request: { url?: string }) => canonicalPath(request.url ?? '/'),
    forceCloseConnections: true,
  } as object) as unknown as FastifyInstance;

  app.decorateRequest('requestId', '');
  app.decorateRequest('minor', 1);
  // Zun takes an unreadable body for an empty one, whatever its content type says.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_, body, done) => {
    try {
      const parsed = JSON.parse(body as string) as unknown;
      done(null, typeof parsed === 'object' && !Array.isArray(parsed) ? parsed : {});
    } catch {
      done(null, {});
    }
  });

  app.addHook('onRequest', async (request, reply) => {
    request.requestId = String(request.id);
    reply.header('x-openstack-request-id', request.requestId);
    const { config } = request.routeOptions;
    if (config.public || request.is404) return;
    const given = request.headers['x-openstack-request-id'];
    const globalId = typeof given === 'string' && requestIdPattern.test(given) ? given : undefined;
    const token = request.headers['x-auth-token'];
    const identity = typeof token === 'string' ? await authenticator.authenticate(token) : null;
    if (!identity) {
      reply.header('www-authenticate', authenticator.challenge);
      await reply.code(401).send({
        error: {
          code: 401,
          title: 'Unauthorized',
          message: 'The request you have made requires authentication.',
        },
      });
      return;
    }
    request.identity = identity;
    request.log = request.log.child({
      request_id: request.requestId,
      global_request_id: globalId,
      project_id: identity.projectId,
      user_id: identity.userId,
    });
    request.minor = requestedMinor(request.headers['openstack-api-version'] as string | undefined);
    reply.headers(versionHeaders(request.minor));
  });
  app.addHook('onResponse', async (request, reply) => {
    if (request.routeOptions.config.public) return;
    request.log.info(
      {
        method: request.method,
        path: request.url.split('?')[0],
        status: reply.statusCode,
        duration_ms: Math.round(reply.elapsedTime),
      },
      'request',
    );
  });
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply));
  app.setNotFoundHandler((request, reply) => reply.code(404).send(errorBody(request.requestId, 404, '', '')));

  const routes = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const known = routes.get(url) ?? new Set();
    for (const each of [method].flat()) known.add(each);
    routes.set(url, known);
  });

  await app.register(metrics(controlPlane));
  await app.register(discovery);
  await app.register(health(controlPlane));
  await app.register(containers({ controlPlane, environment, defaults: options.defaults }));
  await app.register(hosts(controlPlane));
  await app.register(lifecycles(controlPlane));
  await app.register(operations(controlPlane));
  app.post('/v1/tickets', async (request, reply) => {
    const { ticket, expiresInSeconds } = tickets.issue(request.identity);
    reply.code(201);
    return { ticket, expires_in: expiresInSeconds };
  });

  // A known path with another method is 405 and says which there are.
  for (const [url, known] of new Map(routes)) {
    const others = methods.filter((method) => !known.has(method));
    const allow = [...known]
      .filter((method) => method !== 'HEAD')
      .sort()
      .join(', ');
    app.route({
      method: others,
      url,
      config: { public: true },
      handler: (request, reply) =>
        reply
          .code(405)
          .header('allow', allow)
          .send(errorBody(request.requestId, 405, '', '')),
    });
  }
  return app;
}

/** Double and trailing slashes are one path; a path without version is of v1. */
export function canonicalPath(url: string): string {
  const [path = '/', query] = url.split(/\?(.*)/s);
  const segments = path.split('/').filter((segment) => segment !== '');
  if (versionless.has(segments[0] ?? '')) segments.unshift('v1');
  return `/${segments.join('/')}${query ? `?${query}` : ''}`;
}
