/**
 * `npm run bench [-- --only 1,3] [--quick] [--minutes 3] [--json FILE]`: figures beside
 * their aims; nothing is asserted. Redis runs with `appendfsync always`, LMDB
 * flushes each commit. `--quick`: 100 hosts and 10,000 containers at most.
 * `--minutes`: how long the console is looked at while containers change.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startPodman } from '../test/support/podman.ts';
import { startRedis } from '../test/support/redis.ts';
import { measureAgainstEngine } from './against-engine.ts';
import { measureApi } from './api.ts';
import { measureKilled, measureToldDeaths } from './deaths.ts';
import { measureFanOut, measureOverview } from './console.ts';
import { createFigures } from './figures.ts';
import { measureSwarm } from './swarm.ts';
import { everyWarmth, measureWarmStarts } from './warm-starts.ts';
import { measureSandboxMemory } from './sandbox-memory.ts';
import { measureIdle } from './idle.ts';
import { measureCinderStarts } from './cinder-starts.ts';
import { measureNeutronStarts } from './neutron-starts.ts';
import { openRealSite, type RealSite } from './real-site.ts';
import { measureRestart } from './restart.ts';
import { measurePlacements } from './placements.ts';
import { configOf } from './site.ts';
import { measureStarts } from './starts.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    minutes: { type: 'string', default: '3' },
  },
});
const only = values.only?.split(',');
const wanted = (part: string): boolean => only === undefined || only.includes(part);
const hostCounts = values.quick ? [100] : [100, 5_000];
const starts = 5_000;
const restarted = values.quick ? 10_000 : 100_000;

const figures = createFigures();
const directory = mkdtempSync(join(tmpdir(), 'troupe-bench-'));
let made = 0;
const newDirectory = (): string => {
  made += 1;
  const path = join(directory, String(made));
  mkdirSync(path);
  return path;
};

async function measureAllStarts(): Promise<void> {
  for (const hosts of hostCounts) {
    const common = { hosts, count: starts };
    await measureStarts(figures, { ...common, name: 'embedded', directory: newDirectory(), store: {} });
    const redis = await startRedis();
    await measureStarts(figures, {
      ...common,
      name: 'Redis, appendfsync always',
      directory: newDirectory(),
      store: { 'store.kind': 'redis', 'store.redisUrl': redis.url },
    });
    await redis.stop();
  }
}

/** What needs a real engine, on one site. */
async function measureReal(measures: readonly ((site: RealSite) => Promise<void>)[]): Promise<void> {
  if (measures.length === 0) return;
  const { socket } = configOf({}).engine;
  if (!existsSync(socket)) return console.log(`2. and 5. not run in part: there is no engine at "${socket}"`);
  const site = await openRealSite(newDirectory());
  try {
    for (const measure of measures) await measure(site);
  } finally {
    await site.stop();
  }
}

try {
  if (wanted('1')) await measureAllStarts();
  if (wanted('2')) await measureToldDeaths(figures, newDirectory());
  if (wanted('3')) await measureRestart(figures, newDirectory(), restarted);
  if (wanted('4')) await measureIdle(figures, newDirectory());
  if (wanted('7')) {
    await measureSandboxMemory(figures);
    const { socket } = configOf({}).engine;
    await measureWarmStarts(figures, newDirectory, { label: '', socket, warmths: everyWarmth });
    await measureSwarm(figures, newDirectory);
    const podman = await startPodman();
    try {
      const warmths = everyWarmth.filter(([warmth]) => warmth <= 8);
      await measureWarmStarts(figures, newDirectory, {
        label: 'Podman, ',
        socket: podman.socketPath,
        warmths,
      });
    } finally {
      await podman.stop();
    }
  }
  if (wanted('6')) measurePlacements(figures.tell, hostCounts);
  if (wanted('8')) await measureFanOut(figures, newDirectory());
  if (wanted('8')) await measureOverview(figures, newDirectory(), Number(values.minutes));
  if (wanted('9')) await measureApi(figures, newDirectory());
  if (wanted('10')) await measureNeutronStarts(figures);
  if (wanted('11')) await measureCinderStarts(figures);
  await measureReal([
    ...(wanted('2') ? [(site: RealSite) => measureKilled(figures, site)] : []),
    ...(wanted('5') ? [(site: RealSite) => measureAgainstEngine(figures, site)] : []),
  ]);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
if (values.json) writeFileSync(values.json, `${JSON.stringify(figures.all, null, 2)}\n`);
process.exit(0);
