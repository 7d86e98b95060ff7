/**
 * The control plane's end of all host links (see protocol.ts for the exchange).
 *
 * H1. One live session per host: a newer hello ends the older connection.
 * H2. Operations go out only while the host is synced, in order, at most
 *     `operationsInFlight` at once, and again after each reconnect until they
 *     are forgotten.
 * H3. A record is acknowledged only once the actors have made it durable, in
 *     the order of their sequence.
 */
import type { Readable } from 'node:stream';
import { TroupeError } from '../errors/errors.ts';
import type { Cancel, Environment } from '../model/environment.ts';
import type { HostLinkEvents, HostLinks, LinkTiming } from './host-links.ts';
import { createPeer, type Handlers, type Peer } from './json-rpc.ts';
import {
  protocolVersion,
  type AgentMethods,
  type ControlMethods,
  type HelloParams,
  type InventoryItem,
  type InventoryParams,
  type OpenStreamParams,
  type OperateParams,
  type UpParams,
} from './protocol.ts';
import { checkFromAgent } from './schemas.ts';
import type { Connection } from './transport.ts';

export interface HostLinkServerOptions {
  readonly environment: Environment;
  readonly events: HostLinkEvents;
  readonly timing: LinkTiming;
}

/** For an agent to take an operation (not to carry it out), to say hello, and to open a stream. */
const acceptMs = 10_000;
const handshakeMs = 10_000;
const streamMs = 15_000;
/** Inventory items of one host; more is no inventory. */
const inventoryMost = 100_000;

interface Session {
  readonly id: string;
  readonly hostId: string;
  readonly peer: Peer<ControlMethods>;
  synced: boolean;
  lastHeard: number;
  readonly inventory: InventoryItem[];
  /** Sequences taken and not yet durable, rising. */
  readonly undurable: { readonly sequence: number; durable: boolean }[];
}

interface HostQueue {
  /** Wanted and not forgotten, in order. */
  readonly wanted: Map<string, OperateParams>;
  /** Sent in this session and not yet forgotten. */
  readonly sent: Set<string>;
}

export function createHostLinks({ environment, events, timing }: HostLinkServerOptions): HostLinks {
  const sessions = new Map<string, Session>();
  const queues = new Map<string, HostQueue>();
  const tickets = new Map<string, { take(source: Readable): void; cancel: Cancel }>();
  const connections = new Set<Connection>();
  let closed = false;

  const queueOf = (hostId: string): HostQueue => {
    let queue = queues.get(hostId);
    if (!queue) queues.set(hostId, (queue = { wanted: new Map(), sent: new Set() }));
    return queue;
  };

  const pump = (hostId: string): void => {
    const session = sessions.get(hostId);
    if (!session?.synced) return;
    const { wanted, sent } = queueOf(hostId);
    if (sent.size >= timing.operationsInFlight) return;
    for (const [opId, params] of wanted) {
      if (sent.size >= timing.operationsInFlight) return;
      if (sent.has(opId)) continue;
      sent.add(opId);
      session.peer.call('operate', params, acceptMs).then(
        ({ accepted, failure }) => {
          if (accepted || !wanted.has(opId)) return;
          events.refused(
            hostId,
            opId,
            failure ?? { code: 'STALE_COMMAND', message: 'The agent refused it', retryable: false },
          );
        },
        // The connection has ended, or the agent is silent: it is sent again after the next sync.
        () => sent.delete(opId),
      );
    }
  };

  const end = (session: Session, reason: string): void => {
    if (sessions.get(session.hostId) !== session) return;
    sessions.delete(session.hostId);
    queueOf(session.hostId).sent.clear();
    environment.log.warn({ host_id: session.hostId, session: session.id, reason }, 'host link closed');
    events.closed(session.hostId, session.id, reason).catch((error: unknown) => {
      environment.log.error({ host_id: session.hostId, err: error }, 'could not tell that a link has closed');
    });
  };

  const hello = async (
    params: HelloParams,
    peer: Peer<ControlMethods>,
  ): Promise<Session & { readonly worldId: string; readonly epoch: number }> => {
    if (params.protocol !== protocolVersion) {
      throw fatal(
        `This control plane speaks version ${protocolVersion} of the host link, the agent version ${params.protocol}`,
      );
    }
    const { hostId, epoch } = params;
    await events.authenticate(hostId, params.credential);
    const world = await events.world(epoch);
    const session: Session = {
      id: environment.id(),
      hostId,
      peer,
      synced: false,
      lastHeard: environment.monotonic(),
      inventory: [],
      undurable: [],
    };
    const older = sessions.get(hostId);
    if (older) {
      older.peer.close(4000, 'A newer connection of this host has taken over');
      end(older, 'a newer connection of this host has taken over');
    }
    sessions.set(hostId, session);
    await events.connected(hostId, session.id, params.fingerprint);
    return { ...session, ...world };
  };

  const inventory = async (session: Session, { items, images, engineUp, complete }: InventoryParams) => {
    session.inventory.push(...items);
    if (session.inventory.length > inventoryMost) throw fatal('The inventory is too large');
    if (!complete) return { remove: [] };
    const taken = session.inventory.splice(0);
    // An engine that does not answer says nothing about its containers.
    const result = engineUp
      ? await events.inventory(session.hostId, session.id, taken, images)
      : { remove: [] };
    if (sessions.get(session.hostId) !== session) return result;
    await events.synced(session.hostId, session.id);
    session.synced = true;
    environment.log.info({ host_id: session.hostId, session: session.id }, 'host synced');
    // Behind the answer, which names what the agent must remove first.
    environment.defer(() => pump(session.hostId));
    return result;
  };

  const up = (session: Session, { sequence, record }: UpParams): null => {
    const entry = { sequence, durable: false };
    session.undurable.push(entry);
    void events
      .record(session.hostId, sequence, record)
      .catch((error: unknown) =>
        environment.log.error(
          { host_id: session.hostId, sequence, err: error },
          'a record could not be taken',
        ),
      )
      .then(() => {
        entry.durable = true;
        let last = 0;
        while (session.undurable[0]?.durable) last = session.undurable.shift()!.sequence;
        if (last > 0) session.peer.notify('ack', { sequence: last });
      });
    return null;
  };

  return {
    accept(connection, remote) {
      if (closed) return connection.close(1001, 'The control plane is stopping');
      connections.add(connection);
      let session: Session | null = null;
      let silence: Cancel = environment.schedule(handshakeMs, () =>
        connection.close(1008, 'No hello in time'),
      );
      let beat: Cancel = () => {};

      const live = (): Session => {
        if (!session || sessions.get(session.hostId) !== session) throw fatal('Say hello first');
        session.lastHeard = environment.monotonic();
        return session;
      };
      const handlers: Handlers<AgentMethods> = {
        enrol: async ({ protocol, joinToken, hostname }) => {
          if (protocol !== protocolVersion)
            throw fatal(`This control plane speaks version ${protocolVersion} of the host link`);
          const { hostId, credential } = await events.enrol(joinToken, hostname);
          const { worldId } = await events.world(0);
          environment.log.info({ host_id: hostId, hostname, remote }, 'host enrolled');
          return { hostId, credential, worldId };
        },
        hello: async (params) => {
          const welcomed = await hello(params, peer);
          session = sessions.get(params.hostId)!;
          silence();
          silence = () => {};
          watchSilence();
          sendBeat();
          return {
            worldId: welcomed.worldId,
            epoch: welcomed.epoch,
            session: welcomed.id,
            heartbeatMs: timing.heartbeatMs,
            leaseMs: timing.leaseMs,
          };
        },
        inventory: (params) => inventory(live(), params),
        up: (params) => up(live(), params),
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
        checkFromAgent,
      );

      const watchSilence = (): void => {
        const limit = timing.heartbeatMs * 3;
        silence = environment.schedule(limit, () => {
          if (!session) return;
          const quiet = environment.monotonic() - session.lastHeard;
          if (quiet >= limit) return connection.close(4001, 'Three heartbeats were missed');
          watchSilence();
        });
      };
      const sendBeat = (): void => {
        peer.notify('heartbeat', {});
        beat = environment.schedule(timing.heartbeatMs, sendBeat);
      };
      connection.onClose((_, reason) => {
        silence();
        beat();
        connections.delete(connection);
        if (session) end(session, reason || 'the connection has ended');
      });
    },
    operate(hostId, params) {
      queueOf(hostId).wanted.set(params.opId, params);
      pump(hostId);
    },
    forget(hostId, opId) {
      const queue = queueOf(hostId);
      queue.wanted.delete(opId);
      queue.sent.delete(opId);
      pump(hostId);
    },
    async inventory(hostId) {
      const session = sessions.get(hostId);
      if (!session?.synced) throw unreachable(hostId);
      return (await session.peer.call('takeInventory', {}, streamMs)).items;
    },
    async openStream(hostId, containerId, stream: OpenStreamParams['stream'], signal) {
      const session = sessions.get(hostId);
      if (!session?.synced) throw unreachable(hostId);
      const ticket = environment.id();
      const opened = new Promise<Readable>((resolve, reject) => {
        const drop = (error: Error): void => {
          tickets.get(ticket)?.cancel();
          tickets.delete(ticket);
          reject(error);
        };
        const cancel = environment.schedule(streamMs, () =>
          drop(new TroupeError('TIMED_OUT', 'The host did not open the stream in time')),
        );
        signal.addEventListener('abort', () => drop(new TroupeError('TIMED_OUT', 'The caller has gone')), {
          once: true,
        });
        tickets.set(ticket, { cancel, take: resolve });
        session.peer.call('openStream', { ticket, containerId, stream }, streamMs).then(
          ({ accepted, failure }) => {
            if (!accepted)
              drop(new TroupeError('CONTAINER_GONE', failure?.message ?? 'The host has no such container'));
          },
          (error: Error) => drop(error),
        );
      });
      return opened;
    },
    acceptStream(ticket, source) {
      const waiting = tickets.get(ticket);
      if (!waiting) return false;
      tickets.delete(ticket);
      waiting.cancel();
      waiting.take(source);
      return true;
    },
    online: () =>
      new Map([...sessions.values()].filter(({ synced }) => synced).map(({ hostId, id }) => [hostId, id])),
    close() {
      closed = true;
      for (const connection of connections) connection.close(1001, 'The control plane is stopping');
    },
  };
}

const fatal = (message: string): TroupeError =>
  new TroupeError('LINK_REFUSED', message, { details: { fatal: true } });

const unreachable = (hostId: string): TroupeError =>
  new TroupeError('HOST_UNREACHABLE', `Host "${hostId}" is not connected now; try again`);
