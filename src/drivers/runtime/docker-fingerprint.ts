/** What a Docker engine and the machine below it offer. */
import { statfs } from 'node:fs/promises';
import type { Fingerprint } from '../../model/host.ts';
import type { DockerEngine } from './docker-engine.ts';
import { refusal } from './docker-errors.ts';
import type { EngineInfo } from './engine-dialect.ts';

const mib = 1024 ** 2;
const gib = 1024 ** 3;

export async function dockerFingerprint(
  engine: DockerEngine,
  hostname: string,
  signal: AbortSignal,
): Promise<Fingerprint> {
  const version = await engine.negotiate(signal);
  const info = engine.dialect.info(await engineInfo(engine, signal));
  return {
    hostname,
    engine: engine.dialect.name,
    engineVersion: version.version,
    engineApiVersion: version.apiVersion,
    cpus: info.NCPU,
    memoryMib: Math.floor(info.MemTotal / mib),
    diskGib: await diskGib(info.DockerRootDir),
    architecture: info.Architecture,
    os: info.OperatingSystem,
    kernelVersion: info.KernelVersion,
    runtimes: Object.keys(info.Runtimes ?? {}).toSorted(),
    labels: Object.fromEntries((info.Labels ?? []).map(toLabel)),
    engineUp: true,
    engineProblem: null,
  };
}

/** As the engine tells it. @throws TroupeError as its answer says */
export async function engineInfo(engine: DockerEngine, signal: AbortSignal): Promise<EngineInfo> {
  const reply = await engine.send<EngineInfo>({ method: 'GET', path: '/info', signal });
  if (!reply.ok) throw refusal('The engine could not be asked what it offers', reply.status, reply.message);
  return reply.body;
}

/** Size of the file system that holds images and containers; 0 when the engine's folder can't be seen from here. */
async function diskGib(folder: string): Promise<number> {
  try {
    const { blocks, bsize } = await statfs(folder);
    return Math.floor((blocks * bsize) / gib);
  } catch {
    return 0;
  }
}

function toLabel(label: string): [string, string] {
  const at = label.indexOf('=');
  return at < 0 ? [label, ''] : [label.slice(0, at), label.slice(at + 1)];
}
