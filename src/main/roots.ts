/** The command line's wishes on this machine, carried out. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Roots } from '../cli/roots.ts';
import { openLmdbState } from '../agent/lmdb-state.ts';
import { TroupeError } from '../errors/errors.ts';
import { adminTokenOf, authorityFile, localTls, localUrl } from './connection.ts';
import { copyStore } from './copy-store.ts';
import { startDetached } from './detached.ts';
import { doctor } from './doctor.ts';
import { claimProcess, runningProcess, signalProcess } from './process-file.ts';
import { serve, serveAgent, stopMs } from './serve.ts';
import { paths } from './settings.ts';
import { prepareState } from './site-files.ts';

const pollMs = 50;

export const roots: Roots = {
  tokenFile: (config) => paths(config).adminToken,
  adminToken: adminTokenOf,
  address: (config) => ({ url: localUrl(config), tls: localTls(config) }),
  authorityFile,
  serve,
  serveAgent,
  async detach(loaded, what, argv, say) {
    prepareState(loaded);
    const files = paths(loaded.config);
    const log = what === 'agent' ? files.agentLog : files.log;
    const already = runningProcess(what === 'agent' ? files.agentProcess : files.process);
    if (already) return { pid: already.pid, already: true };
    say(`starting; the log is ${log}`);
    return { pid: await startDetached(argv, log, say), already: false };
  },
  async down(config) {
    const files = paths(config);
    const stopped = [];
    for (const path of [files.process, files.agentProcess]) {
      const running = runningProcess(path);
      if (!running || !signalProcess(path, 'SIGTERM')) continue;
      const until = performance.now() + stopMs;
      while (runningProcess(path)?.pid === running.pid) {
        // Containers run on, and a killed process loses nothing that was accepted.
        if (performance.now() > until) signalProcess(path, 'SIGKILL');
        await pause(pollMs);
      }
      stopped.push(running);
    }
    return stopped;
  },
  async adopt(loaded, worldId) {
    prepareState(loaded);
    const claim = claimProcess(paths(loaded.config).agentProcess, 'troupe agent --adopt');
    try {
      const state = await openLmdbState(paths(loaded.config).agent);
      const { identity } = await state.read();
      if (!identity)
        throw new TroupeError(
          'INVALID_CONFIG',
          'This host has not joined any world yet; join it with a token: "troupe agent --join TOKEN"',
        );
      await state.write({ identity: { ...identity, worldId }, epoch: 0 });
      await state.close();
    } finally {
      claim.release();
    }
  },
  copyStore,
  doctor,
};
