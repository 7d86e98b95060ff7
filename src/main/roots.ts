/** The command line's wishes on this machine, carried out. What a wish needs is loaded with it: a list is no control plane. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Roots } from '../cli/roots.ts';
import { adminTokenOf, authorityFile, localTls, localUrl } from './connection.ts';
import { startDetached } from './detached.ts';
import { runningProcess } from './process-file.ts';
import { paths } from './settings.ts';
import { prepareState } from './site-files.ts';

/** Longer than any order of the agent takes that isn't a user's own grace. */
const stopMs = 30_000;
const pollMs = 50;

export const roots: Roots = {
  tokenFile: (config) => paths(config).adminToken,
  adminToken: adminTokenOf,
  address: (config) => ({ url: localUrl(config), tls: localTls(config) }),
  authorityFile,
  serve: async (loaded, parts) => (await import('./serve.ts')).serve(loaded, parts),
  serveAgent: async (loaded, joinToken) => (await import('./serve.ts')).serveAgent(loaded, joinToken),
  async detach(loaded, what, argv, say) {
    prepareState(loaded);
    const files = paths(loaded.config);
    const log = what === 'agent' ? files.agentLog : files.log;
    const running = () => runningProcess(what === 'agent' ? files.agentProcess : files.process);
    const already = running();
    if (already) return { pid: already.pid, already: true };
    say(`starting; the log is ${log}`);
    const started = await startDetached(argv, log, say);
    if ('pid' in started) return { pid: started.pid, already: false };
    // Another was begun at the same time, and was the first.
    const first = running();
    if (first) return { pid: first.pid, already: true };
    throw started.ended;
  },
  async down(config) {
    const files = paths(config);
    const stopped = [];
    for (const path of [files.process, files.agentProcess]) {
      const running = runningProcess(path);
      if (!running?.signal('SIGTERM')) continue;
      const until = performance.now() + stopMs;
      while (running.isAlive()) {
        // Containers run on, and a killed process loses nothing that was accepted.
        if (performance.now() > until) running.signal('SIGKILL');
        await pause(pollMs);
      }
      stopped.push(running);
    }
    return stopped;
  },
  adopt: async (loaded, worldId) => (await import('./adopt.ts')).adopt(loaded, worldId),
  copyStore: async (from, to) => (await import('./copy-store.ts')).copyStore(from, to),
  bootstrapKeystone: async (loaded, wish, tell) =>
    (await import('./keystone-bootstrap.ts')).bootstrap(loaded, wish, tell),
  doctor: async (loaded) => (await import('./doctor.ts')).doctor(loaded),
};
