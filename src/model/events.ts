/**
 * The events of the charts. Commands are imperative and come from an API,
 * facts are past tense and come from an agent, messages come from other
 * actors by the sender's outbox. Nothing else is accepted from outside.
 */
import type { Address } from './address.ts';
import type { CapsuleAnswer } from './member-events.ts';
import type {
  Amounts,
  ContainerSpec,
  LimitChanges,
  Made,
  MountPlace,
  MountSpec,
  Observation,
  RestartPolicy,
} from './container.ts';
import type { Failure } from './failure.ts';
import type { Fingerprint, HostPolicy } from './host.ts';
import type { SandboxAnswer } from './network-events.ts';
import type { NetworkRequest, PublishedPort } from './network.ts';
import type { GroupCount, Neighbours, PlacementTerms } from './placement.ts';
import type { VolumeAnswer } from './volume-events.ts';

// ── container ──────────────────────────────────────────────────────────────

/** A host worth asking, best first; from the scheduler. */
export interface Candidate {
  readonly hostId: string;
  readonly hostname: string;
  /** The image is known to be there, so no pull is needed (rule 14). */
  readonly imagePresent: boolean;
  /** It makes networks of its own. */
  readonly makesNetworks: boolean;
}

/** Why a host, or all hosts behind one filter, could not take the container. In words. */
export interface Refusal {
  readonly filter: string;
  readonly hosts: number;
  readonly reason: string;
}

export type DeleteMode = 'ifStopped' | 'stop' | 'force';

export type ContainerCommand =
  | { readonly type: 'container.start' }
  | { readonly type: 'container.stop'; readonly graceMs: number }
  | { readonly type: 'container.reboot'; readonly graceMs: number }
  | { readonly type: 'container.pause' }
  | { readonly type: 'container.unpause' }
  /** A signal's name without SIG. */
  | { readonly type: 'container.kill'; readonly signal: string }
  | { readonly type: 'container.delete'; readonly mode: DeleteMode; readonly graceMs: number }
  /** Made anew from the spec that comes with it; its addresses and volumes stay. */
  | {
      readonly type: 'container.rebuild';
      readonly imagePullPolicy: ContainerSpec['imagePullPolicy'];
      readonly graceMs: number;
    }
  /** `machines/resize.ts` has the protocol. */
  | { readonly type: 'container.resize'; readonly amounts: Amounts }
  /** The name is the spec's, which comes with it. */
  | { readonly type: 'container.rename' }
  | { readonly type: 'container.attachNetwork'; readonly request: NetworkRequest }
  | { readonly type: 'container.detachNetwork'; readonly networkId: string }
  /** While it lives; its agent mounts it. */
  | { readonly type: 'container.attachVolume'; readonly mount: MountSpec }
  | { readonly type: 'container.detachVolume'; readonly volumeId: string }
  /** Of its ports of Neutron; by id. */
  | {
      readonly type: 'container.addSecurityGroup' | 'container.removeSecurityGroup';
      readonly groupId: string;
    }
  /** What it is now becomes an image of its project, under a name; `imageId`: of the image's actor, which may be there already. */
  | {
      readonly type: 'container.commit';
      readonly commitId: string;
      readonly imageId: string;
      readonly repository: string;
      readonly tag: string;
      /** Glance is to have it, and its host no more than that. Absent: its host keeps it. */
      readonly isStored?: boolean;
    }
  /** What changes nothing in its life, and is permitted by its state all the same. */
  | { readonly type: ContainerService };

/** Services of a container's host that its state permits or not. */
export const containerServices = [
  'container.execute',
  'container.attach',
  'container.top',
  'container.stats',
  'container.logs',
  'container.archive',
] as const;

export type ContainerService = (typeof containerServices)[number];

/**
 * Facts carry the full observation. `opId` names our own operation that caused
 * it (a die event of our stop is no crash), null when nobody asked.
 */
export type ContainerFact =
  | {
      readonly type: 'runtime.started';
      readonly hostId: string;
      readonly observation: Observation;
      readonly opId: string | null;
      readonly byAgent: boolean;
    }
  /** It is there and was never started. */
  | {
      readonly type: 'runtime.created';
      readonly hostId: string;
      readonly observation: Observation;
      readonly opId: string | null;
    }
  /** `stoppedOutside`: somebody stopped it at the engine (a stop signal that was not ours), so no automatic restart. */
  | {
      readonly type: 'runtime.exited';
      readonly hostId: string;
      readonly observation: Observation;
      readonly opId: string | null;
      readonly stoppedOutside: boolean;
    }
  | {
      readonly type: 'runtime.health';
      readonly hostId: string;
      readonly observation: Observation;
      readonly opId: string | null;
    }
  /** Its host has it, and its actor does not know that it was ever there: the store lost its tail. */
  | ({ readonly type: 'runtime.found' } & FoundContainer)
  /** The host has no such container (any more). */
  | {
      readonly type: 'runtime.gone';
      readonly hostId: string;
      readonly generation: number;
      readonly opId: string | null;
    };

/** A container as it is on its host, with what is kept of it there. */
export interface FoundContainer extends Pick<ContainerAttachments, 'networks'> {
  readonly hostId: string;
  readonly hostname: string;
  readonly observation: Observation;
  readonly wanted: 'created' | 'running' | 'stopped' | 'deleted';
  /** Its removal for a rebuild had been asked for. */
  readonly rebuilding: boolean;
  /** A stop had been asked for, and may still be under way. */
  readonly stopAsked: boolean;
  readonly run: number;
  readonly restarts: number;
  readonly sandbox: SandboxMode;
  /** The sandbox it joined. */
  readonly sandboxId: string | null;
  readonly sandboxesAsked: number;
  readonly specVersion: number;
}

export type ContainerMessage =
  | {
      readonly type: 'claim.granted';
      readonly hostId: string;
      readonly hostname: string;
      readonly generation: number;
      /** One made ahead, on the networks it asked for; null when none was. */
      readonly sandboxId: string | null;
    }
  | {
      readonly type: 'claim.refused';
      readonly hostId: string;
      readonly generation: number;
      readonly reason: string;
    }
  /** Answers to `host.reclaim`. */
  | {
      readonly type: 'reclaim.granted';
      readonly hostId: string;
      readonly generation: number;
      readonly amounts: Amounts;
    }
  | {
      readonly type: 'reclaim.refused';
      readonly hostId: string;
      readonly generation: number;
      readonly reason: string;
    }
  /** The host's link has been gone for longer than its grace. */
  | { readonly type: 'host.lost'; readonly hostId: string }
  | SandboxAnswer
  | VolumeAnswer
  | CapsuleAnswer;

/** A volume in a container. */
export interface Mount {
  readonly volumeId: string;
  /** It is made for this container; null = it is there. */
  readonly made: Made | null;
  /** It was attached while the container lived: its agent mounts it, at each start. Absent: its engine does, by the spec. */
  readonly hot?: MountPlace;
}

/** What a container needs of sandboxes and volumes, beyond its spec. */
export interface ContainerAttachments {
  /** In the order of its interfaces. */
  readonly networks: readonly NetworkRequest[];
  readonly published: readonly PublishedPort[];
  /** Of the user's choice; null = whatever the engine gives. */
  readonly hostname: string | null;
  /** Sandboxes may be made ahead for it; null = none. */
  readonly pool: { readonly ceiling: number; readonly windowMs: number } | null;
  readonly mounts: readonly Mount[];
}

export type SandboxMode = 'auto' | 'own' | 'engine';

export interface ContainerInput extends ContainerAttachments {
  readonly id: string;
  readonly tenant: string;
  /** The capsule that it is a member of: that has the sandbox, the place and the quota. Null for one that stands alone. */
  readonly capsuleId: string | null;
  readonly generation: number;
  /** Start it once it is created (`run=true`). */
  readonly run: boolean;
  readonly amounts: Amounts;
  readonly restartPolicy: RestartPolicy;
  readonly autoRemove: boolean;
  /** `never`, `always` or `ifnotpresent`. */
  readonly imagePullPolicy: ContainerSpec['imagePullPolicy'];
  /** A network namespace of its own apart from the container (rule 15), or the engine's; `auto`: its own where its host can. */
  readonly sandbox: SandboxMode;
  /** Ranked at admission, so that a start needs no scheduling turn; empty = the chart asks. */
  readonly candidates: readonly Candidate[];
  /** Decided at admission, part of each claim. */
  readonly terms: PlacementTerms;
  readonly deadlines: ContainerDeadlines;
  /** It is on a host already: the store forgot it. Absent for one that is to be made. */
  readonly found?: FoundContainer;
}

/** Milliseconds. */
export interface ContainerDeadlines {
  readonly placingMs: number;
  readonly claimMs: number;
  readonly imageMs: number;
  readonly sandboxMs: number;
  readonly createMs: number;
  readonly startMs: number;
  /** Added to the stop's grace. */
  readonly stopMs: number;
  readonly removeMs: number;
  /** A project's default network keeps its bridge for so long without containers. */
  readonly networkIdleMs: number;
  readonly retryMs: number;
}

// ── tenant ─────────────────────────────────────────────────────────────────

export type TenantCommand =
  /**
   * Room in the quota: for a new container (generation 1), or for what a resize
   * adds (the next generation; see the resize protocol in `machines/resize.ts`).
   * `at`: epoch ms, the reservation's birth.
   */
  | {
      readonly type: 'tenant.reserve';
      readonly containerId: string;
      readonly generation: number;
      readonly amounts: Amounts;
      readonly at: number;
    }
  | { readonly type: 'tenant.limit'; readonly limits: LimitChanges }
  /** The tenant's own wish. It may only tighten the site's. */
  | { readonly type: 'tenant.isolate'; readonly neighbours: Neighbours }
  /** Totals recomputed from the index at start or by audit; corrects a difference. */
  | { readonly type: 'tenant.recount'; readonly totals: Amounts };

export type TenantFact =
  /** What the site wants of all tenants, as of this start or since an operator changed it. */
  { readonly type: 'tenant.configured'; readonly neighbours: Neighbours; readonly limits: Amounts };

export type TenantMessage =
  | {
      readonly type: 'tenant.confirm';
      readonly containerId: string;
      readonly generation: number;
      readonly amounts: Amounts;
    }
  | {
      readonly type: 'tenant.release';
      readonly containerId: string;
      readonly generation: number;
      readonly amounts: Amounts;
    };

export interface TenantInput {
  readonly id: string;
  /** The site's; -1 = without limit, per field. */
  readonly limits: Amounts;
  /** The site's. */
  readonly neighbours: Neighbours;
  readonly reservationMs: number;
}

// ── host ───────────────────────────────────────────────────────────────────

/** What claims have taken of a host, and whose they are. */
export interface HostTally {
  readonly totals: Amounts;
  /** Containers by tenant. */
  readonly tenants: Readonly<Record<string, number>>;
  /** Of these tenants, those that want no other beside them. */
  readonly enforcing: readonly string[];
  /** By `groupKey`. */
  readonly groups: Readonly<Record<string, GroupCount>>;
}

export type HostOperatorCommand =
  /** `reason`: the operator's, shown until it takes containers again. */
  | { readonly type: 'host.cordon'; readonly reason?: string | null }
  | { readonly type: 'host.uncordon' }
  /** No new containers; in maintenance once the last has left. */
  | { readonly type: 'host.drain' }
  | { readonly type: 'host.maintain' }
  /** It is dead, as the operator knows: its deadline need not be waited for. */
  | { readonly type: 'host.giveUp' }
  /** It is not heard and will not be again, and nothing is there: it is forgotten. */
  | { readonly type: 'host.remove' }
  /** The operator's labels, over the agent's; null gives the agent's back. */
  | { readonly type: 'host.label'; readonly labels: Readonly<Record<string, string | null>> };

export type HostCommand = HostOperatorCommand | ({ readonly type: 'host.recount' } & HostTally);

export type HostFact =
  /** An authenticated agent has said hello; `session` counts its connections. */
  | { readonly type: 'link.connected'; readonly session: string; readonly fingerprint: Fingerprint }
  /** Its inventory has been taken in; commands may flow. */
  | { readonly type: 'link.synced'; readonly session: string }
  | { readonly type: 'link.closed'; readonly session: string; readonly reason: string }
  | { readonly type: 'host.fingerprinted'; readonly fingerprint: Fingerprint }
  /** The site's configuration, as of this start. */
  | { readonly type: 'host.configured'; readonly policy: HostPolicy }
  /** A tenant changed how it bears neighbours, for what it has here too. */
  | { readonly type: 'tenant.isolated'; readonly tenant: string; readonly neighbours: Neighbours };

/** `amounts.containers` is 1 for a whole container, 0 for what a resize adds or gives back, the count of its members for a capsule. */
export interface Claim {
  readonly containerId: string;
  /** It is a capsule that asks, by its own id; absent for a container. */
  readonly isCapsule?: true;
  readonly tenant: string;
  readonly generation: number;
  readonly amounts: Amounts;
  readonly terms: PlacementTerms;
}

export type HostMessage =
  /** `pool`: the networks of a sandbox made ahead that would do; null when none would. */
  | ({ readonly type: 'host.claim'; readonly pool: string | null } & Claim)
  /** It is there already, as its host found: counted whether or not there is room. Not answered. */
  | ({ readonly type: 'host.keep' } & Claim)
  /** More for a container that is there: what a resize adds. Answered by `reclaim.granted` or `reclaim.refused`. */
  | ({ readonly type: 'host.reclaim' } & Claim)
  | ({ readonly type: 'host.release' } & Claim);

export interface HostInput {
  readonly id: string;
  readonly hostname: string;
  /** The site's. */
  readonly policy: HostPolicy;
  readonly suspectMs: number;
  readonly lostMs: number;
  readonly syncMs: number;
}

/** From sandboxes and pools. */
export type HostSandboxMessage =
  | {
      readonly type: 'sandbox.ready' | 'sandbox.withdrawn';
      readonly sandboxId: string;
      readonly tenant: string;
      readonly poolId: string;
    }
  | {
      readonly type: 'pool.shrink';
      readonly poolId: string;
      readonly tenant: string;
      readonly keep: number;
    };

// ── all charts ─────────────────────────────────────────────────────────────

/** What a chart may `emit`; captured by the runtime and acted on after the commit. */
export type Emitted =
  /** A turn's answer to its command; none emitted = accepted. */
  | {
      readonly type: 'answer';
      readonly answer: 'accepted' | 'queued' | 'refused';
      readonly reason: string | null;
    }
  /**
   * To another actor, by the outbox of this turn. `begin` is its input, should
   * it not exist yet: then it begins, durably, before it gets the message.
   */
  | {
      readonly type: 'message';
      readonly to: Address;
      readonly event: { readonly type: string; readonly [field: string]: unknown };
      readonly begin?: unknown;
    };

/** Results of effects, by the name of the invoked source. Errors arrive as {@link Failure}. */
export interface EffectResults {
  rankHosts: {
    readonly candidates: readonly Candidate[];
    readonly refusals: readonly Refusal[];
    /** A host is only away for the moment: it is worth asking again. */
    readonly mayChange: boolean;
  };
  pullImage: { readonly imageId: string };
  createContainer: { readonly observation: Observation };
  startContainer: { readonly observation: Observation };
  /** Null when there was nothing to stop. */
  stopContainer: { readonly observation: Observation | null };
  removeContainer: null;
  pauseContainer: { readonly observation: Observation };
  unpauseContainer: { readonly observation: Observation };
  killContainer: null;
  updateContainer: null;
  remountContainer: null;
  tellContainers: { readonly told: number };
  tellHosts: { readonly told: number };
  /** What holds a host, in words, such as `volume "data" of project p1`. */
  findResidents: { readonly residents: readonly string[] };
  dismissHost: { readonly told: number };
  /** `at`: epoch ms when it fired. */
  deadline: { readonly at: number };
}

export type EffectName = keyof EffectResults;

export type { Failure };
