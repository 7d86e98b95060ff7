/** What a host has beside its engine: networks, where it can make them, and volumes. */
import { createNameFiles } from '../agent/name-files.ts';
import type { LookAtNetworks } from '../agent/networks-watch.ts';
import { createSandboxes, type Sandboxes } from '../agent/sandboxes.ts';
import { createVolumes, type Volumes } from '../agent/volumes.ts';
import type { Config } from '../config/schema.ts';
import { createBridgeNetworkDriver } from '../drivers/network/bridge-network.ts';
import { kuryrProblem } from '../drivers/network/kuryr.ts';
import type { KuryrOptions } from '../drivers/network/kuryr-networks.ts';
import { createSandboxFiles } from '../drivers/network/sandbox-files.ts';
import { createDockerDriver } from '../drivers/runtime/docker.ts';
import { dockerDialect } from '../drivers/runtime/docker-dialect.ts';
import { createDockerEngine } from '../drivers/runtime/docker-engine.ts';
import { detectEngine } from '../drivers/runtime/engine-kind.ts';
import { createPodmanDriver } from '../drivers/runtime/podman.ts';
import type { RuntimeDriver } from '../drivers/runtime/runtime-driver.ts';
import { createLocalVolumeDriver } from '../drivers/volume/local-volumes.ts';
import { toFailure } from '../errors/errors.ts';
import type { Environment } from '../model/environment.ts';
import type { HostNetworks } from '../model/host.ts';
import { hostnameOf, neutronHostOf, paths } from './settings.ts';

const engineMs = 5_000;
const probeMs = 10_000;
/** Docker looks 15 s for a plugin. */
export const kuryrMs = 30_000;

export interface HostParts {
  /** Null where this host can't make networks. */
  readonly sandboxes: Sandboxes | null;
  readonly volumes: Volumes;
  readonly networks: HostNetworks;
  /** Whether Kuryr has come meanwhile, where it plugs. */
  readonly lookAtNetworks: LookAtNetworks;
}

/** An engine that does not answer is known by its socket. */
export async function engineDriver(config: Config, environment: Environment): Promise<RuntimeDriver> {
  const { kind, socket: socketPath } = config.engine;
  const guessed = socketPath.includes('podman') ? 'podman' : 'docker';
  const engine =
    kind === 'auto'
      ? await detectEngine(socketPath, AbortSignal.timeout(engineMs)).catch(() => guessed)
      : kind;
  const options = { socketPath, hostname: hostnameOf(config), environment };
  return engine === 'podman' ? createPodmanDriver(options) : createDockerDriver(options);
}

/** Null where Troupe plugs ports of Neutron itself. */
export function kuryrOf(config: Config): KuryrOptions | null {
  const { kuryr: plugin } = config.network;
  if (plugin === '') return null;
  const engine = createDockerEngine(config.engine.socket, dockerDialect);
  return { engine, plugin, hostname: neutronHostOf(config) };
}

/**
 * What was made before is looked after also where new networks are not wanted:
 * only what this host tells of itself differs.
 */
export async function hostParts(
  config: Config,
  environment: Environment,
  driver: RuntimeDriver,
): Promise<HostParts> {
  const { mode, subnets, subnetPrefix, mtu, ovsdb } = config.network;
  const kuryr = kuryrOf(config);
  const { sandboxes: directory, volumes } = paths(config);
  const network = createBridgeNetworkDriver({ ovsdb, ...(kuryr && { kuryr }) });
  const { able, problems } = await network
    .probe(AbortSignal.timeout(probeMs))
    .catch((error: unknown) => ({ able: false, problems: [toFailure(error).message] }));
  for (const problem of problems) environment.log.warn({}, problem);
  const isWanted = mode !== 'engine';
  const lookAtNetworks: LookAtNetworks = async (signal) => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(kuryrMs)]);
    const withoutKuryr = kuryr && (await kuryrProblem(kuryr, limit));
    const told = [...problems, ...(withoutKuryr === null ? [] : [withoutKuryr])];
    return {
      able: able && isWanted && withoutKuryr === null,
      problem: isWanted ? told.join('; ') || null : 'its configuration says network.mode "engine"',
      neutronHost: neutronHostOf(config),
      ...(able && isWanted && withoutKuryr !== null && { awaited: true }),
    };
  };
  return {
    sandboxes: able
      ? createSandboxes({
          driver,
          network,
          files: createNameFiles(directory, createSandboxFiles({ directory })),
          subnets: { cidr: subnets, prefix: subnetPrefix },
          mtu,
        })
      : null,
    volumes: createVolumes(createLocalVolumeDriver({ directory: volumes }), hostnameOf(config)),
    networks: await lookAtNetworks(new AbortController().signal),
    lookAtNetworks,
  };
}
