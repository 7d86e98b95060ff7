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

/** Of one round of starts without a pause, and how many at once. */
const sustained = 200;
const sustainedWidth = 8;

export interface WarmEngine {
  /** Stands before each figure. */
  readonly label: string;
  readonly socket: string;
  readonly warmths: readonly (typeof warmths)[number][];
}

export const everyWarmth: readonly (typeof warmths)[number][] = warmths;

export async function measureWarmStarts(
  { tell }: Figures,
  newDirectory: () => string,
  { label: engine, socket, warmths: wanted }: WarmEngine,
): Promise<void> {
  for (const [warmth, aim] of wanted) {
    const site = await openRealSite(newDirectory(), {
      'engine.socket': socket,
      'site.sandboxes': 'own',
      'site.poolCeiling': String(warmth),
      'site.poolMemoryMib': '256',
      'site.poolWindowMs': '600000',
    });
    const watcher = await watch(site.url, site.token);
    const raw: Start = () => startRaw(site);
    const ours: Start = () => site.start(watcher);
    const refills: number[] = [];
    const filled = async (): Promise<number> => {
      const began = performance.now();
      while ((await site.ready()) < warmth) {
        if (performance.now() - began > fillMs)
          throw new Error(`Only ${await site.ready()} of ${warmth} sandboxes were ready in time`);
        await pause(50);
      }
      return performance.now() - began;
    };
    const compare = async (
      what: string,
      count: number,
      width: number,
      aimed: string,
      most = rounds,
    ): Promise<void> => {
      const times = { raw: [] as number[], ours: [] as number[] };
      for (let round = 0; round < most; round += 1) {
        times.raw.push(await timed(raw, count, width));
        await filled();
        times.ours.push(await timed(ours, count, width, async () => void refills.push(await filled())));
      }
      const median = (values: readonly number[]): number => percentile(values, 0.5);
      const name = `7. ${engine}${what}`;
      tell(`${name}: raw dockerode`, median(times.raw), 'ms/start');
      tell(`${name}: through the REST API`, median(times.ours), 'ms/start');
      tell(`${name}: ratio`, median(times.ours) / median(times.raw), 'x raw', aimed);
    };
    try {
      // A pool grows with use: as many starts at once as it is to hold.
      await timed(ours, Math.max(warmth, 4), Math.max(warmth, 4));
      if (warmth === 8) {
        await compare('one at a time, warm', single, 1, '<= 0.6');
        await compare(
          `${sustained} starts without a pause, ${sustainedWidth} at once`,
          sustained,
          sustainedWidth,
          '',
          1,
        );
      }
      refills.length = 0;
      await compare(`burst of ${burst}, ${warmth} ready`, burst, burst, aim);
      if (warmth === 0) continue;
      tell(`7. ${engine}${warmth} sandboxes made again after a burst`, percentile(refills, 0.5) / 1000, 's');
    } finally {
      watcher.close();
      await site.stop();
    }
  }
}
