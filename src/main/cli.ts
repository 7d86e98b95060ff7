/** The process behind `bin/troupe`: hands the world to the command line. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { createClient } from '../cli/client.ts';
import { runProgram } from '../cli/program.ts';
import { roots } from './roots.ts';

const { env, stdin, stdout, stderr } = process;
const isRoot = process.getuid?.() === 0;
const configHome = env['XDG_CONFIG_HOME'] ?? `${homedir()}/.config`;
const stateHome = env['XDG_STATE_HOME'] ?? `${homedir()}/.local/state`;

// A reader that goes away (`| head`) is no failure of ours.
stdout.on('error', () => process.exit(0));

const code = await runProgram(process.argv.slice(2), {
  roots,
  connect: createClient,
  environment: env,
  terminal: {
    out: (data) => void stdout.write(data),
    drained: async () => {
      if (stdout.writableNeedDrain) await once(stdout, 'drain');
    },
    say: (text) => void stderr.write(`${text}\n`),
    colour: stdout.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb',
    // A terminal that nobody gave a size says 0.
    size: () =>
      stdout.isTTY && stdout.rows > 0 && stdout.columns > 0
        ? { rows: stdout.rows, columns: stdout.columns }
        : null,
    onResize(handler) {
      stdout.on('resize', handler);
      return () => void stdout.off('resize', handler);
    },
  },
  keyboard: {
    isTerminal: stdin.isTTY === true,
    bytes: stdin,
    raw() {
      stdin.setRawMode(true);
      return () => void stdin.setRawMode(false);
    },
  },
  readFile: (path) => readFileSync(path, 'utf8'),
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  schedule(delayMs, task) {
    const timer = setTimeout(task, delayMs);
    return () => clearTimeout(timer);
  },
  onInterrupt(handler) {
    process.on('SIGINT', handler);
    return () => void process.off('SIGINT', handler);
  },
  defaultState: isRoot ? null : `${stateHome}/troupe`,
  usualFiles: [`${configHome}/troupe/config.yaml`, '/etc/troupe/config.yaml'],
});
// What failed half-way up may have left a socket or a timer behind; a pipe's output is written by now.
process.exit(code);
