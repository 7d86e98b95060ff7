/**
 * The control plane's end of all host links, and what it tells the actors.
 * The link moves operations and records; it decides nothing about containers.
 */
import type { Duplex } from 'node:stream';
import type { Failure } from '../model/failure.ts';
import type { Fingerprint } from '../model/host.ts';
import type { StreamOffer } from './stream-tickets.ts';
import type { Connection } from './transport.ts';
import type {
  ControlMethods,
  HostQuestion,
  HostStream,
  InventoryItem,
  InventoryResource,
  InventoryResult,
  OperateParams,
  Recalled,
  ServeParams,
  UpRecord,
} from './protocol.ts';

export interface HostLinks {
  /**
   * Takes over a connection that an agent has dialled.
   * @param welcomed told once the agent has proved who it is
   */
  accept(connection: Connection, remote: string, welcomed?: () => void): void;
  /**
   * Sends an operation as soon as its host is synced, and again after each
   * reconnect, until `forget`. At most `operationsInFlight` per host are out;
   * the rest wait in order. Stops and removals wait for none.
   */
  operate(hostId: string, params: OperateParams): void;
  /** The operation has ended or is no longer wanted: stop sending it. */
  forget(hostId: string, opId: string): void;
  /**
   * Bytes over a data socket: of a container's log, or both ways with one of its processes. It fails with HOST_UNREACHABLE when
   * it is cut off.
   * @throws TroupeError HOST_UNREACHABLE, CONTAINER_GONE, TIMED_OUT, or what the host's engine answered
   */
  openStream(hostId: string, containerId: string, stream: HostStream, signal: AbortSignal): Promise<Duplex>;
  /** What is on a host now. @throws TroupeError HOST_UNREACHABLE, TIMED_OUT */
  inventory(hostId: string): Promise<ControlMethods['takeInventory']['result']>;
  /**
   * What a host keeps of these subjects, which it said to keep; asked while it tells its inventory.
   * @throws TroupeError HOST_UNREACHABLE, TIMED_OUT
   */
  recall(hostId: string, ids: readonly string[]): Promise<readonly Recalled[]>;
  /**
   * Asks something of a running container.
   * @throws TroupeError HOST_UNREACHABLE, TIMED_OUT, or what its engine answered
   */
  serve(hostId: string, params: ServeParams, limitMs: number): Promise<unknown>;
  /**
   * Asks something of a host itself.
   * @throws TroupeError HOST_UNREACHABLE, TIMED_OUT, or what its engine answered
   */
  ask(hostId: string, question: HostQuestion, limitMs: number): Promise<unknown>;
  /** For an operation that is sent: its agent opens data sockets with the ticket, and `take` gets them. */
  offerStream(take: (source: Duplex) => void): StreamOffer;
  /** A data socket whose first frame was `ticket`. Returns false when nobody waits for it. */
  acceptStream(ticket: string, source: Duplex): boolean;
  /** Session by host of the links that are synced now. */
  online(): ReadonlyMap<string, string>;
  close(): void;
}

/** What the link asks of, and tells, the actors. */
export interface HostLinkEvents {
  /** @throws TroupeError LINK_REFUSED */
  enrol(
    joinToken: string,
    hostname: string,
  ): Promise<{ readonly hostId: string; readonly credential: string }>;
  /** @throws TroupeError LINK_REFUSED */
  authenticate(hostId: string, credential: string): Promise<void>;
  /** This owner's world and epoch; the epoch is raised above `agentEpoch` first. @throws TroupeError STORE_UNAVAILABLE */
  world(agentEpoch: number): Promise<{ readonly worldId: string; readonly epoch: number }>;
  connected(hostId: string, session: string, fingerprint: Fingerprint): Promise<void>;
  /** The whole inventory: reconciles every container of the host. Resolves once the facts drawn from it are durable. */
  inventory(
    hostId: string,
    session: string,
    items: readonly InventoryItem[],
    images: readonly string[],
    resources: readonly InventoryResource[],
  ): Promise<InventoryResult>;
  synced(hostId: string, session: string): Promise<void>;
  /** Resolves once the turn that took the record is durable (or it was no longer wanted): then it is acknowledged. */
  record(hostId: string, sequence: number, record: UpRecord): Promise<void>;
  /** The agent refused to take an operation. */
  refused(hostId: string, opId: string, failure: Failure): void;
  images(hostId: string, images: readonly string[]): void;
  closed(hostId: string, session: string, reason: string): Promise<void>;
}

export interface LinkTiming {
  /** Default 500. */
  readonly heartbeatMs: number;
  /** Default 5,000; shorter than suspect + lost. */
  readonly leaseMs: number;
  /** Default 64. */
  readonly operationsInFlight: number;
  /**
   * From hello to the end of the inventory; then the session is ended and the
   * agent dials again. Shorter than the host chart's `syncMs`, so that a host
   * is never given up by its chart while its link goes on. Default 15,000.
   */
  readonly syncMs?: number;
}

export const defaultLinkTiming: LinkTiming = { heartbeatMs: 500, leaseMs: 5_000, operationsInFlight: 64 };
