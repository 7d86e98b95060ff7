/**
 * Sandboxes for Podman, which lets a container join any namespace by its path:
 * no process, no image, nothing at the engine. What a container's labels tell
 * is in a record beside.
 *
 * The path follows from the sandbox's id, so a container finds its sandbox
 * also after that was removed and made anew.
 */
import { type FSWatcher, mkdirSync, watch } from 'node:fs';
import { TroupeError } from '../../errors/errors.ts';
import { oneAtATime } from '../../model/one-at-a-time.ts';
import { isNamespace, makeNamespace, netnsFolder, netnsPath, removeNamespace } from './network-namespaces.ts';
import type { EngineEvent, ListedSandbox, Sandbox } from './runtime-driver.ts';
import { assertSandboxId, sandboxGone, type SandboxKeeper } from './sandbox-keeper.ts';
import { createSandboxRecords, sandboxOfFile } from './sandbox-records.ts';

const prefix = 'troupe-';

export interface PodmanSandboxes extends SandboxKeeper {
  /** Tells each change of a sandbox until the signal aborts. */
  watch(tell: (event: EngineEvent) => void, signal: AbortSignal): void;
}

/** @param folder of the records; of this agent alone */
export function podmanSandboxes(folder: string): PodmanSandboxes {
  const records = createSandboxRecords(folder);
  /** One after another for each sandbox: `ip netns add` is not done at once. */
  const inTurn = oneAtATime();
  const toSandbox = (sandboxId: string): Sandbox => ({
    sandboxId,
    engineId: null,
    netnsPath: netnsPath(prefix + sandboxId),
  });

  return {
    async ensure(identity, { sandboxId, hostname }, signal) {
      assertSandboxId(sandboxId);
      return inTurn(sandboxId, async () => {
        const sandbox = toSandbox(sandboxId);
        const record = await records.read(sandboxId);
        if (record && record.worldId !== identity.worldId)
          throw new TroupeError(
            'NAME_IN_USE',
            `The sandbox could not be made: "${sandboxId}" belongs to another world on this host`,
          );
        if (record && record.generation > identity.generation)
          throw new TroupeError(
            'STALE_COMMAND',
            `Generation ${identity.generation} of sandbox "${sandboxId}" is not made: generation ${record.generation} is on this host`,
          );
        if (record?.generation === identity.generation && (await isNamespace(sandbox.netnsPath)))
          return sandbox;
        if (record?.generation !== identity.generation) {
          // The old namespace first: one is never found under another generation's record.
          await removeNamespace(prefix + sandboxId, signal);
          const { opId, worldId, tenant, generation, epoch } = identity;
          await records.write({ sandboxId, hostname, opId, worldId, tenant, generation, epoch });
        }
        await makeNamespace(prefix + sandboxId, signal);
        return sandbox;
      });
    },

    async remove(identity, sandboxId, signal) {
      assertSandboxId(sandboxId);
      return inTurn(sandboxId, async () => {
        const record = await records.read(sandboxId);
        if (!record || record.worldId !== identity.worldId || record.generation > identity.generation) return;
        await removeNamespace(prefix + sandboxId, signal);
        await records.remove(sandboxId);
      });
    },

    async list() {
      return Promise.all(
        (await records.all()).map(
          async ({ sandboxId, tenant, generation, opId, worldId, epoch }): Promise<ListedSandbox> => {
            const path = toSandbox(sandboxId).netnsPath;
            const alive = (await isNamespace(path)) ? path : null;
            return {
              sandboxId,
              tenant,
              generation,
              engineId: null,
              netnsPath: alive,
              opId,
              worldId,
              epoch,
            };
          },
        ),
      );
    },

    async join(identity, { sandboxId }, hostname) {
      assertSandboxId(sandboxId);
      const record = await records.read(sandboxId);
      if (record?.worldId !== identity.worldId) throw sandboxGone(sandboxId, 'is not on this host');
      if (record.tenant !== identity.tenant)
        throw new TroupeError('FORBIDDEN', `Sandbox "${sandboxId}" is not of this container's project`);
      const path = netnsPath(prefix + sandboxId);
      if (!(await isNamespace(path))) throw sandboxGone(sandboxId, 'has lost its namespace');
      return {
        sandboxId,
        networkMode: `ns:${path}`,
        ownHostname: hostname ?? record.hostname,
        hostname: null,
      };
    },

    async assertAlive(sandboxId) {
      if (await isNamespace(netnsPath(prefix + sandboxId))) return;
      throw sandboxGone(sandboxId, 'has lost its namespace; the container could not be started');
    },

    watch(tell, signal) {
      if (signal.aborted) return;
      const told = (sandboxId: string, action: 'start' | 'die' | 'destroy'): void =>
        tell({ kind: 'sandbox', worldId: null, sandboxId, engineId: null, action });
      const watchers: FSWatcher[] = [
        watchFolder(netnsFolder, (name) => {
          if (!name.startsWith(prefix)) return;
          const sandboxId = name.slice(prefix.length);
          void isOurs(sandboxId).then(async (ours) => {
            if (ours) told(sandboxId, (await isNamespace(netnsPath(name))) ? 'start' : 'die');
          });
        }),
        watchFolder(records.folder, (name) => {
          const sandboxId = sandboxOfFile(name);
          if (sandboxId !== null) void isOurs(sandboxId).then((ours) => ours || told(sandboxId, 'destroy'));
        }),
      ];
      // A folder that can't be watched any more has gone: so may have all that was in it.
      for (const watcher of watchers) watcher.on('error', () => tell({ kind: 'gap' }));
      signal.addEventListener('abort', () => watchers.forEach((watcher) => watcher.close()), { once: true });
    },
  };

  async function isOurs(sandboxId: string): Promise<boolean> {
    return (await records.read(sandboxId).catch(() => null)) !== null;
  }
}

function watchFolder(folder: string, changed: (name: string) => void): FSWatcher {
  mkdirSync(folder, { recursive: true });
  return watch(folder, (_, name) => {
    if (name !== null) changed(name);
  });
}
