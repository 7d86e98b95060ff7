/** Control plane and agent as processes: claimed, started, told ready, run until a signal, stopped in order. */
import { setTimeout as pause } from 'node:timers/promises';
import closeWithGrace from 'close-with-grace';
import type { RunningControlPlane } from '../actors/control-plane.ts';
import type { Agent } from '../agent/agent.ts';
import type { Parts } from '../cli/roots.ts';
import { badSetting, shownSettings, type LoadedConfig } from '../config/load.ts';
import { TroupeError, type ErrorCode } from '../errors/errors.ts';
import { runAllInOne } from './all-in-one.ts';
import { runControlPlane } from './control-plane.ts';
import { tellStarter } from './detached.ts';
import type { Environment } from '../model/environment.ts';
import { createEnvironment } from './environment.ts';
import { joinTokenOf, runAgent } from './host-agent.ts';
import { createCloudCalls, serviceAccess, tryCredentials, type CloudCalls } from './keystone.ts';
import { loggerOf } from './logger.ts';
import { claimProcess } from './process-file.ts';
import { hostnameOf, paths } from './settings.ts';
import { checkAgentFiles, checkControlPlaneFiles, checkListening, prepareState } from './site-files.ts';
import { storeOf } from './stores.ts';

/** As long as "troupe down" waits before it kills. */
const stopMs = 30_000;
/** This machine's own agent is waited for, so that the first container finds a host. */
const hostOnlineMs = 20_000;
/** How long a control plane that was taken over is still there to say so. */
const overMs = 2_000;

/** Runs until a signal. @throws TroupeError INVALID_CONFIG, STORE_UNAVAILABLE, STALE_OWNER when a newer owner took over */
export async function serve(loaded: LoadedConfig, parts: Parts): Promise<void> {
  const { config } = loaded;
  prepareState(loaded);
  checkControlPlaneFiles(loaded);
  const files = paths(config);
  const claims = [claimProcess(files.process, 'troupe up')];
  const release = (): void => claims.forEach((claim) => claim.release());
  try {
    if (parts === 'all') claims.push(claimProcess(files.agentProcess, 'troupe up'));
    // A store that changed hands before we found that we can't listen would have been taken for nothing.
    await checkListening(loaded);
    const logger = loggerOf(config);
    const environment = createEnvironment(logger);
    const cloud = await cloudOf(loaded, environment);
    const store = storeOf(config, environment);
    if (parts === 'control-plane') {
      const running = await runControlPlane(config, environment, store, logger, cloud).catch(locate(loaded));
      tellStarter({ troupe: 'ready' });
      return await untilOver(
        () => running.stop(),
        release,
        'STALE_OWNER',
        shown(running.controlPlane.fenced),
      );
    }
    const running = await runAllInOne(config, environment, store, logger, { cloud }).catch(locate(loaded));
    const { controlPlane } = running.process;
    const over = untilOver(() => running.stop(), release, 'STALE_OWNER', shown(controlPlane.fenced));
    // It may be over before it is waited for.
    over.catch(() => {});
    const problem = await hostProblem(controlPlane, running.agent, hostnameOf(config));
    if (problem !== null) {
      logger.warn(problem);
      tellStarter({ troupe: 'said', text: problem });
    }
    tellStarter({ troupe: 'ready' });
    return await over;
  } finally {
    release();
  }
}

/** The cloud whose people these are; null where the site has tokens of its own. @throws TroupeError INVALID_CONFIG */
async function cloudOf(loaded: LoadedConfig, environment: Environment): Promise<CloudCalls | null> {
  const { auth, network, volume, site } = loaded.config;
  if (network.driver === 'neutron' && auth.kind === 'tokens')
    throw badSetting(
      loaded,
      'network.driver',
      'may be "neutron" only where auth.kind is "keystone": networks are of Keystone’s projects',
    );
  if (volume.driver === 'cinder' && auth.kind === 'tokens')
    throw badSetting(
      loaded,
      'volume.driver',
      'may be "cinder" only where auth.kind is "keystone": volumes are of Keystone’s projects',
    );
  if (network.driver === 'neutron' && site.sandboxes === 'engine')
    throw badSetting(
      loaded,
      'site.sandboxes',
      'must not be "engine" where network.driver is "neutron": the engine knows nothing of Neutron',
    );
  if (auth.kind === 'tokens') return null;
  const calls = createCloudCalls(serviceAccess(loaded), loaded.config.auth.timeoutMs, environment);
  await tryCredentials(loaded, calls, environment);
  return calls;
}

/** Runs until a signal. @throws TroupeError INVALID_CONFIG, LINK_REFUSED when dialling again can't help */
export async function serveAgent(loaded: LoadedConfig, joinToken: string | null): Promise<void> {
  const { config } = loaded;
  if (config.agent.controlUrl === '')
    throw badSetting(
      loaded,
      'agent.controlUrl',
      'must say where the control plane is, e.g. wss://control:9517',
    );
  prepareState(loaded);
  checkAgentFiles(loaded);
  const claim = claimProcess(paths(config).agentProcess, 'troupe agent');
  try {
    const agent = await runAgent(config, createEnvironment(loggerOf(config)), {
      controlUrl: config.agent.controlUrl,
      joinToken: async () => joinToken ?? joinTokenOf(config),
    });
    tellStarter({ troupe: 'ready' });
    await untilOver(
      () => agent.stop(),
      () => claim.release(),
      'LINK_REFUSED',
      agent.refused,
    );
  } finally {
    claim.release();
  }
}

/** Says beside what the store answered where it was looked for. */
const locate =
  (loaded: LoadedConfig) =>
  (error: unknown): never => {
    const isStore = error instanceof TroupeError && error.code === 'STORE_UNAVAILABLE';
    if (!isStore || loaded.config.store.kind !== 'redis') throw error;
    const setting = loaded.config.store.redisNodes.length > 0 ? 'store.redisNodes' : 'store.redisUrl';
    const { value, source } = shownSettings(loaded).find((each) => each.setting === setting)!;
    throw new TroupeError(
      'STORE_UNAVAILABLE',
      `${error.message} It was looked for at ${String(value)}: "${setting}" (from ${source})`,
      {
        cause: error,
      },
    );
  };

/** Stops in order at a signal; or when it is `over` by itself, which is an error with `code`. */
function untilOver(
  stop: () => Promise<void>,
  release: () => void,
  code: ErrorCode,
  over: Promise<string>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let stopping: Promise<void> | null = null;
    const end = (): Promise<void> => (stopping ??= stop().finally(release));
    closeWithGrace({ delay: stopMs }, async ({ err }) => {
      if (err) console.error(err);
      await end();
      resolve();
    });
    void over.then(async (reason) => {
      // What waits for a store or a host that is not ours any more may wait for ever.
      await Promise.race([end(), pause(stopMs)]);
      reject(new TroupeError(code, reason));
    });
  });
}

/** A control plane that was taken over does nothing more, and says why in /readyz for as long as a probe may take to see it. */
async function shown(fenced: Promise<string>): Promise<string> {
  const reason = await fenced;
  await pause(overMs);
  return reason;
}

/** Waits for the host of this machine; in words why it can't take containers yet, null when it can. */
async function hostProblem(
  controlPlane: RunningControlPlane,
  agent: Agent,
  hostname: string,
): Promise<string | null> {
  const own = () => controlPlane.hosts().find((host) => host.hostname === hostname);
  let isOnline = (): void => {};
  const online = new Promise<void>((resolve) => (isOnline = resolve));
  const look = (): boolean => {
    if (own()?.status === 'online') isOnline();
    return true;
  };
  const filter = { tenant: null, kinds: ['host' as const], id: null };
  const watching = await controlPlane.watch(filter, [], {
    snapshot: look,
    change: look,
    drained: () => Promise.resolve(true),
  });
  const timer = setTimeout(isOnline, hostOnlineMs);
  await Promise.race([online, agent.refused]);
  clearTimeout(timer);
  watching.close();
  const host = own();
  if (host?.status === 'online') return host.reason;
  const { state, reason: said } = agent.status();
  if (state === 'refused')
    return `this host is refused: ${said ?? 'no reason was given'}; its own agent joins anew once "agent" in the state directory is removed`;
  const reason = said ?? host?.reason;
  return `this host is not online yet${reason ? `: ${reason}` : ''}; see "troupe hosts"`;
}
