/** A whole Troupe in a process of its own, silent, that is killed and started again. */
import pino from 'pino';
import { loadConfig } from '../../src/config/load.ts';
import { runAllInOne } from '../../src/main/all-in-one.ts';
import { createEnvironment } from '../../src/main/environment.ts';
import { storeOf } from '../../src/main/stores.ts';

const flags = Object.fromEntries(
  process.argv.slice(2).map((pair) => pair.split(/=(.*)/s).slice(0, 2) as [string, string]),
);
const { config } = loadConfig({ flags, environment: {}, file: null, usualFiles: [] });
const log = pino({ level: process.env['LOG_LEVEL'] ?? 'silent' });
const environment = createEnvironment(log);
const running = await runAllInOne(config, environment, storeOf(config, environment), log);
process.once('SIGTERM', () => void running.stop().then(() => process.exit(0)));
process.send?.({ ready: true });
