/** The one place where what `ip`, `nft` and the kernel say becomes an error of Troupe. */
import { TroupeError } from '../../errors/errors.ts';
import type { CommandResult } from '../host.ts';

/**
 * A program that did not succeed, where its words mean nothing special.
 *
 * @param attempt what did not succeed, as a clause: `The port could not be plugged`
 */
export function commandFailure(attempt: string, program: string, result: CommandResult): TroupeError {
  const said = reason(result);
  if (/Operation not permitted|Permission denied|you must be root/i.test(said))
    return new TroupeError(
      'HOST_INCAPABLE',
      `${attempt}: the agent may not change networks; run it as root, or with CAP_NET_ADMIN and CAP_SYS_ADMIN`,
      { details: { program, said } },
    );
  return new TroupeError('NETWORK_ERROR', `${attempt}: ${program} said: ${said}`, {
    // The kernel was short of something, or something of that name was just going away.
    retryable: /busy|temporarily|try again|buffer space|allocate memory|file table overflow/i.test(said),
  });
}

/** The line that says why, without the `Error:` and the excerpts that programs put around it. */
export function reason({ status, errors }: CommandResult): string {
  const lines = errors.split('\n').map((line) => line.trim());
  const telling = lines.find((line) => line !== '' && !/^Command failed|^RTNETLINK answers: *$/.test(line));
  return telling?.replace(/^(RTNETLINK answers|Error): */, '') ?? `status ${status}`;
}
