/** What is asked for with a capsule, and what the APIs see of one. */
import type { Address } from './address.ts';
import type { Caller } from './caller.ts';
import type { ContainerSpec, RestartPolicy } from './container.ts';
import type { ContainerView } from './container-view.ts';
import type { Port, PublishedPort } from './network.ts';

/** What is asked for with a capsule. */
export interface CapsuleTemplate {
  readonly name: string;
  readonly userId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly availabilityZone: string | null;
  readonly restartPolicy: RestartPolicy;
  /** Run one after the other, before the others. */
  readonly initContainers: readonly ContainerSpec[];
  readonly containers: readonly ContainerSpec[];
}

export interface CapsuleRequest {
  readonly caller: Caller;
  readonly template: CapsuleTemplate;
  /** As of a container. */
  readonly idempotencyKey: string | null;
}

/** A capsule as last committed, with its members. */
export interface CapsuleView {
  readonly address: Address;
  readonly id: string;
  readonly tenant: string;
  /** Of all its members together. */
  readonly spec: ContainerSpec;
  readonly status: string;
  readonly reason: string | null;
  readonly statePaths: readonly string[];
  readonly hostname: string | null;
  readonly ports: readonly Port[];
  readonly published: readonly PublishedPort[];
  readonly initContainers: readonly ContainerView[];
  readonly containers: readonly ContainerView[];
  /** Epoch ms. */
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly since: number;
}
