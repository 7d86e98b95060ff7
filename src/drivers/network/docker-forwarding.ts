/**
 * Docker's firewall drops whatever is forwarded on a host and isn't its own,
 * frames between two ports of a bridge included where br_netfilter is loaded.
 * It leaves a chain for the others, DOCKER-USER, and keeps what is in it. Each
 * world of ours has two rules there, for all links `tr-*`: what may pass is
 * decided in the world's own table all the same.
 *
 * @see Docker's documentation, "Packet filtering and firewalls": "Add iptables policies before Docker's rules"
 */
import { TroupeError } from '../../errors/errors.ts';
import type { Host } from '../host.ts';
import { bridgePrefix, tableName } from './link-names.ts';
import { commandFailure } from './network-errors.ts';

const chain = 'DOCKER-USER';
const programs = ['iptables', 'ip6tables'] as const;
/** Seconds to wait for another program that is at the rules. */
const patience = ['--wait', '5'];

export async function letPassDocker(host: Host, worldId: string, signal: AbortSignal): Promise<void> {
  for (const program of programs) {
    const present = await rulesOf(host, program, signal);
    if (!present) continue;
    for (const rule of wantedRules(worldId))
      if (!present.includes(rule.join(' ')))
        await change(host, program, ['--insert', chain, ...rule], signal);
  }
}

export async function forgetAtDocker(host: Host, worldId: string, signal: AbortSignal): Promise<void> {
  for (const program of programs) {
    const present = await rulesOf(host, program, signal);
    for (const rule of wantedRules(worldId))
      for (const text of present ?? [])
        if (text === rule.join(' ')) await change(host, program, ['--delete', chain, ...rule], signal);
  }
}

/** As `iptables --list-rules` writes them. */
function wantedRules(worldId: string): readonly (readonly string[])[] {
  const mark = ['-m', 'comment', '--comment', tableName(worldId), '-j', 'ACCEPT'];
  return ['-i', '-o'].map((side) => [side, `${bridgePrefix}+`, ...mark]);
}

/** Null where Docker has no chain of this family. */
async function rulesOf(
  host: Host,
  program: (typeof programs)[number],
  signal: AbortSignal,
): Promise<readonly string[] | null> {
  try {
    const result = await host.run(program, [...patience, '--list-rules', chain], { signal });
    if (result.status !== 0) return null;
    return result.output.split('\n').map((line) => line.replace(`-A ${chain} `, '').trim());
  } catch (error) {
    // Docker doesn't work without it.
    if (error instanceof TroupeError && error.details['program'] === program) return null;
    throw error;
  }
}

async function change(
  host: Host,
  program: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const result = await host.run(program, [...patience, ...args], { signal });
  if (result.status !== 0)
    throw commandFailure("Docker's firewall could not be told of the network", program, result);
}
