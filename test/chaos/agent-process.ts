/** A host agent in a process of its own that kills itself around a chosen engine call. `CRASH_AT=after:2`, `JOIN=<token>`. */
import pino from 'pino';
import { loadConfig } from '../../src/config/load.ts';
import type { RuntimeDriver } from '../../src/drivers/runtime/runtime-driver.ts';
import { createEnvironment } from '../../src/main/environment.ts';
import { runAgent } from '../../src/main/host-agent.ts';

const [when, number] = (process.env['CRASH_AT'] ?? 'never:0').split(':');
const flags = Object.fromEntries(
  process.argv.slice(2).map((pair) => pair.split(/=(.*)/s).slice(0, 2) as [string, string]),
);
const { config } = loadConfig({ flags, environment: {}, file: null, usualFiles: [] });
const watched = new Set([
  'pullImage',
  'createContainer',
  'startContainer',
  'stopContainer',
  'removeContainer',
]);
let calls = 0;

await runAgent(config, createEnvironment(pino({ level: 'silent' })), {
  controlUrl: config.agent.controlUrl,
  joinToken: process.env['JOIN'] ?? null,
  wrapDriver: (driver) =>
    new Proxy(driver, {
      get(target, property) {
        const method = (target as unknown as Record<PropertyKey, unknown>)[property];
        if (typeof method !== 'function' || !watched.has(String(property))) return method;
        return async (...args: unknown[]) => {
          calls += 1;
          const strikes = calls === Number(number);
          if (strikes && when === 'before') process.kill(process.pid, 'SIGKILL');
          const result = (await (method as (...all: unknown[]) => unknown).apply(target, args)) as unknown;
          if (strikes && when === 'after') process.kill(process.pid, 'SIGKILL');
          return result;
        };
      },
    }) as RuntimeDriver,
});
process.send?.({ ready: true });
