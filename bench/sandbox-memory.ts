/**
 * 7. What a sandbox that is kept ahead costs in memory: the processes that the
 * engine keeps for it, and what the kernel keeps for its namespace and its pair
 * of links. The figures in `src/model/warm-memory.ts` come from here.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBridgeNetworkDriver } from '../src/drivers/network/bridge-network.ts';
import { createDockerDriver } from '../src/drivers/runtime/docker.ts';
import { podmanSandboxes } from '../src/drivers/runtime/podman-sandboxes.ts';
import type { Sandbox } from '../src/drivers/runtime/runtime-driver.ts';
import { namedUuid } from '../src/model/named-uuid.ts';
import type { Figures } from './figures.ts';
import { environment, pause } from './site.ts';

const sandboxes = 40;
const signal = AbortSignal.timeout(300_000);
const identity = {
  opId: 'measure',
  worldId: '0e111111-1111-4111-8111-111111111111',
  tenant: 'measure',
  generation: 1,
  epoch: 1,
};
const network = {
  worldId: identity.worldId,
  tenant: identity.tenant,
  networkId: namedUuid('measure'),
  subnet: '10.223.0.0/24',
  gateway: '10.223.0.1',
  mtu: 1_500,
  ipv6: null,
};

/** Of /proc/meminfo, in KiB: what the kernel can't take back from what it holds for itself. */
function kernelKib(): number {
  const text = readFileSync('/proc/meminfo', 'utf8');
  const of = (name: string): number => Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
  return of('SUnreclaim') + of('Percpu') + of('KernelStack') + of('PageTables');
}

interface Resident {
  readonly rssKib: number;
  /** Pages that several share, divided among them. */
  readonly pssKib: number;
}

function residentOf(pid: number): Resident {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const of = (name: string): number => Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
  return { rssKib: of('Rss'), pssKib: of('Pss') };
}

const parentOf = (pid: number): number =>
  Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]);

/** The process of a sandbox, by its namespace's path, and the one that holds it for the engine. */
function processesOf({ netnsPath }: Sandbox): readonly number[] {
  const pid = Number(/^\/proc\/(\d+)\//.exec(netnsPath)?.[1] ?? 0);
  return pid === 0 ? [] : [pid, parentOf(pid)];
}

interface Keeper {
  ensureSandbox(sandboxId: string): Promise<Sandbox>;
  removeSandbox(sandboxId: string): Promise<void>;
}

async function measure(name: string, keeper: Keeper, tell: Figures['tell']): Promise<void> {
  const networks = createBridgeNetworkDriver();
  await networks.ensureNetwork(network, signal);
  const ids = Array.from({ length: sandboxes }, (_, index) => namedUuid(`measure/${index}`));
  const made: Sandbox[] = [];
  const before = kernelKib();
  try {
    for (const [index, sandboxId] of ids.entries()) {
      const sandbox = await keeper.ensureSandbox(sandboxId);
      made.push(sandbox);
      await networks.plug(
        {
          worldId: identity.worldId,
          portId: sandboxId,
          networkId: network.networkId,
          of: 'us',
          netnsPath: sandbox.netnsPath,
          mac: `02:00:00:00:00:${(index + 16).toString(16)}`,
          addresses: [`10.223.0.${index + 16}/24`],
          gateway: network.gateway,
          routes: [],
          mtu: network.mtu,
          interfaceName: 'eth0',
        },
        signal,
      );
    }
    await pause(5_000);
    const kernel = (kernelKib() - before) / sandboxes / 1024;
    const resident = made.flatMap(processesOf).map(residentOf);
    const perSandbox = (kib: (each: Resident) => number): number =>
      resident.reduce((sum, each) => sum + kib(each), 0) / sandboxes / 1024;
    tell(
      `7. ${name}: RSS of its processes`,
      perSandbox(({ rssKib }) => rssKib),
      'MiB/sandbox',
    );
    tell(
      `7. ${name}: PSS of its processes`,
      perSandbox(({ pssKib }) => pssKib),
      'MiB/sandbox',
    );
    tell(`7. ${name}: kernel`, kernel, 'MiB/sandbox');
  } finally {
    for (const sandboxId of ids) {
      await networks.unplug({ worldId: identity.worldId, portId: sandboxId }, signal);
      await keeper.removeSandbox(sandboxId);
    }
    await networks.removeNetwork({ worldId: identity.worldId, networkId: network.networkId }, signal);
  }
}

export async function measureSandboxMemory({ tell }: Figures): Promise<void> {
  const docker = createDockerDriver({ socketPath: '/var/run/docker.sock', hostname: 'measure', environment });
  const folder = mkdtempSync(join(tmpdir(), 'troupe-sandboxes-'));
  const podman = podmanSandboxes(folder);
  try {
    await measure(
      'Docker',
      {
        ensureSandbox: (sandboxId) => docker.ensureSandbox(identity, { sandboxId, hostname: null }, signal),
        removeSandbox: (sandboxId) => docker.removeSandbox(identity, sandboxId, signal),
      },
      tell,
    );
    await measure(
      'Podman',
      {
        ensureSandbox: (sandboxId) => podman.ensure(identity, { sandboxId, hostname: null }, signal),
        removeSandbox: (sandboxId) => podman.remove(identity, sandboxId, signal),
      },
      tell,
    );
  } finally {
    await docker.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
