/** The process behind `bin/troupe`: hands the world to the command line. */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { runProgram } from '../cli/program.ts';
import { roots } from './roots.ts';

const { env, stdout, stderr } = process;
const isRoot = process.getuid?.() === 0;
const configHome = env['XDG_CONFIG_HOME'] ?? `${homedir()}/.config`;
const stateHome = env['XDG_STATE_HOME'] ?? `${homedir()}/.local/state`;

// A reader that goes away (`| head`) is no failure of ours.
stdout.on('error', () => process.exit(0));

process.exitCode = await runProgram(process.argv.slice(2), {
  roots,
  environment: env,
  terminal: {
    out: (text) => void stdout.write(text),
    say: (text) => void stderr.write(`${text}\n`),
    colour: stdout.isTTY === true && env['NO_COLOR'] === undefined && env['TERM'] !== 'dumb',
  },
  readFile: (path) => readFileSync(path, 'utf8'),
  pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  defaultState: isRoot ? '' : `${stateHome}/troupe`,
  usualFiles: [`${configHome}/troupe/config.yaml`, '/etc/troupe/config.yaml'],
});
