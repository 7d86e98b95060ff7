/**
 * 8. The console's overview with 10,000 containers open while they change, in
 * a real browser; and one server that tells 1,000 watchers of every change.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { chromium, type CDPSession, type Page } from 'playwright-core';
import { parseAddress, type Address } from '../src/model/address.ts';
import { percentile, type Figures } from './figures.ts';
import {
  adminToken,
  cpuMs,
  liveHeap,
  openSite,
  pause,
  siteFlags,
  startMany,
  underLoad,
  type Site,
} from './site.ts';
import type { WatchersReport, WatchersStart } from './watchers-process.ts';

const hosts = 10;
const containers = 10_000;
const changesPerSecond = 200;
/** As it takes when it is quiet: each verb is a turn that takes it and a turn that ends it. */
const turnsPerVerb = 2;
const tickMs = 50;

const watchers = 1_000;
const watchedContainers = 200;
const toldPerSecond = 100;
const watchedMs = 30_000;

const browserPath = '/usr/bin/chromium';
const mib = 1024 * 1024;

/** Stops and starts containers in turn. @returns how many turns that made */
async function change(site: Site, perSecond: number, ms: number): Promise<number> {
  const { plane } = site;
  const addresses = [...plane.runtime.cellsOf('container').keys()];
  const before = plane.stats().turns;
  const began = performance.now();
  const under: Promise<unknown>[] = [];
  let verbs = 0;
  const next = (): void => {
    const address: Address = addresses[verbs % addresses.length]!;
    const isStart = Math.floor(verbs / addresses.length) % 2 === 1;
    verbs += 1;
    const caller = {
      userId: 'u',
      projectId: parseAddress(address).tenant ?? '',
      requestId: `req-bench-${verbs}`,
    };
    const event = isStart
      ? ({ type: 'container.start' } as const)
      : ({ type: 'container.stop', graceMs: 0 } as const);
    under.push(plane.command(address, event, caller));
  };
  for (let elapsed = 0; elapsed < ms; elapsed = performance.now() - began) {
    while (verbs < (elapsed / 1_000) * (perSecond / turnsPerVerb)) next();
    await pause(tickMs);
  }
  await Promise.all(under);
  return plane.stats().turns - before;
}

/** Bytes of the page's heap that are in use and not garbage. */
async function pageHeap(devtools: CDPSession): Promise<number> {
  await devtools.send('HeapProfiler.collectGarbage');
  const { metrics } = await devtools.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'JSHeapUsedSize')?.value ?? 0;
}

/** Milliseconds that the page's own thread has worked. */
async function pageWork(devtools: CDPSession): Promise<number> {
  const { metrics } = await devtools.send('Performance.getMetrics');
  return (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0) * 1_000;
}

export async function measureOverview({ tell }: Figures, directory: string, minutes: number): Promise<void> {
  if (!existsSync(browserPath)) return console.log(`8. not run in part: there is no "${browserPath}"`);
  const site = await openSite(await siteFlags(directory, underLoad(hosts)));
  await site.hosts.join(site.plane, hosts);
  await startMany(site.plane, containers, 200);
  const browser = await chromium.launch({
    executablePath: browserPath,
    args: ['--no-sandbox', '--disable-gpu'],
  });
  const page: Page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
  await page.addInitScript(`sessionStorage.setItem('troupe.token', '${adminToken(site.config)}')`);
  const opened = performance.now();
  await page.goto(`${site.process.url}/console#/`);
  await page.getByText(`${containers} containers`).waitFor({ timeout: 60_000 });
  tell(
    `8. overview of ${containers.toLocaleString('en')} containers, opened`,
    performance.now() - opened,
    'ms',
  );
  await page.evaluate(
    `window.long = []; void new PerformanceObserver((list) => window.long.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: 'longtask' })`,
  );
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Performance.enable');
  const before = { heap: await pageHeap(devtools), work: await pageWork(devtools) };
  const began = performance.now();
  const turns = await change(site, changesPerSecond, minutes * 60_000);
  const elapsed = performance.now() - began;
  const long = (await page.evaluate('window.long')) as number[];
  const work = (await pageWork(devtools)) - before.work;
  const what = `8. overview, ${minutes} min of changes`;
  tell(`${what}: changes`, turns / (elapsed / 1_000), '/s', String(changesPerSecond));
  tell(`${what}: tasks over 50 ms`, long.length / (elapsed / 60_000), '/min', '0');
  tell(`${what}: the longest`, Math.max(0, ...long), 'ms', '50');
  tell(`${what}: the page's own thread`, (work / elapsed) * 100, '% of core');
  const heap = await pageHeap(devtools);
  tell(`${what}: heap of the page`, heap / mib, 'MiB');
  tell(`${what}: heap since it was opened`, (heap - before.heap) / mib, 'MiB', '~ 0');
  await browser.close();
  await site.stop();
}

export async function measureFanOut({ tell }: Figures, directory: string): Promise<void> {
  const site = await openSite(await siteFlags(directory, underLoad(hosts)));
  await site.hosts.join(site.plane, hosts);
  await startMany(site.plane, watchedContainers, 50);
  const alone = await liveHeap();
  const child = fork(join(import.meta.dirname, 'watchers-process.js'));
  const start: WatchersStart = {
    url: `${site.process.url.replace(/^http/, 'ws')}/v1/watch`,
    token: adminToken(site.config),
    count: watchers,
  };
  const reported = async (message: object): Promise<WatchersReport> => {
    child.send(message);
    return ((await once(child, 'message')) as [WatchersReport])[0];
  };
  await reported(start);
  const held = await liveHeap();
  await reported({ report: true });
  const [cpu, began] = [cpuMs(), performance.now()];
  const turns = await change(site, toldPerSecond, watchedMs);
  const [used, elapsed] = [cpuMs() - cpu, performance.now() - began];
  const delays: number[] = [];
  let told = 0;
  // What is still on its way has its delay, too.
  for (let isComing = true; isComing && told < turns * watchers;) {
    await pause(500);
    const report = await reported({ report: true });
    told += report.told;
    for (const delay of report.delays) delays.push(delay);
    isComing = report.told > 0;
  }
  const what = `8. ${watchers.toLocaleString('en')} watchers`;
  tell(`${what}: changes`, turns / (elapsed / 1_000), '/s', String(toldPerSecond));
  tell(`${what}: changes that came to each`, (told / (turns * watchers)) * 100, '%', '100');
  tell(`${what}: from the decision to the watcher, p50`, percentile(delays, 0.5), 'ms');
  tell(`${what}: from the decision to the watcher, p99`, percentile(delays, 0.99), 'ms', '≤ 100');
  tell(`${what}: control plane`, (used / elapsed) * 100, '% of core');
  tell(`${what}: heap for each`, (held - alone) / watchers / 1024, 'KiB');
  tell(`${what}: resident memory`, process.memoryUsage().rss / mib, 'MiB');
  child.kill();
  await site.stop();
}
