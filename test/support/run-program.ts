import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** Runs a program of this machine; rejects when it fails. */
export async function program(name: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await execute(name, args, { maxBuffer: 64 * 2 ** 20 });
  return stdout;
}
