/** Further processes in a container at a Docker engine. */
import { TroupeError } from '../../errors/errors.ts';
import type { Environment } from '../../model/environment.ts';
import type { DockerEngine } from './docker-engine.ts';
import { refusal } from './docker-errors.ts';
import { gone, requireOwn } from './docker-find.ts';
import { inspectExec } from './docker-exec-inspect.ts';
import type { ExecInspection } from './engine-dialect.ts';
import { createExecRun } from './docker-exec-run.ts';
import { toPlainDuplex } from './docker-terminal.ts';
import type { OperationIdentity } from './operation-identity.ts';
import type { ExecPower, ExecSpec, ExecState } from './runtime-powers.ts';

export function dockerExec(
  engine: DockerEngine,
  environment: Pick<Environment, 'schedule' | 'monotonic'>,
): ExecPower {
  const power: ExecPower = {
    run: createExecRun(engine, environment, {
      create: (...args) => power.create(...args),
      start: (...args) => power.start(...args),
    }),

    async create(identity, spec, signal) {
      const info = await requireOwn(engine, identity, signal);
      if (!info.State.Running || info.State.Paused) throw notReady(identity, info.State.Paused);
      const reply = await engine.send<{ Id: string }>({
        method: 'POST',
        path: `/containers/${info.Id}/exec`,
        body: toBody(spec),
        signal,
      });
      if (reply.ok) return { execId: reply.body.Id };
      if (reply.status === 404) throw gone(identity);
      if (reply.status === 409) throw notReady(identity, /paused/.test(reply.message));
      throw refusal('The command could not be run', reply.status, reply.message);
    },

    async start(identity, execId, signal) {
      const exec = await inspectOwn(engine, identity, execId, signal);
      const { running, exitCode } = toState(engine, exec);
      if (running || exitCode !== null) throw startedBefore(execId);
      const Tty = exec.ProcessConfig.tty;
      const reply = await engine.upgrade({
        method: 'POST',
        path: `/exec/${execId}/start`,
        body: { Detach: false, Tty },
        signal,
      });
      if (reply.ok) return Tty ? reply.connection : toPlainDuplex(reply.connection);
      if (reply.status === 404) throw noSession(execId);
      if (reply.status === 409)
        throw /not running|container state improper/.test(reply.message)
          ? notReady(identity, false)
          : startedBefore(execId);
      throw refusal('The command could not be started', reply.status, reply.message);
    },

    async resize(identity, execId, { rows, columns }, signal) {
      const { exitCode } = toState(engine, await inspectOwn(engine, identity, execId, signal));
      if (exitCode !== null) return;
      const reply = await engine.send({
        method: 'POST',
        path: `/exec/${execId}/resize`,
        query: { h: String(rows), w: String(columns) },
        signal,
      });
      // It has ended meanwhile, or not begun.
      if (reply.ok || reply.status === 404 || reply.status === 409) return;
      throw refusal('The terminal could not be resized', reply.status, reply.message);
    },

    async inspect(identity, execId, signal) {
      return toState(engine, await inspectOwn(engine, identity, execId, signal));
    },
  };
  return power;
}

function toBody({ command, tty, interactive }: ExecSpec): object {
  return {
    Cmd: command,
    Tty: tty,
    AttachStdin: interactive,
    AttachStdout: true,
    AttachStderr: true,
  };
}

function toState({ dialect }: DockerEngine, exec: ExecInspection): ExecState {
  return { running: exec.Running, exitCode: exec.Running ? null : dialect.execExitCode(exec) };
}

/** The session, if it is of this very container. */
async function inspectOwn(
  engine: DockerEngine,
  identity: OperationIdentity,
  execId: string,
  signal: AbortSignal,
): Promise<ExecInspection> {
  const info = await requireOwn(engine, identity, signal);
  const exec = /^[0-9a-f]{64}$/.test(execId) ? await inspectExec(engine, execId, signal) : null;
  if (exec?.ContainerID !== info.Id) throw noSession(execId);
  return exec;
}

function notReady({ containerId }: OperationIdentity, isPaused: boolean): TroupeError {
  const reason = isPaused ? 'is paused; unpause it first' : 'does not run';
  return new TroupeError(
    'INVALID_STATE',
    `No command can be run in container "${containerId}": it ${reason}`,
  );
}

function noSession(execId: string): TroupeError {
  return new TroupeError('NOT_FOUND', `Session "${execId}" is not one of this container, or has ended`);
}

function startedBefore(execId: string): TroupeError {
  return new TroupeError('INVALID_STATE', `Session "${execId}" was started before; create another`);
}
