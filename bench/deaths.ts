/** 2. From a container's death to the client of the WebSocket that is told of it. */
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { percentile, type Figures } from './figures.ts';
import type { RealSite } from './real-site.ts';
import { adminToken, openSite, siteFlags, startMany } from './site.ts';
import { watch } from './watcher.ts';

const simulated = 300;
/** So many that p99 is not just the worst one. */
const killed = 200;

/** The control plane's part: the agent is simulated, and told here that a container has died. */
export async function measureToldDeaths({ tell }: Figures, directory: string): Promise<void> {
  const site = await openSite(await siteFlags(directory));
  await site.hosts.join(site.plane, 1);
  await startMany(site.plane, simulated, 50);
  const watcher = await watch(site.process.url, adminToken(site.config));
  const waits: number[] = [];
  for (const { id } of site.plane.containers({ tenant: null })) {
    const seen = watcher.seen(id, 'Stopped');
    const began = performance.now();
    site.hosts.die(id);
    waits.push((await seen) - began);
  }
  watcher.close();
  await site.stop();
  tell('2. death told by a simulated agent → WebSocket client, p50', percentile(waits, 0.5), 'ms');
  tell('2. death told by a simulated agent → WebSocket client, p99', percentile(waits, 0.99), 'ms', '<= 10');
}

interface EngineEvent {
  readonly Action: string;
  readonly Actor: { readonly Attributes: Readonly<Record<string, string>> };
}

/** The whole: containers killed at a real engine, whose events are followed here as the agent follows them. */
export async function measureKilled({ tell }: Figures, site: RealSite): Promise<void> {
  const watcher = await watch(site.url, site.token);
  const events = (await site.docker.getEvents({
    filters: { type: ['container'], event: ['die'] },
  })) as Readable;
  const arrivals = new Map<string, (at: number) => void>();
  events.on('data', (data: Buffer) => {
    const at = performance.now();
    for (const line of data.toString().trim().split('\n')) {
      const { Actor } = JSON.parse(line) as EngineEvent;
      arrivals.get(Actor.Attributes['troupe.container-id'] ?? '')?.(at);
    }
  });
  const fromEvent: number[] = [];
  const fromKill: number[] = [];
  for (let count = 0; count < killed; count += 1) {
    const { uuid, remove } = await site.start(watcher);
    const seen = watcher.seen(uuid, 'Stopped');
    const arrived = new Promise<number>((resolve) => arrivals.set(uuid, resolve));
    const [found] = await site.docker.listContainers({
      filters: { label: [`troupe.container-id=${uuid}`] },
    });
    const began = performance.now();
    await site.docker.getContainer(found!.Id).kill();
    const told = await seen;
    fromEvent.push(told - (await arrived));
    fromKill.push(told - began);
    await remove();
  }
  events.destroy();
  await once(events, 'close');
  watcher.close();
  tell('2. event at the agent → WebSocket client, p50', percentile(fromEvent, 0.5), 'ms');
  tell('2. event at the agent → WebSocket client, p99', percentile(fromEvent, 0.99), 'ms', '<= 10');
  tell('2. docker kill → WebSocket client, p50', percentile(fromKill, 0.5), 'ms');
  tell('2. docker kill → WebSocket client, p99', percentile(fromKill, 0.99), 'ms');
}
