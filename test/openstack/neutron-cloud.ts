/** The real Neutron that `dev/openstack/up` started, as its admin: networks of a test's own in it, gone when the test ends. */
import type { Test } from 'tap';
import { request } from 'undici';
import { until } from '../support/troupe.ts';
import { leaderOf, type Cloud, type Project } from './cloud.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** Of a port, what tests read, as it is on the wire. */
export interface WirePort {
  readonly id: string;
  readonly name: string;
  readonly network_id: string;
  readonly project_id: string;
  readonly mac_address: string;
  readonly status: string;
  readonly device_id: string;
  readonly device_owner: string;
  readonly 'binding:host_id': string;
  readonly 'binding:vif_type': string;
  readonly fixed_ips: readonly { readonly subnet_id: string; readonly ip_address: string }[];
  readonly security_groups: readonly string[];
  readonly tags: readonly string[];
}

export interface NeutronCloud {
  /** As the admin: the answer's JSON, whatever its status. */
  call<T = Record<string, never>>(method: Method, path: string, body?: object): Promise<T>;
  /** A network with one IPv4 subnet. @param more of the subnet @param extra of the network */
  network(project: Project, name: string, cidr: string, more?: object, extra?: object): Promise<string>;
  /** Without any rule that lets something in. */
  securityGroup(project: Project, name: string): Promise<string>;
  /** Lets whoever is in it be pinged. @param group its id */
  allowPing(group: string): Promise<void>;
  ports(query: string): Promise<readonly WirePort[]>;
  port(id: string): Promise<WirePort>;
  /** Stops all that a service of dev/openstack is, and lets it go on. */
  freeze(service: 'neutron-agent'): { thaw(): void };
  /** Resolves once Neutron says so of this machine's agent. @param kind the one for Linux bridges by default */
  awaitAgent(alive: boolean, kind?: 'linuxbridge' | 'openvswitch'): Promise<void>;
}

export async function createNeutronCloud(t: Pick<Test, 'teardown'>, cloud: Cloud): Promise<NeutronCloud> {
  const url = `${await cloud.originOf('network')}/v2.0`;
  const call = async <T>(method: Method, path: string, body?: object): Promise<T> => {
    const answer = await request(`${url}${path}`, {
      method,
      headers: { 'content-type': 'application/json', 'x-auth-token': cloud.adminToken },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await answer.body.text();
    return (text === '' ? {} : JSON.parse(text)) as T;
  };
  const ports = async (query: string): Promise<readonly WirePort[]> =>
    (await call<{ ports: readonly WirePort[] }>('GET', `/ports?${query}`)).ports;
  const networks: string[] = [];
  const groups: string[] = [];
  const frozen = new Set<number>();
  const signal = (pid: number, name: 'SIGSTOP' | 'SIGCONT'): void => void process.kill(-pid, name);
  t.teardown(async () => {
    for (const pid of frozen) signal(pid, 'SIGCONT');
    for (const id of networks) {
      for (const port of await ports(`network_id=${id}`)) await call('DELETE', `/ports/${port.id}`);
      await call('DELETE', `/networks/${id}`);
    }
    for (const id of groups) await call('DELETE', `/security-groups/${id}`);
  });
  return {
    call,
    ports,
    port: async (id) => (await call<{ port: WirePort }>('GET', `/ports/${id}`)).port,
    async network(project, name, cidr, more = {}, extra = {}) {
      const { network } = await call<{ network: { id: string } }>('POST', '/networks', {
        network: { name, project_id: project.id, ...extra },
      });
      networks.push(network.id);
      await call('POST', '/subnets', {
        subnet: { network_id: network.id, project_id: project.id, ip_version: 4, cidr, ...more },
      });
      return network.id;
    },
    async securityGroup(project, name) {
      const { security_group: group } = await call<{ security_group: { id: string } }>(
        'POST',
        '/security-groups',
        { security_group: { name, project_id: project.id } },
      );
      groups.push(group.id);
      return group.id;
    },
    async allowPing(group) {
      await call('POST', '/security-group-rules', {
        security_group_rule: {
          security_group_id: group,
          direction: 'ingress',
          protocol: 'icmp',
          ethertype: 'IPv4',
        },
      });
    },
    freeze(service) {
      const pid = leaderOf(service);
      signal(pid, 'SIGSTOP');
      frozen.add(pid);
      return {
        thaw() {
          signal(pid, 'SIGCONT');
          frozen.delete(pid);
        },
      };
    },
    async awaitAgent(alive, kind = 'linuxbridge') {
      await until(
        `the agent that is ${alive ? 'alive' : 'dead'}`,
        () => call<{ agents: { alive: boolean }[] }>('GET', `/agents?binary=neutron-${kind}-agent`),
        ({ agents }) => agents.some((agent) => agent.alive) === alive,
      );
    },
  };
}
