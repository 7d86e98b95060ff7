/**
 * Runs containers on this host.
 *
 * Every method is an *ensure*: it may be called again with the same arguments
 * after a crash of the agent and must then give the same result (create finds
 * what it made by its labels and adopts it). Methods reject with
 * `TroupeError` only; `retryable` tells the chart whether trying again can
 * help. Aborting `signal` abandons the wait, never the container. No driver
 * keeps state of its own: the engine and its labels are the state (where a
 * sandbox is nothing but a namespace, a file beside it holds its labels).
 */
import type { Readable } from 'node:stream';
import type { ContainerSpec, Limits, Observation } from '../../model/container.ts';
import type { Fingerprint } from '../../model/host.ts';
import type { RegistryCredential } from '../../model/registry.ts';
import type { OperationIdentity, OwnerIdentity } from './operation-identity.ts';
import type { ContainerMount, RuntimePowers } from './runtime-powers.ts';

export interface StartOptions {
  /** Number of the run about to start, from 1. */
  readonly run: number;
  /** What it may use from now on, by its last update; null = what it was created with. */
  readonly limits: Limits | null;
}

export interface KillOptions {
  /** A name with `SIG`, or a number. */
  readonly signal: string;
}

export interface StopOptions {
  /** Between the stop signal and SIGKILL. */
  readonly graceMs: number;
}

export interface SandboxOptions {
  /** Ours; letters, digits, `.`, `_` and `-`. */
  readonly sandboxId: string;
  /** What processes inside see as their machine's name; null = the engine's choice. */
  readonly hostname: string | null;
}

/** A network namespace that containers join. It outlives their runs. */
export interface Sandbox {
  readonly sandboxId: string;
  /** Of the process that holds the namespace; null where the engine needs none. */
  readonly engineId: string | null;
  /** A file that is the namespace, for whoever plugs into it. It, or what is behind it, is another one after a restart. */
  readonly netnsPath: string;
}

/** The sandbox a container joins. */
export type Joined = Pick<Sandbox, 'sandboxId' | 'engineId'>;

/** Files on this host that the agent made, shown inside instead of the engine's own. */
export interface ContainerFiles {
  readonly hosts: string;
  readonly resolvConf: string;
  readonly hostname: string;
}

export interface CreateOptions {
  readonly spec: ContainerSpec;
  /** Whose network namespace it joins, `engineId` null where only its id is known; null = the engine's own on its bridge. */
  readonly sandbox: Joined | null;
  readonly files: ContainerFiles | null;
  readonly mounts: readonly ContainerMount[];
  readonly run: number;
  /** It is started, too, unless it has run before; one whose start fails is left created, and a start of its own tells why. */
  readonly start: boolean;
  /** Nothing was asked of this engine about it before: what doesn't hold its name isn't looked for among all others. */
  readonly isFirst: boolean;
}

export interface LogOptions {
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly timestamps: boolean;
  /** Last lines, or all. */
  readonly tail: number | 'all';
  /** Epoch seconds; 0 = from the beginning. */
  readonly sinceSeconds: number;
  readonly follow: boolean;
}

/** What an event itself tells of the end of a run. */
export interface EventExit {
  readonly exitCode: number;
  /** Epoch ms on the clock of `startedAt`: after the start of the run that has ended, before that of the next. */
  readonly at: number;
}

/** A change at the engine, or a hole in what we know of it. */
export type EngineEvent =
  /**
   * Something happened to this container: observe it. `signal` is set for action `kill`; `exit` for action `die` of an engine
   * that tells, in order and before it, each `kill` and `oom` there was.
   */
  | {
      readonly kind: 'container';
      /** Whose it is; null where the engine keeps nobody else's. */
      readonly worldId: string | null;
      readonly containerId: string;
      readonly engineId: string;
      readonly action:
        | 'create'
        | 'start'
        | 'kill'
        | 'die'
        | 'oom'
        | 'stop'
        | 'destroy'
        | 'health'
        | 'pause'
        | 'unpause'
        | 'rename'
        | 'update';
      readonly signal: number | null;
      readonly exit: EventExit | null;
    }
  /** A sandbox lives, has died (its process or its namespace), or was removed. */
  | {
      readonly kind: 'sandbox';
      readonly worldId: string | null;
      readonly sandboxId: string;
      readonly engineId: string | null;
      readonly action: 'start' | 'die' | 'destroy';
    }
  /** The stream was interrupted (or has just begun): list everything, then go on. */
  | { readonly kind: 'gap' }
  /** The engine does not answer; told once per outage, ended by a `gap`. */
  | { readonly kind: 'down'; readonly reason: string };

export interface ListedContainer {
  readonly observation: Observation;
  /** The opId label of the operation that created it. */
  readonly opId: string;
  readonly worldId: string;
  readonly epoch: number;
  /** The sandbox it joined. */
  readonly sandboxId: string | null;
}

export interface ListedSandbox {
  readonly sandboxId: string;
  readonly tenant: string;
  readonly generation: number;
  readonly engineId: string | null;
  /** Null when it is dead: there is no namespace to plug into. */
  readonly netnsPath: string | null;
  readonly opId: string;
  readonly worldId: string;
  readonly epoch: number;
}

/** Beside what each driver does it may have powers, found with `'exec' in driver`. */
export interface RuntimeDriver extends Partial<RuntimePowers> {
  readonly name: string;
  /** The engine runs a `spec.healthcheck` of commands (`isEngineCheck`) and tells health; what it does not run is for the agent. */
  readonly runsHealthChecks: boolean;
  /** @throws EngineUnavailable */
  fingerprint(signal: AbortSignal): Promise<Fingerprint>;
  /** References (`repo:tag`) of the images on this host. */
  images(signal: AbortSignal): Promise<readonly string[]>;
  /**
   * Follows `policy`; `never` with an absent image fails. `credential` is shown to the registry that the image names, if it
   * is that one's. @throws ImageNotFound, RegistryDenied, RegistryUnavailable (retryable), EngineUnavailable
   */
  pullImage(
    identity: OperationIdentity,
    image: string,
    policy: ContainerSpec['imagePullPolicy'],
    signal: AbortSignal,
    credential?: RegistryCredential | null,
  ): Promise<{ imageId: string }>;
  /**
   * A network namespace with nothing in it but loopback, for the caller to plug into. One of an older generation under
   * this id is removed first; one that died is restored with a new, empty namespace.
   *
   * @throws StaleCommand, NameInUse, StartFailed
   */
  ensureSandbox(identity: OwnerIdentity, options: SandboxOptions, signal: AbortSignal): Promise<Sandbox>;
  /** Removes it, alive or not, of this generation and older. Who joined it keeps running. Removing what is gone succeeds. */
  removeSandbox(identity: OwnerIdentity, sandboxId: string, signal: AbortSignal): Promise<void>;
  /** Every sandbox on this host that carries our labels, dead ones too. */
  listSandboxes(signal: AbortSignal): Promise<readonly ListedSandbox[]>;
  /**
   * Creates, and starts when asked to. A container of an older generation under this id is removed first, and so is one of this
   * generation that joined another sandbox than the one asked.
   *
   * @throws ImageNotFound, InvalidSpec, NameInUse; SandboxGone when the sandbox is not alive, Forbidden when it is another
   *   project's
   */
  createContainer(
    identity: OperationIdentity,
    options: CreateOptions,
    signal: AbortSignal,
  ): Promise<Observation>;
  /**
   * Starting a running container succeeds.
   *
   * @throws ContainerGone, StartFailed; SandboxGone when the sandbox it joined is dead or was removed: then ensure the
   * sandbox, plug it, create the container (which adopts what still fits) and start again
   */
  startContainer(
    identity: OperationIdentity,
    options: StartOptions,
    signal: AbortSignal,
  ): Promise<Observation>;
  /** Stop signal, wait `graceMs`, then SIGKILL. Stopping what is stopped succeeds; null when there is none. */
  stopContainer(
    identity: OperationIdentity,
    options: StopOptions,
    signal: AbortSignal,
  ): Promise<Observation | null>;
  /**
   * Sends a signal to the main process; SIGKILL is waited for. What does not run gets none and is told as it is; null when
   * there is none. Asked again the signal is sent again. @throws InvalidSpec for a signal there is not
   */
  killContainer(
    identity: OperationIdentity,
    options: KillOptions,
    signal: AbortSignal,
  ): Promise<Observation | null>;
  /** Removes everything `createContainer` made, running or not, of this generation and older. Removing what is gone succeeds. */
  removeContainer(identity: OperationIdentity, signal: AbortSignal): Promise<void>;
  observe(containerId: string, signal: AbortSignal): Promise<Observation | null>;
  /** Everything on this host that carries our labels: the truth used for reconciliation. */
  list(signal: AbortSignal): Promise<readonly ListedContainer[]>;
  /** The engine's event stream, for ever, reconnecting by itself with a `gap` after each hole; ends when `signal` aborts. */
  events(signal: AbortSignal): AsyncIterable<EngineEvent>;
  /** @throws ContainerGone. The bytes are plain text, demultiplexed, stdout and stderr in order. */
  logs(containerId: string, options: LogOptions, signal: AbortSignal): Promise<Readable>;
  /** Closes what the driver holds open. */
  close(): Promise<void>;
}
