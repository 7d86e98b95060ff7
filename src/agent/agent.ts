/**
 * The host agent: dials out, obeys the control plane it belongs to, and tells
 * what it sees. Stopping it stops no container.
 */
import type { HealthProber } from '../drivers/health/health-prober.ts';
import type { RuntimeDriver } from '../drivers/runtime/runtime-driver.ts';
import { TroupeError, toFailure } from '../errors/errors.ts';
import type { Peer } from '../link/json-rpc.ts';
import {
  slotOf,
  type AgentFact,
  type AgentMethods,
  type HelloResult,
  type OpenStreamParams,
  type OperateParams,
  type OperationOutcome,
} from '../link/protocol.ts';
import type { Dialer } from '../link/transport.ts';
import type { Cancel, Environment } from '../model/environment.ts';
import type { HotMount, Observation } from '../model/container.ts';
import type { HostNetworks, HostOverrides } from '../model/host.ts';
import type { DecideRestart } from '../model/restart.ts';
import { createFacts } from './facts.ts';
import { createHealthChecks } from './health.ts';
import { createHotVolumes } from './hot-volumes.ts';
import { createHostFingerprint } from './host-fingerprint.ts';
import { createInventory } from './inventory.ts';
import { createLanes, type Verdict } from './lanes.ts';
import { createLease } from './lease.ts';
import { watchNetworks, type LookAtNetworks } from './networks-watch.ts';
import { createOutbox } from './outbox.ts';
import { createRestarts } from './restarts.ts';
import type { Sandboxes } from './sandboxes.ts';
import { answer, openSource, serve } from './services.ts';
import { createSession } from './session.ts';
import { untilClosed, type AgentState } from './state.ts';
import { createStoredImages } from './stored-images.ts';
import type { Volumes } from './volumes.ts';

export interface AgentOptions {
  readonly environment: Environment;
  readonly driver: RuntimeDriver;
  readonly prober: HealthProber;
  readonly dialer: Dialer;
  readonly state: AgentState;
  readonly hostname: string;
  readonly version: string;
  /** Needed once, by an agent that has not joined yet. */
  readonly joinToken: string | null;
  readonly decideRestart: DecideRestart;
  readonly labels: Readonly<Record<string, string>>;
  /** Null where this host makes no networks of its own. */
  readonly sandboxes?: Sandboxes | null;
  readonly volumes?: Volumes | null;
  /** Whether containers are to have networks of this host. Default: not said, which counts as no. */
  readonly networks?: HostNetworks;
  /** Looks again, while `networks` are awaited; never rejects. */
  readonly lookAtNetworks?: LookAtNetworks;
  /** What of the site's policy this host's configuration overrides. Default nothing. */
  readonly overrides?: HostOverrides;
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

/**
 * How long a control plane is believed to hold the lease when an agent
 * begins: whoever spoke to the agent before it may be about to speak again.
 */
const firstLeaseMs = 5_000;
/** While the control plane waits for our inventory, which an engine that is down kept from it. */
const engineRetryMs = 5_000;

export async function createAgent(options: AgentOptions): Promise<Agent> {
  const { environment, sandboxes = null, volumes = null } = options;
  const state = untilClosed(options.state);
  const memory = await state.read();
  let { identity, epoch } = memory;
  const bootId = environment.id();
  const stopping = new AbortController();
  const { signal } = stopping;
  let inventoried = false;
  let isEngineUp = false;
  let isSwept = false;
  /** The control plane was told nothing of our containers, since the engine did not answer. */
  let isInventoryOwed = false;
  let cancelEngineRetry: Cancel = () => {};

  const outbox = createOutbox(environment.log, state, memory);
  const tell = (fact: AgentFact): Promise<void> => outbox.tell({ kind: 'fact', fact, at: environment.now() });
  const hotOf = (containerId: string): readonly HotMount[] => lanes.lane(containerId)?.hot ?? [];
  const hotVolumes = createHotVolumes({ driver: options.driver, volumes, of: hotOf });
  const health = createHealthChecks({
    environment,
    driver: hotVolumes.driver,
    prober: options.prober,
    records: {
      of: (containerId) => lanes.lane(containerId)?.health ?? null,
      keep: (containerId, record) => lanes.setHealth(containerId, record),
    },
    addressOf: async (containerId) => (await sandboxes?.addressOf(containerId)) ?? null,
    identity: ({ containerId, tenant, generation }) =>
      lanes.identity(containerId, tenant, generation, environment.id(), epoch),
    changed: (containerId) => facts.changed(containerId, signal),
  });
  const { driver } = health;
  const lanes = createLanes(
    {
      environment,
      driver,
      sandboxes,
      volumes,
      hotVolumes,
      storedImages: createStoredImages(driver, options.dialer),
      state,
      outbox,
      worldId: () => identity?.worldId ?? '',
      concurrency: options.concurrency ?? 16,
      ended: (params, outcome) => operationEnded(params, outcome),
      repeated: (params, outcome) => operationRepeated(params, outcome),
      purged: (containerId) => facts.forget(containerId),
    },
    memory.lanes,
  );
  const lease = createLease(environment, () => {
    environment.log.warn({}, 'the control plane is silent: restarts are decided here now');
    restarts.takeOver(signal).catch((error: unknown) => {
      if (!signal.aborted) environment.log.warn({ err: error }, 'could not look for containers to restart');
    });
  });
  const restarts = createRestarts({
    environment,
    driver,
    sandboxes,
    lanes,
    decide: options.decideRestart,
    isLeased: () => lease.isHeld,
    epoch: () => epoch,
    tell,
    note: (observation) => facts.note(observation),
  });
  const networks = watchNetworks({
    environment,
    first: options.networks ?? null,
    look: options.lookAtNetworks ?? null,
    signal,
    changed({ able }) {
      void lookAtEngine();
      // What a crash left could not be removed before either.
      if (able && !isSwept) session.renew(4002, 'Networks can be made now: syncing anew');
    },
  });
  const fingerprint = createHostFingerprint({
    environment,
    driver,
    hostname: options.hostname,
    labels: options.labels,
    ...(options.overrides ? { overrides: options.overrides } : {}),
    networks: () => networks.current,
    tell,
    told: memory.outbox.map(({ record }) => record),
  });
  const inventory = createInventory({ environment, driver, sandboxes, volumes, lanes, epoch: () => epoch });
  const facts = createFacts({
    environment,
    driver,
    lanes,
    tell,
    inventoried: () => inventoried,
    exited: (observation) => restarts.exited(observation),
    started({ containerId, tenant, generation }) {
      if (hotOf(containerId).length === 0) return;
      const identity = lanes.identity(containerId, tenant, generation, environment.id(), epoch);
      lanes
        .startAlone(containerId, (wait) => hotVolumes.seen(identity, wait))
        .catch((error: unknown) => {
          if (signal.aborted) return;
          const { message: reason } = toFailure(error);
          environment.log.error({ container_id: containerId, reason }, 'a volume could not be mounted');
        });
    },
    engineChanged: () => void lookAtEngine(),
    isOurs: (worldId) => worldId === identity?.worldId,
    unexpected(containerId) {
      environment.log.warn(
        { container_id: containerId },
        'a container has come into being that nothing asks for now',
      );
      session.renew(4003, 'A container nobody asked for: syncing anew');
    },
  });

  const operationEnded = ({ containerId, args }: OperateParams, outcome: OperationOutcome): void => {
    if (!outcome.ok) return;
    const observation = observed(outcome);
    if (observation) facts.note(observation);
    if (args.kind === 'removeContainer') facts.forget(containerId);
    if (slotOf[args.kind] === 'image') void tellImages();
  };

  const operationRepeated = ({ containerId, args }: OperateParams, outcome: OperationOutcome): void => {
    const slot = slotOf[args.kind];
    if (slot === 'network') return facts.sandboxToldAgain(signal);
    if (slot === 'runtime') facts.toldAgain(containerId, observed(outcome), signal);
  };

  const tellImages = async (): Promise<void> => {
    try {
      const images = await inventory.images(signal);
      session.peer?.notify('images', { images });
    } catch (error) {
      // The next sync tells them anyway.
      environment.log.warn({ err: error }, 'the images on this host could not be listed');
    }
  };

  const raiseEpoch = (seen: number): void => {
    if (seen <= epoch) return;
    epoch = seen;
    // On disk before what is done under it, since writes keep their order.
    state.write({ epoch }).catch((error: unknown) => {
      environment.log.error({ err: error }, 'the epoch could not be kept on disk');
    });
  };

  const operate = async (params: OperateParams): Promise<Verdict> => {
    if (params.epoch < epoch) {
      const what = `It is of epoch ${params.epoch}; this host obeys epoch ${epoch}`;
      return { accepted: false, failure: toFailure(new TroupeError('STALE_COMMAND', what)) };
    }
    raiseEpoch(params.epoch);
    return lanes.operate(params);
  };

  const whose = () => ({ worldId: identity?.worldId ?? '', epoch });

  const openStream = async ({ ticket, containerId, stream }: OpenStreamParams): Promise<Verdict> => {
    try {
      const source = await openSource(options.driver, whose(), environment.id(), containerId, stream, signal);
      options.dialer.stream(ticket, source, signal).catch((error: unknown) => {
        source.destroy();
        environment.log.info(
          { container_id: containerId, kind: stream.kind, err: error },
          'a stream has ended early',
        );
      });
      return { accepted: true, failure: null };
    } catch (error) {
      return { accepted: false, failure: toFailure(error) };
    }
  };

  const sync = async (peer: Peer<AgentMethods>, welcome: HelloResult): Promise<void> => {
    raiseEpoch(welcome.epoch);
    // What was told before must arrive before an inventory that already shows its effect.
    await outbox.connect(({ sequence, record }) => peer.notify('up', { sequence, record }));
    if (session.peer !== peer) return;
    // What happens from here on is told behind the inventory, which may be older.
    outbox.pause();
    await sweep(welcome.worldId);
    await repair(welcome.worldId);
    // As it is now: of an engine that has gone away meanwhile nothing is told, and an inventory is owed.
    const engineUp = isEngineUp;
    if (engineUp) inventoried = true;
    else waitForEngine();
    await inventory.send(peer, engineUp, signal);
    if (session.peer === peer) outbox.resume();
  };

  /** What somebody took from our networks while nobody looked. */
  const repair = async (worldId: string): Promise<void> => {
    try {
      await sandboxes?.repair(worldId, signal);
    } catch (error) {
      if (!signal.aborted)
        environment.log.warn({ err: error }, 'not all of the networks here could be put right');
    }
  };

  /** Once, before the first operation of this process. */
  const sweep = async (worldId: string): Promise<void> => {
    if (isSwept) return;
    try {
      await sandboxes?.sweep(worldId, signal);
      await volumes?.sweep(worldId, signal);
      isSwept = true;
    } catch (error) {
      if (!signal.aborted)
        environment.log.warn(
          { err: error },
          'what a crash left of networks and volumes could not be removed',
        );
    }
  };

  const lookAtEngine = async (): Promise<void> => {
    ({ engineUp: isEngineUp } = await fingerprint.refresh(signal));
    if (isEngineUp && isInventoryOwed) session.renew(4002, 'The engine answers again: syncing anew');
  };

  const waitForEngine = (): void => {
    isInventoryOwed = true;
    cancelEngineRetry = environment.schedule(engineRetryMs, () => {
      if (isInventoryOwed) waitForEngine();
      void lookAtEngine();
    });
  };

  const session = createSession({
    environment,
    dialer: options.dialer,
    hostname: options.hostname,
    joinToken: options.joinToken,
    identity: () => identity,
    async enrolled(joined) {
      await state.write({ identity: joined });
      identity = joined;
    },
    async greeting() {
      const seen = await fingerprint.refresh(signal);
      fingerprint.noteTold(seen);
      isEngineUp = seen.engineUp;
      return {
        agentVersion: options.version,
        epoch,
        bootId,
        acknowledged: outbox.acknowledged,
        fingerprint: seen,
      };
    },
    handlers: {
      operate,
      openStream,
      takeInventory: async () => ({
        items: await inventory.take(signal),
        resources: await inventory.resources(signal),
      }),
      recall: async ({ ids }) => ({ recalled: inventory.recall(ids) }),
      serve: async (params) => ({
        answer: await serve(environment, options.driver, whose(), params, signal),
      }),
      ask: async ({ question }) => ({ answer: await answer(options.driver, volumes, question, signal) }),
      ack({ sequence }) {
        lanes.acknowledged(outbox.acknowledge(sequence));
        return null;
      },
    },
    heard: ({ leaseMs }) => lease.renew(leaseMs),
    sync,
    disconnected() {
      outbox.disconnect();
      cancelEngineRetry();
      isInventoryOwed = false;
    },
  });

  return {
    async start() {
      lease.renew(firstLeaseMs);
      void facts.follow(signal).catch((error: unknown) => {
        if (!signal.aborted) environment.log.error({ err: error }, 'the engine is not followed any more');
      });
      session.start();
      networks.start();
    },
    async stop() {
      stopping.abort();
      session.stop();
      networks.stop();
      lease.stop();
      restarts.stop();
      health.stop();
      lanes.stop();
      await driver.close();
      await state.close();
    },
    status: () => ({ state: session.state, reason: session.reason, hostId: identity?.hostId ?? null }),
    refused: session.refused,
  };
}

/** The container as an operation left it, where its result says so. */
function observed(outcome: OperationOutcome): Observation | null {
  const { observation = null } = (outcome.ok ? (outcome.output ?? {}) : {}) as {
    observation?: Observation | null;
  };
  return observation;
}
