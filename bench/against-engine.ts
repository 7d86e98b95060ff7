/**
 * 5. A start through the REST API against the same start by the engine's own
 * API. Both ask for the same container; both count from the request to a
 * container that the client knows to run. Rounds alternate, since engines slow
 * down and speed up with what else the machine does.
 */
import { percentile, type Figures } from './figures.ts';
import { command, image, memoryMib, type RealSite, type StartedContainer } from './real-site.ts';
import { watch } from './watcher.ts';

const mib = 1024 * 1024;
const rounds = 5;
/** Of a burst, all asked for at once. */
const burst = 40;
/** In a round of one after the other. */
const single = 5;

export type Start = () => Promise<StartedContainer>;

export async function measureAgainstEngine({ tell }: Figures, site: RealSite): Promise<void> {
  const watcher = await watch(site.url, site.token);
  const raw: Start = () => startRaw(site);
  const ours: Start = () => site.start(watcher);
  // Both are warm before anything counts.
  for (const start of [raw, ours]) await timed(start, burst / 2, 4);
  for (const [label, count, width] of [
    ['one at a time', single, 1],
    [`burst of ${burst}`, burst, burst],
  ] as const) {
    const times = { raw: [] as number[], ours: [] as number[] };
    for (let round = 0; round < rounds; round += 1) {
      times.raw.push(await timed(raw, count, width));
      times.ours.push(await timed(ours, count, width));
    }
    const median = (values: readonly number[]): number => percentile(values, 0.5);
    tell(`5. ${label}: raw dockerode, median of ${rounds} rounds`, median(times.raw), 'ms/start');
    tell(`5. ${label}: through the REST API`, median(times.ours), 'ms/start');
    tell(`5. ${label}: ratio`, median(times.ours) / median(times.raw), 'x raw', '<= 1.1');
  }
  watcher.close();
}

/** What Troupe asks the engine for, asked for directly. */
export async function startRaw({ docker }: Pick<RealSite, 'docker'>): Promise<StartedContainer> {
  const container = await docker.createContainer({
    Image: image,
    Cmd: command,
    HostConfig: {
      Memory: memoryMib * mib,
      MemorySwap: memoryMib * mib,
      PidsLimit: 4096,
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '3' } },
    },
  });
  await container.start();
  return { uuid: container.id, remove: () => container.remove({ force: true }) };
}

/**
 * Milliseconds per start, of which `width` are in flight. What was started is gone again when it resolves.
 * @param before what is to be seen while all of it runs
 */
export async function timed(
  start: Start,
  count: number,
  width: number,
  before: () => Promise<void> = () => Promise.resolve(),
): Promise<number> {
  const started: StartedContainer[] = [];
  const began = performance.now();
  let issued = 0;
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (issued < count) {
        issued += 1;
        started.push(await start());
      }
    }),
  );
  const ms = (performance.now() - began) / count;
  await before();
  for (const { remove } of started) await remove();
  return ms;
}
