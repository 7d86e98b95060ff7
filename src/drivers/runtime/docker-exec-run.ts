/**
 * A command run to its end in a container at a Docker engine, with a limit of
 * time and of output. Docker can't end a process it was asked to run beside
 * the main one, so that is done here, on the host.
 */
import { readFile } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import type { Environment } from '../../model/environment.ts';
import { inspectExec } from './docker-exec-inspect.ts';
import type { ExecInspection } from './engine-dialect.ts';
import type { DockerEngine } from './docker-engine.ts';
import { abandoned, connectionError } from './docker-errors.ts';
import type { ExecPower, RunResult } from './runtime-powers.ts';
import { explainStart } from './start-failure.ts';

/** Between looks at a process whose output has ended, or that was told to end. */
const lookAgainMs = 20;
/** From SIGKILL until its process counts as one that can't be ended. */
const killMs = 2_000;

/** What a shell answers for a command it could not run. */
const notExecutable = 126;
const notFound = 127;

export function createExecRun(
  engine: DockerEngine,
  environment: Pick<Environment, 'schedule' | 'monotonic'>,
  { create, start }: Pick<ExecPower, 'create' | 'start'>,
): ExecPower['run'] {
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => void environment.schedule(ms, resolve));

  /** Looks until it has ended or `until` says so. @returns null for a process that went with its container */
  const endOf = async (
    execId: string,
    until: () => boolean,
    signal: AbortSignal,
  ): Promise<ExecInspection | null> => {
    for (;;) {
      const exec = await inspectExec(engine, execId, signal);
      if (!exec?.Running || until()) return exec;
      await pause(lookAgainMs);
    }
  };

  /** @returns whether it has ended */
  const kill = async (execId: string, signal: AbortSignal): Promise<boolean> => {
    const since = environment.monotonic();
    const isLate = (): boolean => environment.monotonic() - since > killMs;
    for (;;) {
      const exec = await inspectExec(engine, execId, signal);
      if (!exec?.Running) return true;
      // Docker knows the process a moment after it says that it runs.
      if (await killProcess(exec)) break;
      if (isLate()) return false;
      await pause(lookAgainMs);
    }
    return !(await endOf(execId, isLate, signal))?.Running;
  };

  return async (identity, { command, timeLimitMs, maxOutputBytes }, signal) => {
    let isOver = false;
    let over: () => void = () => {};
    const limit = new Promise<void>((resolve) => (over = resolve));
    const cancel = environment.schedule(timeLimitMs, () => {
      isOver = true;
      over();
    });
    try {
      const { execId } = await create(identity, { command, tty: false, interactive: false }, signal);
      const stream = await start(identity, execId, signal);
      try {
        const output = collect(stream, maxOutputBytes);
        await Promise.race([output.ended, limit]);
        const exec = isOver ? null : await endOf(execId, () => isOver, signal);
        if (!isOver) return exited(engine, exec, output.text(), output.isTruncated());
        const isKilled = await kill(execId, signal);
        return {
          end: isKilled ? 'killed' : 'abandoned',
          exitCode: null,
          output: output.text(),
          truncated: output.isTruncated(),
        };
      } finally {
        stream.destroy();
      }
    } catch (error) {
      throw signal.aborted ? abandoned(signal) : connectionError(error, engine.socketPath);
    } finally {
      cancel();
    }
  };
}

/** Reads all and keeps the beginning. */
function collect(stream: Duplex, maxBytes: number) {
  const chunks: Buffer[] = [];
  let kept = 0;
  let isTruncated = false;
  stream.on('data', (chunk: Buffer) => {
    const part = chunk.subarray(0, maxBytes - kept);
    if (part.length > 0) chunks.push(part);
    kept += part.length;
    isTruncated ||= part.length < chunk.length;
  });
  const ended = new Promise<void>((resolve, reject) => {
    stream.once('end', resolve);
    stream.once('error', reject);
    // Cut off without an error: the process is looked at to see whether it has ended.
    stream.once('close', resolve);
  });
  ended.catch(() => undefined);
  return {
    ended,
    // A character cut in two at the limit is left out.
    text: () => new TextDecoder().decode(Buffer.concat(chunks), { stream: isTruncated }),
    isTruncated: () => isTruncated,
  };
}

/** What an engine writes as the command's output: Docker, then Podman. */
const runtimeRefusal =
  /^(?:OCI runtime exec failed: |Error: \w+: )exec failed: (unable to start container process: .*)/;

function exited(
  { dialect }: DockerEngine,
  exec: ExecInspection | null,
  output: string,
  truncated: boolean,
): RunResult {
  // It went with its container: killed, as far as anybody can tell.
  const exitCode = exec ? dialect.execExitCode(exec) : 137;
  const isRefused = exitCode === notExecutable || exitCode === notFound;
  const told = runtimeRefusal.exec(output)?.[1];
  if (!isRefused || told === undefined) return { end: 'exited', exitCode, output, truncated };
  const reason = explainStart(told);
  const isMissing = /not in the image/.test(reason);
  return { end: 'exited', exitCode: isMissing ? notFound : notExecutable, output: `${reason}\n`, truncated };
}

/**
 * Kills an exec'd process and its group on the host. Only a process that is in
 * the container's control group is touched: the number might be another's by now.
 *
 * @returns false when the process is not to be seen from here
 */
async function killProcess({ Pid, ContainerID }: ExecInspection): Promise<boolean> {
  if (Pid <= 1) return false;
  const groups = await readFile(`/proc/${Pid}/cgroup`, 'utf8').catch(() => '');
  if (!groups.includes(ContainerID)) return false;
  // runc makes it the leader of a session, and so of a group; where it is none, it goes alone.
  return sendKill(-Pid) || sendKill(Pid);
}

function sendKill(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}
