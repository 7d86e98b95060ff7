/**
 * A machine for network drivers: this one, or one inside a network namespace
 * of its own. Two namespaces hang on it: one outside, behind its uplink, and
 * one that is attached to it but isn't outside.
 */
import { createHost, type Host } from '../../src/drivers/host.ts';
import { hostInside, makeNamespace, newTestName, type TestNamespace } from './namespaces.ts';
import { program } from './run-program.ts';
import { startTalker, type Talker } from './talker.ts';

export interface NetworkHost {
  readonly host: Host;
  readonly uplink: string;
  /** On the uplink; the outside knows the host by no other. */
  readonly address: string;
  readonly outside: Neighbour;
  /** On a link of the host that leads to no router. */
  readonly attached: Neighbour;
  /** A process of the host. */
  readonly talker: Talker;
  run(name: string, ...args: readonly string[]): Promise<string>;
  /**
   * Links, addresses, routes, rules and forwarding, without counters: all of them, or, on this machine, which has other
   * worlds too, those of one.
   */
  state(worldId: string): Promise<string>;
  stop(): Promise<void>;
}

export interface Neighbour extends Talker {
  readonly address: string;
  readonly namespace: TestNamespace;
}

export interface OwnHostOptions {
  /** Whether iptables sees what a bridge switches, as where Docker runs. */
  readonly bridgeNetfilter: boolean;
  /** Docker's firewall: what isn't its own is not forwarded. */
  readonly engineFirewall: boolean;
  readonly forwarding: boolean;
}

/** Addresses for documentation (RFC 5737) and benchmarks (RFC 2544): no machine has them. */
const [uplinkSubnet, attachedSubnet] = ['198.51.100', '198.18.0'];

export async function machineHost(): Promise<NetworkHost> {
  const run = program;
  return furnish(createHost(), null, run, async (worldId) => {
    const mark = `troupe_${worldId.slice(0, 8)}`;
    const rules = await run('nft', '--stateless', 'list', 'ruleset');
    const tables = rules.split(/^(?=table )/m).filter((table) => table.includes(mark));
    const links = JSON.parse(await run('ip', '-json', 'link', 'show')) as {
      ifname: string;
      ifalias?: string;
    }[];
    const names = links.flatMap(({ ifname, ifalias = '' }) => (ifalias.includes(worldId) ? [ifname] : []));
    const addresses = (await run('ip', '-brief', 'address', 'show')).split('\n');
    const ours = addresses.filter((line) => names.includes(/^[^@ ]*/.exec(line)![0]));
    const chain = (await run('iptables', '--list-rules')).split('\n').filter((line) => line.includes(mark));
    return [...ours.map(steady).toSorted(), ...tables.toSorted(), ...chain].join('\n');
  });
}

export async function ownHost(options: OwnHostOptions): Promise<NetworkHost> {
  const namespace = await makeNamespace();
  const host = hostInside(namespace.path);
  const { run } = namespace;
  await run('ip', 'link', 'set', 'dev', 'lo', 'up');
  await host.writeSetting('net/ipv4/ip_forward', options.forwarding ? '1' : '0');
  for (const family of ['iptables', 'ip6tables'])
    await host.writeSetting(`net/bridge/bridge-nf-call-${family}`, options.bridgeNetfilter ? '1' : '0');
  if (options.engineFirewall)
    for (const command of [
      '--policy FORWARD DROP',
      '--new-chain DOCKER-USER',
      '--append DOCKER-USER --jump RETURN',
      '--append FORWARD --jump DOCKER-USER',
    ])
      for (const family of ['iptables', 'ip6tables']) await run(family, '--wait', '5', ...command.split(' '));
  const furnished: NetworkHost = await furnish(host, namespace, run, async () => {
    const settings = ['ip_forward', `conf.${furnished.uplink}.forwarding`].map((name) => `net.ipv4.${name}`);
    const forwarding = await run('sysctl', ...settings);
    const links = (await run('ip', '-brief', 'address', 'show')).split('\n').map(steady).toSorted();
    const routes = (await run('ip', 'route', 'show')).split('\n').map(steady).toSorted();
    return [forwarding, ...links, ...routes, await run('nft', '--stateless', 'list', 'ruleset')].join('\n');
  });
  return {
    ...furnished,
    async stop() {
      await furnished.stop();
      await namespace.remove();
    },
  };
}

async function furnish(
  host: Host,
  namespace: TestNamespace | null,
  run: NetworkHost['run'],
  state: NetworkHost['state'],
): Promise<NetworkHost> {
  const uplink = newTestName();
  const side = newTestName();
  const outside = await makeNamespace();
  const attached = await makeNamespace();
  for (const [link, other, subnet] of [
    [uplink, outside, uplinkSubnet],
    [side, attached, attachedSubnet],
  ] as const) {
    await run('ip', 'link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', other.name);
    await run('ip', 'address', 'add', `${subnet}.1/24`, 'dev', link);
    await run('ip', 'link', 'set', 'dev', link, 'up');
    await other.run('ip', 'address', 'add', `${subnet}.2/24`, 'dev', 'eth0');
    await other.run('ip', 'link', 'set', 'dev', 'lo', 'up');
    await other.run('ip', 'link', 'set', 'dev', 'eth0', 'up');
  }
  // What comes from there is kept out by rules, not because nobody forwards it.
  await host.writeSetting(`net/ipv4/conf/${side}/forwarding`, '1');
  // Who is attached knows the way to networks: nor for want of a route.
  await attached.run('ip', 'route', 'add', 'default', 'via', `${attachedSubnet}.1`);
  if (namespace) await run('ip', 'route', 'add', 'default', 'via', `${uplinkSubnet}.2`);
  const [outsideTalker, attachedTalker, talker] = await Promise.all([
    startTalker('outside', outside.path),
    startTalker('attached', attached.path),
    startTalker('host', namespace?.path ?? null),
  ]);
  return {
    host,
    uplink,
    address: `${uplinkSubnet}.1`,
    outside: { ...outsideTalker, address: `${uplinkSubnet}.2`, namespace: outside },
    attached: { ...attachedTalker, address: `${attachedSubnet}.2`, namespace: attached },
    talker,
    run,
    state,
    async stop() {
      await Promise.all([outsideTalker.stop(), attachedTalker.stop(), talker.stop()]);
      for (const link of [uplink, side]) await run('ip', 'link', 'delete', 'dev', link);
      await Promise.all([outside.remove(), attached.remove()]);
    },
  };
}

/** Without what counts the links of a namespace, and without what a bridge hears of its ports' carriers only later. */
export const steady = (line: string): string =>
  line
    .replace(/@[^: ]+/, '')
    .replace(/^(tr-\S+) +\S+/, '$1')
    .replace(/ linkdown\b/, '')
    .replace(/ +/g, ' ')
    .trim();
