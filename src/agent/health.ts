/**
 * A driver of an engine that runs every kind of health check: what the engine
 * doesn't run itself is run here, one chart a run, and shown in what the driver
 * tells of a container as if the engine told it.
 *
 * H1. A run is probed while it runs, and not while it is paused.
 * H2. Nothing of a run that has ended is begun again, however late it is told of.
 * H3. A check is on disk before its container is; what was said of a run is on
 *     disk before it is told, so that an agent that is restarted goes on from it.
 */
import { createActor, fromPromise, type ActorRefFrom } from 'xstate';
import type { HealthProber } from '../drivers/health/health-prober.ts';
import { failedExec } from '../drivers/runtime/exec-failure.ts';
import type { OperationIdentity } from '../drivers/runtime/operation-identity.ts';
import type { EngineEvent, RuntimeDriver } from '../drivers/runtime/runtime-driver.ts';
import type { Observation } from '../model/container.ts';
import type { Environment } from '../model/environment.ts';
import { healthTiming, isEngineCheck, type HealthCheck } from '../model/health.ts';
import { healthMachine, verdictOf, type Finding, type HealthSnapshot } from './health.machine.ts';
import { power } from './power.ts';
import type { HealthRecord } from './state.ts';

export interface HealthOptions {
  readonly environment: Environment;
  readonly driver: RuntimeDriver;
  readonly prober: HealthProber;
  readonly records: {
    of(containerId: string): HealthRecord | null;
    /** Durable when it resolves. */
    keep(containerId: string, record: HealthRecord | null): Promise<void>;
  };
  /** On a network of ours; null when it has none. */
  readonly addressOf: (containerId: string) => Promise<string | null>;
  readonly identity: (observation: Observation) => OperationIdentity;
  /** What is said of its health is another now. */
  readonly changed: (containerId: string) => void;
}

export interface HealthChecks {
  readonly driver: RuntimeDriver;
  /** Ends all probes; what was said stays on disk. */
  stop(): void;
}

interface Run {
  observation: Observation;
  readonly actor: ActorRefFrom<typeof healthMachine>;
  readonly begun: number;
  said: Pick<HealthRecord, 'health' | 'reason'>;
}

const outputMost = 4_096;

export function createHealthChecks(options: HealthOptions): HealthChecks {
  const { environment, driver, records } = options;
  const runs = new Map<string, Run>();
  /** By container, of its last run that has ended. */
  const ended = new Map<string, Pick<Observation, 'engineId' | 'startedAt'>>();
  let tick = 0;

  const isOurs = (check: HealthCheck | null): check is HealthCheck =>
    check !== null && !(driver.runsHealthChecks && isEngineCheck(check));

  // ── one run ──

  const probe = async (check: HealthCheck, run: () => Observation, signal: AbortSignal): Promise<Finding> => {
    if (check.probe.type === 'exec') {
      const { timeoutMs } = healthTiming(check);
      const command = ['/bin/sh', '-c', check.probe.test];
      const limits = { timeLimitMs: timeoutMs, maxOutputBytes: outputMost };
      const identity = options.identity(run());
      const { exitCode, output } = await power(driver, 'exec').run(identity, { command, ...limits }, signal);
      return exitCode === 0 ? passed : failed(failedExec(exitCode, output));
    }
    const { containerId, addresses } = run();
    const address = (await options.addressOf(containerId)) ?? addresses[0];
    if (address === undefined)
      return failed(
        `It has no address at which this host could reach it for its ${check.probe.type} check: that takes a network of Troupe's (network.mode "own"); on the engine's own network check it by a command`,
      );
    const target = { ...check.probe, address };
    if (target.type === 'tcp') {
      await options.prober.tcp(target, signal);
      return passed;
    }
    const status = await options.prober.http(target, signal);
    if (target.statuses.some(({ least, most }) => status >= least && status <= most)) return passed;
    return failed(`GET ${target.path} at ${address}:${target.port} answered ${status}`);
  };

  const wait = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const cancel = environment.schedule(ms, resolve);
      signal.addEventListener('abort', cancel, { once: true });
    });

  const say = async (containerId: string, run: Run, snapshot: HealthSnapshot): Promise<void> => {
    if (runs.get(containerId) !== run) return;
    const health = verdictOf(snapshot);
    const isNews = health !== run.said.health;
    run.said = { health, reason: snapshot.context.reason ?? run.said.reason };
    if (!isNews) return;
    const { startedAt, generation } = run.observation;
    const record = records.of(containerId);
    environment.log.info(
      { container_id: containerId, to: health, reason: run.said.reason },
      'health has changed',
    );
    if (record?.generation === generation)
      await records.keep(containerId, { ...record, startedAt, ...run.said }).catch((error: unknown) => {
        environment.log.warn({ container_id: containerId, err: error }, 'health could not be kept on disk');
      });
    if (runs.get(containerId) === run) options.changed(containerId);
  };

  const begin = (observation: Observation, { check, ...last }: HealthRecord): void => {
    const { containerId, startedAt } = observation;
    const timing = healthTiming(check);
    const said =
      last.startedAt === startedAt
        ? { health: last.health, reason: last.reason }
        : { health: 'starting' as const, reason: null };
    const age = Math.max(0, environment.now() - (startedAt ?? 0));
    const actor = createActor(
      healthMachine.provide({
        actors: {
          deadline: fromPromise(({ input, signal }) => wait(input.ms, signal)),
          probe: fromPromise(({ signal }) => probe(check, () => run.observation, signal)),
        },
      }),
      {
        input: {
          timing,
          before: said.health,
          startPeriodLeftMs: Math.max(0, timing.startPeriodMs - age),
          paused: observation.state === 'paused',
        },
      },
    );
    tick += 1;
    const run: Run = { observation, actor, begun: tick, said };
    runs.set(containerId, run);
    actor.subscribe({
      next: (snapshot) => void say(containerId, run, snapshot),
      error: (error) =>
        environment.log.error({ container_id: containerId, err: error }, 'health is not followed any more'),
    });
    actor.start();
  };

  const end = (containerId: string): void => {
    const run = runs.get(containerId);
    if (!run) return;
    const { engineId, startedAt } = run.observation;
    ended.set(containerId, { engineId, startedAt });
    runs.delete(containerId);
    run.actor.send({ type: 'run.ended' });
  };

  const forget = (containerId: string): void => {
    end(containerId);
    ended.delete(containerId);
  };

  // ── what the driver tells ──

  /** Begins or ends what it is about, and says of its health what we know. */
  const see = (observation: Observation): Observation => {
    const { containerId, engineId, startedAt, state } = observation;
    const record = records.of(containerId);
    if (!record || record.generation !== observation.generation || startedAt === null) return observation;
    const run = runs.get(containerId);
    const isSame = run?.observation.engineId === engineId && run.observation.startedAt === startedAt;
    if (state !== 'running' && state !== 'paused') {
      if (isSame) end(containerId);
      return observation;
    }
    if (run && isSame) {
      run.observation = observation;
      run.actor.send({ type: state === 'paused' ? 'run.paused' : 'run.unpaused' });
    } else {
      const last = ended.get(containerId);
      const isOver = last?.engineId === engineId && (last.startedAt ?? 0) >= startedAt;
      const isLate = run?.observation.engineId === engineId && (run.observation.startedAt ?? 0) > startedAt;
      if (isOver || isLate) return observation;
      end(containerId);
      begin(observation, record);
    }
    const { health, reason } = runs.get(containerId)!.said;
    return { ...observation, health, healthReason: health === 'unhealthy' ? reason : null };
  };

  const seeIfAny = (observation: Observation | null): Observation | null => observation && see(observation);

  const hear = (event: EngineEvent): void => {
    if (event.kind !== 'container') return;
    const { containerId, engineId, action, exit } = event;
    const run = runs.get(containerId);
    if (run?.observation.engineId !== engineId) return;
    if (action === 'destroy') forget(containerId);
    else if (action === 'pause') run.actor.send({ type: 'run.paused' });
    else if (action === 'die' && exit && exit.at >= (run.observation.startedAt ?? 0)) end(containerId);
  };

  const { pause } = driver;
  return {
    driver: {
      ...driver,
      runsHealthChecks: true,
      ...(pause && {
        pause: {
          pause: async (identity, signal) => see(await pause.pause(identity, signal)),
          unpause: async (identity, signal) => see(await pause.unpause(identity, signal)),
        },
      }),
      async createContainer(identity, create, signal) {
        const { containerId, generation } = identity;
        const { healthcheck: check } = create.spec;
        const before = records.of(containerId);
        const isKept = before?.generation === generation;
        if (isOurs(check) && !isKept)
          await records.keep(containerId, {
            generation,
            check,
            startedAt: null,
            health: 'starting',
            reason: null,
          });
        else if (!isOurs(check) && before) await records.keep(containerId, null);
        return see(await driver.createContainer(identity, create, signal));
      },
      startContainer: async (identity, start, signal) =>
        see(await driver.startContainer(identity, start, signal)),
      stopContainer: async (identity, stop, signal) =>
        seeIfAny(await driver.stopContainer(identity, stop, signal)),
      killContainer: async (identity, kill, signal) =>
        seeIfAny(await driver.killContainer(identity, kill, signal)),
      async removeContainer(identity, signal) {
        await driver.removeContainer(identity, signal);
        const run = runs.get(identity.containerId);
        if (!run || run.observation.generation <= identity.generation) forget(identity.containerId);
      },
      observe: async (containerId, signal) => seeIfAny(await driver.observe(containerId, signal)),
      async list(signal) {
        const since = tick;
        const listed = (await driver.list(signal)).map((each) => ({
          ...each,
          observation: see(each.observation),
        }));
        const present = new Set(listed.map(({ observation }) => observation.containerId));
        for (const [containerId, { begun }] of runs)
          if (begun <= since && !present.has(containerId)) forget(containerId);
        return listed;
      },
      async *events(signal) {
        for await (const event of driver.events(signal)) {
          hear(event);
          yield event;
        }
      },
    },
    stop() {
      for (const containerId of runs.keys()) end(containerId);
    },
  };
}

const passed: Finding = { passed: true, reason: null };
const failed = (reason: string): Finding => ({ passed: false, reason });
