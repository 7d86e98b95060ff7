/** Whether networks can be made on this host, and in words what is missing or will not work. Changes nothing. */
import { readFile } from 'node:fs/promises';
import { toFailure, TroupeError } from '../../errors/errors.ts';
import * as firewall from './firewall.ts';
import type { NetworkProbe } from './network-driver.ts';
import type { Parts } from './parts.ts';
import { destinationsOf, uplinksOf } from './uplinks.ts';

/** linux/capability.h, by number: what changing networks and entering namespaces need. */
const capabilities = { CAP_NET_ADMIN: 12, CAP_SYS_ADMIN: 21 } as const;

/** A world that is nobody's, for rules that are checked and not made. */
const noWorld = '00000000-0000-0000-0000-000000000000';

export async function probe(parts: Parts, signal: AbortSignal): Promise<NetworkProbe> {
  const missing = [...(await missingCapabilities()), ...(await missingPrograms(parts, signal))];
  if (missing.length > 0) return { able: false, problems: missing, subnetsInUse: [] };
  const refused = await parts.nft.check(firewall.skeleton(noWorld), signal);
  if (refused !== null)
    return {
      able: false,
      problems: [
        `This kernel doesn't take the rules that keep networks apart (nftables families inet and bridge): ${refused}`,
      ],
      subnetsInUse: [],
    };
  const [routes, routes6] = await Promise.all([parts.ip.routes(4, signal), parts.ip.routes(6, signal)]);
  const uplinks = parts.uplinks ?? uplinksOf(routes);
  return {
    able: true,
    problems: [
      ...(uplinks.length === 0
        ? ['No link of this host leads to a router: containers reach each other and nothing outside']
        : []),
      ...(await strangersFirewall(parts, signal)),
      ...(await withoutConntrack(parts, signal)),
    ],
    subnetsInUse: [...new Set([...destinationsOf(routes), ...destinationsOf(routes6)])],
  };
}

async function missingCapabilities(): Promise<readonly string[]> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const [, effective] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  if (effective === undefined) return ['Local networks need Linux'];
  const held = BigInt(`0x${effective}`);
  const missing = Object.entries(capabilities)
    .filter(([, bit]) => ((held >> BigInt(bit)) & 1n) === 0n)
    .map(([name]) => name);
  return missing.length === 0
    ? []
    : [`The agent may not change networks: it lacks ${missing.join(' and ')}; run it as root`];
}

/** One by one, since each names the package to install. */
async function missingPrograms({ host }: Parts, signal: AbortSignal): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const [program, argument] of [
    ['ip', '-Version'],
    ['ss', '--version'],
    ['nft', '--version'],
    ['nsenter', '--version'],
  ] as const) {
    try {
      await host.run(program, [argument], { signal });
    } catch (error) {
      if (!isIncapable(error)) throw error;
      problems.push(toFailure(error).message);
    }
  }
  return problems;
}

/** A firewall that drops what is forwarded and has no chain for others, as ufw's. */
async function strangersFirewall({ host }: Parts, signal: AbortSignal): Promise<readonly string[]> {
  try {
    const { output } = await host.run('iptables', ['--wait', '5', '--list-rules'], { signal });
    const drops = /^-P FORWARD DROP$/m.test(output) && !/^-N DOCKER-USER$/m.test(output);
    return drops
      ? [
          "This host's firewall drops what is forwarded (iptables, policy of FORWARD); let it accept what comes from or goes to links tr-+",
        ]
      : [];
  } catch (error) {
    if (isIncapable(error)) return [];
    throw error;
  }
}

async function withoutConntrack({ host }: Parts, signal: AbortSignal): Promise<readonly string[]> {
  try {
    await host.run('conntrack', ['--version'], { signal });
    return [];
  } catch (error) {
    if (!isIncapable(error)) throw error;
    return [`${toFailure(error).message}; until then UDP clients may be sent to containers that are gone`];
  }
}

function isIncapable(error: unknown): boolean {
  return error instanceof TroupeError && error.code === 'HOST_INCAPABLE';
}
