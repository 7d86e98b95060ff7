/**
 * Podman by its Docker-compatible API: all that it says, takes or can't do
 * otherwise than Docker, but for sandboxes (`podman-sandboxes.ts`).
 *
 * What it does not tell at all: signals of a stop, that memory ran out, and
 * why the last start failed. Its health checks need systemd's timers.
 *
 * Seen with Podman 4.3.1.
 */
import type Docker from 'dockerode';
import { TroupeError } from '../../errors/errors.ts';
import type { ContainerSpec } from '../../model/container.ts';
import type { EngineDialect, EngineInfo, LimitChange } from './engine-dialect.ts';

/** Its own API, for what the compatible one lacks. */
const libpod = '/v4.0.0/libpod';

export const podmanDialect: EngineDialect = {
  name: 'podman',
  events: {
    // A filter by a label's name alone lets nothing pass.
    filters: { type: ['container'] },
    actions: {
      create: 'create',
      start: 'start',
      kill: 'kill',
      die: 'die',
      remove: 'destroy',
      pause: 'pause',
      unpause: 'unpause',
      rename: 'rename',
      update: 'update',
    },
    isHeadLate: true,
    explainsExits: false,
  },
  unmountable: /[\0,"\n]/,
  status: readStatus,
  inspection: readInspection,
  info: readInfo,
  assertCan,
  runsHealthChecks: false,
  loadsWithoutLayers: false,
  importQuery: (reference) => ({ repo: reference }),
  updates: {
    // It changes the control groups and forgets it.
    areKept: false,
    request: (engineId, change) => ({
      method: 'POST',
      root: libpod,
      path: `/containers/${engineId}/update`,
      body: toResources(change),
    }),
  },
  execExitCode: ({ ExitCode, CanRemove }) => (CanRemove ? ExitCode : null),
  signalsPaused: false,
  topArguments: (psArgs) => descriptors[psArgs.trim()] ?? psArgs,
  familiar: (reference) => reference.replace(/^docker\.io\/(library\/)?/, ''),
  imageId: (id) => (id.startsWith('sha256:') ? id : `sha256:${id}`),
};

/**
 * Podman reads /proc itself for a list of columns; other arguments it passes to
 * the image's own ps(1), if that has one.
 *
 * @see podman-top(1), format descriptors
 */
const descriptors: Readonly<Record<string, string>> = {
  '': 'user,pid,ppid,pcpu,stime,tty,time,args',
  '-ef': 'user,pid,ppid,pcpu,stime,tty,time,args',
  aux: 'user,pid,pcpu,vsz,rss,tty,state,stime,time,args',
  '-aux': 'user,pid,pcpu,vsz,rss,tty,state,stime,time,args',
};

/** Most of its errors are a 500. */
function readStatus(status: number, message: string): number {
  if (status !== 500) return status;
  if (/that name is already in use/.test(message)) return 409;
  if (/(container|exec session) state improper/.test(message)) return 409;
  if (/no such container|no container with (name or )?ID/i.test(message)) return 404;
  if (/invalid signal|must be an absolute path|invalid reference format/.test(message)) return 400;
  return status;
}

/** States of its own, by what they are to Docker. */
const states: Readonly<Record<string, string>> = {
  configured: 'created',
  initialized: 'created',
  stopping: 'running',
  stopped: 'exited',
  unknown: 'dead',
};

function readInspection(info: Docker.ContainerInspectInfo): Docker.ContainerInspectInfo {
  const { State, Config } = info;
  const entrypoint = Config.Entrypoint;
  return {
    ...info,
    State: {
      ...State,
      Status: states[State.Status] ?? State.Status,
      Running: State.Running || State.Status === 'stopping',
    },
    Config: {
      ...Config,
      ...(Array.isArray(entrypoint) && entrypoint.length === 0 && { Entrypoint: undefined }),
    },
  };
}

const architectures: Readonly<Record<string, string>> = { amd64: 'x86_64', arm64: 'aarch64' };

function readInfo(info: EngineInfo): EngineInfo {
  const { DefaultRuntime = '' } = info;
  return {
    ...info,
    Architecture: architectures[info.Architecture] ?? info.Architecture,
    OperatingSystem: `${info.OperatingSystem} ${info.OSVersion ?? ''}`.trim(),
    // It lists all it has heard of; a container gets the one it was configured with.
    Runtimes: { [DefaultRuntime]: {} },
  };
}

/** A runtime asked for would be ignored. */
async function assertCan(spec: ContainerSpec, info: () => Promise<EngineInfo>): Promise<void> {
  if (spec.runtime === null) return;
  const { DefaultRuntime } = await info();
  if (spec.runtime === DefaultRuntime) return;
  throw new TroupeError(
    'INVALID_SPEC',
    `Runtime "${spec.runtime}" is not to be had on this host: its Podman runs containers with "${DefaultRuntime}"`,
  );
}

const periodMicroseconds = 100_000;

/** @see OCI runtime specification, LinuxResources */
function toResources(change: LimitChange): object {
  return change.limit === 'cpu'
    ? {
        cpu: {
          period: periodMicroseconds,
          quota: Math.round((change.nanoCpus / 1e9) * periodMicroseconds),
          shares: change.cpuShares,
        },
      }
    : { memory: { limit: change.memoryBytes, swap: change.memoryBytes } };
}
