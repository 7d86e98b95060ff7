/** The control plane's process: store, actors, links, API, in this order; stopped in the other. */
import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { startControlPlane, type RunningControlPlane } from '../actors/control-plane.ts';
import type { Store } from '../actors/stores/store.ts';
import { buildApp } from '../api/app.ts';
import type { Identity } from '../api/auth/identity.ts';
import type { Policy } from '../api/policy/policy.ts';
import { createSessionEndpoint } from '../api/stream/session-socket.ts';
import { createSessions } from '../api/stream/sessions.ts';
import { createTickets } from '../api/stream/tickets.ts';
import { createCinderDesk } from '../api/zun/cinder-desk.ts';
import { createKnownNetworks } from '../api/zun/known-networks.ts';
import { createNeutronDesk, type NeutronDesk } from '../api/zun/neutron-desk.ts';
import { createWatchEndpoint } from '../api/stream/watch.ts';
import type { Config } from '../config/schema.ts';
import { createHostLinks } from '../link/host-link-server.ts';
import { createLinkAcceptor } from '../link/ws-acceptor.ts';
import { charts } from '../machines/catalogue.ts';
import type { Cinder } from '../model/cinder.ts';
import type { Environment } from '../model/environment.ts';
import type { Neutron } from '../model/neutron.ts';
import { createCinder } from '../openstack/cinder.ts';
import { createGlance, type Glance } from '../openstack/glance.ts';
import { createNeutron } from '../openstack/neutron.ts';
import { createImageCatalogue, createImageStore } from './glance.ts';
import { createAuth, type CloudCalls } from './keystone.ts';
import { archiveLimits, containerDefaults, controlPlaneConfig, linkTiming, paths } from './settings.ts';
import { policyOf } from './policy-file.ts';
import { createSealer, loadSiteKeys } from './site-key.ts';
import { ensureAdminToken } from './tokens.ts';

export interface ControlPlaneProcess {
  readonly controlPlane: RunningControlPlane;
  readonly app: FastifyInstance;
  /** Where the API listens, e.g. `http://127.0.0.1:9517`. */
  readonly url: string;
  /** Takes agents' upgrades off another server, e.g. one on a unix socket. */
  readonly acceptLink: ReturnType<typeof createLinkAcceptor>;
  stop(): Promise<void>;
}

/** Beside the compiled program; null where only that was built. */
function builtConsole(): string | null {
  const directory = fileURLToPath(new URL('../../console', import.meta.url));
  return existsSync(join(directory, 'index.html')) ? directory : null;
}

/** Between drops of what is older than it must be kept. */
const trimMs = 3_600_000;

/**
 * Starts over `store`, which is closed again when that fails.
 * @param cloud where the site's people are Keystone's
 * @throws TroupeError INVALID_CONFIG, STORE_UNAVAILABLE
 */
export async function runControlPlane(
  config: Config,
  environment: Environment,
  store: Store,
  logger: FastifyBaseLogger,
  cloud: CloudCalls | null = null,
): Promise<ControlPlaneProcess> {
  let controlPlane: RunningControlPlane | null = null;
  try {
    const policy = policyOf(config);
    const services: CloudServices = {
      glance: cloud && createGlance(cloud.session),
      neutron: config.network.driver === 'neutron' && cloud ? createNeutron(cloud.session) : null,
      cinder: config.volume.driver === 'cinder' && cloud ? createCinder(cloud.session) : null,
    };
    controlPlane = await startActors(config, environment, store, services);
    return await serve(config, environment, store, logger, { controlPlane, policy, cloud, ...services });
  } catch (error) {
    await (controlPlane ?? { stop: () => store.close() }).stop();
    throw error;
  }
}

/** Of the cloud that the site is in. */
interface CloudServices {
  readonly glance: Glance | null;
  /** Null where containers are on networks of their hosts. */
  readonly neutron: Neutron | null;
  /** Null where containers have volumes of their hosts. */
  readonly cinder: Cinder | null;
}

function startActors(
  config: Config,
  environment: Environment,
  store: Store,
  { glance, neutron, cinder }: CloudServices,
): Promise<RunningControlPlane> {
  const files = paths(config);
  ensureAdminToken(files.tokens, files.adminToken);
  return startControlPlane({
    environment,
    store,
    charts,
    sealer: createSealer(loadSiteKeys(files.siteKey, config.state.keyFile === '')),
    owner: { hostname: hostname(), pid: process.pid, startedAt: environment.now() },
    config: controlPlaneConfig(config),
    neutron,
    cinder,
    links: (events) => createHostLinks({ environment, events, timing: linkTiming(config) }),
    imageStore: glance && ((worldId) => createImageStore(glance, worldId, () => environment.id())),
  });
}

interface Served extends CloudServices {
  readonly controlPlane: RunningControlPlane;
  readonly policy: Policy;
  readonly cloud: CloudCalls | null;
}

function neutronDesk(
  environment: Environment,
  neutron: Neutron,
  controlPlane: RunningControlPlane,
): NeutronDesk {
  const desk = createNeutronDesk(neutron);
  const isMadeAhead = (tenant: string, networks: string): boolean =>
    controlPlane
      .hosts()
      .some(({ pools }) => pools.some((pool) => pool.tenant === tenant && pool.networks === networks));
  return {
    ...desk,
    requests: createKnownNetworks({ environment, requests: desk.requests, isMadeAhead }),
  };
}

async function serve(
  config: Config,
  environment: Environment,
  store: Store,
  logger: FastifyBaseLogger,
  { controlPlane, policy, cloud, glance, neutron, cinder }: Served,
): Promise<ControlPlaneProcess> {
  const tls =
    config.api.certFile === ''
      ? null
      : { cert: readFileSync(config.api.certFile, 'utf8'), key: readFileSync(config.api.keyFile, 'utf8') };
  const auth = createAuth(config, environment, cloud);
  const { authenticator } = auth;
  const tickets = createTickets(environment, ({ userId }: Identity) => userId);
  const sessions = createSessions(environment, config.api.sessionsMost);
  const { publicUrl } = config.api;
  const allowedOrigins = [...config.api.allowedOrigins, ...(publicUrl === '' ? [] : [publicUrl])];
  const app = await buildApp({
    controlPlane,
    environment,
    authenticator,
    login: auth.login,
    onCloudCall: (listener) => cloud?.onCall(listener),
    policy,
    neutron: neutron && neutronDesk(environment, neutron, controlPlane),
    cinder: cinder && createCinderDesk(cinder, controlPlane.world.worldId, controlPlane.volumePromises),
    tickets,
    sessions: { sessions, publicUrl },
    logger,
    defaults: containerDefaults(config),
    copies: archiveLimits(config),
    images: { catalogue: glance && createImageCatalogue(glance), driver: config.images.driver },
    consoleDirectory: builtConsole(),
    disableFile: config.api.disableFile,
    ...(tls ? { https: tls } : {}),
  });
  const watch = createWatchEndpoint({
    controlPlane,
    environment,
    authenticator,
    policy,
    tickets,
    allowedOrigins,
  });
  const terminals = createSessionEndpoint({ controlPlane, environment, sessions, allowedOrigins });
  const acceptLink = createLinkAcceptor({
    environment,
    links: controlPlane.links,
    allowInsecure: config.link.allowInsecure,
  });
  app.server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    const takers = [watch.upgrade, terminals.upgrade, acceptLink];
    if (takers.some((take) => take(request, socket, head))) return;
    socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  });
  const url = await app.listen({ host: config.api.host, port: config.api.port });
  let cancelTrim = (): void => {};
  // A host that is away for longer than tombstones are kept would bring back what was deleted meanwhile.
  const isHostAway = (): boolean =>
    controlPlane.hosts().some(({ online, fingerprint }) => !online && fingerprint !== null);
  const trim = (): void => {
    store
      .trim(environment.now(), isHostAway() ? 'keep' : 'drop')
      .catch((error: unknown) => environment.log.warn({ err: error }, 'old records could not be dropped'));
    cancelTrim = environment.schedule(trimMs, trim);
  };
  cancelTrim = environment.schedule(trimMs, trim);
  environment.log.info({ url, store: (await store.durability()).store }, 'control plane ready');
  return {
    controlPlane,
    app,
    url,
    acceptLink,
    async stop() {
      cancelTrim();
      watch.close();
      terminals.close();
      // The API's server ends when its last connection does, and agents' links are among them: both at once.
      await Promise.all([app.close(), controlPlane.stop()]);
      await auth.close();
    },
  };
}
