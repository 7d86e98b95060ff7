/**
 * The host agent: dials out, obeys the control plane it belongs to, and tells
 * what it sees. Stopping it stops no container.
 */
import { initialTransition, transition, type SnapshotFrom } from 'xstate';
import type { RuntimeDriver } from '../drivers/runtime/runtime-driver.ts';
import { TroupeError, toFailure } from '../errors/errors.ts';
import { createPeer, type Handlers, type Peer } from '../link/json-rpc.ts';
import {
  protocolVersion,
  type AgentFact,
  type AgentMethods,
  type ControlMethods,
  type HelloResult,
  type InventoryItem,
  type OpenStreamParams,
} from '../link/protocol.ts';
import { checksOfControlPlane } from '../link/schemas.ts';
import type { Connection, Dialer } from '../link/transport.ts';
import type { Cancel, Environment } from '../model/environment.ts';
import type { Fingerprint } from '../model/host.ts';
import type { DecideRestart } from '../model/restart.ts';
import { createFacts, type Facts } from './facts.ts';
import { createLanes, type Lanes } from './lanes.ts';
import { createOutbox, type Outbox } from './outbox.ts';
import { createRestarts, type Restarts } from './restarts.ts';
import { dialBackoffMs, heldMs, sessionMachine } from './session.machine.ts';
import type { AgentState, Identity } from './state.ts';

export interface AgentOptions {
  readonly environment: Environment;
  readonly driver: RuntimeDriver;
  readonly dialer: Dialer;
  readonly state: AgentState;
  readonly hostname: string;
  readonly version: string;
  /** Needed once, by an agent that has not joined yet. */
  readonly joinToken: string | null;
  readonly decideRestart: DecideRestart;
  readonly labels: Readonly<Record<string, string>>;
  /** Engine calls at once. Default 16. */
  readonly concurrency?: number;
}

export interface Agent {
  /** Begins to dial, and to follow the engine. Resolves at once; never rejects for a control plane or engine that is away. */
  start(): Promise<void>;
  /** Ends the link; containers run on. */
  stop(): Promise<void>;
  /** Session state and why: `online`, `backoff`, `refused` … */
  status(): { readonly state: string; readonly reason: string | null; readonly hostId: string | null };
  /** Resolves with the reason when dialling again can't help. */
  readonly refused: Promise<string>;
}

const callMs = 10_000;
const inventoryMs = 60_000;
/** Items in one inventory frame. */
const inventoryPage = 500;

type SessionSnapshot = SnapshotFrom<typeof sessionMachine>;

export async function createAgent(options: AgentOptions): Promise<Agent> {
  const { environment, driver, state } = options;
  const memory = await state.read();
  let identity: Identity | null = memory.identity;
  let epoch = memory.epoch;
  const bootId = environment.id();
  const stopping = new AbortController();
  let connection: Connection | null = null;
  let peer: Peer<AgentMethods> | null = null;
  let beat: Cancel = () => {};
  let silence: Cancel = () => {};
  let lastHeard = environment.monotonic();
  let connectedAt = 0;
  let welcome: HelloResult | null = null;
  let leaseUntil = Number.NEGATIVE_INFINITY;
  let leaseCheck: Cancel = () => {};
  let cancelPause: Cancel = () => {};
  let fingerprint: Fingerprint | null = null;
  /** The control plane was told nothing of our containers, since the engine did not answer. */
  let inventoryOwed = false;
  let tellRefused: (reason: string) => void = () => {};
  const refused = new Promise<string>((resolve) => (tellRefused = resolve));

  const outbox: Outbox = createOutbox(state, memory);
  const tell = (fact: AgentFact): Promise<void> => outbox.tell({ kind: 'fact', fact, at: environment.now() });
  const lanes: Lanes = createLanes(
    {
      environment,
      driver,
      state,
      outbox,
      worldId: () => identity?.worldId ?? '',
      concurrency: options.concurrency ?? 16,
      ended: ({ args }, outcome) => {
        if (args.kind === 'pullImage' && outcome.ok) void tellImages();
      },
    },
    memory.lanes,
  );
  const restarts: Restarts = createRestarts({
    environment,
    driver,
    lanes,
    decide: options.decideRestart,
    isLeased: () => environment.monotonic() < leaseUntil,
    epoch: () => epoch,
    tell,
    note: (observation) => facts.note(observation),
  });
  const facts: Facts = createFacts({
    environment,
    driver,
    lanes,
    tell,
    exited: (observation) => restarts.exited(observation),
    engineChanged: () => void refreshFingerprint(),
    unexpected: (containerId) => {
      environment.log.warn(
        { container_id: containerId },
        'a container has come into being that nothing asks for now',
      );
      connection?.close(4003, 'A container nobody asked for: syncing anew');
    },
  });

  const look = async (): Promise<Fingerprint> => {
    try {
      const found = await driver.fingerprint(stopping.signal);
      return { ...found, labels: { ...found.labels, ...options.labels } };
    } catch (error) {
      const problem = toFailure(error).message;
      return fingerprint
        ? { ...fingerprint, engineUp: false, engineProblem: problem }
        : {
            hostname: options.hostname,
            engine: driver.name,
            engineVersion: '',
            engineApiVersion: '',
            cpus: 0,
            memoryMib: 0,
            diskGib: 0,
            architecture: '',
            os: '',
            kernelVersion: '',
            runtimes: [],
            labels: options.labels,
            engineUp: false,
            engineProblem: problem,
          };
    }
  };

  const refreshFingerprint = async (): Promise<void> => {
    const before = fingerprint;
    fingerprint = await look();
    if (before && welcome && JSON.stringify(before) !== JSON.stringify(fingerprint)) {
      await tell({ type: 'host.fingerprinted', fingerprint });
    }
    if (inventoryOwed && fingerprint.engineUp)
      connection?.close(4002, 'The engine answers again: syncing anew');
  };

  const tellImages = async (): Promise<void> => {
    try {
      peer?.notify('images', { images: await driver.images(stopping.signal) });
    } catch (error) {
      // The next sync tells them anyway.
      environment.log.warn({ err: error }, 'the images on this host could not be listed');
    }
  };

  const takeInventory = async (): Promise<readonly InventoryItem[]> =>
    (await driver.list(stopping.signal)).map(({ observation, opId, worldId, epoch: madeIn }) => {
      const lane = lanes.lane(observation.containerId);
      const last = Object.values(lane?.slots ?? {}).reduce<{ opId: string; revision: number } | null>(
        (newest, each) => (newest && newest.revision >= each.revision ? newest : each),
        null,
      );
      return {
        observation,
        worldId,
        lastOpId: last?.opId ?? opId,
        lastRevision: last?.revision ?? 0,
        epoch: madeIn,
      };
    });

  const openStream = ({ ticket, containerId, stream }: OpenStreamParams) =>
    driver.logs(containerId, stream, stopping.signal).then(
      (source) => {
        options.dialer.stream(ticket, source, stopping.signal).catch((error: unknown) => {
          source.destroy();
          environment.log.info({ container_id: containerId, err: error }, 'a log stream has ended early');
        });
        return { accepted: true, failure: null };
      },
      (error: unknown) => ({ accepted: false, failure: toFailure(error) }),
    );

  const handlers: Handlers<ControlMethods> = {
    async operate(params) {
      if (params.epoch < epoch) {
        const failure = toFailure(
          new TroupeError('STALE_COMMAND', `It is of epoch ${params.epoch}; this host obeys epoch ${epoch}`),
        );
        return { accepted: false, failure };
      }
      if (params.epoch > epoch) {
        epoch = params.epoch;
        await state.write({ epoch });
      }
      return lanes.operate(params);
    },
    openStream,
    takeInventory: async () => ({ items: await takeInventory() }),
    ack: ({ sequence }) => {
      outbox.acknowledge(sequence);
      return null;
    },
    heartbeat: () => {
      renewLease();
      return null;
    },
  };

  const renewLease = (): void => {
    lastHeard = environment.monotonic();
    if (!welcome) return;
    leaseUntil = environment.monotonic() + welcome.leaseMs;
    leaseCheck();
    leaseCheck = environment.schedule(welcome.leaseMs, () => {
      environment.log.warn({}, 'the control plane is silent: restarts are decided here now');
      restarts
        .takeOver()
        .catch((error: unknown) =>
          environment.log.warn({ err: error }, 'could not look for containers to restart'),
        );
    });
  };

  // ── the session chart's effects ──

  const effects: Record<string, () => Promise<unknown>> = {
    async dial() {
      connection = await options.dialer.dial(stopping.signal);
      connectedAt = environment.monotonic();
      const mine = connection;
      peer = createPeer<ControlMethods, AgentMethods>(environment, mine, handlers, checksOfControlPlane);
      mine.onClose((_, reason) => {
        if (connection !== mine) return;
        hangUp();
        send({
          type: 'link.closed',
          reason: reason || 'the connection has ended',
          held: environment.monotonic() - connectedAt >= heldMs,
        });
      });
    },
    async enrol() {
      if (!options.joinToken) {
        throw new TroupeError('LINK_REFUSED', 'This host has not joined yet; give the agent a join token', {
          details: { fatal: true },
        });
      }
      const { hostId, credential, worldId } = await peer!.call(
        'enrol',
        { protocol: protocolVersion, joinToken: options.joinToken, hostname: options.hostname },
        callMs,
      );
      identity = { hostId, credential, worldId };
      await state.write({ identity });
    },
    async sync() {
      // A sync that was overtaken by a newer connection must not speak on that one.
      const mine = peer!;
      const { hostId, credential, worldId } = identity!;
      fingerprint = await look();
      const answer = await mine.call(
        'hello',
        {
          protocol: protocolVersion,
          agentVersion: options.version,
          hostId,
          credential,
          worldId,
          epoch,
          bootId,
          acknowledged: outbox.acknowledged,
          fingerprint,
        },
        callMs,
      );
      if (answer.worldId !== worldId) {
        const what = `The control plane is of another world ("${answer.worldId}"); containers run on, its commands are refused until "troupe agent adopt"`;
        throw new TroupeError('LINK_REFUSED', what, { details: { fatal: true } });
      }
      welcome = answer;
      if (answer.epoch > epoch) {
        epoch = answer.epoch;
        await state.write({ epoch });
      }
      renewLease();
      startBeating(answer.heartbeatMs);
      // What was told before must arrive before an inventory that already shows its effect.
      outbox.connect(({ sequence, record }) => peer?.notify('up', { sequence, record }));
      // What happens from here on is told behind the inventory, which may be older.
      outbox.pause();
      const { engineUp } = fingerprint;
      inventoryOwed = !engineUp;
      const items = engineUp ? await takeInventory() : [];
      const images = engineUp ? await driver.images(stopping.signal) : [];
      for (let at = 0; ; at += inventoryPage) {
        const complete = at + inventoryPage >= items.length;
        const { remove } = await mine.call(
          'inventory',
          { items: items.slice(at, at + inventoryPage), images, engineUp, complete },
          inventoryMs,
        );
        for (const { containerId, tenant, generation } of remove) {
          environment.log.warn(
            { container_id: containerId, generation },
            'removing a container that must not be',
          );
          await lanes.purge(containerId, tenant, generation, epoch);
        }
        if (complete) break;
      }
      if (mine === peer) outbox.resume();
    },
    pause: () =>
      new Promise((resolve) => {
        const { failures, reason } = session.context;
        const ms = dialBackoffMs(failures, environment.random());
        environment.log.info({ reason, ms }, 'dialling again after a pause');
        cancelPause = environment.schedule(ms, () => resolve(null));
      }),
  };

  const startBeating = (heartbeatMs: number): void => {
    const mine = peer;
    const tick = (): void => {
      mine?.notify('heartbeat', {});
      beat = environment.schedule(heartbeatMs, tick);
    };
    tick();
    const watch = (): void => {
      silence = environment.schedule(heartbeatMs * 3, () => {
        if (environment.monotonic() - lastHeard >= heartbeatMs * 3)
          return connection?.close(4001, 'Three heartbeats were missed');
        watch();
      });
    };
    watch();
  };

  const hangUp = (): void => {
    beat();
    silence();
    outbox.disconnect();
    connection = null;
    peer = null;
  };

  // ── the session ──

  let [session]: [SessionSnapshot, unknown] = initialTransition(sessionMachine, {
    enrolled: identity !== null,
  });
  let operation = 0;

  const send = (event: { type: string; [field: string]: unknown }): void => {
    if (session.status !== 'active') return;
    const before = session;
    const [next] = transition(sessionMachine, session, event as never);
    session = next;
    if (next.value === before.value) return;
    environment.log.info(
      { from: before.value, to: next.value, reason: next.context.reason },
      'session changed state',
    );
    enter();
  };

  /** Starts the invoke of the state just entered; the result of one that has been left is dropped. */
  const enter = (): void => {
    operation += 1;
    const mine = operation;
    if (session.value === 'backoff' || session.value === 'refused') {
      const open = connection;
      hangUp();
      open?.close(1000, 'Starting over');
    }
    if (session.value === 'refused') {
      environment.log.error({ reason: session.context.reason }, 'the control plane refuses this host');
      tellRefused(session.context.reason ?? 'refused');
    }
    for (const node of session._nodes) {
      for (const { id } of node.invoke) {
        effects[id]!().then(
          (output) => mine === operation && send({ type: `xstate.done.actor.${id}`, output }),
          (error: unknown) => mine === operation && send({ type: `xstate.error.actor.${id}`, error }),
        );
      }
    }
  };

  return {
    async start() {
      fingerprint = await look();
      void facts.follow(stopping.signal).catch((error: unknown) => {
        if (!stopping.signal.aborted)
          environment.log.error({ err: error }, 'the engine is not followed any more');
      });
      // Until a control plane has been heard, the lease is gone: what must run is ours to keep up.
      restarts
        .takeOver()
        .catch((error: unknown) =>
          environment.log.warn({ err: error }, 'could not look for containers to restart'),
        );
      enter();
    },
    async stop() {
      send({ type: 'agent.stop' });
      stopping.abort();
      leaseCheck();
      cancelPause();
      const open = connection;
      hangUp();
      open?.close(1001, 'The agent is stopping');
      await driver.close();
      await state.close();
    },
    status: () => ({
      state: String(session.value),
      reason: session.context.reason,
      hostId: identity?.hostId ?? null,
    }),
    refused,
  };
}
