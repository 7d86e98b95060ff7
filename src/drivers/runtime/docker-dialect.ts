/** Docker as it is: the other dialects are measured against it. */
import { worldLabel } from './docker-labels.ts';
import type { ContainerAction, EngineDialect } from './engine-dialect.ts';

/** What we ask for; `exec_*`, which health checks make many of, is not. */
const actions: Readonly<Record<string, ContainerAction>> = {
  create: 'create',
  start: 'start',
  kill: 'kill',
  die: 'die',
  oom: 'oom',
  stop: 'stop',
  destroy: 'destroy',
  health_status: 'health',
  pause: 'pause',
  unpause: 'unpause',
  rename: 'rename',
  update: 'update',
};

export const dockerDialect: EngineDialect = {
  name: 'docker',
  events: {
    filters: { type: ['container'], label: [worldLabel], event: Object.keys(actions) },
    actions,
    isHeadLate: false,
    explainsExits: true,
  },
  unmountable: /\0/,
  status: (status) => status,
  inspection: (info) => info,
  info: (info) => info,
  assertCan: () => Promise.resolve(),
  runsHealthChecks: true,
  loadsWithoutLayers: true,
  importQuery(reference) {
    const [repo = '', tag = ''] = reference.split(':');
    return { repo, tag };
  },
  updates: {
    areKept: true,
    request: (engineId, change) => ({
      method: 'POST',
      path: `/containers/${engineId}/update`,
      body:
        change.limit === 'cpu'
          ? { NanoCpus: change.nanoCpus, CpuShares: change.cpuShares }
          : { Memory: change.memoryBytes, MemorySwap: change.memoryBytes },
    }),
  },
  execExitCode: ({ ExitCode }) => ExitCode,
  signalsPaused: true,
  topArguments: (psArgs) => psArgs,
  familiar: (reference) => reference,
  imageId: (id) => id,
};
