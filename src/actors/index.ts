/**
 * What the APIs see of the actors: commands in, committed views out. No XState
 * type leaks out, and no answer leaves before its turn is durable.
 */
import type { Readable } from 'node:stream';
import type { Service } from '../link/protocol.ts';
import type { ActorKind, Address, OwnedKind } from '../model/address.ts';
import type { PathStat } from '../model/archive.ts';
import type { AuditEntry } from '../model/audit-entry.ts';
import type { Caller, CommandAnswer } from '../model/caller.ts';
import type { Amounts, ContainerSpec, LimitChanges, Limits } from '../model/container.ts';
import type { ContainerAction } from '../model/container-action.ts';
import type { CreateRequest } from '../model/container-request.ts';
import type { ContainerQuery, ContainerView } from '../model/container-view.ts';
import type { ContainerCommand, ContainerService, HostOperatorCommand } from '../model/events.ts';
import type { HostDetail } from '../model/host.ts';
import type { IncidentQuery, Incident } from '../model/incident.ts';
import type { JournalRecord } from '../model/journal.ts';
import type { Lifecycle } from '../model/lifecycle.ts';
import type { Neighbours } from '../model/placement.ts';
import type { OpenSession, SessionWish } from '../model/session.ts';
import type { TenantView } from '../model/tenant.ts';
import type { WatchFilter, WatchHandlers } from '../model/watch.ts';
import type { WhatIf, WhatIfEvent, WhatIfOptions } from '../model/what-if.ts';
import type { Capsules } from './capsules.ts';
import type { Images } from './images.ts';
import type { LocalResources } from './local-resources.ts';
import type { Registries } from './registries.ts';
import type { VolumePromises } from './volume-promises.ts';

export interface Readiness {
  readonly ready: boolean;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
}

export interface ControlPlane {
  readonly images: Images;
  readonly registries: Registries;
  /** Networks and volumes. */
  readonly local: LocalResources;
  /** Of volumes that requests have made in Cinder. */
  readonly volumePromises: VolumePromises;
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
