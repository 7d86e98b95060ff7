/** Looks this machine and this site over, and says what to do. */
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { createClient } from '../cli/client.ts';
import type { DoctorFinding } from '../cli/roots.ts';
import type { LoadedConfig } from '../config/load.ts';
import { createDockerDriver } from '../drivers/runtime/docker.ts';
import type { Environment } from '../model/environment.ts';
import { cloudFindings } from './cloud-doctor.ts';
import { adminTokenOf, localTls, localUrl } from './connection.ts';
import { createEnvironment } from './environment.ts';
import { loggerOf } from './logger.ts';
import { fault, fine } from './finding.ts';
import { hostFindings } from './host-doctor.ts';
import { runningProcess } from './process-file.ts';
import { hostnameOf, neutronHostOf, paths } from './settings.ts';
import { checkControlPlaneFiles, checkListening } from './site-files.ts';
import { storeOf } from './stores.ts';

const nodeLeast = { major: 20, minor: 19 };
const engineMs = 5_000;
const certificateDays = 30;
const day = 24 * 3600 * 1000;

export async function doctor(loaded: LoadedConfig): Promise<readonly DoctorFinding[]> {
  const { config } = loaded;
  const environment = createEnvironment(loggerOf({ ...config, log: { level: 'error' } }));
  const { findings, hosts } = await troupe(loaded, environment);
  // While nothing is up, this machine counts as the host that it may be.
  const isHost = hosts === null || hosts.some((host) => host.hostname === hostnameOf(config));
  const neutronHosts = hosts
    ? new Set(hosts.map((host) => host.neutron_host ?? host.hostname))
    : [neutronHostOf(config)];
  return [
    node(),
    state(loaded),
    ...certificate(loaded),
    await engine(loaded, environment),
    await store(loaded, environment),
    ...(isHost ? await hostFindings(config) : []),
    ...(await cloudFindings(loaded, environment, [...neutronHosts])),
    ...findings,
  ];
}

function node(): DoctorFinding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const { major: least, minor: leastMinor } = nodeLeast;
  return major > least || (major === least && minor >= leastMinor)
    ? fine('node', process.version)
    : fault('node', process.version, `Install Node ${least}.${leastMinor} or newer`);
}

/** Keys and tokens are for their owner alone. */
function state({ config }: LoadedConfig): DoctorFinding {
  const { directory } = config.state;
  if (!existsSync(directory)) return fine('state', `${directory} will be made at the first start`);
  const open = readdirSync(directory).filter((name) => {
    const { mode } = statSync(`${directory}/${name}`, { throwIfNoEntry: false }) ?? { mode: 0 };
    return (mode & 0o077) !== 0;
  });
  return open.length === 0
    ? fine('state', `${directory}, for its owner alone`)
    : fault('state', `others may reach ${open.join(', ')} in ${directory}`, `chmod -R go= ${directory}`);
}

function certificate(loaded: LoadedConfig): readonly DoctorFinding[] {
  const { certFile } = loaded.config.api;
  if (certFile === '') return [];
  try {
    checkControlPlaneFiles(loaded);
  } catch (error) {
    return [fault('certificate', (error as Error).message, 'Set api.certFile and api.keyFile to a PEM pair')];
  }
  const { validTo, subjectAltName } = new X509Certificate(readFileSync(certFile));
  const left = Math.floor((Date.parse(validTo) - Date.now()) / day);
  const detail = `${subjectAltName ?? 'no names'}, until ${new Date(validTo).toISOString()}`;
  return [
    left >= certificateDays
      ? fine('certificate', detail)
      : fault(
          'certificate',
          detail,
          `${left < 0 ? 'It has expired' : `It ends in ${left} days`}: renew ${certFile} and restart Troupe`,
        ),
  ];
}

async function engine({ config }: LoadedConfig, environment: Environment): Promise<DoctorFinding> {
  const { socket } = config.engine;
  const driver = createDockerDriver({ socketPath: socket, hostname: 'doctor', environment });
  try {
    const found = await driver.fingerprint(AbortSignal.timeout(engineMs));
    return fine(
      'engine',
      `${found.engine} ${found.engineVersion}, API ${found.engineApiVersion}, at ${socket}`,
    );
  } catch (error) {
    return fault(
      'engine',
      (error as Error).message,
      `Start the container engine, or set engine.socket, now ${socket}`,
    );
  } finally {
    await driver.close();
  }
}

async function store({ config }: LoadedConfig, environment: Environment): Promise<DoctorFinding> {
  if (config.store.kind === 'embedded')
    return fine('store', `embedded in ${paths(config).store}; every turn is flushed to disk`);
  const redis = storeOf(config, environment);
  try {
    const { durable, explanation } = await redis.check();
    return durable
      ? fine('store', explanation)
      : fault('store', explanation, 'Set "appendonly yes" and "appendfsync always" in Redis');
  } catch (error) {
    return fault('store', (error as Error).message, 'Start Redis, or check store.redisUrl and its password');
  } finally {
    await redis.close();
  }
}

/** What is up here. `hosts` is null where that is not known. */
async function troupe(
  loaded: LoadedConfig,
  environment: Environment,
): Promise<{ readonly findings: readonly DoctorFinding[]; readonly hosts: readonly HostView[] | null }> {
  const { config } = loaded;
  const url = localUrl(config);
  const running = runningProcess(paths(config).process);
  if (!running) {
    const free = await checkListening(loaded).then(
      () => null,
      (error: Error) => error.message,
    );
    return {
      findings: [
        free === null
          ? fault('troupe', 'is not up', 'Start it with "troupe up --detach"')
          : fault('troupe', 'is not up, and could not listen', free),
      ],
      hosts: null,
    };
  }
  try {
    const client = createClient({
      url,
      token: adminTokenOf(config),
      tls: localTls(config),
      schedule: (delayMs, task) => environment.schedule(delayMs, task),
    });
    const { ready, checks } = await client.call<{
      ready: boolean;
      checks: readonly { name: string; ok: boolean; detail: string }[];
    }>('GET', '/readyz?verbose');
    const failing = checks.filter(({ ok }) => !ok).map(({ name, detail }) => `${name}: ${detail}`);
    const { hosts } = await client.call<{ hosts: readonly HostView[] }>('GET', '/v1/hosts');
    const { audit } = await client.call<{ audit: readonly unknown[] }>('GET', '/v1/audit');
    const away = hosts.filter((host) => host.state !== 'online' || host.engine_up === false);
    const findings = [
      ready
        ? fine('troupe', `process ${running.pid}, ready at ${url}`)
        : fault('troupe', failing.join('; '), `See ${paths(config).log}`),
      hosts.length > 0 && away.length === 0
        ? fine('hosts', `${hosts.length} online`)
        : fault(
            'hosts',
            hosts.length === 0
              ? 'none has joined'
              : away
                  .map(
                    ({ hostname, state, reason }) => `${hostname} is ${state}${reason ? `: ${reason}` : ''}`,
                  )
                  .join('; '),
            hosts.length === 0
              ? 'Run "troupe join-token" here, and "troupe agent --join TOKEN" on a host'
              : 'Start the agent and the container engine there',
          ),
      audit.length === 0
        ? fine('audit', 'everything has its owner')
        : fault(
            'audit',
            `${audit.length} entries`,
            'See "troupe audit", and docs/operations.md for what each means',
          ),
    ];
    return { findings, hosts };
  } catch (error) {
    return {
      findings: [fault('troupe', (error as Error).message, `See ${paths(config).log}`)],
      hosts: null,
    };
  }
}

interface HostView {
  readonly hostname: string;
  readonly state: string;
  readonly reason: string | null;
  readonly engine_up: boolean;
  /** Null of one whose agent does not say. */
  readonly neutron_host: string | null;
}
