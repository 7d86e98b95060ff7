/** Looks over what this machine needs as a host, for the drivers that are configured. */
import { readdir } from 'node:fs/promises';
import type { DoctorFinding } from '../cli/roots.ts';
import type { Config } from '../config/schema.ts';
import { createHost, type Host } from '../drivers/host.ts';
import { createBridgeNetworkDriver } from '../drivers/network/bridge-network.ts';
import { kuryrProblem } from '../drivers/network/kuryr.ts';
import { createOpenVSwitch } from '../drivers/network/open-vswitch.ts';
import { createBrick } from '../drivers/volume/brick.ts';
import { toFailure } from '../errors/errors.ts';
import { fault, fine } from './finding.ts';
import { kuryrMs, kuryrOf } from './host-parts.ts';
import { hostnameOf } from './settings.ts';

const lookMs = 20_000;

/** By which a bridge's packets pass iptables, where Neutron's agent has its rules. */
const bridgeSettings = ['net/bridge/bridge-nf-call-iptables', 'net/bridge/bridge-nf-call-ip6tables'] as const;

/** Of a bridge that Neutron's agent for Linux bridges has made. @see neutron/plugins/ml2/drivers/linuxbridge */
const agentsBridge = /^brq/;

export async function hostFindings(config: Config): Promise<readonly DoctorFinding[]> {
  const host = createHost();
  return [
    ...(config.network.driver === 'neutron'
      ? [await networks(), await bridges(host, config.network.ovsdb, await readdir('/sys/class/net'))]
      : []),
    ...(await kuryr(config)),
    ...(config.volume.driver === 'cinder' ? [await brick(host, hostnameOf(config))] : []),
  ];
}

async function networks(): Promise<DoctorFinding> {
  const check = 'networks';
  const { able, problems } = await createBridgeNetworkDriver()
    .probe(AbortSignal.timeout(lookMs))
    .catch((error: unknown) => ({ able: false, problems: [toFailure(error).message] }));
  return able
    ? fine(check, 'this host can plug ports')
    : fault(check, problems.join('; '), 'Install what is missing, and run the agent as root');
}

async function kuryr(config: Config): Promise<readonly DoctorFinding[]> {
  const check = 'kuryr';
  const options = kuryrOf(config);
  if (!options) return [];
  const problem = await kuryrProblem(options, AbortSignal.timeout(kuryrMs));
  options.engine.close();
  return [
    problem === null
      ? fine(check, `Docker reaches its plugin "${options.plugin}"`)
      : fault(check, problem, 'Until then no port of Neutron is plugged here'),
  ];
}

/** @param ovsdb where the database of Open vSwitch listens, whose agent has its rules in the switch @param links this host's, by name */
export async function bridges(host: Host, ovsdb: string, links: readonly string[]): Promise<DoctorFinding> {
  const check = 'bridges';
  if ((await createOpenVSwitch(host, ovsdb).isHere()) && !links.some((link) => agentsBridge.test(link)))
    return fine(check, 'security groups are Open vSwitch’s; no Linux bridge of Neutron is here');
  const values = await Promise.all(
    bridgeSettings.map(async (path) => ({ path, value: await host.readSetting(path) })),
  );
  const off = values.filter(({ value }) => value !== '1').map(({ path }) => path.replaceAll('/', '.'));
  return off.length === 0
    ? fine(check, 'what passes a bridge passes security groups')
    : fault(
        check,
        `${off.join(' and ')} ${off.length === 1 ? 'is' : 'are'} not 1: security groups hold nothing back`,
        `modprobe br_netfilter && sysctl -w ${off.map((name) => `${name}=1`).join(' ')}`,
      );
}

async function brick(host: Host, hostname: string): Promise<DoctorFinding> {
  const check = 'os-brick';
  try {
    const connector = await createBrick(host).connector(hostname, AbortSignal.timeout(lookMs));
    return fine(check, `describes this host to Cinder as "${String(connector['host'])}"`);
  } catch (error) {
    return fault(check, toFailure(error).message, 'apt-get install python3-os-brick dmidecode');
  }
}
