/**
 * `npm run build && node dist/bench/engines.js [--count N]`: what a start costs at the driver, for each engine:
 * asked of the engine directly, through the driver on the engine's bridge, and into a sandbox made ahead.
 * Figures only; nothing is asserted, and nothing is left behind.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type Docker from 'dockerode';
import pino from 'pino';
import { createDockerDriver } from '../src/drivers/runtime/docker.ts';
import { createPodmanDriver } from '../src/drivers/runtime/podman.ts';
import type { RuntimeDriver, Sandbox } from '../src/drivers/runtime/runtime-driver.ts';
import { createEnvironment } from '../src/main/environment.ts';
import {
  dockerSocket,
  ensureDocker,
  newWorldId,
  removeWorld,
  testImage,
  testSpec,
} from '../test/support/docker.ts';
import { startPodman } from '../test/support/podman.ts';

const { values } = parseArgs({ options: { count: { type: 'string', default: '20' } } });
const count = Number(values.count);
const environment = createEnvironment(pino({ level: 'silent' }));
const signal = AbortSignal.timeout(600_000);

/** Milliseconds for each when `atOnce` are under way: one at a time their median, several the time over all by their number. */
async function measure(atOnce: number, work: (index: number) => Promise<unknown>): Promise<number> {
  const left = Array.from({ length: count }, (_, index) => index).values();
  const times: number[] = [];
  const began = performance.now();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const index of left) {
        const start = performance.now();
        await work(index);
        times.push(performance.now() - start);
      }
    }),
  );
  return atOnce === 1
    ? (times.toSorted((a, b) => a - b)[Math.floor(count / 2)] ?? 0)
    : (performance.now() - began) / count;
}

async function compare(name: string, docker: Docker, driver: RuntimeDriver): Promise<void> {
  const worldId = newWorldId();
  let containers = 0;
  const identity = (id = String(containers++)) => ({
    opId: 'bench', worldId, containerId: `${worldId}-${id}`, tenant: 'p1', generation: 1, epoch: 1,
  }); // prettier-ignore
  const start = async (sandbox: Sandbox | null): Promise<void> => {
    const own = identity();
    await driver.createContainer(
      own,
      { spec: testSpec(), sandbox, files: null, mounts: [], run: 1, start: false, isFirst: true },
      signal,
    );
    await driver.startContainer(own, { run: 1, limits: null }, signal);
  };
  const raw = async (): Promise<void> => {
    const made = await docker.createContainer({
      Image: testImage,
      Cmd: ['sleep', '300'],
      Labels: { 'troupe.world': worldId },
      HostConfig: { NetworkMode: 'bridge' },
    });
    await made.start();
  };
  const tell = (what: string, atOnce: number, ms: number, base: number | null): void =>
    console.log(
      `${name.padEnd(7)} ${what.padEnd(34)} ${String(atOnce).padStart(2)} at once ${ms.toFixed(1).padStart(8)} ms ${base === null ? '' : `${(ms / base).toFixed(2)} × raw`}`,
    );
  for (const atOnce of [1, 4]) {
    const base = await measure(atOnce, raw);
    tell('raw create + start, bridge', atOnce, base, null);
    await removeWorld(docker, worldId);
    tell('driver create + start, bridge', atOnce, await measure(atOnce, () => start(null)), base);
    await removeWorld(docker, worldId);
    const sandboxes: Sandbox[] = [];
    const made = await measure(atOnce, async (index) => {
      const sandboxId = `${worldId}-${atOnce}-${index}`;
      sandboxes[index] = await driver.ensureSandbox(identity(), { sandboxId, hostname: null }, signal);
    });
    tell('a sandbox', atOnce, made, base);
    const joined = await measure(atOnce, (index) => start(sandboxes[index] ?? null));
    tell('driver create + start, joining', atOnce, joined, base);
    for (const { sandboxId } of sandboxes) await driver.removeSandbox(identity(), sandboxId, signal);
    await removeWorld(docker, worldId);
  }
  console.log(
    `${name.padEnd(7)} ${'from a start’s answer to its event'.padEnd(44)} ${(await eventLag()).toFixed(1).padStart(8)} ms`,
  );
  await removeWorld(docker, worldId);

  /** Median. */
  async function eventLag(): Promise<number> {
    const ended = new AbortController();
    const events = driver.events(ended.signal)[Symbol.asyncIterator]();
    await events.next();
    const lags: number[] = [];
    for (let index = 0; index < count; index++) {
      const own = identity();
      const options = {
        spec: testSpec(),
        sandbox: null,
        files: null,
        mounts: [],
        run: 1,
        start: false,
        isFirst: true,
      };
      await driver.createContainer(own, options, signal);
      const told = (async () => {
        for (;;) {
          const { value } = await events.next();
          if (
            value?.kind === 'container' &&
            value.containerId === own.containerId &&
            value.action === 'start'
          )
            return performance.now();
        }
      })();
      await driver.startContainer(own, { run: 1, limits: null }, signal);
      const answered = performance.now();
      lags.push(Math.max(0, (await told) - answered));
    }
    ended.abort();
    await events.return?.();
    return lags.toSorted((a, b) => a - b)[Math.floor(count / 2)] ?? 0;
  }
}

const hostname = 'bench';
const docker = createDockerDriver({ socketPath: dockerSocket, hostname, environment });
await compare('docker', await ensureDocker(), docker);
await docker.close();

const service = await startPodman();
const podman = createPodmanDriver({
  socketPath: service.socketPath, hostname, environment, sandboxFolder: join(service.folder, 'sandboxes'),
}); // prettier-ignore
await compare('podman', service.docker, podman);
await podman.close();
await service.stop();
