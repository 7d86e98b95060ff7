/** The life of a container at a Docker engine. */
import type { Observation } from '../../model/container.ts';
import { createOrAdopt } from './docker-adopt.ts';
import { type LogRetention, toCreateBody } from './docker-create.ts';
import type { DockerEngine } from './docker-engine.ts';
import { engineInfo } from './docker-fingerprint.ts';
import { createRefusal, refusal } from './docker-errors.ts';
import {
  eachOf,
  findLabelled,
  gone,
  hasNeverRun,
  inspect,
  locate,
  locateOwn,
  observed,
  removeByEngineId,
  requireOwn,
} from './docker-find.ts';
import { readLabels } from './docker-labels.ts';
import { toMounts } from './docker-mounts.ts';
import { toObservation } from './docker-observe.ts';
import { hasLimits, requireLimits } from './docker-update.ts';
import type { ListedContainer, RuntimeDriver } from './runtime-driver.ts';
import { sandboxGone, type SandboxKeeper } from './sandbox-keeper.ts';
import { isUncleared, startFailure } from './start-failure.ts';

type Containers = Pick<
  RuntimeDriver,
  | 'createContainer'
  | 'startContainer'
  | 'stopContainer'
  | 'killContainer'
  | 'removeContainer'
  | 'observe'
  | 'list'
>;

export function dockerContainers(
  engine: DockerEngine,
  sandboxes: SandboxKeeper,
  logs: LogRetention,
): Containers {
  const start = async (engineId: string, sandboxId: string | null, signal: AbortSignal) => {
    if (sandboxId !== null) await sandboxes.assertAlive(sandboxId);
    return engine.send({ method: 'POST', path: `/containers/${engineId}/start`, signal });
  };
  const startIfItCan = async (
    engineId: string,
    sandboxId: string | null,
    signal: AbortSignal,
  ): Promise<void> => {
    try {
      await start(engineId, sandboxId, signal);
    } catch {
      // The start that is asked for next meets the same and tells it.
    }
  };
  return {
    async createContainer(identity, options, signal) {
      const { spec, sandbox } = options;
      const { dialect } = engine;
      await dialect.assertCan(spec, () => engineInfo(engine, signal));
      const mounts = await toMounts(options, dialect);
      const membership = sandbox && (await sandboxes.join(identity, sandbox, spec.hostname, signal));
      const { engineId, found } = await createOrAdopt(
        engine,
        {
          kind: 'container',
          id: identity.containerId,
          identity,
          isFirst: options.isFirst,
          body: toCreateBody(identity, options, membership, mounts, logs, dialect.runsHealthChecks),
          fits: ({ labels, networkMode }) =>
            labels.sandboxId === (membership?.sandboxId ?? null) &&
            (!membership || networkMode === null || networkMode === membership.networkMode),
          refuse: (status, message) => createRefusal(spec.image, status, message),
        },
        signal,
      );
      // One that has run before this create was repeated has had its start.
      const isStarting = options.start && (found === null || hasNeverRun(found));
      if (isStarting) await startIfItCan(engineId, membership?.sandboxId ?? null, signal);
      return observed(isStarting || !found ? await inspect(engine, engineId, signal) : found, identity);
    },

    async startContainer(identity, { limits }, signal) {
      const info = await requireOwn(engine, identity, signal);
      const { areKept } = engine.dialect.updates;
      const isRunning = info.State.Running && !info.State.Paused;
      if (limits && (areKept || isRunning)) await requireLimits(engine, identity, info, limits, signal);
      if (isRunning) return observed(info, identity);
      const sandboxId = readLabels(info.Config.Labels)?.sandboxId ?? null;
      const reply = await start(info.Id, sandboxId, signal);
      if (!reply.ok) {
        if (reply.status === 404 && reply.message.includes(info.Id)) throw gone(identity);
        if (isUncleared(reply.message) && hasNeverRun(info)) {
          await removeByEngineId(engine, info.Id, signal);
          throw gone(identity);
        }
        if (sandboxId !== null && isSandboxMissing(reply.status, reply.message))
          throw sandboxGone(sandboxId, 'does not run; the container could not be started');
        throw startFailure(reply.message);
      }
      if (limits && !areKept && !hasLimits(info, limits))
        await requireLimits(engine, identity, info, limits, signal);
      return observed(await inspect(engine, info.Id, signal), identity);
    },

    async stopContainer(identity, { graceMs }, signal) {
      const info = await locateOwn(engine, identity, signal);
      if (!info) return null;
      if (!info.State.Running && !info.State.Restarting) return toObservation(info);
      if (info.State.Paused && !engine.dialect.signalsPaused) await unpause(engine, info.Id, signal);
      const reply = await engine.send({
        method: 'POST',
        path: `/containers/${info.Id}/stop`,
        // Docker counts whole seconds.
        query: { t: String(Math.ceil(graceMs / 1000)) },
        signal,
      });
      if (!reply.ok && reply.status !== 404)
        throw refusal('The container could not be stopped', reply.status, reply.message);
      return observeEngineId(engine, info.Id, signal);
    },

    async killContainer(identity, { signal: name }, signal) {
      const info = await locateOwn(engine, identity, signal);
      if (!info) return null;
      if (!info.State.Running) return toObservation(info);
      if (info.State.Paused && !engine.dialect.signalsPaused && /^(SIG)?KILL$|^9$/i.test(name))
        await unpause(engine, info.Id, signal);
      const reply = await engine.send({
        method: 'POST',
        path: `/containers/${info.Id}/kill`,
        query: { signal: name },
        signal,
      });
      const now = await observeEngineId(engine, info.Id, signal);
      // 404, 409: it ended, or was removed, in between.
      if (reply.ok || reply.status === 404 || (reply.status === 409 && now?.state !== 'running')) return now;
      throw refusal(`Signal "${name}" could not be sent`, reply.status, reply.message);
    },

    async removeContainer(identity, signal) {
      const labelled = await findLabelled(engine, 'container', identity.containerId, signal);
      for (const { engineId, labels } of labelled)
        if (labels.worldId === identity.worldId && labels.generation <= identity.generation)
          await removeByEngineId(engine, engineId, signal);
    },

    async observe(containerId, signal) {
      const info = await locate(engine, containerId, () => true, signal);
      return info && toObservation(info);
    },

    async list(signal) {
      const listed: ListedContainer[] = [];
      await eachOf(await findLabelled(engine, 'container', null, signal), async ({ engineId, labels }) => {
        const observation = await observeEngineId(engine, engineId, signal);
        const { opId, worldId, epoch, sandboxId } = labels;
        if (observation) listed.push({ observation, opId, worldId, epoch, sandboxId });
      });
      return listed;
    },
  };
}

/** "No such container: <the sandbox>": it was removed; "cannot join network of a non running container": it died. */
function isSandboxMissing(status: number, message: string): boolean {
  return (
    (status === 404 && /no such container/i.test(message)) ||
    /cannot join network of|joining network namespace of container/i.test(message)
  );
}

/** Before a signal that the engine would not deliver; one that runs already is as good. */
async function unpause(engine: DockerEngine, engineId: string, signal: AbortSignal): Promise<void> {
  await engine.send({ method: 'POST', path: `/containers/${engineId}/unpause`, signal });
}

async function observeEngineId(
  engine: DockerEngine,
  engineId: string,
  signal: AbortSignal,
): Promise<Observation | null> {
  const info = await inspect(engine, engineId, signal);
  return info && toObservation(info);
}
