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
import { Agent, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { json, text } from 'node:stream/consumers';
import { inspect } from 'node:util';
import Docker from 'dockerode';
import { TroupeError } from '../../errors/errors.ts';
import { abandoned, connectionError, refusal } from './docker-errors.ts';
import type { RegistryCredential } from '../../model/registry.ts';
import type { EngineDialect } from './engine-dialect.ts';
import type { EngineReply, EngineRequest, StreamReply, UpgradeReply } from './engine-request.ts';

export interface EngineVersion {
  readonly version: string;
  readonly apiVersion: string;
  readonly architecture: string;
  /** The engine's clock in seconds; `since` of its streams is in this time. */
  readonly engineSeconds: number;
}

export interface DockerEngine {
  readonly socketPath: string;
  readonly dialect: EngineDialect;
  /** @throws TroupeError ENGINE_UNAVAILABLE, or TIMED_OUT when the signal aborts first */
  send<T>(request: EngineRequest): Promise<EngineReply<T>>;
  /** The answer's bytes, for the caller to consume or destroy; the signal destroys them too. */
  open(request: EngineRequest): Promise<StreamReply>;
  /** Turns the request's connection into a two-way stream of bytes. */
  upgrade(request: EngineRequest): Promise<UpgradeReply>;
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

export function createDockerEngine(socketPath: string, dialect: EngineDialect): DockerEngine {
  // Idle connections are kept: opening one costs about as much as a small request.
  const kept = new QuietAgent({ keepAlive: true });
  // What can't be sent twice never goes over a connection that may have been closed meanwhile.
  const fresh = new QuietAgent({ keepAlive: false });
  // dockerode takes an agent; its type declarations forgot it.
  const dockerOver = (agent: Agent): Docker => new Docker({ socketPath, agent } as Docker.DockerOptions);
  const docker = dockerOver(kept);
  const freshDocker = dockerOver(fresh);
  let known: EngineVersion | null = null;

  const dialOnce = (
    path: string,
    request: EngineRequest,
    isUpgrade: boolean,
  ): Promise<IncomingMessage | Duplex> =>
    new Promise((resolve, reject) => {
      const isUnrepeatable = isUpgrade || (request.tar !== undefined && !Buffer.isBuffer(request.tar));
      // An upgrade without a body: an empty file is what makes the modem send none at all.
      const file = request.tar ?? (isUpgrade && !request.body ? Buffer.alloc(0) : undefined);
      (isUnrepeatable ? freshDocker : docker).modem.dial(
        {
          path: `${path}?`,
          method: request.method,
          options: { _query: request.query ?? {}, _body: request.body ?? {} },
          ...(file && { file }),
          ...(request.credential && { authconfig: authOf(request.credential) }),
          isStream: true,
          hijack: isUpgrade,
          statusCodes: everyStatus,
          abortSignal: request.signal,
        },
        (error: unknown, response: unknown) =>
          error
            ? reject(error)
            : resolve(destroyOnAbort(response as IncomingMessage | Duplex, request.signal)),
      );
    });

  const reach = async (
    path: string,
    request: EngineRequest,
    isUpgrade = false,
  ): Promise<IncomingMessage | Duplex> => {
    // One signal may end any number of waits; Node warns of a leak from the eleventh on.
    setMaxListeners(0, request.signal);
    for (let attempt = 1; ; attempt++) {
      if (request.signal.aborted) throw abandoned(request.signal);
      try {
        return await dialOnce(path, request, isUpgrade);
      } catch (error) {
        if (!isStaleConnection(error) || attempt === dialAttempts)
          throw connectionError(error, socketPath, request.signal);
      }
    }
  };

  const dial = async (path: string, request: EngineRequest): Promise<IncomingMessage> => {
    const response = await reach(path, request);
    if (response instanceof IncomingMessage) return response;
    throw connectionError(new SyntaxError('The connection was upgraded unasked'), socketPath);
  };

  const refused = async (response: IncomingMessage, signal: AbortSignal) => {
    try {
      const message = await readMessage(response);
      return { ok: false, status: dialect.status(response.statusCode ?? 0, message), message } as const;
    } catch (error) {
      throw connectionError(error, socketPath, signal);
    }
  };

  const send = async <T>(path: string, request: EngineRequest): Promise<EngineReply<T>> => {
    const response = await dial(path, request);
    const status = response.statusCode ?? 0;
    if (status >= 400) return refused(response, request.signal);
    try {
      const content = await text(response);
      // Podman doesn't always say what it answers.
      const type = response.headers['content-type'] ?? 'application/json';
      const isJson = type.startsWith('application/json') && content !== '';
      return { ok: true, status, body: (isJson ? JSON.parse(content) : undefined) as T };
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
    return `${request.root ?? `/v${apiVersion}`}${request.path}`;
  };

  return {
    socketPath,
    dialect,
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
      return (response.statusCode ?? 0) < 400
        ? { ok: true, body: response }
        : refused(response, request.signal);
    },
    async upgrade(request) {
      const reply = await reach(await versioned(request), request, true);
      if (!(reply instanceof IncomingMessage)) return { ok: true, connection: reply };
      if ((reply.statusCode ?? 0) >= 400) return refused(reply, request.signal);
      reply.destroy();
      throw connectionError(new SyntaxError('The connection was not upgraded'), socketPath);
    },
    close() {
      kept.destroy();
      fresh.destroy();
    },
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

/** @see Docker Engine API, X-Registry-Auth */
const authOf = ({ domain, username, password }: RegistryCredential) => ({
  username,
  password,
  serveraddress: domain,
});

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
function destroyOnAbort<T extends IncomingMessage | Duplex>(response: T, signal: AbortSignal): T {
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
