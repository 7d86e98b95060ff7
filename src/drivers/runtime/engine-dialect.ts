/**
 * Where engines that speak Docker's API differ. The driver is written once,
 * in Docker's terms; what another engine says otherwise, understands otherwise
 * or can't do is in its dialect and nowhere else.
 */
import type Docker from 'dockerode';
import type { EngineEvent } from './runtime-driver.ts';

export type ContainerAction = Extract<EngineEvent, { kind: 'container' }>['action'];

export interface EngineDialect {
  readonly name: 'docker' | 'podman';
  readonly events: EventDialect;
  /** What a mounted path may not contain: the engine would read it as something else. */
  readonly unmountable: RegExp;
  /** The status Docker gives where this engine answers `status` with this message. */
  status(status: number, message: string): number;
  /** An inspection in Docker's form. */
  inspection(info: Docker.ContainerInspectInfo): Docker.ContainerInspectInfo;
}

export interface EventDialect {
  readonly filters: Readonly<Record<string, readonly string[]>>;
  /** The engine's names of what we tell; `health_status: healthy` is looked up by its part before the colon. */
  readonly actions: Readonly<Record<string, ContainerAction>>;
  /** The head of the answer comes with the first event only; `since` covers the time until then. */
  readonly isHeadLate: boolean;
}
