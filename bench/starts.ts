/** 1. Durable starts of containers, by the control plane alone. */
import { rm } from 'node:fs/promises';
import type { Figures } from './figures.ts';
import { cpuMs, underLoad, liveHeap, openSite, siteFlags, startMany } from './site.ts';

export interface StartsOptions {
  /** Of the store, in words. */
  readonly name: string;
  readonly directory: string;
  /** Settings of the store. */
  readonly store: Readonly<Record<string, string>>;
  readonly hosts: number;
  readonly count: number;
}

/** Creates in flight; what is begun before it is measured, so that the code is warm. */
const width = 500;
const warmUp = 1_000;

export async function measureStarts({ tell }: Figures, options: StartsOptions): Promise<void> {
  const { hosts, count } = options;
  const name = `1. ${options.name}, ${hosts.toLocaleString('en')} hosts`;
  const site = await openSite(await siteFlags(options.directory, { ...options.store, ...underLoad(hosts) }));
  const { plane } = site;
  const joining = { began: performance.now(), cpu: cpuMs() };
  await site.hosts.join(plane, hosts);
  tell(`${name}: joined`, (hosts / (performance.now() - joining.began)) * 1000, 'hosts/s');
  await startMany(plane, Math.min(warmUp, count), width);

  const heap = await liveHeap();
  const before = {
    ...plane.stats(),
    cpu: cpuMs(),
    messages: site.messages,
    agents: await site.hosts.report(),
  };
  const ms = await startMany(plane, count, width);
  const cpu = cpuMs() - before.cpu;
  const { turns, commits } = plane.stats();
  const agents = await site.hosts.report();
  const each = (value: number): number => value / count;

  tell(`${name}: durable starts`, (count / ms) * 1000, '/s');
  tell(`${name}: starts per core of the control plane`, (count / cpu) * 1000, '/s/core', '>= 2,000');
  tell(`${name}: CPU of the control plane`, each(cpu), 'ms/start');
  tell(`${name}: CPU of the agents`, each(agents.cpuMs - before.agents.cpuMs), 'ms/start');
  tell(`${name}: turns, each committed`, each(turns - before.turns), '/start', '8-9');
  tell(`${name}: messages between actors`, each(site.messages - before.messages), '/start');
  tell(`${name}: messages on the links`, each(agents.frames - before.agents.frames), '/start');
  tell(`${name}: calls of the store`, each(commits - before.commits), '/start');
  tell(`${name}: memory of a container`, each((await liveHeap()) - heap) / 1024, 'KiB', '<= 8');
  await site.stop();
  await rm(options.directory, { recursive: true, force: true });
}
