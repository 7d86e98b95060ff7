/** What the APIs see of a container. */
import type { Address } from './address.ts';
import type { ContainerSpec, HotMount, Observation } from './container.ts';
import type { Refusal } from './events.ts';
import type { Failure } from './failure.ts';
import type { Port, PublishedPort } from './network.ts';

/** A volume in a container. */
export interface MountView extends HotMount {
  /** Cinder's id of it; null for one of its host. */
  readonly cinderId: string | null;
  readonly status: 'attaching' | 'attached' | 'detaching';
}

/** A container as last committed. */
export interface ContainerView {
  readonly address: Address;
  readonly id: string;
  readonly tenant: string;
  /** The capsule that it is a member of. */
  readonly capsuleId: string | null;
  readonly spec: ContainerSpec;
  readonly generation: number;
  readonly revision: number;
  readonly status: string;
  readonly taskState: string | null;
  readonly reason: string | null;
  readonly statePaths: readonly string[];
  readonly hostId: string | null;
  readonly hostname: string | null;
  /** Null until an engine has reported it. */
  readonly observation: Observation | null;
  /** Of networks that Troupe makes; none where the engine's own are used. */
  readonly ports: readonly Port[];
  /** Volumes that it has, or is on the way to have or to have no more. */
  readonly mounts: readonly MountView[];
  /** Its ports that are reached at its host, each with the host's port; none before its network is made. */
  readonly published: readonly PublishedPort[];
  readonly restarts: number;
  readonly failure: Failure | null;
  readonly refusals: readonly Refusal[];
  /** Epoch ms. */
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly since: number;
}

export interface ContainerQuery {
  /** Null = all tenants (the caller has been authorised for it). */
  readonly tenant: string | null;
}
