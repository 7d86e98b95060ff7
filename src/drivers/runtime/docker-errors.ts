/** The one place where what Docker says becomes an error of Troupe. */
import { TroupeError } from '../../errors/errors.ts';

/** A connection that failed, or a wait that was abandoned. */
export function connectionError(error: unknown, socketPath: string, signal?: AbortSignal): TroupeError {
  if (error instanceof TroupeError) return error;
  if (signal?.aborted) return abandoned(signal);
  if (error instanceof SyntaxError)
    return new TroupeError('ENGINE_ERROR', `What listens at "${socketPath}" doesn't speak Docker's API`, {
      cause: error,
    });
  const code = errorCode(error);
  const words: Readonly<Record<string, string>> = {
    ENOENT: `No container engine listens at "${socketPath}"; start it`,
    ECONNREFUSED: `The container engine at "${socketPath}" doesn't accept connections; start it`,
    EACCES: `The container engine's socket "${socketPath}" may not be opened by this user; run as root or join its group`,
    ENOTSOCK: `"${socketPath}" is not a socket; give the path of the container engine's`,
  };
  const message =
    words[code] ??
    `The container engine at "${socketPath}" closed the connection (${code === '' ? text(error) : code})`;
  return new TroupeError('ENGINE_UNAVAILABLE', message, { cause: error });
}

/** What a method rejects with when its signal aborts; the reason itself when that is one of our errors. */
export function abandoned(signal: AbortSignal): TroupeError {
  if (signal.reason instanceof TroupeError) return signal.reason;
  return new TroupeError('TIMED_OUT', 'The container engine did not answer before the wait was given up', {
    cause: signal.reason,
  });
}

/**
 * An error status of the engine, where it means nothing special to the request.
 *
 * @param attempt what did not succeed, as a clause: `The container could not be stopped`
 */
export function refusal(attempt: string, status: number, message: string): TroupeError {
  const said = `${attempt}: ${message}`;
  if (isDiskFull(message)) return diskFull(attempt, message);
  if (status === 503 || isEngineDying(message)) return new TroupeError('ENGINE_UNAVAILABLE', said);
  if (status === 400) return new TroupeError('INVALID_SPEC', said);
  return new TroupeError('ENGINE_ERROR', said);
}

export function isDiskFull(message: string): boolean {
  return /no space left on device|disk quota exceeded/i.test(message);
}

export function diskFull(attempt: string, message: string): TroupeError {
  return new TroupeError('DISK_FULL', `${attempt}: the disk of this host is full`, {
    details: { engine: message },
  });
}

/** dockerd while it or its containerd goes down or comes up: the same request will work later. */
export function isEngineDying(message: string): boolean {
  return /transport is closing|error reading from server|containerd\.sock|code = (Unavailable|Canceled)|context canceled|daemon is shutting down/i.test(
    message,
  );
}

/** An error status of `create`. */
export function createRefusal(image: string, status: number, message: string): TroupeError {
  if (status === 404 && /no such image/i.test(message)) return imageAbsent(image, message);
  if (/storage-opt/i.test(message))
    return new TroupeError(
      'INVALID_SPEC',
      "The container could not be created: the engine of this host can't limit the disk of a container; ask for none",
      { details: { engine: message } },
    );
  // Docker tells these with 400 or 500, differing by version.
  if (/runtime (specified|name)|Range of CPUs|minimum memory limit|Cannot mkdir/i.test(message))
    return refusal('The container could not be created', 400, message);
  return refusal('The container could not be created', status, message);
}

export function imageAbsent(image: string, message: string): TroupeError {
  return new TroupeError('IMAGE_NOT_FOUND', `Image "${image}" is not on this host`, {
    details: { image, engine: message },
  });
}

function errorCode(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
