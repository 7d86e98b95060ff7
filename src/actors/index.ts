/**
 * What the APIs see of the actors: commands in, committed views out. No XState
 * type leaks out, and no answer leaves before its turn is durable.
 */
import type { Duplex, Readable } from 'node:stream';
import type { ActorKind, Address, OwnedKind } from '../model/address.ts';
import type { PathStat } from '../model/archive.ts';
import type {
  Amounts,
  ContainerSpec,
  HotMount,
  LimitChanges,
  Limits,
  Observation,
  RestartPolicy,
} from '../model/container.ts';
import type { ContainerCommand, ContainerService, HostOperatorCommand, Refusal } from '../model/events.ts';
import type { Service } from '../link/protocol.ts';
import type { Failure } from '../model/failure.ts';
import type { Port, PublishedPort } from '../model/network.ts';
import type { HostView, Fingerprint } from '../model/host.ts';
import type { WarmMemory } from '../model/warm-memory.ts';
import type { IncidentQuery, Incident } from '../model/incident.ts';
import type { JournalRecord } from '../model/journal.ts';
import type { Lifecycle } from '../model/lifecycle.ts';
import type { WatchChange, WatchSnapshotItem } from '../model/watch.ts';
import type { WhatIf, WhatIfEvent, WhatIfOptions } from '../model/what-if.ts';
import type { Neighbours } from '../model/placement.ts';

/** On whose behalf; becomes the journal's cause. */
export interface Caller {
  readonly userId: string;
  readonly projectId: string;
  /** `req-<uuid>`; also answered to the client. */
  readonly requestId: string;
}

/** A container as last committed. */
/** A volume in a container. */
export interface MountView extends HotMount {
  /** Cinder's id of it; null for one of its host. */
  readonly cinderId: string | null;
  readonly status: 'attaching' | 'attached' | 'detaching';
}

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

export interface TenantView {
  readonly address: Address;
  readonly id: string;
  readonly limits: Amounts;
  readonly used: Amounts;
  /** Reservations not yet confirmed. */
  readonly reserved: number;
  /** What holds of the site's and its own wish. */
  readonly neighbours: Neighbours;
}

export interface CreateRequest {
  readonly caller: Caller;
  readonly spec: ContainerSpec;
  readonly run: boolean;
  /** Same key and same body = same container; same key, other body = IDEMPOTENCY_CONFLICT. */
  readonly idempotencyKey: string | null;
  /** The name was made up by us, so that it says nothing about whether two bodies are the same. */
  readonly nameGenerated: boolean;
}

export interface CommandAnswer {
  readonly answer: 'accepted' | 'queued' | 'refused';
  /** Of the refusal, in words. */
  readonly reason: string | null;
  readonly revision: number;
}

/** The main process as it is, or a further one. */
export type SessionWish =
  | { readonly kind: 'attach' }
  | {
      readonly kind: 'execute';
      readonly command: readonly string[];
      readonly tty: boolean;
      /** Its stdin is the session's. */
      readonly interactive: boolean;
    };

export interface OpenSession {
  /** What its engine calls the process; null for the main one. */
  readonly execId: string | null;
  /** With a terminal raw, without one stdout and stderr in order. It fails with HOST_UNREACHABLE when it is cut off. */
  readonly stream: Duplex;
}

/** A request that a container took, and what came of it. */
export interface ContainerAction {
  /** Zun's name of it, e.g. `create`. */
  readonly action: string;
  readonly requestId: string;
  readonly userId: string;
  readonly projectId: string;
  /** Epoch ms. */
  readonly startedAt: number;
  /** Null while it is under way. */
  readonly finishedAt: number | null;
  readonly failed: boolean;
  /** What went wrong, and the turns that led there; null unless it failed. */
  readonly trace: string | null;
}

export interface ContainerQuery {
  /** Null = all tenants (the caller has been authorised for it). */
  readonly tenant: string | null;
}

export interface WatchFilter {
  /** Null = all shards (admins only). */
  readonly tenant: string | null;
  readonly kinds: readonly ActorKind[] | null;
  readonly id: string | null;
}

export interface WatchHandlers {
  /** The current state of all that matches, before any change. Not told on a resume that has everything. Returns false to be dropped. */
  snapshot(views: readonly WatchSnapshotItem[], position: string): boolean;
  /** Return false to be dropped (a slow reader). The same object is told to every watcher. */
  change(change: WatchChange): boolean;
  /** Resolves once the reader has taken what it was told, false when it has gone; awaited between pages of what it missed. */
  drained(): Promise<boolean>;
}

export interface AuditEntry {
  /**
   * `container-without-actor`, `actor-without-container`, the same of `sandbox`, `network`, `volume` and `port`; `quota-differs`, `claims-differ`,
   * `warm-differs`, `warm-over-budget`, `undelivered-message`, `attachment-without-actor`, `actor-without-attachment`, `volume-held`, `quarantined`,
   * `host-silent`, `cloud-silent`, `unfinished-image`, `left-image`, `images-silent`; and `of-another-world`, which is somebody else's and no leak of ours.
   */
  readonly problem: string;
  readonly address: string | null;
  readonly hostId: string | null;
  readonly detail: string;
}

export interface Readiness {
  readonly ready: boolean;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
}

/** A network of one host. */
export interface NetworkView {
  readonly address: Address;
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  readonly hostId: string;
  readonly hostname: string | null;
  /** CIDR; null until its host has chosen one. */
  readonly subnet: string | null;
  readonly gateway: string | null;
  readonly mtu: number | null;
  /** The project's own, made for containers that ask for none. */
  readonly isDefault: boolean;
  /** Addresses in use. */
  readonly ports: number;
  readonly status: string;
  readonly reason: string | null;
  /** Epoch ms. */
  readonly createdAt: number;
}

/** A volume of one host. */
export interface VolumeView {
  readonly address: Address;
  readonly id: string;
  readonly tenant: string;
  /** Null for one that a container asked for by size. */
  readonly name: string | null;
  readonly hostId: string;
  readonly hostname: string | null;
  readonly sizeGib: number | null;
  readonly isEphemeral: boolean;
  /** Containers that have it. */
  readonly attached: readonly string[];
  readonly status: string;
  readonly reason: string | null;
  readonly createdAt: number;
}

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

/** Containers that share a sandbox. `tenant` null = all of them. */
export interface Capsules {
  /** In order of creation. */
  list(tenant: string | null): readonly CapsuleView[];
  /** By UUID (any spelling of it) or name. @throws TroupeError CAPSULE_NOT_FOUND, NAME_AMBIGUOUS, QUARANTINED */
  find(tenant: string | null, idOrName: string): CapsuleView;
  /**
   * Answers once the tenant's reservation, the capsule and all its members are durable.
   * @throws TroupeError as `ControlPlane.createContainer`
   */
  create(request: CapsuleRequest): Promise<CapsuleView>;
  delete(capsule: CapsuleView, caller: Caller): Promise<CommandAnswer>;
}

/** `tenant` null = all of them. */
export interface LocalResources {
  networks(tenant: string | null): readonly NetworkView[];
  volumes(tenant: string | null): readonly VolumeView[];
  /** @throws TroupeError NETWORK_NOT_FOUND, NAME_AMBIGUOUS */
  network(tenant: string | null, idOrName: string): NetworkView;
  /** @throws TroupeError VOLUME_NOT_FOUND, NAME_AMBIGUOUS */
  volume(tenant: string | null, idOrName: string): VolumeView;
  /** @throws TroupeError NAME_IN_USE, NO_HOST, HOST_NOT_FOUND */
  createNetwork(
    tenant: string,
    asked: { readonly name: string; readonly subnet: string | null; readonly host: string | null },
    caller: Caller,
  ): Promise<NetworkView>;
  /** @throws TroupeError NAME_IN_USE, NO_HOST, HOST_NOT_FOUND */
  createVolume(
    tenant: string,
    asked: { readonly name: string; readonly sizeGib: number | null; readonly host: string | null },
    caller: Caller,
  ): Promise<VolumeView>;
  /**
   * Lets a volume of Cinder go that was made for a request that was refused. Resolves once it is gone, or the caller has
   * waited long enough: that it goes is durable then, and an actor of its own sees to it.
   */
  discardVolume(
    tenant: string,
    volume: { readonly volumeId: string; readonly sizeGib: number },
  ): Promise<void>;
  deleteVolume(volume: VolumeView, caller: Caller): Promise<CommandAnswer>;
  /** What waits on it for containers gives way first. */
  deleteNetwork(network: NetworkView, caller: Caller): Promise<CommandAnswer>;
  /** Lets go what is made ahead. @param networkId null = all pools @returns how many pools */
  flush(tenant: string | null, networkId: string | null, caller: Caller): Promise<number>;
  /** Lets go all that is made ahead on a host. @returns how many were still there in the end */
  letGoAhead(hostId: string, withinMs: number): Promise<number>;
  /** The container that has the address; null when none does. */
  holderOf(tenant: string, networkId: string, address: string): string | null;
}

/** An image at a host's engine. */
export interface ImageView {
  /** Of its actor; null for one that is only seen there. */
  readonly address: Address | null;
  readonly id: string;
  /** Who pulled or made it; null where nobody of a project did. */
  readonly tenant: string | null;
  readonly hostId: string;
  readonly hostname: string | null;
  /** As its engine calls it. */
  readonly reference: string;
  /** As people call it. */
  readonly repo: string;
  readonly tag: string;
  /** The engine's; null while it is not known to be there. */
  readonly imageId: string | null;
  /** Null where its host has not told. */
  readonly sizeBytes: number | null;
  readonly status: string;
  readonly reason: string | null;
  readonly failure: Failure | null;
}

/** What a search of a registry has found. */
export interface ImageHit {
  readonly name: string;
  readonly description: string;
  readonly isOfficial: boolean;
  readonly stars: number;
}

export interface Images {
  /** What the engines of all hosts have now; of a host that does not answer, what it had last. */
  list(): Promise<readonly ImageView[]>;
  /**
   * By UUID or `repo:tag`: of all hosts, or (`tenant`) of those that the project pulled or made.
   * @throws TroupeError IMAGE_UNKNOWN, NAME_AMBIGUOUS
   */
  find(tenant: string | null, idOrName: string): Promise<ImageView>;
  /** Resolves once that is durable. @throws TroupeError INVALID_VALUE for a host there is not, IMAGE_EXISTS */
  pull(
    asked: {
      readonly host: string;
      readonly image: string;
      readonly policy: ContainerSpec['imagePullPolicy'];
      readonly registryId: string | null;
    },
    caller: Caller,
  ): Promise<ImageView>;
  /**
   * Makes an image of what the container is now, for its project alone, as its chart permits it: on its host, or in Glance, as the
   * site has it. Resolves once that is durable; in Glance, `imageId` is what the image's id is there.
   */
  commit(
    container: ContainerView,
    name: { readonly repository: string; readonly tag: string },
    caller: Caller,
  ): Promise<CommandAnswer & { readonly imageId: string }>;
  /** Resolves once its host has it no more, or the caller has waited long enough. @throws TroupeError IMAGE_IN_USE, and what its engine answered */
  remove(image: ImageView, caller: Caller): Promise<void>;
  /** @throws TroupeError HOST_UNREACHABLE, REGISTRY_UNAVAILABLE, TIMED_OUT */
  search(term: string): Promise<readonly ImageHit[]>;
  /** The host that has an image of the project's own; null when none has. */
  committedOn(tenant: string, reference: string): string | null;
  /** What engines call an image that the project has made and calls so; null when there is none. */
  own(tenant: string, image: string): string | null;
}

/** A registry that a project has credentials of, without the password. */
export interface RegistryView {
  readonly address: Address;
  readonly id: string;
  readonly tenant: string;
  readonly userId: string;
  readonly name: string | null;
  /** Host and port. */
  readonly domain: string;
  readonly username: string | null;
  readonly hasPassword: boolean;
  /** Epoch ms. */
  readonly createdAt: number;
}

/** What is asked of a registry, or changed of it. */
export interface RegistryWish {
  readonly name: string | null;
  readonly domain: string;
  readonly username: string | null;
  readonly password: string | null;
}

/** What an image is that somebody names, and how it is pulled. */
export interface ImageName {
  readonly image: string;
  readonly imageReference: string | null;
  readonly registryId: string | null;
  /** Somebody has credentials of its registry, so that a copy on a host is for nobody without asking there. */
  readonly isGuarded: boolean;
}

/** `tenant` null = all of them. */
export interface Registries {
  list(tenant: string | null): readonly RegistryView[];
  /** By UUID, else by name. @throws TroupeError REGISTRY_NOT_FOUND, NAME_AMBIGUOUS */
  find(tenant: string | null, idOrName: string): RegistryView;
  create(tenant: string, wish: RegistryWish, caller: Caller): Promise<RegistryView>;
  update(registry: RegistryView, changes: Partial<RegistryWish>, caller: Caller): Promise<RegistryView>;
  remove(registry: RegistryView, caller: Caller): Promise<void>;
  /**
   * @param registry UUID or name of one of the project's, whose credentials are to be used; null = none
   * @throws TroupeError INVALID_VALUE for an image that can't be named so, or is of another registry; REGISTRY_NOT_FOUND
   */
  nameImage(tenant: string, image: string, registry: string | null): ImageName;
}

export interface ControlPlane {
  readonly images: Images;
  readonly registries: Registries;
  /** Networks and volumes. */
  readonly local: LocalResources;
  readonly capsules: Capsules;
  /**
   * Answers once the tenant's reservation and the container's first snapshot are both durable.
   * @throws TroupeError QUOTA_EXCEEDED, INVALID_VALUE (a hint), IDEMPOTENCY_CONFLICT, REQUESTED_HOST_NOT_FOUND, STORE_UNAVAILABLE, COMMIT_UNKNOWN
   */
  createContainer(request: CreateRequest): Promise<ContainerView>;
  /**
   * By UUID (any spelling of it) or name, within `tenant` (null = all).
   * @throws TroupeError CONTAINER_NOT_FOUND, NAME_AMBIGUOUS
   */
  container(tenant: string | null, idOrName: string): ContainerView;
  /**
   * In order of creation, each as it is committed when it is come to. One that stays as it is, is the very same object: what is
   * made of it may be kept as long.
   */
  containers(query: ContainerQuery): Iterable<ContainerView>;
  /** One that has ended, by its id, while its history is kept; null when there is none within `tenant` (null = all). */
  ended(kind: OwnedKind, tenant: string | null, id: string): Address | null;
  /**
   * One that lives, by its id; by `<project>/<id>` where the id is of several projects, as a pool's can be.
   * @throws TroupeError NOT_FOUND, NAME_AMBIGUOUS
   */
  owned(kind: OwnedKind, tenant: string | null, id: string): Address;
  /** Resolves when the turn is durable. @throws TroupeError CONTAINER_NOT_FOUND, QUARANTINED, STORE_UNAVAILABLE, COMMIT_UNKNOWN */
  command(
    address: Address,
    command: ContainerCommand,
    caller: Caller,
    /** From its spec to the next, durably in the same turn unless that is refused. Pure. */
    revise?: (spec: ContainerSpec) => ContainerSpec,
  ): Promise<CommandAnswer>;
  /** Reserves what is more with the tenant, then asks the container. @throws TroupeError as `command`, and QUOTA_EXCEEDED */
  resize(address: Address, limits: Partial<Limits>, caller: Caller): Promise<CommandAnswer>;
  /** Whether its state permits what changes nothing in it. @throws TroupeError CONTAINER_NOT_FOUND, QUARANTINED */
  permits(address: Address, service: ContainerService): CommandAnswer;
  /**
   * Asks its host for something that it does beside its life.
   * @param limitMs of the host's answer
   * @throws TroupeError CONTAINER_NOT_FOUND, HOST_UNREACHABLE, TIMED_OUT, or what its engine answered
   */
  serve(address: Address, service: Service, limitMs: number): Promise<unknown>;
  /**
   * Begins a session with a process of it. Destroying the stream leaves the process alone; its end is asked with `serve`.
   * @throws TroupeError as `serve`, and INVALID_STATE when its state does not permit it
   */
  openSession(address: Address, wish: SessionWish, signal: AbortSignal): Promise<OpenSession>;
  /**
   * Files of it as a tar, whether it runs or not. Destroying the tar ends it; cut off, it fails with HOST_UNREACHABLE.
   * @throws TroupeError as `serve`, and INVALID_SPEC for a path that is not there
   */
  getArchive(
    address: Address,
    path: string,
    signal: AbortSignal,
  ): Promise<{ readonly stat: PathStat; readonly tar: Readable }>;
  /**
   * Unpacks a tar into a folder of it, and destroys the tar. What had come before a failure stays unpacked.
   * @throws TroupeError as `getArchive`, and how the tar fails
   */
  putArchive(address: Address, path: string, tar: Readable, signal: AbortSignal): Promise<void>;
  /** What people asked of it, newest first. */
  actions(address: Address): Promise<readonly ContainerAction[]>;
  commandHost(hostId: string, command: HostOperatorCommand, caller: Caller): Promise<CommandAnswer>;
  /** Resolves once it is gone, or is known to stay (refused, with what holds it), or the caller has waited long enough (queued). */
  removeHost(hostId: string, caller: Caller): Promise<CommandAnswer>;
  /** Whether the tenant bears other tenants on its hosts. Refused when looser than the site wants it. */
  isolate(tenant: string, neighbours: Neighbours, caller: Caller): Promise<CommandAnswer>;
  /** Of one project, in its tenant's chart; what is lower than what is used holds for what is asked from then on. */
  setLimits(tenant: string, limits: LimitChanges, caller: Caller): Promise<CommandAnswer>;
  /** Limits of a class; `default` is what projects have that have none of their own. Those of a class that nobody set are the site's configuration's. */
  quotaClass(name: string): Amounts;
  /** Resolves when it is durable and, of `default`, every tenant knows. @throws TroupeError STORE_UNAVAILABLE, STALE_OWNER, COMMIT_UNKNOWN */
  setQuotaClass(name: string, limits: Partial<Amounts>, caller: Caller): Promise<void>;
  /**
   * A command of any actor, as its lifecycle offers it; who may send it is the caller's to know.
   * @throws TroupeError NOT_FOUND, QUARANTINED, STORE_UNAVAILABLE, COMMIT_UNKNOWN
   */
  send(address: Address, command: { readonly type: string }, caller: Caller): Promise<CommandAnswer>;
  /**
   * What would follow from commands, taken one after the other; of a host also `link.closed`, whose session is filled in. Nothing is sent.
   * @throws TroupeError QUARANTINED for an actor that can't be read
   */
  whatIf(events: readonly WhatIfEvent[], options: WhatIfOptions): WhatIf;
  hosts(): readonly HostDetail[];
  tenant(id: string): TenantView;
  /** Those that have ever had a container, by id. */
  tenants(): readonly TenantView[];
  /** What people call an actor, and where it is now; both null when it is gone. */
  label(address: Address): { readonly name: string | null; readonly host: string | null };
  /** @throws TroupeError NOT_FOUND */
  lifecycle(address: Address): Lifecycle;
  history(
    address: Address,
    range: { readonly after: number; readonly limit: number },
  ): Promise<readonly JournalRecord[]>;
  /** Null when nothing that is kept tells of it. @throws TroupeError STORE_UNAVAILABLE */
  incident(query: IncidentQuery): Promise<Incident | null>;
  /** Machine-readable definition of a chart, by version (null = the current). @throws TroupeError NOT_FOUND */
  chart(
    kind: ActorKind,
    version: number | null,
  ): Promise<{ readonly kind: ActorKind; readonly version: number; readonly definition: unknown }>;
  /**
   * Snapshot then changes, in commit order per shard; `from` resumes after a position, or gets a new snapshot when that is too old.
   * @param from empty = from now; for one tenant its last position; for all tenants the snapshot's position and the last one of each
   *   tenant's changes and of the hosts'
   * @throws TroupeError INVALID_PARAMETER for a position that is not ours; STORE_UNAVAILABLE
   */
  watch(filter: WatchFilter, from: readonly string[], handlers: WatchHandlers): Promise<{ close(): void }>;
  /** @throws TroupeError CONTAINER_NOT_FOUND, HOST_UNREACHABLE, INVALID_STATE when it never had a host */
  logs(
    address: Address,
    options: {
      stdout: boolean;
      stderr: boolean;
      timestamps: boolean;
      tail: number | 'all';
      sinceSeconds: number;
      follow: boolean;
    },
    signal: AbortSignal,
  ): Promise<Readable>;
  /** A new one-time token with which one host may join, shown once; or `kept`, while its host can still join with it. */
  createJoinToken(kept?: string | null): Promise<string>;
  /** Asks the hosts afresh; resolves when each has answered or had its time. */
  audit(): Promise<readonly AuditEntry[]>;
  readiness(): Readiness;
  /** Actors that the supervisor gave up on. */
  quarantined(): readonly {
    readonly address: string;
    readonly reason: string;
    readonly event: string | null;
  }[];
  /** Gauges for /metrics. */
  stats(): {
    readonly actors: Readonly<Record<string, number>>;
    readonly mailboxDepth: number;
    readonly commits: number;
    readonly turns: number;
    readonly effectsInFlight: number;
    readonly watchers: number;
  };
}
