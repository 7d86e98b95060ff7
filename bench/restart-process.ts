/** A control plane in a new process, which tells when it has come how far. In: `{flags, hosts}`; out: `RestartReport`s. */
import { runControlPlane } from '../src/main/control-plane.ts';
import { storeOf } from '../src/main/stores.ts';
import type { Environment } from '../src/model/environment.ts';
import { allOnline, configOf, cpuMs, environment, liveHeap, silent } from './site.ts';

export interface RestartReport {
  readonly what: 'restored' | 'ready' | 'online' | 'measured';
  readonly cpuMs: number;
  /** Beyond what an empty process has. */
  readonly heapBytes: number;
}

const tell = (what: RestartReport['what'], heapBytes = 0): void =>
  void process.send!({ what, cpuMs: cpuMs(), heapBytes } satisfies RestartReport);

/** Tells when the actors are there, which the control plane only logs. */
const watching: Environment = {
  ...environment,
  log: Object.assign(Object.create(silent) as typeof silent, {
    info: (_: object, message: string) => {
      if (message === 'actors restored') tell('restored');
    },
  }),
};

process.on('message', async ({ flags, hosts }: { flags: Record<string, string>; hosts: number }) => {
  const empty = await liveHeap();
  const config = configOf(flags);
  const { controlPlane } = await runControlPlane(config, watching, storeOf(config, watching), silent);
  tell('ready');
  await allOnline(controlPlane, hosts);
  tell('online');
  tell('measured', (await liveHeap()) - empty);
});
process.on('disconnect', () => process.exit(0));
