/** 4. What a site costs while nothing happens: real agents, over engines in memory. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Figures } from './figures.ts';
import type { IdleStart } from './idle-agents.ts';
import { allOnline, configOf, cpuMs, environment, pause, silent, siteFlags, startMany } from './site.ts';
import { runControlPlane } from '../src/main/control-plane.ts';
import { storeOf } from '../src/main/stores.ts';

const hosts = 10;
const containers = 1_000;
const watchedMs = 10_000;

export async function measureIdle({ tell }: Figures, directory: string): Promise<void> {
  const config = configOf(await siteFlags(directory));
  const site = await runControlPlane(config, environment, storeOf(config, environment), silent);
  const plane = site.controlPlane;
  const agents = fork(join(import.meta.dirname, 'idle-agents.js'));
  const tokens: string[] = [];
  for (let count = 0; count < hosts; count += 1) tokens.push(await plane.createJoinToken());
  agents.send({ url: site.url.replace(/^http/, 'ws'), directory, tokens } satisfies IdleStart);
  await allOnline(plane, hosts);
  await startMany(plane, containers, 200);
  const agentsCpuMs = async (): Promise<number> => {
    agents.send({ report: true });
    const [cpu] = (await once(agents, 'message')) as [number];
    return cpu;
  };
  // What follows the last start has ended.
  await pause(2_000);
  const before = { ours: cpuMs(), theirs: await agentsCpuMs() };
  await pause(watchedMs);
  const share = (ms: number): number => (ms / watchedMs) * 100;
  const what = `${containers.toLocaleString('en')} idle containers on ${hosts} hosts`;
  tell(`4. control plane with ${what}`, share(cpuMs() - before.ours), '% of core', '~ 0');
  tell(
    `4. each agent with ${containers / hosts} of them`,
    share((await agentsCpuMs()) - before.theirs) / hosts,
    '% of core',
    '~ 0',
  );
  agents.kill();
  await site.stop();
}
