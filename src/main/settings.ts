/** From a site's configuration to what the parts are given. */
import { hostname } from 'node:os';
import type { ControlPlaneConfig } from '../actors/control-plane.ts';
import type { Config } from '../config/schema.ts';
import type { HostOverrides } from '../model/host.ts';

/** What this host is called. */
export const hostnameOf = ({ agent }: Config): string =>
  agent.hostname === '' ? hostname() : agent.hostname;

/** What Neutron calls it. */
export const neutronHostOf = ({ network }: Config): string =>
  network.neutronHost === '' ? hostname() : network.neutronHost;

const day = 24 * 3600 * 1000;
const mib = 1024 * 1024;

export const retentionOf = ({ store }: Config) => ({
  journalRecords: store.journalRecords,
  keepMs: store.keepDays * day,
  streamRecords: 100_000,
});

export const controlPlaneConfig = ({
  deadlines,
  quota,
  site,
  host,
  images,
  scheduler,
  volume,
}: Config): ControlPlaneConfig => ({
  deadlines: { ...deadlines, retryMs: 1_000 },
  limits: {
    containers: quota.containers,
    cpuMillis: quota.cpu < 0 ? -1 : Math.round(quota.cpu * 1000),
    memoryMib: quota.memoryMib,
    diskGib: quota.diskGib,
  },
  reservationMs: quota.reservationMs,
  promisedMs: volume.promisedMs,
  sandbox: site.sandboxes,
  pool: site.poolCeiling > 0 ? { ceiling: site.poolCeiling, windowMs: site.poolWindowMs } : null,
  readyPorts: { perProject: site.poolPortsPerProject, perSite: site.poolPorts },
  strategy: scheduler.strategy,
  neighbours: scheduler.neighbours,
  commitsTo: images.commitsTo,
  collectMs: images.collectMs,
  hostPolicy: {
    availabilityZone: site.availabilityZone,
    ratios: { cpu: host.cpuRatio, memory: host.memoryRatio, disk: host.diskRatio },
    reserved: { cpu: host.reservedCpu, memory: host.reservedMemory, disk: host.reservedDisk },
    warmMemoryMib: site.poolMemoryMib,
  },
  suspectMs: 0,
  lostMs: host.lostMs,
  syncMs: host.syncMs,
  answerMs: deadlines.answerMs,
});

/** What an agent's configuration says otherwise than its site's. */
export const hostOverrides = ({ agent }: Config): HostOverrides => ({
  availabilityZone: agent.availabilityZone === '' ? null : agent.availabilityZone,
  ratios: {
    cpu: given(agent.cpuRatio),
    memory: given(agent.memoryRatio),
    disk: given(agent.diskRatio),
  },
  reserved: {
    cpu: given(agent.reservedCpu),
    memory: given(agent.reservedMemory),
    disk: given(agent.reservedDisk),
  },
  warmMemoryMib: given(agent.poolMemoryMib),
});

const given = (value: number): number | null => (value < 0 ? null : value);

/** What a container gets that asks for nothing. */
export const containerDefaults = ({ site }: Config) => ({
  cpu: site.cpu > 0 ? site.cpu : null,
  memoryMib: site.memoryMib > 0 ? site.memoryMib : null,
});

/** What one copy of files may be. */
export const archiveLimits = ({ archive }: Config) => ({
  jsonBytesMost: archive.jsonMib * mib,
  bytesMost: archive.mostMib * mib,
  entriesMost: archive.entriesMost,
  ratioMost: archive.ratioMost,
});

export const linkTiming = ({ link, host }: Config) => ({
  heartbeatMs: link.heartbeatMs,
  leaseMs: link.leaseMs,
  operationsInFlight: 64,
  syncMs: Math.floor(host.syncMs * 0.8),
});

/** Files under the state directory. */
export const paths = ({ state: { directory, keyFile }, volume }: Config) => ({
  siteKey: keyFile === '' ? `${directory}/site.key` : keyFile,
  tokens: `${directory}/tokens.json`,
  adminToken: `${directory}/admin.token`,
  /** Troupe's own credentials at the cloud, as they were made by its bootstrap. */
  clouds: `${directory}/clouds.yaml`,
  store: `${directory}/store`,
  agent: `${directory}/agent`,
  /** With which the agent of this process joins, also after a crash in between: as the same host. */
  joinToken: `${directory}/join.token`,
  sandboxes: `${directory}/sandboxes`,
  volumes: volume.directory === '' ? `${directory}/volumes` : volume.directory,
  linkSocket: `${directory}/link.sock`,
  /** Who runs the control plane, and who the agent, of this directory. */
  process: `${directory}/troupe.pid`,
  agentProcess: `${directory}/agent.pid`,
  log: `${directory}/troupe.log`,
  agentLog: `${directory}/agent.log`,
});
