/** 3. A control plane that begins with what it had: a new process on the same store, the hosts still there. */
import { fork } from 'node:child_process';
import { on, once } from 'node:events';
import { join } from 'node:path';
import type { Figures } from './figures.ts';
import type { RestartReport } from './restart-process.ts';
import { openSite, siteFlags, startMany, underLoad } from './site.ts';

const hosts = 100;

export async function measureRestart(
  { tell }: Figures,
  directory: string,
  containers: number,
): Promise<void> {
  const flags = await siteFlags(directory, underLoad(hosts));
  const site = await openSite(flags);
  await site.hosts.join(site.plane, hosts);
  await startMany(site.plane, containers, 1_000);
  await site.process.stop();

  const began = performance.now();
  const child = fork(join(import.meta.dirname, 'restart-process.js'));
  child.send({ flags, hosts });
  const seen = new Map<RestartReport['what'], RestartReport & { readonly s: number }>();
  for await (const [report] of on(child, 'message') as AsyncIterable<[RestartReport]>) {
    seen.set(report.what, { ...report, s: (performance.now() - began) / 1000 });
    if (report.what === 'measured') break;
  }
  const name = `3. restart with ${containers.toLocaleString('en')} containers`;
  tell(
    `${name}: all actors live, from the start of the process`,
    seen.get('restored')!.s,
    's',
    '<= 15 at 100,000',
  );
  tell(`${name}: ready to serve`, seen.get('ready')!.s, 's');
  tell(`${name}: all ${hosts} hosts online, their inventories reconciled`, seen.get('online')!.s, 's');
  tell(`${name}: CPU until then`, seen.get('online')!.cpuMs / 1000, 's');
  tell(`${name}: memory of a container`, seen.get('measured')!.heapBytes / containers / 1024, 'KiB', '<= 8');
  const gone = once(child, 'exit');
  child.kill();
  await gone;
  site.hosts.stop();
}
