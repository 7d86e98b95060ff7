/** Why a command that checks health did not pass, in words. */

const outputMost = 200;

/** @param exitCode null when it was ended */
export function failedExec(exitCode: number | null, output: string): string {
  const said = output.trim();
  const shown = said.length > outputMost ? `${said.slice(0, outputMost)}…` : said;
  const end = exitCode === null ? 'The command did not end in time' : `The command exited with ${exitCode}`;
  return shown === '' ? end : `${end}: ${shown}`;
}
