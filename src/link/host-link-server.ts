/**
 * The control plane's end of all host links (see protocol.ts for the exchange).
 *
 * H1. One live session per host: a newer hello ends the older connection.
 * H2. Operations go out only while the host is synced (operation-queue.ts).
 * H3. A record is acknowledged only once the actors have made it durable, in
 *     the order of their sequence (record-intake.ts).
 * H4. Before its hello a connection may only enrol, and not for long.
 * H5. A session that does not sync in time is ended.
 * H6. Three heartbeats without a word from the agent end its session.
 */
import { TroupeError, fromFailure } from '../errors/errors.ts';
import type { Cancel, Environment } from '../model/environment.ts';
import type { HostLinkEvents, HostLinks, LinkTiming } from './host-links.ts';
import { createPeer, type Handlers, type Peer } from './json-rpc.ts';
import { createOperationQueue, type OperationQueue } from './operation-queue.ts';
import {
  protocolVersion,
  type AgentMethods,
  type ControlMethods,
  type HelloParams,
  type InventoryItem,
  type InventoryParams,
  type InventoryResult,
  type Recalled,
} from './protocol.ts';
import { createRounds } from './rounds.ts';
import { createRecordIntake, type RecordIntake } from './record-intake.ts';
import { checksOfAgents } from './schemas.ts';
import { createStreamTickets } from './stream-tickets.ts';
import type { Connection } from './transport.ts';

export interface HostLinkServerOptions {
  readonly environment: Environment;
  readonly events: HostLinkEvents;
  readonly timing: LinkTiming;
}

/** For an agent to take an operation (not to carry it out), to say hello, and to open a stream. */
const acceptMs = 10_000;
const handshakeMs = 10_000;
const defaultSyncMs = 15_000;
const streamMs = 15_000;
/** Inventory items of one host; more is no inventory. */
const inventoryMost = 100_000;
/** Subjects asked for at once; the agent tells as many as fit into a frame. */
const recalledMost = 500;
const heartbeatsMissed = 3;

interface Session {
  readonly id: string;
  readonly hostId: string;
  readonly peer: Peer<ControlMethods>;
  synced: boolean;
  /** Heartbeats sent since the agent was last heard: a pause of our own is none of its. */
  unanswered: number;
  inventory: InventoryItem[];
  cancelSync: Cancel;
  cancelBeats: Cancel;
}

interface HostDesk {
  readonly operations: OperationQueue;
  readonly records: RecordIntake;
}

export function createHostLinks({ environment, events, timing }: HostLinkServerOptions): HostLinks {
  const sessions = new Map<string, Session>();
  const desks = new Map<string, HostDesk>();
  const tickets = createStreamTickets(environment, streamMs);
  const connections = new Set<Connection>();
  let closed = false;

  const deskOf = (hostId: string): HostDesk => {
    let desk = desks.get(hostId);
    if (!desk) {
      desk = {
        operations: createOperationQueue(timing.operationsInFlight, (opId, failure) =>
          events.refused(hostId, opId, failure),
        ),
        records: createRecordIntake(environment, (sequence, record) =>
          events.record(hostId, sequence, record),
        ),
      };
      desks.set(hostId, desk);
    }
    return desk;
  };

  const beats = createRounds<Session>(environment, timing.heartbeatMs, (session) => {
    if (session.unanswered >= heartbeatsMissed)
      return session.peer.close(4001, 'Three heartbeats were missed');
    session.unanswered += 1;
    session.peer.notify('heartbeat', {});
  });

  const isCurrent = (session: Session): boolean => sessions.get(session.hostId) === session;

  const end = (session: Session, reason: string): void => {
    session.cancelSync();
    session.cancelBeats();
    if (!isCurrent(session)) return;
    sessions.delete(session.hostId);
    deskOf(session.hostId).operations.detach();
    environment.log.warn({ host_id: session.hostId, session: session.id, reason }, 'host link closed');
    events.closed(session.hostId, session.id, reason).catch((error: unknown) => {
      environment.log.error({ host_id: session.hostId, err: error }, 'could not tell that a link has closed');
    });
  };

  const begin = (hostId: string, peer: Peer<ControlMethods>): Session => {
    const older = sessions.get(hostId);
    if (older) {
      const reason = 'A newer connection of this host has taken over';
      end(older, reason);
      older.peer.close(4000, reason);
    }
    const session: Session = {
      id: environment.id(),
      hostId,
      peer,
      synced: false,
      unanswered: 0,
      inventory: [],
      cancelSync: environment.schedule(timing.syncMs ?? defaultSyncMs, () =>
        peer.close(4005, 'The inventory did not come in time'),
      ),
      cancelBeats: () => {},
    };
    sessions.set(hostId, session);
    peer.notify('heartbeat', {});
    session.cancelBeats = beats.add(session);
    return session;
  };

  const takeInventory = async (
    session: Session,
    { items, resources, images, engineUp, complete }: InventoryParams,
  ): Promise<InventoryResult> => {
    if (session.inventory.length + items.length > inventoryMost) throw fatal('The inventory is too large');
    session.inventory = [...session.inventory, ...items];
    if (!complete) return { remove: [] };
    const taken = session.inventory;
    session.inventory = [];
    // An engine that does not answer says nothing about its containers.
    const result = engineUp
      ? await events.inventory(session.hostId, session.id, taken, images, resources)
      : { remove: [] };
    if (!isCurrent(session)) throw gone();
    await events.synced(session.hostId, session.id);
    if (!isCurrent(session)) throw gone();
    session.cancelSync();
    session.synced = true;
    environment.log.info({ host_id: session.hostId, session: session.id }, 'host synced');
    // Behind the answer, which names what the agent must remove first.
    environment.defer(() => {
      if (!isCurrent(session)) return;
      deskOf(session.hostId).operations.attach((params) => session.peer.call('operate', params, acceptMs));
    });
    return result;
  };

  const syncedSession = (hostId: string): Session => {
    const session = sessions.get(hostId);
    if (session?.synced) return session;
    throw new TroupeError('HOST_UNREACHABLE', `Host "${hostId}" is not connected now; try again`);
  };

  return {
    accept(connection, remote, welcomed = () => {}) {
      if (closed) return connection.close(1001, 'The control plane is stopping');
      connections.add(connection);
      let session: Session | null = null;
      let isOpen = true;
      let greeted = false;
      const cancelHandshake = environment.schedule(handshakeMs, () =>
        connection.close(1008, 'No hello in time'),
      );

      const live = (): Session => {
        if (!session || !isCurrent(session)) {
          connection.close(1008, 'Say hello first');
          throw fatal('Say hello first');
        }
        session.unanswered = 0;
        return session;
      };

      const hello = async ({ protocol, hostId, credential, epoch, bootId, fingerprint }: HelloParams) => {
        checkVersion(protocol);
        if (greeted) throw fatal('Hello is said once per connection');
        greeted = true;
        await events.authenticate(hostId, credential);
        const world = await events.world(epoch);
        if (!isOpen) throw gone();
        cancelHandshake();
        welcomed();
        const mine = begin(hostId, peer);
        session = mine;
        deskOf(hostId).records.attach(bootId, {
          acknowledge: (sequence) => peer.notify('ack', { sequence }),
          fail: (reason) => peer.close(4004, reason),
        });
        await events.connected(hostId, mine.id, fingerprint);
        if (!isCurrent(mine)) throw gone();
        return {
          worldId: world.worldId,
          epoch: world.epoch,
          session: mine.id,
          heartbeatMs: timing.heartbeatMs,
          leaseMs: timing.leaseMs,
        };
      };

      const handlers: Handlers<AgentMethods> = {
        enrol: async ({ protocol, joinToken, hostname }) => {
          checkVersion(protocol);
          const { hostId, credential } = await events.enrol(joinToken, hostname);
          const { worldId } = await events.world(0);
          environment.log.info({ host_id: hostId, hostname, remote }, 'host enrolled');
          return { hostId, credential, worldId };
        },
        hello,
        inventory: (params) => takeInventory(live(), params),
        up: ({ sequence, record }) => {
          if (!deskOf(live().hostId).records.take(sequence, record))
            connection.close(1008, 'Too much is told before it is acknowledged');
          return null;
        },
        images: ({ images }) => {
          events.images(live().hostId, images);
          return null;
        },
        heartbeat: () => {
          live();
          return null;
        },
      };
      const peer = createPeer<AgentMethods, ControlMethods>(
        environment,
        connection,
        handlers,
        checksOfAgents,
      );
      connection.onClose((_, reason) => {
        isOpen = false;
        cancelHandshake();
        connections.delete(connection);
        if (session) end(session, reason || 'the connection has ended');
      });
    },
    operate(hostId, params) {
      deskOf(hostId).operations.want(params);
    },
    forget(hostId, opId) {
      deskOf(hostId).operations.forget(opId);
    },
    async inventory(hostId) {
      return syncedSession(hostId).peer.call('takeInventory', {}, streamMs);
    },
    async recall(hostId, ids) {
      const found = new Map<string, Recalled>();
      for (let left = ids; left.length > 0; left = left.filter((id) => !found.has(id))) {
        const session = sessions.get(hostId);
        if (!session) throw gone();
        const { recalled } = await session.peer.call(
          'recall',
          { ids: left.slice(0, recalledMost) },
          streamMs,
        );
        if (recalled.length === 0) break;
        for (const each of recalled) found.set(each.id, each);
      }
      return [...found.values()];
    },
    async serve(hostId, params, limitMs) {
      return (await syncedSession(hostId).peer.call('serve', params, limitMs)).answer;
    },
    async ask(hostId, question, limitMs) {
      return (await syncedSession(hostId).peer.call('ask', { question }, limitMs)).answer;
    },
    async openStream(hostId, containerId, stream, signal) {
      const { peer } = syncedSession(hostId);
      return tickets.open(async (ticket) => {
        const { accepted, failure } = await peer.call(
          'openStream',
          { ticket, containerId, stream },
          streamMs,
        );
        if (accepted) return;
        throw failure
          ? fromFailure(failure)
          : new TroupeError('CONTAINER_GONE', 'The host has no such container');
      }, signal);
    },
    offerStream: (take) => tickets.offer(take),
    acceptStream: (ticket, source) => tickets.use(ticket, source),
    online: () =>
      new Map([...sessions.values()].filter(({ synced }) => synced).map(({ hostId, id }) => [hostId, id])),
    close() {
      closed = true;
      for (const connection of connections) connection.close(1001, 'The control plane is stopping');
    },
  };
}

function checkVersion(protocol: number): void {
  if (protocol === protocolVersion) return;
  throw fatal(
    `This control plane speaks version ${protocolVersion} of the host link, the agent version ${protocol}`,
  );
}

const fatal = (message: string): TroupeError =>
  new TroupeError('LINK_REFUSED', message, { details: { fatal: true } });

const gone = (): TroupeError => new TroupeError('HOST_UNREACHABLE', 'The session has ended meanwhile');
