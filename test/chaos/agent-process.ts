/** A host agent in a process of its own, with crash points around its engine. `JOIN=<token>` the first time. */
import { createEnvironment } from '../../src/main/environment.ts';
import { runAgent } from '../../src/main/host-agent.ts';
import { crashingDriver } from './crash-points.ts';
import { config, log } from './process-settings.ts';

await runAgent(config, createEnvironment(log), {
  controlUrl: config.agent.controlUrl,
  joinToken: async () => process.env['JOIN'] ?? null,
  wrapDriver: crashingDriver,
});
process.send?.({ ready: true });
