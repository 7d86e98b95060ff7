import type { Address } from './address.ts';
import type { Occupancy, Room } from './placement.ts';
import type { WarmMemory } from './warm-memory.ts';

/** By resource; what the number means is said where it is used. */
export interface Shares<T = number> {
  readonly cpu: T;
  readonly memory: T;
  readonly disk: T;
}

/** Where a host stands, and how much of it may be promised. */
export interface HostPolicy {
  readonly availabilityZone: string;
  /** Over-commit: promised ÷ had, once the reserved share is off. @see Placement: capacity = (total − reserved) × allocation_ratio */
  readonly ratios: Shares;
  /** Shares of the whole that are kept back for the machine itself, from 0 to 1. */
  readonly reserved: Shares;
  /** MiB for sandboxes made ahead, of all pools together. */
  readonly warmMemoryMib: number;
}

/** What a host's own configuration says otherwise than the site's; null = as the site. */
export interface HostOverrides {
  readonly availabilityZone: string | null;
  readonly ratios: Shares<number | null>;
  readonly reserved: Shares<number | null>;
  /** Absent from agents that know of none. */
  readonly warmMemoryMib?: number | null;
}

/** Whether a host takes new containers. A cordon outlives the loss of the link. */
export type Admission = 'open' | 'cordoned' | 'draining' | 'maintenance';

export interface HostNetworks {
  /** Containers live in sandboxes, on networks that this host makes. */
  readonly able: boolean;
  /** In words: why not, or what will not work. */
  readonly problem: string | null;
  /** What Neutron calls this host: that of its agent here. Absent from agents that know of none. */
  readonly neutronHost?: string;
  /** What is missing may come while the agent runs, which then says so by itself. Absent = it is not looked for again. */
  readonly awaited?: boolean;
}

/** What a host agent says of its machine. */
export interface Fingerprint {
  readonly hostname: string;
  readonly engine: string;
  readonly engineVersion: string;
  readonly engineApiVersion: string;
  readonly cpus: number;
  readonly memoryMib: number;
  readonly diskGib: number;
  readonly architecture: string;
  readonly os: string;
  readonly kernelVersion: string;
  readonly runtimes: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** False while the engine does not answer; `engineProblem` says why in words. */
  readonly engineUp: boolean;
  readonly engineProblem: string | null;
  /** Whether containers may have networks of their own here; absent from agents that know of none. */
  readonly networks?: HostNetworks;
  /** Of the agent's configuration; drivers say nothing of it. */
  readonly overrides?: HostOverrides;
}

/** One host as the scheduler sees it: a read model, never the truth (the host actor serialises claims). */
export interface HostView extends Occupancy {
  readonly id: string;
  readonly hostname: string;
  readonly online: boolean;
  /** Not heard for the moment, and not given up either. */
  readonly expected: boolean;
  readonly admission: Admission;
  readonly engineUp: boolean;
  readonly availabilityZone: string;
  readonly runtimes: readonly string[];
  readonly networks: HostNetworks;
  /** The agent's, and over them the operator's. */
  readonly labels: Readonly<Record<string, string>>;
  /** What the machine has. */
  readonly capacity: Room;
  /** What of it may be promised: over-committed, without what is reserved. */
  readonly allocatable: Room;
  readonly used: Room & { readonly containers: number };
  /** Image references known to be on the host. */
  readonly images: ReadonlySet<string>;
}

/** Sandboxes of a host that wait for containers of one project on the same networks. */
export interface PoolView {
  readonly tenant: string;
  /** Ids with "+" between, `default` for the project's own. */
  readonly networks: string;
  readonly ready: number;
}

export interface HostDetail extends HostView {
  readonly pools: readonly PoolView[];
  /** Of all pools together. */
  readonly warmMemory: WarmMemory;
  readonly address: Address;
  readonly status: string;
  readonly statePaths: readonly string[];
  readonly reason: string | null;
  /** Why it takes no new containers, in the operator's words. */
  readonly cordonedFor: string | null;
  readonly since: number;
  /** Epoch ms. */
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly fingerprint: Fingerprint | null;
}
