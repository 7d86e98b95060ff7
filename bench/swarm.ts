/**
 * 7. Forty containers by Swarm, on an engine of their own that does not restore
 * containers, as Swarm wants it; beside it the same by the engine's API and by us.
 */
import type Docker from 'dockerode';
import { startDockerd } from '../test/support/dockerd.ts';
import { program } from '../test/support/run-program.ts';
import { startRaw, timed } from './against-engine.ts';
import { percentile, type Figures } from './figures.ts';
import { command, image, memoryMib, openRealSite } from './real-site.ts';
import { pause } from './site.ts';
import { watch } from './watcher.ts';

const burst = 40;
const rounds = 3;

export async function measureSwarm({ tell }: Figures, newDirectory: () => string): Promise<void> {
  const engine = await startDockerd({ liveRestore: false });
  try {
    await program(
      'docker',
      '-H',
      `unix://${engine.socket}`,
      'swarm',
      'init',
      '--advertise-addr',
      '127.0.0.1',
    );
    const site = await openRealSite(newDirectory(), {
      'engine.socket': engine.socket,
      'site.poolCeiling': '40',
    });
    const watcher = await watch(site.url, site.token);
    const times = { raw: [] as number[], swarm: [] as number[], ours: [] as number[] };
    try {
      // Its pool grows with use.
      await timed(() => site.start(watcher), burst, burst);
      for (let round = 0; round < rounds; round += 1) {
        times.raw.push(await timed(() => startRaw(site), burst, burst));
        times.swarm.push(await serviceOf(engine.docker, engine.socket));
        while ((await site.ready()) < burst) await pause(50);
        times.ours.push(await timed(() => site.start(watcher), burst, burst));
      }
    } finally {
      watcher.close();
      await site.stop();
    }
    const [raw, swarm, ours] = [times.raw, times.swarm, times.ours].map((each) => percentile(each, 0.5));
    tell(`7. burst of ${burst} beside Swarm: raw dockerode`, raw!, 'ms/start');
    tell(`7. burst of ${burst} beside Swarm: docker service create --replicas ${burst}`, swarm!, 'ms/start');
    tell(`7. burst of ${burst} beside Swarm: through the REST API, ${burst} ready`, ours!, 'ms/start');
    tell(`7. burst of ${burst} beside Swarm: ratio`, ours! / swarm!, 'x Swarm', '< 0.75');
  } finally {
    await engine.stop();
  }
}

/** Milliseconds per task until all run. */
async function serviceOf(docker: Docker, socket: string): Promise<number> {
  const began = performance.now();
  const memory = `${memoryMib}m`;
  await program('docker', '-H', `unix://${socket}`, 'service', 'create', '--quiet', '--detach', '--name', 'bench',
    '--replicas', String(burst), '--limit-memory', memory, '--no-resolve-image', image, ...command); // prettier-ignore
  const filters = { label: ['com.docker.swarm.service.name=bench'], status: ['running'] };
  while ((await docker.listContainers({ filters })).length < burst) await pause(20);
  const ms = (performance.now() - began) / burst;
  await program('docker', '-H', `unix://${socket}`, 'service', 'rm', 'bench');
  while ((await docker.listContainers({ all: true, filters: { label: filters.label } })).length > 0)
    await pause(50);
  return ms;
}
