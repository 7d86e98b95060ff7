/** What the test processes of this folder are started with: settings as arguments, and silence. */
import pino from 'pino';
import { loadConfig } from '../../src/config/load.ts';

export const log = pino({ level: 'silent' });

export const { config } = loadConfig({
  flags: Object.fromEntries(
    process.argv.slice(2).map((pair) => pair.split(/=(.*)/s).slice(0, 2) as [string, string]),
  ),
  environment: {},
  file: null,
  usualFiles: [],
});
