/** What is asked of running containers beside their life, and of the host: nothing is kept of it, and nothing is asked twice. */
import type { Duplex, Readable } from 'node:stream';
import type { OperationIdentity } from '../drivers/runtime/operation-identity.ts';
import type { RuntimeDriver } from '../drivers/runtime/runtime-driver.ts';
import type { ExecState } from '../drivers/runtime/runtime-powers.ts';
import { TroupeError } from '../errors/errors.ts';
import type { HostQuestion, HostStream, ServeParams } from '../link/protocol.ts';
import type { Environment } from '../model/environment.ts';
import { archiveOf, unpackInto } from './archives.ts';
import { power } from './power.ts';
import type { Volumes } from './volumes.ts';

type Owner = Pick<OperationIdentity, 'worldId' | 'epoch'>;

/** Between looks at a process whose output has ended: that of its end follows within moments. */
const lookAgainMs = 20;

/** @throws TroupeError HOST_INCAPABLE, CONTAINER_GONE, INVALID_STATE, INVALID_SPEC, NOT_FOUND for a session there is not */
export async function serve(
  environment: Environment,
  driver: RuntimeDriver,
  owner: Owner,
  { containerId, tenant, generation, service }: ServeParams,
  signal: AbortSignal,
): Promise<unknown> {
  const identity = { ...owner, opId: environment.id(), containerId, tenant, generation };
  switch (service.kind) {
    case 'top':
      return power(driver, 'top').top(containerId, service.psArgs, signal);
    case 'stats':
      return power(driver, 'stats').sample(containerId, signal);
    case 'execute':
      return power(driver, 'exec').run(
        identity,
        {
          command: service.command,
          timeLimitMs: service.timeLimitMs,
          maxOutputBytes: service.outputMostBytes,
        },
        signal,
      );
    case 'prepareSession':
      return power(driver, 'exec').create(identity, service, signal);
    case 'resizeTerminal':
      if (service.execId === null) await power(driver, 'attach').resize(identity, service, signal);
      else await power(driver, 'exec').resize(identity, service.execId, service, signal);
      return null;
    case 'awaitEnd':
      return awaitEnd(environment, driver, identity, service, signal);
  }
}

/** @throws TroupeError HOST_INCAPABLE, REGISTRY_UNAVAILABLE, ENGINE_UNAVAILABLE */
export async function answer(
  driver: RuntimeDriver,
  volumes: Pick<Volumes, 'connector'> | null,
  question: HostQuestion,
  signal: AbortSignal,
): Promise<unknown> {
  if (question.kind === 'connector') {
    if (volumes) return volumes.connector(signal);
    throw new TroupeError('HOST_INCAPABLE', 'This host has no volumes');
  }
  const images = power(driver, 'imageTools');
  return question.kind === 'images' ? images.list(signal) : images.search(question.term, signal);
}

/** Plain bytes of a log, a process both ways, or files. @throws TroupeError as {@link serve} */
export async function openSource(
  driver: RuntimeDriver,
  owner: Owner,
  opId: string,
  containerId: string,
  stream: HostStream,
  signal: AbortSignal,
): Promise<Readable | Duplex> {
  if (stream.kind === 'logs') return driver.logs(containerId, stream, signal);
  if (stream.kind === 'getArchive')
    return archiveOf(power(driver, 'archive'), containerId, stream.path, signal);
  const { tenant, generation } = stream;
  const identity = { ...owner, opId, containerId, tenant, generation };
  if (stream.kind === 'putArchive')
    return unpackInto(power(driver, 'archive'), identity, stream.path, signal);
  const { execId } = stream;
  return execId === null
    ? power(driver, 'attach').attach(identity, signal)
    : power(driver, 'exec').start(identity, execId, signal);
}

/** Where the process is, once it has ended or the time is over. */
async function awaitEnd(
  environment: Environment,
  driver: RuntimeDriver,
  identity: OperationIdentity,
  { execId, timeLimitMs }: { readonly execId: string | null; readonly timeLimitMs: number },
  signal: AbortSignal,
): Promise<ExecState> {
  const since = environment.monotonic();
  for (;;) {
    const state =
      execId === null
        ? await mainProcess(driver, identity.containerId, signal)
        : await power(driver, 'exec').inspect(identity, execId, signal);
    if (!state.running || environment.monotonic() - since >= timeLimitMs) return state;
    await new Promise<void>((resolve) => void environment.schedule(lookAgainMs, resolve));
  }
}

async function mainProcess(
  driver: RuntimeDriver,
  containerId: string,
  signal: AbortSignal,
): Promise<ExecState> {
  const observation = await driver.observe(containerId, signal);
  const running = observation?.state === 'running' || observation?.state === 'paused';
  return { running, exitCode: running ? null : (observation?.exitCode ?? null) };
}
