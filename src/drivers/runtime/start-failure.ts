/**
 * Says in a user's words why a process could not be started. Docker tells it
 * as a chain of the programs it passed through: "failed to create shim task:
 * OCI runtime create failed: runc create failed: unable to start container
 * process: exec: "nosuch": executable file not found in $PATH: unknown".
 */
import { TroupeError } from '../../errors/errors.ts';
import { diskFull, isDiskFull, isEngineDying } from './docker-errors.ts';

/** Of containerd: what it has kept of a start that the engine was killed in. */
const uncleared = /id already in use|failed to start shim: mkdir .*: file exists/;

/** What each known end of the chain means; the first that matches is told. `$1` is the quoted name in it. */
const meanings: readonly (readonly [RegExp, string])[] = [
  [/exec: \\?"([^"\\]*)\\?": executable file not found in \$PATH/, 'command "$1" is not in the image'],
  [/exec: \\?"([^"\\]*)\\?": stat .*: no such file or directory/, 'command "$1" is not in the image'],
  [/exec:? \\?"?([^"\\ :]*)\\?"?: is a directory/, 'command "$1" is a directory'],
  [
    /exec:? \\?"?([^"\\ :]*)\\?"?:.*permission denied/,
    'command "$1" may not be executed: permission denied; make the file executable',
  ],
  [
    /exec:? \\?"?([^"\\ :]*)\\?"?: exec format error|()exec format error/,
    'command "$1" is for another processor, or a script without a first line "#!"',
  ],
  [
    /exec:? \\?"?([^"\\ :]*)\\?"?: no such file or directory/,
    'command "$1" is not in the image, or the interpreter it names is not',
  ],
  [/chdir to cwd \(\\?"([^"\\]*)\\?"\)/, 'working directory "$1" can\'t be entered'],
  [
    /cannot start a paused container|must be in Created or Stopped state to be started/,
    'it is paused; unpause it first',
  ],
  [/unable to find user ([^:]*):/, 'user "$1" is not in the image'],
  [/joining network namespace of container|cannot join network of/, 'its sandbox does not run'],
  [/OCI runtime .*cannot allocate memory/, 'this host has no memory left for it'],
  [uncleared, 'the engine has not cleared away yet what is left of a start that it was killed in'],
];

/** It may stand in the way of this engine's container for good; another one of the same id of ours is not concerned. */
export const isUncleared = (message: string): boolean => uncleared.test(message);

/** An error status of `start`. */
export function startFailure(message: string): TroupeError {
  if (isDiskFull(message)) return diskFull('The container could not be started', message);
  const reason = `The container could not be started: ${explainStart(message)}`;
  return new TroupeError(isEngineDying(message) ? 'ENGINE_UNAVAILABLE' : 'START_FAILED', reason, {
    details: { engine: message },
    ...(isUncleared(message) && { retryable: true }),
  });
}

/** The engine's text without the names of the programs it passed through, in a user's words where we know it. */
export function explainStart(message: string): string {
  for (const [pattern, meaning] of meanings) {
    const match = pattern.exec(message);
    if (match) return meaning.replace(' "$1"', match[1] ? ` "${match[1]}"` : '');
  }
  return strip(message);
}

/** Takes off the programs' names before the reason, and containerd's error class after it. */
function strip(message: string): string {
  return message
    .replace(
      /^(?:(?:failed to create (?:shim )?task(?: for container)?|OCI runtime create failed|(?:runc: )?runc create failed|container_linux\.go:\d+|starting container process caused|unable to start container process|error during container init): )+/,
      '',
    )
    .replace(/: (?:unknown|OCI [^:]*)$/, '');
}
