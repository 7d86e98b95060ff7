/** Files of a container at a Docker engine, as tar streams. */
import type { IncomingHttpHeaders } from 'node:http';
import { finished } from 'node:stream/promises';
import { TroupeError } from '../../errors/errors.ts';
import { isDirectory, isSymbolicLink, type PathStat } from '../../model/archive.ts';
import type { DockerEngine } from './docker-engine.ts';
import { connectionError, refusal } from './docker-errors.ts';
import { requireContainer, requireOwn } from './docker-find.ts';
import type { ArchivePower } from './runtime-powers.ts';

export function dockerArchives(engine: DockerEngine): ArchivePower {
  return {
    async get(containerId, path, signal) {
      const info = await requireContainer(engine, containerId, signal);
      const reply = await engine.open({
        method: 'GET',
        path: `/containers/${info.Id}/archive`,
        query: { path: assertPath(path) },
        signal,
      });
      if (reply.ok) return { stat: readStat(reply.body.headers), tar: reply.body };
      if (reply.status === 404) throw absent(path);
      throw refusal('The files could not be read', reply.status, reply.message);
    },

    async put(identity, path, tar, signal) {
      try {
        const info = await requireOwn(engine, identity, signal);
        const request = { path: `/containers/${info.Id}/archive`, query: { path: assertPath(path) } };
        await assertFolder(engine, request, signal);
        // A source that just goes away, without an error, would leave the engine waiting for its end.
        const cut = new AbortController();
        finished(tar, { writable: false }).catch((error: unknown) => cut.abort(error));
        const reply = await engine
          .open({ method: 'PUT', ...request, tar, signal: AbortSignal.any([signal, cut.signal]) })
          .catch((error: unknown) => {
            throw cut.signal.aborted && !signal.aborted ? interrupted(cut.signal.reason) : error;
          });
        if (!reply.ok) throw putFailure(path, reply.status, reply.message);
        reply.body.resume();
      } catch (error) {
        throw connectionError(error, engine.socketPath, signal);
      } finally {
        tar.destroy();
      }
    },
  };
}

/** Podman makes the folder when it is not there, Docker refuses: neither is asked. */
async function assertFolder(
  engine: DockerEngine,
  { path, query }: { readonly path: string; readonly query: { readonly path: string } },
  signal: AbortSignal,
): Promise<void> {
  const reply = await engine.open({ method: 'HEAD', path, query, signal });
  if (!reply.ok) {
    if (reply.status === 404) throw absent(query.path);
    throw refusal('The files could not be written', reply.status, reply.message);
  }
  const stat = readStat(reply.body.headers);
  reply.body.resume();
  // What a symbolic link leads to only the engine can tell.
  if (isDirectory(stat) || isSymbolicLink(stat)) return;
  throw notFolder(query.path);
}

function assertPath(path: string): string {
  if (path === '' || path.includes('\0'))
    throw new TroupeError('INVALID_SPEC', `"${path}" is not a path in a container`, { details: { path } });
  return path;
}

/** The header `X-Docker-Container-Path-Stat`: JSON as base64. */
function readStat(headers: IncomingHttpHeaders): PathStat {
  const header = String(headers['x-docker-container-path-stat'] ?? '');
  const { name, size, mode, mtime, linkTarget } = JSON.parse(
    Buffer.from(header, 'base64').toString() || '{}',
  ) as { name?: string; size?: number; mode?: number; mtime?: string; linkTarget?: string };
  return {
    name: name ?? '',
    sizeBytes: size ?? 0,
    mode: mode ?? 0,
    modifiedAt: mtime ?? '',
    // Podman tells the path of what is no link, too.
    linkTarget: isSymbolicLink({ mode: mode ?? 0 }) ? (linkTarget ?? '') : '',
  };
}

function putFailure(path: string, status: number, message: string): TroupeError {
  if (status === 404) return absent(path);
  if (/not a directory/i.test(message)) return notFolder(path);
  if (/tar header|archive\/tar|unexpected EOF|processing tar file/i.test(message))
    return new TroupeError('INVALID_SPEC', `The files could not be written: they are not a tar: ${message}`);
  if (/read-only/i.test(message))
    return new TroupeError('INVALID_SPEC', `Path "${path}" can't be written: it is read-only`);
  return refusal('The files could not be written', status, message);
}

function absent(path: string): TroupeError {
  return new TroupeError('INVALID_SPEC', `Path "${path}" is not in the container`, { details: { path } });
}

function notFolder(path: string): TroupeError {
  return new TroupeError('INVALID_SPEC', `Path "${path}" is not a folder in the container`, {
    details: { path },
  });
}

function interrupted(reason: unknown): TroupeError {
  return new TroupeError('INVALID_SPEC', 'The files could not be written: they broke off before their end', {
    cause: reason,
  });
}
