/**
 * One Docker engine on a unix socket: requests in the API version both sides
 * know, answers as values.
 *
 * Requests go through dockerode's own connection (`modem.dial`) and not its
 * methods, because these settle neither way when the engine dies in the middle
 * of an answer (docker-modem 5.0 listens for the answer's `end` only) and hide
 * the engine's sentence behind a prefix.
 */
import { setMaxListeners } from 'node:events';
import { Agent, type IncomingMessage } from 'node:http';
import { json, text } from 'node:stream/consumers';
import { inspect } from 'node:util';
import Docker from 'dockerode';
import { TroupeError } from '../../errors/errors.ts';
import { abandoned, connectionError, refusal } from './docker-errors.ts';

export interface EngineRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Below the version, e.g. `/containers/json`; parts of it that come from outside are encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
  /** A tar to send instead of a body. */
  readonly tar?: Buffer;
  readonly signal: AbortSignal;
}

/** What the engine answered. 304 ("it is so already") counts as ok. */
export type EngineReply<T> =
  | { readonly ok: true; readonly status: number; readonly body: T }
  | { readonly ok: false; readonly status: number; readonly message: string };

export type StreamReply =
  | { readonly ok: true; readonly body: IncomingMessage }
  | { readonly ok: false; readonly status: number; readonly message: string };

export interface EngineVersion {
  readonly version: string;
  readonly apiVersion: string;
  readonly architecture: string;
  /** The engine's clock in seconds; `since` of its streams is in this time. */
  readonly engineSeconds: number;
}

export interface DockerEngine {
  readonly socketPath: string;
  /** @throws TroupeError ENGINE_UNAVAILABLE, or TIMED_OUT when the signal aborts first */
  send<T>(request: EngineRequest): Promise<EngineReply<T>>;
  /** The answer's bytes, for the caller to consume or destroy; the signal destroys them too. */
  open(request: EngineRequest): Promise<StreamReply>;
  /** The engine's processor as Docker names it: `amd64`, `arm64`. */
  architecture(signal: AbortSignal): Promise<string>;
  /** Asks the engine who it is, and settles the version to speak from now on. */
  negotiate(signal: AbortSignal): Promise<EngineVersion>;
  close(): void;
}

/** What we know of the API was read and tried up to this version; engines still speak it. */
const newestApi = '1.52';
const oldestApi = '1.41';

/** How many kept connections may turn out to be closed before we believe that the engine is. */
const dialAttempts = 3;

/** dockerode would turn other codes into errors of its own. */
const everyStatus = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [index + 100, true]));

export function createDockerEngine(socketPath: string): DockerEngine {
  // Idle connections are kept: opening one costs about as much as a small request.
  const agent = new QuietAgent({ keepAlive: true });
  // dockerode takes an agent; its type declarations forgot it.
  const connection = { socketPath, agent };
  const docker = new Docker(connection);
  let known: EngineVersion | null = null;

  const dialOnce = (path: string, request: EngineRequest): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      docker.modem.dial(
        {
          path: `${path}?`,
          method: request.method,
          options: { _query: request.query ?? {}, _body: request.body ?? {} },
          ...(request.tar && { file: request.tar }),
          isStream: true,
          statusCodes: everyStatus,
          abortSignal: request.signal,
        },
        (error: unknown, response: unknown) =>
          error ? reject(error) : resolve(destroyOnAbort(response as IncomingMessage, request.signal)),
      );
    });

  const dial = async (path: string, request: EngineRequest): Promise<IncomingMessage> => {
    // One signal may end any number of waits; Node warns of a leak from the eleventh on.
    setMaxListeners(0, request.signal);
    for (let attempt = 1; ; attempt++) {
      if (request.signal.aborted) throw abandoned(request.signal);
      try {
        return await dialOnce(path, request);
      } catch (error) {
        if (!isStaleConnection(error) || attempt === dialAttempts)
          throw connectionError(error, socketPath, request.signal);
      }
    }
  };

  const send = async <T>(path: string, request: EngineRequest): Promise<EngineReply<T>> => {
    const response = await dial(path, request);
    const status = response.statusCode ?? 0;
    try {
      if (status >= 400) return { ok: false, status, message: await readMessage(response) };
      const isJson = response.headers['content-type']?.startsWith('application/json') ?? false;
      const body = isJson ? await json(response) : void (await text(response));
      return { ok: true, status, body: body as T };
    } catch (error) {
      throw connectionError(error, socketPath, request.signal);
    }
  };

  const negotiate = async (signal: AbortSignal): Promise<EngineVersion> => {
    const response = await dial('/version', { method: 'GET', path: '/version', signal });
    try {
      if (response.statusCode !== 200)
        throw refusal(
          'The engine could not be asked its version',
          response.statusCode ?? 0,
          await readMessage(response),
        );
      const about = (await json(response)) as {
        Version: string;
        ApiVersion: string;
        MinAPIVersion?: string;
        Arch: string;
      };
      known = {
        version: about.Version,
        apiVersion: chooseApi(about.ApiVersion, about.MinAPIVersion),
        architecture: about.Arch,
        engineSeconds: Math.floor(Date.parse(response.headers.date ?? '') / 1000) || 0,
      };
      return known;
    } catch (error) {
      throw connectionError(error, socketPath, signal);
    }
  };

  const versioned = async (request: EngineRequest): Promise<string> => {
    const { apiVersion } = known ?? (await negotiate(request.signal));
    return `/v${apiVersion}${request.path}`;
  };

  return {
    socketPath,
    negotiate,
    architecture: async (signal) => (known ?? (await negotiate(signal))).architecture,
    async send<T>(request: EngineRequest) {
      const reply = await send<T>(await versioned(request), request);
      // The engine was exchanged under us: settle the version again.
      if (!reply.ok && reply.status === 400 && /client version .* is too (new|old)/i.test(reply.message)) {
        known = null;
        return send<T>(await versioned(request), request);
      }
      return reply;
    },
    async open(request) {
      const response = await dial(await versioned(request), request);
      const status = response.statusCode ?? 0;
      if (status < 400) return { ok: true, body: response };
      try {
        return { ok: false, status, message: await readMessage(response) };
      } catch (error) {
        throw connectionError(error, socketPath, request.signal);
      }
    },
    close: () => agent.destroy(),
  };
}

/**
 * The newest version both know.
 *
 * @throws TroupeError ENGINE_ERROR when there is none
 */
export function chooseApi(engineNewest: string, engineOldest: string | undefined): string {
  if (compareApi(engineNewest, oldestApi) < 0)
    throw new TroupeError(
      'ENGINE_ERROR',
      `The container engine speaks API ${engineNewest}, Troupe needs ${oldestApi} (Docker 20.10) or newer; upgrade it`,
    );
  const chosen = compareApi(engineNewest, newestApi) < 0 ? engineNewest : newestApi;
  // An engine that no longer speaks the newest we know is asked for its oldest: the nearest to what we know.
  return engineOldest !== undefined && compareApi(engineOldest, chosen) > 0 ? engineOldest : chosen;
}

function compareApi(one: string, other: string): number {
  const [major = 0, minor = 0] = one.split('.').map(Number);
  const [otherMajor = 0, otherMinor = 0] = other.split('.').map(Number);
  return major - otherMajor || minor - otherMinor;
}

/** A kept connection that the engine had closed (it was restarted): nothing of the request was read. */
function isStaleConnection(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE';
}

/**
 * docker-modem prints the options of each request, agent and all its sockets
 * included, into a debug line that nobody reads: with forty kept connections
 * that took 7 ms a request.
 */
class QuietAgent extends Agent {
  [inspect.custom](): string {
    return 'QuietAgent';
  }
}

/** Node's requests let go of the signal once the head of the answer has come. */
function destroyOnAbort(response: IncomingMessage, signal: AbortSignal): IncomingMessage {
  const abort = (): void => void response.destroy();
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  response.once('close', () => signal.removeEventListener('abort', abort));
  return response;
}

/** Docker's errors are `{"message": "…"}`; a proxy before it may answer anything. */
async function readMessage(response: IncomingMessage): Promise<string> {
  const body = (await text(response)).trim();
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null && 'message' in parsed) return String(parsed.message);
  } catch {
    // Not JSON: told as it is.
  }
  return body === '' ? `status ${response.statusCode}` : body;
}
