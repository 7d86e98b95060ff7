/** The HTTP API: registers everything, listens to nothing. Everything it needs comes by argument. */
import Fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type HTTPMethods,
} from 'fastify';
import type { ControlPlane } from '../actors/index.ts';
import type { Environment } from '../model/environment.ts';
import type { Authenticator, Identity } from './auth/identity.ts';
import { consolePages } from './console/console.ts';
import { events } from './extensions/events.ts';
import { health, measure, type OnCloudCall } from './extensions/health.ts';
import { incidents } from './extensions/incidents.ts';
import { identity } from './extensions/identity.ts';
import { lifecycles, lookUpsOf } from './extensions/lifecycles.ts';
import { login, type LoginDesk } from './extensions/login.ts';
import { operations } from './extensions/operations.ts';
import { tenants } from './extensions/tenants.ts';
import { whatIf } from './extensions/what-if.ts';
import { bodyLimit, takeJsonBodies } from './json-body.ts';
import { describeRoutes } from './openapi/document.ts';
import { documentPages } from './openapi/pages.ts';
import { canonicalPath } from './paths.ts';
import type { Policy } from './policy/policy.ts';
import './request.ts';
import type { Tickets } from './stream/tickets.ts';
import { capsules } from './zun/capsules.ts';
import { containerActions } from './zun/container-actions.ts';
import { containerArchives, type CopyLimits } from './zun/container-archives.ts';
import { containerServices } from './zun/container-services.ts';
import { containerSessions, type SessionDesk } from './zun/container-sessions.ts';
import { containerCommit } from './zun/container-commit.ts';
import { containers } from './zun/containers.ts';
import { discovery } from './zun/discovery.ts';
import { errorBody, sendError } from './zun/errors.ts';
import { hosts } from './zun/hosts.ts';
import type { CinderDesk } from './zun/cinder-desk.ts';
import { images } from './zun/images.ts';
import { registries } from './zun/registries.ts';
import { services } from './zun/services.ts';
import type { NeutronDesk } from './zun/neutron-desk.ts';
import { networkActions } from './zun/network-actions.ts';
import { networks } from './zun/networks.ts';
import { quotas } from './zun/quotas.ts';
import type { ImageDesk } from './zun/stored-images.ts';
import { volumeActions } from './zun/volume-actions.ts';
import { volumes } from './zun/volumes.ts';
import { rangeHeaders, requestedMinor, usedHeader } from './zun/microversion.ts';

export interface AppOptions {
  readonly controlPlane: ControlPlane;
  readonly environment: Environment;
  readonly authenticator: Authenticator;
  /** Where people log in by name and password; null where tokens are all there is. */
  readonly login: LoginDesk | null;
  /** Tells the listener of every call to the cloud, if there is one. */
  readonly onCloudCall: OnCloudCall;
  readonly policy: Policy;
  /** Where containers are on networks of Neutron; null where they are on those of their hosts. */
  readonly neutron?: NeutronDesk | null;
  /** Where containers mount volumes of Cinder; null where they mount those of their hosts. */
  readonly cinder?: CinderDesk | null;
  readonly tickets: Tickets<Identity>;
  readonly sessions: SessionDesk;
  readonly defaults: { readonly cpu: number | null; readonly memoryMib: number | null };
  readonly copies: CopyLimits;
  readonly images: ImageDesk;
  /** What the build made of the console; null where it was not built. */
  readonly consoleDirectory: string | null;
  /** While it is there `/healthcheck` says so. */
  readonly disableFile: string;
  readonly logger?: FastifyBaseLogger;
  readonly https?: { readonly cert: string; readonly key: string };
}

declare module 'fastify' {
  interface FastifyInstance {
    /** By path: what is answered there, and not with 405. */
    readonly routes: ReadonlyMap<
      string,
      { readonly methods: ReadonlySet<string>; readonly isPublic: boolean }
    >;
  }
  interface FastifyContextConfig {
    /** Open to callers without a token. */
    public?: boolean;
    /** The path is known, the method is not. */
    wrongMethod?: boolean;
  }
}

/** `req-` and a UUID, as oslo.middleware makes and takes them. */
const requestIdPattern = /^req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const methods: readonly HTTPMethods[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
/** Characters of one part of a path, decoded: the longest name of a container. */
const maxParamLength = 255;
/** For a whole request to arrive: files that are copied into a container come in one. */
const requestTimeout = 600_000;

export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { controlPlane, environment, tickets, neutron = null, cinder = null } = options;
  const app = Fastify({
    ...(options.logger ? { loggerInstance: options.logger } : {}),
    ...(options.https ? { https: { cert: options.https.cert, key: options.https.key } } : {}),
    bodyLimit,
    requestTimeout,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => `req-${environment.id()}`,
    rewriteUrl: (request) => canonicalPath(request.url ?? '/'),
    routerOptions: { maxParamLength },
    frameworkErrors(error, request, reply) {
      name(request, reply);
      return sendError(error, request, reply);
    },
    forceCloseConnections: true,
  }) as unknown as FastifyInstance;

  app.decorateRequest('requestId', '');
  app.decorateRequest('minor', 1);
  takeJsonBodies(app);

  app.addHook('onRequest', async (request, reply) => {
    name(request, reply);
    const { config } = request.routeOptions;
    if (config.public) return;
    if (!(await letIn(request, reply, options))) return;
    // What the router itself answers has no version.
    if (request.is404 || config.wrongMethod) return;
    reply.headers(rangeHeaders);
    request.minor = requestedMinor(request.headers['openstack-api-version'] as string | undefined);
    reply.headers(usedHeader(request.minor));
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

  const routes = new Map<string, { readonly methods: Set<string>; readonly isPublic: boolean }>();
  app.decorate('routes', routes);
  app.addHook('onRoute', ({ url, method, config }) => {
    if (config?.wrongMethod) return;
    const known = routes.get(url) ?? { methods: new Set(), isPublic: config?.public === true };
    for (const each of [method].flat()) known.methods.add(each);
    routes.set(url, known);
  });

  await describeRoutes(app);
  measure(app, controlPlane, options.onCloudCall);
  await app.register(discovery);
  await app.register(health(controlPlane, options.disableFile));
  const making = {
    controlPlane,
    environment,
    defaults: options.defaults,
    images: options.images,
    neutron,
    cinder,
  };
  await app.register(containers(making));
  await app.register(capsules(making));
  await app.register(containerActions(controlPlane, environment, options.images));
  await app.register(containerServices(controlPlane, environment, options.sessions));
  await app.register(containerSessions(controlPlane, environment, options.sessions));
  await app.register(containerArchives(controlPlane, environment, options.copies));
  await app.register(networkActions(controlPlane, environment, neutron));
  await app.register(volumeActions(controlPlane, environment, cinder));
  await app.register(networks(controlPlane, neutron));
  await app.register(volumes(controlPlane));
  await app.register(images(controlPlane, options.images));
  await app.register(registries(controlPlane));
  await app.register(containerCommit(controlPlane, environment));
  await app.register(hosts(controlPlane));
  await app.register(services(controlPlane));
  await app.register(quotas(controlPlane));
  const lookUps = lookUpsOf(controlPlane);
  await app.register(lifecycles(controlPlane, lookUps));
  await app.register(events(controlPlane, lookUps));
  await app.register(whatIf(controlPlane, lookUps));
  await app.register(incidents(controlPlane, lookUps));
  await app.register(identity);
  await app.register(login(options.login));
  await app.register(tenants(controlPlane, lookUps));
  await app.register(operations(controlPlane));
  if (options.consoleDirectory !== null) await app.register(consolePages(options.consoleDirectory));
  app.post('/v1/tickets', async (request, reply) => {
    request.access.require('troupe:watch');
    const { ticket, expiresInSeconds } = tickets.issue(request.identity);
    reply.code(201);
    return { ticket, expires_in: expiresInSeconds };
  });

  // A known path with another method is 405 and says which there are.
  for (const [url, known] of new Map(routes)) {
    const allow = [...known.methods]
      .filter((method) => method !== 'HEAD')
      .sort()
      .join(', ');
    app.route({
      method: methods.filter((method) => !known.methods.has(method)),
      url,
      config: { public: known.isPublic, wrongMethod: true },
      handler: (request, reply) =>
        reply
          .code(405)
          .header('allow', allow)
          .send(errorBody(request.requestId, 405, '', '')),
    });
  }
  await app.register(documentPages);
  return app;
}

/** Every answer says which request it is of. */
function name(request: FastifyRequest, reply: FastifyReply): void {
  request.requestId = String(request.id);
  reply.header('x-openstack-request-id', request.requestId);
}

/** Finds out who calls, by the token alone. False = it has been answered. */
async function letIn(
  request: FastifyRequest,
  reply: FastifyReply,
  { authenticator, policy }: Pick<AppOptions, 'authenticator' | 'policy'>,
): Promise<boolean> {
  const { 'x-auth-token': token, 'x-service-token': service } = request.headers;
  const serviceToken = typeof service === 'string' ? service : null;
  const identity =
    typeof token === 'string'
      ? await authenticator.authenticate({ token, serviceToken, requestId: request.requestId })
      : null;
  if (!identity) {
    reply.header('www-authenticate', authenticator.challenge);
    await reply.code(401).send({
      error: {
        code: 401,
        title: 'Unauthorized',
        message: 'The request you have made requires authentication.',
      },
    });
    return false;
  }
  const given = request.headers['x-openstack-request-id'];
  request.identity = identity;
  request.access = policy.of(identity);
  request.log = request.log.child({
    request_id: request.requestId,
    global_request_id: typeof given === 'string' && requestIdPattern.test(given) ? given : undefined,
    project_id: identity.projectId,
    user_id: identity.userId,
  });
  return true;
}
