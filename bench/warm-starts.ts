/**
 * 7. Starts into sandboxes made ahead, against the engine's own API on its own
 * bridge, in the same run. W sandboxes are ready before each round; what it
 * takes to make them again is told apart.
 */
import { startRaw, timed, type Start } from './against-engine.ts';
import { percentile, type Figures } from './figures.ts';
import { openRealSite } from './real-site.ts';
import { pause } from './site.ts';
import { watch } from './watcher.ts';

const rounds = 3;
const burst = 40;
const single = 5;
/** For a pool to fill; it is left out of the figures when it doesn't. */
const fillMs = 120_000;

/** Ready before a burst, and the aim for burst ÷ raw. */
const warmths = [
  [0, '<= 1.5'],
  [8, '<= 1.15'],
  [40, '<= 0.5'],
] as const;

export async function measureWarmStarts({ tell }: Figures, newDirectory: () => string): Promise<void> {
  for (const [warmth, aim] of warmths) {
    const site = await openRealSite(newDirectory(), {
      'site.sandboxes': 'own',
      'site.poolCeiling': String(warmth),
      'site.poolHostMost': '64',
      'site.poolWindowMs': '600000',
    });
    const watcher = await watch(site.url, site.token);
    const raw: Start = () => startRaw(site);
    const ours: Start = () => site.start(watcher);
    const refills: number[] = [];
    const refill = async (): Promise<void> => {
      const began = performance.now();
      while ((await site.ready()) < warmth) {
        if (performance.now() - began > fillMs)
          throw new Error(`Only ${await site.ready()} of ${warmth} sandboxes were ready in time`);
        await pause(50);
      }
      refills.push(performance.now() - began);
    };
    const compare = async (label: string, count: number, width: number, aimed: string): Promise<void> => {
      const times = { raw: [] as number[], ours: [] as number[] };
      for (let round = 0; round < rounds; round += 1) {
        times.raw.push(await timed(raw, count, width));
        await refill();
        times.ours.push(await timed(ours, count, width));
      }
      const median = (values: readonly number[]): number => percentile(values, 0.5);
      tell(`7. ${label}: raw dockerode`, median(times.raw), 'ms/start');
      tell(`7. ${label}: through the REST API`, median(times.ours), 'ms/start');
      tell(`7. ${label}: ratio`, median(times.ours) / median(times.raw), 'x raw', aimed);
    };
    try {
      // A pool grows with use: as many starts at once as it is to hold.
      await timed(ours, Math.max(warmth, 4), Math.max(warmth, 4));
      if (warmth === 8) await compare('one at a time, warm', single, 1, '<= 0.6');
      await compare(`burst of ${burst}, ${warmth} ready`, burst, burst, aim);
      if (warmth > 0)
        tell(`7. ${warmth} sandboxes made again after a burst`, percentile(refills, 0.5) / 1000, 's');
    } finally {
      watcher.close();
      await site.stop();
    }
  }
}
