/**
 * Where engines that speak Docker's API differ. The driver is written once,
 * in Docker's terms; what another engine says otherwise, understands otherwise
 * or can't do is in its dialect and nowhere else.
 */
import type Docker from 'dockerode';
import type { ContainerSpec } from '../../model/container.ts';
import type { EngineRequest } from './engine-request.ts';
import type { EngineEvent } from './runtime-driver.ts';

export type ContainerAction = Extract<EngineEvent, { kind: 'container' }>['action'];

export interface EngineDialect {
  readonly name: 'docker' | 'podman';
  readonly events: EventDialect;
  readonly updates: UpdateDialect;
  /** What a mounted path may not contain: the engine would read it as something else. */
  readonly unmountable: RegExp;
  /** The status Docker gives where this engine answers `status` with this message. */
  status(status: number, message: string): number;
  /** An inspection in Docker's form. */
  inspection(info: Docker.ContainerInspectInfo): Docker.ContainerInspectInfo;
  info(info: EngineInfo): EngineInfo;
  /** @throws TroupeError INVALID_SPEC for what the engine would silently not do */
  assertCan(spec: ContainerSpec, info: () => Promise<EngineInfo>): Promise<void>;
  /** It runs a `spec.healthcheck` of commands and tells health. */
  readonly runsHealthChecks: boolean;
  /** Of a tar that it loads it needs no layers that it has already. */
  readonly loadsWithoutLayers: boolean;
  /** Names the image that an import makes. */
  importQuery(reference: string): Readonly<Record<string, string>>;
  /** Of a session that does not run; null when it never did. */
  execExitCode(exec: ExecInspection): number | null;
  /** A signal reaches a paused container, which then runs again to take it. */
  readonly signalsPaused: boolean;
  /** What to ask for instead of these arguments of ps(1). */
  topArguments(psArgs: string): string;
  /** A reference to an image as users write it. */
  familiar(reference: string): string;
  /** `sha256:…` */
  imageId(id: string): string;
}

export interface UpdateDialect {
  /** An update outlives the container's stop, and can be made while it is stopped. */
  readonly areKept: boolean;
  request(engineId: string, change: LimitChange): Omit<EngineRequest, 'signal'>;
}

export interface EventDialect {
  readonly filters: Readonly<Record<string, readonly string[]>>;
  /** The engine's names of what we tell; `health_status: healthy` is looked up by its part before the colon. */
  readonly actions: Readonly<Record<string, ContainerAction>>;
  /** The head of the answer comes with the first event only; `since` covers the time until then. */
  readonly isHeadLate: boolean;
  /** An exit's event has its code, and what else ended the run was told before: each signal, and that memory ran out. */
  readonly explainsExits: boolean;
}

/** @see https://docs.docker.com/reference/api/engine/version/v1.41/#tag/System/operation/SystemInfo */
export interface EngineInfo {
  readonly NCPU: number;
  readonly MemTotal: number;
  readonly DockerRootDir: string;
  readonly OperatingSystem: string;
  readonly OSVersion?: string;
  readonly Architecture: string;
  readonly KernelVersion: string;
  readonly Runtimes: Readonly<Record<string, unknown>> | null;
  readonly DefaultRuntime?: string;
  readonly Labels: readonly string[] | null;
}

/** @see https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Exec/operation/ExecInspect */
export interface ExecInspection {
  readonly ContainerID: string;
  readonly Running: boolean;
  /** Null before it has ended (Docker). */
  readonly ExitCode: number | null;
  /** On the host; 0 while the engine doesn't know. */
  readonly Pid: number;
  readonly ProcessConfig: { readonly tty: boolean };
  /** Podman: it has ended. */
  readonly CanRemove?: boolean;
}

/** One limit in the engine's terms; changed apart from the other, so that one that can't be leaves the other in force. */
export type LimitChange =
  | { readonly limit: 'cpu'; readonly nanoCpus: number; readonly cpuShares: number }
  | { readonly limit: 'memoryMib'; readonly memoryBytes: number };
