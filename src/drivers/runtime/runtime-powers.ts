/**
 * What an engine may be able to do beside running containers. A driver has a
 * power or lacks it (`'exec' in driver`); who finds it missing refuses in words.
 *
 * Methods that act take the identity of the operation and touch only the
 * container of that generation and world. They reject with CONTAINER_GONE when
 * there is none, and with INVALID_STATE when it can't be done to a container in
 * its state.
 */
import type { Duplex, Readable } from 'node:stream';
import type { PathStat } from '../../model/archive.ts';
import type { Limits, Observation } from '../../model/container.ts';
import type { OperationIdentity } from './operation-identity.ts';

export interface RuntimePowers {
  readonly pause: PausePower;
  readonly update: UpdatePower;
  readonly inside: InsidePower;
  readonly exec: ExecPower;
  readonly attach: AttachPower;
  readonly top: TopPower;
  readonly stats: StatsPower;
  readonly archive: ArchivePower;
  readonly commit: CommitPower;
  readonly imageTools: ImageToolsPower;
  readonly imageTransfer: ImageTransferPower;
}

export interface PausePower {
  /** Freezes every process. Pausing what is paused succeeds. */
  pause(identity: OperationIdentity, signal: AbortSignal): Promise<Observation>;
  /** Unpausing what runs succeeds. */
  unpause(identity: OperationIdentity, signal: AbortSignal): Promise<Observation>;
}

export interface UpdateResult {
  readonly observation: Observation;
  /** What could not be changed now, and why in words; the rest was. A new container would have it. */
  readonly left: readonly { readonly limit: keyof Limits; readonly reason: string }[];
}

export interface UpdatePower {
  /**
   * Changes the limits of a container in place. An engine that forgets them when the container stops is told them again
   * by `StartOptions.limits`.
   *
   * @throws InvalidSpec for limits the engine never allows
   */
  update(identity: OperationIdentity, limits: Limits, signal: AbortSignal): Promise<UpdateResult>;
}

export interface ContainerMount {
  /** A path on this host, found by the agent and never taken from a user. */
  readonly source: string;
  readonly destination: string;
  readonly readOnly: boolean;
}

/** Folders of this host in a container that runs; what does not run, or is not there, has none and is not told. */
export interface InsidePower {
  /**
   * Mounting what is there succeeds. A folder that is missing is made in it.
   *
   * @throws VolumeError where something else is mounted there; HostIncapable where the kernel, or the container's user namespace,
   *   allows none
   */
  mount(identity: OperationIdentity, mount: ContainerMount, signal: AbortSignal): Promise<void>;
  /** Never what is in use. Unmounting what is not there succeeds. @throws VolumeInUse naming a process */
  unmount(identity: OperationIdentity, mount: ContainerMount, signal: AbortSignal): Promise<void>;
}

export interface ExecSpec {
  readonly command: readonly string[];
  readonly tty: boolean;
  /** Its stdin stays open for who starts it. */
  readonly interactive: boolean;
}

export interface RunOptions {
  readonly command: readonly string[];
  /** After this its process is killed, and those it started in its session's group. */
  readonly timeLimitMs: number;
  /** Of the output, from its beginning; the rest is read and dropped. */
  readonly maxOutputBytes: number;
}

export interface RunResult {
  /** `killed`: the time limit passed. `abandoned`: it passed, and the process could not be ended; it may still run. */
  readonly end: 'exited' | 'killed' | 'abandoned';
  /** Null unless it exited; 126 or 127 for a command that could not be run, with the reason as output. */
  readonly exitCode: number | null;
  /** stdout and stderr as they came, as UTF-8. */
  readonly output: string;
  readonly truncated: boolean;
}

export interface ExecState {
  readonly running: boolean;
  /** Null until it has ended. */
  readonly exitCode: number | null;
}

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** Further processes in a running container. */
export interface ExecPower {
  /** Runs a command to its end. Asked again it is run again. Aborting leaves it running. */
  run(identity: OperationIdentity, options: RunOptions, signal: AbortSignal): Promise<RunResult>;
  /** Prepares a session that begins with `start`; one that is never started goes with its container. */
  create(identity: OperationIdentity, spec: ExecSpec, signal: AbortSignal): Promise<{ execId: string }>;
  /**
   * Starts a session, once, as a stream of its bytes both ways: with a terminal raw, without one stdout and stderr in
   * order. A slow reader holds the process back. Ending the stream ends the process's stdin; destroying it, or aborting
   * the signal, leaves the process alone. The engine's failure is an error of the stream.
   *
   * @throws NotFound for a session of another container; InvalidState when it was started before
   */
  start(identity: OperationIdentity, execId: string, signal: AbortSignal): Promise<Duplex>;
  /** A session that has ended keeps its last size. @throws NotFound */
  resize(identity: OperationIdentity, execId: string, size: TerminalSize, signal: AbortSignal): Promise<void>;
  /** @throws NotFound */
  inspect(identity: OperationIdentity, execId: string, signal: AbortSignal): Promise<ExecState>;
}

/** The main process's own terminal, or its stdin and output. */
export interface AttachPower {
  /**
   * A stream of what the process writes from now on and, where its spec is interactive, of what it reads. Destroying it
   * detaches. (Without a terminal, what Podman's container reads then ends, as it does after `end`.)
   */
  attach(identity: OperationIdentity, signal: AbortSignal): Promise<Duplex>;
  resize(identity: OperationIdentity, size: TerminalSize, signal: AbortSignal): Promise<void>;
}

export interface ProcessTable {
  readonly titles: readonly string[];
  /** One row a process, as many cells as titles. */
  readonly processes: readonly (readonly string[])[];
}

export interface TopPower {
  /** @param psArgs of ps(1), e.g. `-ef`. @throws InvalidSpec when the engine can't show that; InvalidState unless it runs */
  top(containerId: string, psArgs: string, signal: AbortSignal): Promise<ProcessTable>;
}

/** What a container has used; totals since its start. */
export interface StatsSample {
  /** Epoch ms. */
  readonly at: number;
  readonly cpuNanos: number;
  /** Of all processors of the host since its boot, idle time included. */
  readonly systemCpuNanos: number;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** The container's limit, or the host's memory. */
  readonly memoryLimitBytes: number;
  readonly blockReadBytes: number;
  readonly blockWriteBytes: number;
  /** Over all interfaces of its network namespace but loopback. */
  readonly networkReceivedBytes: number;
  readonly networkSentBytes: number;
}

export interface StatsPower {
  /** @throws InvalidState unless it runs */
  sample(containerId: string, signal: AbortSignal): Promise<StatsSample>;
}

/** Files of a container, running or not, as tar streams. */
export interface ArchivePower {
  /** Destroying the stream ends the request; a slow reader holds the engine back. @throws InvalidSpec for a path that is not there */
  get(
    containerId: string,
    path: string,
    signal: AbortSignal,
  ): Promise<{ readonly stat: PathStat; readonly tar: Readable }>;
  /**
   * Unpacks a tar into a folder. What had come before a failure stays unpacked.
   *
   * @throws InvalidSpec for a path that is not a folder there, or bytes that are no tar
   */
  put(identity: OperationIdentity, path: string, tar: Readable, signal: AbortSignal): Promise<void>;
}

export interface CommitOptions {
  readonly repository: string;
  readonly tag: string;
}

export interface CommitPower {
  /**
   * Makes an image of what the container is now, paused meanwhile. It carries none of our labels. Asked again by the same
   * operation, it is the image that was made then.
   */
  commit(
    identity: OperationIdentity,
    options: CommitOptions,
    signal: AbortSignal,
  ): Promise<{ readonly imageId: string }>;
}

export interface ImageDetails {
  readonly imageId: string;
  /** `repo:tag`; none for an image that lost its last tag. */
  readonly references: readonly string[];
  readonly sizeBytes: number;
  /** Epoch ms. */
  readonly createdAt: number;
}

/** What a search of a registry has found. */
export interface ImageHit {
  readonly name: string;
  readonly description: string;
  readonly isOfficial: boolean;
  readonly stars: number;
}

export interface ImageToolsPower {
  list(signal: AbortSignal): Promise<readonly ImageDetails[]>;
  /** Takes the tag off, and with the last one the image away. Removing what is gone succeeds. @throws ImageInUse */
  remove(reference: string, signal: AbortSignal): Promise<void>;
  /** Asks the engine's registry, Docker Hub as a rule, by name. @throws RegistryUnavailable (retryable) */
  search(term: string, signal: AbortSignal): Promise<readonly ImageHit[]>;
}

/** Images as tars. */
export interface ImageTransferPower {
  /** Id of the image of that name; null when there is none. */
  find(reference: string, signal: AbortSignal): Promise<string | null>;
  /**
   * Takes what `docker save` writes. What breaks off leaves nothing.
   *
   * @param image for words
   * @throws ImageCorrupt for what is no image, DiskFull, or how `tar` failed
   */
  load(image: string, tar: Readable, signal: AbortSignal): Promise<void>;
  /**
   * Of each image its layers from the lowest on, by the sha256 of their tars, where `load` takes a tar without those that are
   * there already; else nothing.
   */
  layers(signal: AbortSignal): Promise<readonly (readonly string[])[]>;
  /** Destroying the stream ends the request; a slow reader holds the engine back. @throws ImageNotFound */
  save(reference: string, signal: AbortSignal): Promise<Readable>;
  /** Done before, it succeeds. @throws ImageNotFound when it has neither name */
  rename(from: string, to: string, signal: AbortSignal): Promise<void>;
}
