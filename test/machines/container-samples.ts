/** Inputs, observations and facts that container tests share. */
import type { Observation } from '../../src/model/container.ts';
import type { ContainerInput } from '../../src/model/events.ts';

export const tenant = 'p1';
export const containerId = '11111111-1111-4111-8111-111111111111';
export const hostId = 'h1';

export const containerInput: ContainerInput = {
  id: containerId,
  tenant,
  capsuleId: null,
  generation: 1,
  run: true,
  amounts: { containers: 1, cpuMillis: 500, memoryMib: 128, diskGib: 0 },
  restartPolicy: { name: 'no', maximumRetryCount: 0 },
  autoRemove: false,
  imagePullPolicy: 'ifnotpresent',
  sandbox: 'engine',
  networks: [],
  published: [],
  hostname: null,
  pool: null,
  mounts: [],
  candidates: [
    { hostId, hostname: 'one', imagePresent: true, makesNetworks: true },
    { hostId: 'h2', hostname: 'two', imagePresent: false, makesNetworks: false },
  ],
  terms: { neighbours: 'off', group: null },
  deadlines: {
    placingMs: 60_000,
    claimMs: 10_000,
    imageMs: 600_000,
    sandboxMs: 60_000,
    createMs: 120_000,
    startMs: 120_000,
    stopMs: 30_000,
    removeMs: 120_000,
    networkIdleMs: 300_000,
    retryMs: 1_000,
  },
};

export const observation = (changes: Partial<Observation> = {}): Observation => ({
  containerId,
  tenant,
  generation: 1,
  engineId: 'e'.repeat(64),
  state: 'running',
  startedAt: 1_000,
  finishedAt: null,
  exitCode: null,
  oomKilled: false,
  error: null,
  health: 'none',
  hostname: 'e'.repeat(12),
  addresses: ['172.17.0.2'],
  command: ['sleep', '60'],
  entrypoint: null,
  ports: [],
  ...changes,
});

export const granted = { type: 'claim.granted', hostId, hostname: 'one', generation: 1, sandboxId: null };
export const exited = (changes: Partial<Observation> = {}, stoppedOutside = false) => ({
  type: 'runtime.exited',
  hostId,
  opId: null,
  stoppedOutside,
  observation: observation({ state: 'exited', finishedAt: 2_000, exitCode: 1, ...changes }),
});
export const started = (changes: Partial<Observation> = {}, byAgent = false) => ({
  type: 'runtime.started',
  hostId,
  opId: null,
  byAgent,
  observation: observation(changes),
});
export const created = {
  type: 'runtime.created',
  hostId,
  opId: null,
  observation: observation({ state: 'created', startedAt: null }),
};
export const gone = { type: 'runtime.gone', hostId, generation: 1, opId: null };
