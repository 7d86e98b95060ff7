/** The table of metrics in `docs/operations.md`, from what `/metrics` answers. */
import Fastify from 'fastify';
import type { ControlPlane } from '../../src/actors/index.ts';
import { measure } from '../../src/api/extensions/health.ts';
import { code, table } from './markdown.ts';

/** Counts nothing: the names and meanings are what is wanted. */
const idle = {
  stats: () => ({
    actors: { container: 0, host: 0, tenant: 0 },
    mailboxDepth: 0,
    commits: 0,
    turns: 0,
    effectsInFlight: 0,
    watchers: 0,
  }),
  hosts: () => [],
  quarantined: () => [],
} as unknown as ControlPlane;

/** Node's own and the process's are described by their library. */
const ofTheLibrary = /^(nodejs|process)_/;

export async function metricsTable(): Promise<string> {
  const app = Fastify();
  measure(app, idle);
  const { body } = await app.inject('/metrics');
  await app.close();
  const rows = [...body.matchAll(/^# HELP (\S+) (.*)\n# TYPE \S+ (\S+)$/gm)]
    .filter(([, name = '']) => !ofTheLibrary.test(name))
    .map(([, name = '', help = '', type = '']) => [code(name), type, help]);
  return table(['metric', 'type', 'meaning'], rows);
}
