/** From a site's configuration to what the parts are given. */
import type { ControlPlaneConfig } from '../actors/control-plane.ts';
import type { Config } from '../config/schema.ts';

const day = 24 * 3600 * 1000;

export const retentionOf = ({ store }: Config) => ({
  journalRecords: store.journalRecords,
  keepMs: store.keepDays * day,
  streamRecords: 100_000,
});

export const controlPlaneConfig = ({ deadlines, quota, site, host }: Config): ControlPlaneConfig => ({
  deadlines: { ...deadlines, retryMs: 1_000 },
  limits: {
    containers: quota.containers,
    cpuMillis: quota.cpu < 0 ? -1 : Math.round(quota.cpu * 1000),
    memoryMib: quota.memoryMib,
    diskGib: quota.diskGib,
  },
  reservationMs: quota.reservationMs,
  sandbox: site.sandboxes,
  availabilityZone: site.availabilityZone,
  suspectMs: 0,
  lostMs: host.lostMs,
  syncMs: host.syncMs,
  answerMs: deadlines.answerMs,
});

/** What a container gets that asks for nothing. */
export const containerDefaults = ({ site }: Config) => ({
  cpu: site.cpu > 0 ? site.cpu : null,
  memoryMib: site.memoryMib > 0 ? site.memoryMib : null,
});

export const linkTiming = ({ link, host }: Config) => ({
  heartbeatMs: link.heartbeatMs,
  leaseMs: link.leaseMs,
  operationsInFlight: 64,
  syncMs: Math.floor(host.syncMs * 0.8),
});

/** Files under the state directory. */
export const paths = ({ state: { directory } }: Config) => ({
  siteKey: `${directory}/site.key`,
  tokens: `${directory}/tokens.json`,
  adminToken: `${directory}/admin.token`,
  store: `${directory}/store`,
  agent: `${directory}/agent`,
  /** With which the agent of this process joins, also after a crash in between: as the same host. */
  joinToken: `${directory}/join.token`,
  linkSocket: `${directory}/link.sock`,
  /** Who runs the control plane, and who the agent, of this directory. */
  process: `${directory}/troupe.pid`,
  agentProcess: `${directory}/agent.pid`,
  log: `${directory}/troupe.log`,
  agentLog: `${directory}/agent.log`,
});
