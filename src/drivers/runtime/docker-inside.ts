/** Folders of this host in a container that runs, by `bin/lib/inside.py`: no engine can mount anything into one. */
import { fileURLToPath } from 'node:url';
import { TroupeError } from '../../errors/errors.ts';
import type { Host } from '../host.ts';
import { locateOwn } from './docker-find.ts';
import type { DockerEngine } from './docker-engine.ts';
import type { OperationIdentity } from './operation-identity.ts';
import type { ContainerMount, InsidePower } from './runtime-powers.ts';

const python = '/usr/bin/python3';
const script = fileURLToPath(new URL('../../../../bin/lib/inside.py', import.meta.url));

interface Outcome {
  readonly answer?: 'done' | 'gone';
  readonly unable?: string;
  /** Null where the process can't be seen. */
  readonly used?: { readonly pid: number; readonly name: string } | null;
  readonly failed?: string;
}

export function dockerInside(engine: DockerEngine, host: Host): InsidePower {
  const ask = async (
    verb: 'mount' | 'unmount',
    identity: OperationIdentity,
    { source, destination, readOnly }: ContainerMount,
    signal: AbortSignal,
  ): Promise<void> => {
    const info = await locateOwn(engine, identity, signal);
    if (!info?.State.Running || info.State.Pid <= 0) return;
    const question = { ask: verb, pid: info.State.Pid, container: info.Id, source, destination, readOnly };
    const result = await host.run(python, ['-I', script], { input: JSON.stringify(question), signal });
    const { answer, unable, used, failed } = parse(result.output) ?? {};
    if (answer !== undefined) return;
    const attempt = `"${destination}" could not be ${verb}ed in the container`;
    if (unable !== undefined) throw new TroupeError('HOST_INCAPABLE', `${attempt}: ${unable}`);
    if (used !== undefined)
      throw new TroupeError(
        'VOLUME_IN_USE',
        used === null
          ? `${attempt}: a process uses it`
          : `${attempt}: "${used.name}" (process ${used.pid} of its host) uses it; end that first`,
        { details: { ...used } },
      );
    const said = failed ?? (result.errors.trim().split('\n').at(-1) || `status ${result.status}`);
    throw new TroupeError('VOLUME_ERROR', `${attempt}: ${said}`);
  };
  return {
    mount: (identity, mount, signal) => ask('mount', identity, mount, signal),
    unmount: (identity, mount, signal) => ask('unmount', identity, mount, signal),
  };
}

function parse(output: string): Outcome | null {
  try {
    return JSON.parse(output) as Outcome;
  } catch {
    return null;
  }
}
