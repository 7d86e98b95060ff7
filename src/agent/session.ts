/**
 * Keeps the link up: carries out what the session chart decides.
 *
 * S1. One connection at a time; what comes from one that was left is ignored.
 * S2. Each connection says hello, and syncs, before it is online.
 * S3. Three heartbeats without a word end a connection.
 */
import { initialTransition, transition, type ExecutableActionObject, type SnapshotFrom } from 'xstate';
import { TroupeError } from '../errors/errors.ts';
import { createPeer, type Handlers, type Peer } from '../link/json-rpc.ts';
import {
  protocolVersion,
  type AgentMethods,
  type ControlMethods,
  type HelloParams,
  type HelloResult,
} from '../link/protocol.ts';
import { checksOfControlPlane } from '../link/schemas.ts';
import type { Connection, Dialer } from '../link/transport.ts';
import type { Cancel, Environment } from '../model/environment.ts';
import { dialBackoffMs, heldMs, sessionMachine } from './session.machine.ts';
import type { Identity } from './state.ts';

export interface SessionOptions {
  readonly environment: Environment;
  readonly dialer: Dialer;
  readonly hostname: string;
  readonly joinToken: string | null;
  readonly identity: () => Identity | null;
  /** Durable when it resolves. */
  readonly enrolled: (identity: Identity) => Promise<void>;
  readonly greeting: (
    signal: AbortSignal,
  ) => Promise<Omit<HelloParams, 'protocol' | 'hostId' | 'credential' | 'worldId'>>;
  readonly handlers: Omit<Handlers<ControlMethods>, 'heartbeat'>;
  /** A word from the control plane; `welcome` is its last one. */
  readonly heard: (welcome: HelloResult) => void;
  /** Tells what happened and what is here; the host is online once it resolves. */
  readonly sync: (peer: Peer<AgentMethods>, welcome: HelloResult) => Promise<void>;
  readonly disconnected: () => void;
}

export interface Session {
  start(): void;
  stop(): void;
  /** Says hello anew, over a new connection. */
  renew(code: number, reason: string): void;
  /** The open link, once it has been welcomed. */
  readonly peer: Peer<AgentMethods> | null;
  readonly state: string;
  readonly reason: string | null;
  /** Resolves with the reason when dialling again can't help. */
  readonly refused: Promise<string>;
}

const callMs = 10_000;
const heartbeatsMissed = 3;

interface Line {
  readonly connection: Connection;
  readonly peer: Peer<AgentMethods>;
  readonly since: number;
  welcome: HelloResult | null;
  lastHeard: number;
  cancelSilence: Cancel;
}

type SessionEvent = { readonly type: string; readonly [field: string]: unknown };

export function createSession(options: SessionOptions): Session {
  const { environment } = options;
  const stopping = new AbortController();
  let line: Line | null = null;
  let cancelPause: Cancel = () => {};
  let tellRefused: (reason: string) => void = () => {};
  const refused = new Promise<string>((resolve) => (tellRefused = resolve));

  const hangUp = (code: number, reason: string): void => {
    if (!line) return;
    const { connection, cancelSilence } = line;
    line = null;
    cancelSilence();
    options.disconnected();
    connection.close(code, reason);
  };

  const dial = async (): Promise<void> => {
    const connection = await options.dialer.dial(stopping.signal);
    if (stopping.signal.aborted) return connection.close(1001, 'The agent is stopping');
    const mine: Line = {
      connection,
      peer: createPeer<ControlMethods, AgentMethods>(
        environment,
        connection,
        {
          ...options.handlers,
          heartbeat: () => {
            mine.lastHeard = environment.monotonic();
            // Ours answers theirs, so that both ends wake once for both.
            mine.peer.notify('heartbeat', {});
            if (mine.welcome) options.heard(mine.welcome);
            return null;
          },
        },
        checksOfControlPlane,
      ),
      since: environment.monotonic(),
      welcome: null,
      lastHeard: environment.monotonic(),
      cancelSilence: () => {},
    };
    line = mine;
    connection.onClose((code, reason) => {
      if (line !== mine) return;
      hangUp(code, reason);
      const held = environment.monotonic() - mine.since >= heldMs;
      send({ type: 'link.closed', reason: reason || 'the connection has ended', held });
    });
  };

  const enrol = async (mine: Line): Promise<void> => {
    if (!options.joinToken) {
      throw refusal('This host has not joined yet; give the agent a join token');
    }
    const { hostname, joinToken } = options;
    await options.enrolled(
      await mine.peer.call('enrol', { protocol: protocolVersion, joinToken, hostname }, callMs),
    );
  };

  const watch = (mine: Line, limit: number): void => {
    mine.cancelSilence = environment.schedule(limit, () => {
      if (environment.monotonic() - mine.lastHeard >= limit)
        mine.connection.close(4001, 'Three heartbeats were missed');
      else watch(mine, limit);
    });
  };

  const sync = async (mine: Line): Promise<void> => {
    const { hostId, credential, worldId } = options.identity()!;
    const greeting = await options.greeting(stopping.signal);
    const welcome = await mine.peer.call(
      'hello',
      { protocol: protocolVersion, hostId, credential, worldId, ...greeting },
      callMs,
    );
    if (line !== mine) return;
    if (welcome.worldId !== worldId) {
      throw refusal(
        `The control plane is of another world ("${welcome.worldId}"); containers run on, its commands are refused until "troupe agent --adopt ${welcome.worldId}"`,
      );
    }
    mine.welcome = welcome;
    options.heard(welcome);
    mine.lastHeard = environment.monotonic();
    watch(mine, welcome.heartbeatMs * heartbeatsMissed);
    await options.sync(mine.peer, welcome);
  };

  const pause = (): Promise<void> =>
    new Promise((resolve) => {
      const { failures, reason } = session.context;
      const ms = dialBackoffMs(failures, environment.random());
      environment.log.info({ reason, ms }, 'dialling again after a pause');
      cancelPause = environment.schedule(ms, resolve);
    });

  const effects: Readonly<Record<string, () => Promise<void>>> = {
    dial,
    enrol: () => enrol(line!),
    sync: () => sync(line!),
    pause,
  };

  // ── the chart ──

  const [first, begin] = initialTransition(sessionMachine, { enrolled: options.identity() !== null });
  let session: SnapshotFrom<typeof sessionMachine> = first;
  let entered = 0;

  /** Starts the effects of the state just entered; the result of one that has been left is dropped. */
  const enter = (actions: readonly ExecutableActionObject[]): void => {
    entered += 1;
    const mine = entered;
    for (const { type, params } of actions) {
      if (type !== 'xstate.spawnChild') continue;
      const { id } = params as { readonly id: string };
      effects[id]!().then(
        () => mine === entered && send({ type: `xstate.done.actor.${id}` }),
        (error: unknown) => mine === entered && send({ type: `xstate.error.actor.${id}`, error }),
      );
    }
  };

  const send = (event: SessionEvent): void => {
    if (session.status !== 'active') return;
    const { value: from } = session;
    const [next, actions] = transition(sessionMachine, session, event as never);
    session = next;
    const { value: to, context } = next;
    if (to === from) return;
    environment.log.info({ from, to, reason: context.reason }, 'session changed state');
    if (to === 'backoff' || to === 'refused') hangUp(1000, 'Starting over');
    if (to === 'refused') {
      environment.log.error({ reason: context.reason }, 'the control plane refuses this host');
      tellRefused(context.reason ?? 'refused');
    }
    enter(actions);
  };

  return {
    start: () => enter(begin),
    stop() {
      send({ type: 'agent.stop' });
      stopping.abort();
      cancelPause();
      hangUp(1001, 'The agent is stopping');
    },
    renew: (code, reason) => line?.connection.close(code, reason),
    get peer() {
      return line?.welcome ? line.peer : null;
    },
    get state() {
      return String(session.value);
    },
    get reason() {
      return session.context.reason;
    },
    refused,
  };
}

const refusal = (message: string): TroupeError =>
  new TroupeError('LINK_REFUSED', message, { details: { fatal: true } });
