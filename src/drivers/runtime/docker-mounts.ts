/** Paths of this host that a container is given: files and folders that the agent made or found. */
import { stat } from 'node:fs/promises';
import { posix } from 'node:path';
import type Docker from 'dockerode';
import { TroupeError } from '../../errors/errors.ts';
import type { EngineDialect } from './engine-dialect.ts';
import type { CreateOptions } from './runtime-driver.ts';

/**
 * The mounts of a container in the engine's form.
 *
 * @throws TroupeError INVALID_SPEC for a path the engine would take for something else, and for a source that is not there
 *   (an engine that made it would hide that a volume is missing)
 */
export async function toMounts(
  { files, mounts }: Pick<CreateOptions, 'files' | 'mounts'>,
  dialect: EngineDialect,
): Promise<Docker.MountConfig> {
  const own = files
    ? [
        { source: files.hosts, destination: '/etc/hosts', readOnly: false },
        { source: files.resolvConf, destination: '/etc/resolv.conf', readOnly: false },
        { source: files.hostname, destination: '/etc/hostname', readOnly: false },
      ]
    : [];
  const destinations = new Set<string>();
  const all = [...own, ...mounts];
  for (const { source, destination } of all) {
    for (const path of [source, destination]) assertPath(path, dialect);
    if (destinations.has(destination)) throw invalid(destination, 'is the destination of two mounts');
    destinations.add(destination);
    await stat(source).catch((error: Error) => {
      throw invalid(source, `can't be mounted: ${error.message}`);
    });
  }
  return all.map(({ source, destination, readOnly }) => ({
    Type: 'bind',
    Source: source,
    Target: destination,
    ReadOnly: readOnly,
  }));
}

function assertPath(path: string, dialect: EngineDialect): void {
  if (!posix.isAbsolute(path) || posix.normalize(path) !== path || path === '/' || path.endsWith('/'))
    throw invalid(path, 'is not an absolute path in its shortest form');
  const refused = dialect.unmountable.exec(path);
  if (refused)
    throw invalid(path, `can't be mounted by ${dialect.name}: it contains ${JSON.stringify(refused[0])}`);
}

function invalid(path: string, problem: string): TroupeError {
  return new TroupeError('INVALID_SPEC', `Path "${path}" ${problem}`, { details: { path } });
}
