/**
 * What sandboxes, pools and networks say to each other and to containers and
 * hosts. A sandbox owns its namespace and its addresses for its whole life;
 * a claim is a state of it, so that ownership never moves.
 */
import type { Restored, Seen, Undeliverable } from './delivery.ts';
import type { Failure } from './failure.ts';
import type { GroupChange, NetworkDefinition, NetworkRequest, Port, PublishedPort } from './network.ts';

/** Milliseconds. */
export interface NetworkDeadlines {
  /** For a network to give an address. */
  readonly allocateMs: number;
  /** For a host to make and plug a namespace, or a bridge. */
  readonly makeMs: number;
  readonly removeMs: number;
  /** A default network keeps its bridge for so long without anybody. */
  readonly idleMs: number;
}

// ── sandbox ────────────────────────────────────────────────────────────────

export interface SandboxInput {
  readonly id: string;
  readonly tenant: string;
  readonly hostId: string;
  /** Of the user's choice; null = whatever the engine gives. */
  readonly hostname: string | null;
  readonly networks: readonly NetworkRequest[];
  readonly published: readonly PublishedPort[];
  /** Its container, or its capsule, from the start; null = made ahead, for a pool. */
  readonly claimedBy: string | null;
  /** `claimedBy` is a capsule. */
  readonly isOfCapsule: boolean;
  /** The pool it counts for; null for one that no pool would make, since it has wishes of its own. */
  readonly pool: PoolTerms | null;
  readonly deadlines: NetworkDeadlines;
  /** It is on its host already: the store forgot it. Absent for one that is to be made. */
  readonly found?: FoundSandbox;
}

/** A sandbox as it is plugged on its host. */
export interface FoundSandbox {
  readonly networks: readonly NetworkRequest[];
  readonly ports: readonly Port[];
  readonly portsAsked: number;
}

/** From its container, its host, its pool. */
export type SandboxMessage =
  /** `isSuspect`: its container could not join it, so that its host looks after it before it is granted. */
  | { readonly type: 'sandbox.claim'; readonly containerId: string; readonly isSuspect: boolean }
  | { readonly type: 'sandbox.release'; readonly containerId: string }
  | { readonly type: 'sandbox.attach'; readonly containerId: string; readonly request: NetworkRequest }
  | { readonly type: 'sandbox.detach'; readonly containerId: string; readonly networkId: string }
  /** Of its ports of Neutron. */
  | { readonly type: 'sandbox.regroup'; readonly containerId: string; readonly change: GroupChange }
  /** It was made ahead and is not needed. */
  | { readonly type: 'sandbox.dismiss' }
  | {
      readonly type: 'network.allocated';
      readonly portId: string;
      readonly network: NetworkDefinition;
      readonly address: string;
      readonly mac: string;
    }
  | { readonly type: 'network.refused'; readonly portId: string; readonly reason: string }
  | { readonly type: 'host.lost' | 'host.removed'; readonly hostId: string };

export type SandboxFact =
  /** Its process, or its namespace, is gone. */
  | { readonly type: 'sandbox.died'; readonly hostId: string; readonly reason: string }
  /** Its host has it, plugged; the store forgot that. */
  | ({ readonly type: 'sandbox.found'; readonly hostId: string } & FoundSandbox)
  /** Another has this address, and is plugged with it. */
  | { readonly type: 'sandbox.displaced'; readonly networkId: string; readonly address: string };

export type SandboxEvent = SandboxMessage | SandboxFact | Undeliverable | Seen | Restored;

/** To its container. */
export type SandboxAnswer =
  | {
      readonly type: 'sandbox.granted';
      readonly sandboxId: string;
      readonly engineId: string | null;
      readonly ports: readonly Port[];
      /** From its capsule: the namespace is another than what members run in. */
      readonly isRemade?: boolean;
    }
  | {
      readonly type: 'sandbox.refused';
      readonly sandboxId: string;
      readonly reason: string;
      readonly retryable: boolean;
    }
  | { readonly type: 'sandbox.broken'; readonly sandboxId: string; readonly reason: string }
  /** After an attach or detach, with the ports it has now; `reason` says why one was not done. */
  | {
      readonly type: 'sandbox.changed';
      readonly sandboxId: string;
      readonly ports: readonly Port[];
      readonly reason: string | null;
    };

// ── pool ───────────────────────────────────────────────────────────────────

/** What a pool is told when its first sandbox makes it known. */
export interface PoolTerms {
  /** `<host>.<networks>`: one pool a host, project and set of networks, with their security groups where these are Neutron's. */
  readonly id: string;
  /** Never more sandboxes ahead than this. */
  readonly ceiling: number;
  /** Use is counted over so many milliseconds. */
  readonly windowMs: number;
}

/** Sandboxes made ahead for one project on the same networks of one host. */
export interface PoolInput extends PoolTerms {
  readonly tenant: string;
  readonly hostId: string;
  readonly networks: readonly NetworkRequest[];
  readonly deadlines: NetworkDeadlines;
}

/** From sandboxes. */
export type PoolMessage =
  /** A container took one: made ahead, or made for it since none was there. */
  | { readonly type: 'pool.used'; readonly ahead: boolean }
  /** One that was made ahead is ready. */
  | { readonly type: 'pool.joined' }
  /** One that was made ahead is gone, before or after it was ready. */
  | { readonly type: 'pool.left'; readonly wasReady: boolean };

/** From its host: the memory for sandboxes made ahead is used up; it is no host any more. */
export type PoolHostMessage =
  { readonly type: 'pool.bounded' } | { readonly type: 'host.removed'; readonly hostId: string };

/** An operator's: all that is ready goes, now. */
export type PoolCommand = { readonly type: 'pool.flush' };

export type PoolEvent = PoolMessage | PoolHostMessage | PoolCommand | Undeliverable | Restored;

// ── network ────────────────────────────────────────────────────────────────

/** A network of one host: standalone use, without Neutron. */
export interface NetworkInput {
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  readonly hostId: string;
  /** CIDR of the user's choice; null = the host finds a free one. */
  readonly subnet: string | null;
  /** Made for a project that asked for none: its bridge goes when nobody uses it. */
  readonly isDefault: boolean;
  readonly idleMs: number;
  readonly deadlines: NetworkDeadlines;
}

export type NetworkCommand = { readonly type: 'network.delete' };

/** From sandboxes. */
export type NetworkMessage =
  | {
      readonly type: 'network.allocate';
      readonly portId: string;
      readonly sandboxId: string;
      readonly tenant: string;
      readonly fixedAddress: string | null;
    }
  | { readonly type: 'network.release'; readonly portId: string; readonly address: string }
  | { readonly type: 'host.lost' | 'host.removed'; readonly hostId: string };

export type NetworkFact =
  /** What sandboxes hold of it, where a store that lost its tail has forgotten some. */
  {
    readonly type: 'network.found';
    readonly definition: NetworkDefinition;
    readonly addresses: readonly string[];
  };

export type NetworkEvent = NetworkFact | NetworkCommand | NetworkMessage | Undeliverable | Seen | Restored;

/** Results of the effects that these charts name; errors arrive as {@link Failure}. */
export interface NetworkEffectResults {
  makeSandbox: {
    readonly engineId: string | null;
    /** With the host's ports as they are; absent from agents that do not tell. */
    readonly published?: readonly PublishedPort[];
  };
  unplugPort: null;
  removeSandbox: null;
  /** Of Neutron: bound at the sandbox's host, not plugged yet. */
  ensurePort: Port;
  awaitPorts: null;
  /** The ports of one that was made ahead say whose they are now. */
  markPorts: null;
  /** How many sandboxes made ahead are gone with their ports. */
  makeWay: { readonly gone: number };
  returnPorts: null;
  /** By port: the groups that it has now. */
  regroupPorts: Readonly<Record<string, readonly string[]>>;
  /** Fewer than asked for where the ports that may wait are used up: the project's, or the site's. */
  fillPool: { readonly begun: number; readonly short: 'project' | 'site' | null };
  ensureNetwork: NetworkDefinition;
  removeNetwork: null;
  deadline: { readonly at: number };
}

export type { Failure };
