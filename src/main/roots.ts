/** The command line's wishes on this machine, carried out. */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'undici';
import closeWithGrace from 'close-with-grace';
import pino from 'pino';
import type { DoctorFinding, Roots } from '../cli/roots.ts';
import type { Config } from '../config/schema.ts';
import { openLmdbState } from '../agent/lmdb-state.ts';
import { createDockerDriver } from '../drivers/runtime/docker.ts';
import { TroupeError } from '../errors/errors.ts';
import { runAllInOne } from './all-in-one.ts';
import { runControlPlane } from './control-plane.ts';
import { createEnvironment } from './environment.ts';
import { joinTokenOf, runAgent } from './host-agent.ts';
import { paths } from './settings.ts';
import { storeOf } from './stores.ts';

/** Levels as words, times as ISO 8601, and no secret whatever happens to be in the object. */
const loggerOf = (config: Config) =>
  pino({
    level: config.log.level,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: {
      paths: [
        '*.password',
        '*.token',
        '*.credential',
        '*.joinToken',
        '*.environment',
        'headers["x-auth-token"]',
      ],
      censor: '***',
    },
  });

const readyMs = 120_000;
const stopMs = 30_000;
const pollMs = 100;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const urlOf = ({ api }: Config): string => {
  const host = api.host === '0.0.0.0' || api.host === '::' ? '127.0.0.1' : api.host;
  return `${api.certFile === '' ? 'http' : 'https'}://${host}:${api.port}`;
};

/** Runs until a signal, then stops in order. Resolves when it has. */
function untilSignalled(stop: () => Promise<void>, over: Promise<string>): Promise<void> {
  return new Promise((resolve) => {
    let stopped = false;
    const end = async (): Promise<void> => {
      if (stopped) return;
      stopped = true;
      await stop();
      resolve();
    };
    closeWithGrace({ delay: stopMs }, async ({ err }) => {
      if (err) console.error(err);
      await end();
    });
    void over.then(async (reason) => {
      console.error(`troupe: ${reason}`);
      process.exitCode = 1;
      await end();
    });
  });
}

function runningPid(config: Config): number | null {
  const { pidFile } = paths(config);
  if (!existsSync(pidFile)) return null;
  const pid = Number(readFileSync(pidFile, 'utf8'));
  try {
    process.kill(pid, 0);
    return pid;
  } catch {
    return null;
  }
}

async function isReady(config: Config): Promise<boolean> {
  try {
    const answer = await request(`${urlOf(config)}/readyz`);
    await answer.body.dump();
    return answer.statusCode === 200;
  } catch {
    return false;
  }
}

export const roots: Roots = {
  tokenFile: (config) => paths(config).adminToken,
  connection(config) {
    const { adminToken } = paths(config);
    if (!existsSync(adminToken)) {
      throw new TroupeError(
        'INVALID_CONFIG',
        `There is no token in "${adminToken}"; start Troupe with "troupe up", or set TROUPE_URL and TROUPE_TOKEN`,
      );
    }
    return { url: urlOf(config), token: readFileSync(adminToken, 'utf8').trim() };
  },
  async up(config, parts) {
    const logger = loggerOf(config);
    const environment = createEnvironment(logger);
    const store = storeOf(config, environment);
    const { pidFile } = paths(config);
    if (parts === 'control-plane') {
      const running = await runControlPlane(config, environment, store, logger);
      return untilSignalled(() => running.stop(), running.controlPlane.fenced);
    }
    const running = await runAllInOne(config, environment, store, logger);
    writeFileSync(pidFile, String(process.pid));
    await untilSignalled(async () => {
      await running.stop();
      rmSync(pidFile, { force: true });
    }, running.process.controlPlane.fenced);
  },
  async upDetached(config, flags, parts, say) {
    const already = runningPid(config);
    if (already !== null && (await isReady(config))) return already;
    const { log, pidFile } = paths(config);
    mkdirSync(config.state.directory, { recursive: true, mode: 0o700 });
    const output = openSync(log, 'a', 0o600);
    const settings = Object.entries(flags).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
    const child = spawn(
      process.execPath,
      [
        ...process.execArgv,
        process.argv[1]!,
        ...settings,
        'up',
        ...(parts === 'control-plane' ? ['--control-plane-only'] : []),
      ],
      { detached: true, stdio: ['ignore', output, output], env: process.env },
    );
    closeSync(output);
    let ended: number | null | undefined;
    child.once('exit', (code) => (ended = code));
    say(`starting Troupe (process ${child.pid}), log in ${log}`);
    const until = performance.now() + readyMs;
    while (!(await isReady(config))) {
      if (ended !== undefined) {
        const last = readFileSync(log, 'utf8').trim().split('\n').slice(-3).join('\n');
        throw new TroupeError('INVALID_CONFIG', `Troupe ended at once:\n${last}`);
      }
      if (performance.now() > until)
        throw new TroupeError('TIMED_OUT', `Troupe is not ready after ${readyMs / 1000} s; see ${log}`);
      await pause(pollMs);
    }
    writeFileSync(pidFile, String(child.pid));
    child.unref();
    return child.pid!;
  },
  async down(config) {
    const pid = runningPid(config);
    if (pid === null) return false;
    process.kill(pid, 'SIGTERM');
    const until = performance.now() + stopMs;
    while (runningPid(config) !== null && performance.now() < until) await pause(pollMs);
    if (runningPid(config) !== null) process.kill(pid, 'SIGKILL');
    rmSync(paths(config).pidFile, { force: true });
    return true;
  },
  async agent(config, joinToken) {
    const logger = loggerOf(config);
    if (config.agent.controlUrl === '')
      throw new TroupeError(
        'INVALID_CONFIG',
        '"agent.controlUrl" (from default) must say where the control plane is, e.g. wss://control:9517',
      );
    const agent = await runAgent(config, createEnvironment(logger), {
      controlUrl: config.agent.controlUrl,
      joinToken: joinToken ?? joinTokenOf(config),
    });
    await untilSignalled(() => agent.stop(), agent.refused);
  },
  async adopt(config, worldId) {
    const state = await openLmdbState(paths(config).agent);
    const { identity } = await state.read();
    if (!identity)
      throw new TroupeError('INVALID_CONFIG', 'This host has not joined any world yet; join it with a token');
    await state.write({ identity: { ...identity, worldId }, epoch: 0 });
    await state.close();
  },
  async copyStore(from, to) {
    const environment = createEnvironment(loggerOf(from));
    const source = storeOf(from, environment);
    const target = storeOf(to, environment);
    // Opening takes the ownership: nobody else writes while we copy.
    await source.open({ hostname: 'store copy', pid: process.pid, startedAt: environment.now() }, 0);
    await target.load(source.dump());
    await target.close();
    await source.close();
  },
  async doctor(config) {
    const environment = createEnvironment(loggerOf(config));
    const findings: DoctorFinding[] = [];
    const major = Number(process.versions.node.split('.')[0]);
    findings.push({
      check: 'node',
      ok: major >= 20,
      detail: process.version,
      fix: major >= 20 ? null : 'Install Node 20.19 or newer',
    });
    const driver = createDockerDriver({ socketPath: config.engine.socket, hostname: 'doctor', environment });
    try {
      const { engine, engineVersion, engineApiVersion } = await driver.fingerprint(
        AbortSignal.timeout(5_000),
      );
      findings.push({
        check: 'engine',
        ok: true,
        detail: `${engine} ${engineVersion}, API ${engineApiVersion}`,
        fix: null,
      });
    } catch (error) {
      findings.push({
        check: 'engine',
        ok: false,
        detail: (error as Error).message,
        fix: `Start the container engine, or set engine.socket (now ${config.engine.socket})`,
      });
    }
    await driver.close();
    const up = await isReady(config);
    findings.push({
      check: 'troupe',
      ok: up,
      detail: up ? `ready at ${urlOf(config)}` : `does not answer at ${urlOf(config)}`,
      fix: up ? null : 'Start it with "troupe up --detach"',
    });
    if (config.store.kind === 'redis') {
      const store = storeOf(config, environment);
      const { ok, detail } = await store.check().then(
        ({ durable, explanation }) => ({ ok: durable, detail: explanation }),
        (error: Error) => ({ ok: false, detail: error.message }),
      );
      findings.push({
        check: 'store',
        ok,
        detail,
        fix: ok ? null : 'Set "appendonly yes" and "appendfsync always" in Redis, and check store.redisUrl',
      });
      await store.close();
    } else {
      findings.push({ check: 'store', ok: true, detail: `embedded in ${paths(config).store}`, fix: null });
    }
    return findings;
  },
};
