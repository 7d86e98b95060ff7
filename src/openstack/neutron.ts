/**
 * Neutron's networking API v2.0, as far as containers need it. Every call says
 * what can't be done in words; its own errors are known by their type.
 * @see OpenStack Networking API v2.0
 */
import { Type, type Static, type TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { TroupeError, type ErrorCode } from '../errors/errors.ts';
import type {
  Neutron,
  NeutronNetwork,
  NeutronPort,
  NeutronSecurityGroup,
  NeutronSubnet,
  PortChange,
  PortQuery,
  PortWish,
} from '../model/neutron.ts';
import type { CloudSession } from './session.ts';
import type { CloudAnswer } from './transport.ts';

const text = Type.String();
const networkShape = Type.Object({
  id: text,
  name: text,
  project_id: text,
  shared: Type.Boolean(),
  'router:external': Type.Optional(Type.Boolean()),
  mtu: Type.Optional(Type.Integer()),
  status: text,
  created_at: Type.Optional(text),
});
const subnetShape = Type.Object({
  id: text,
  ip_version: Type.Union([Type.Literal(4), Type.Literal(6)]),
  cidr: text,
  gateway_ip: Type.Union([text, Type.Null()]),
  dns_nameservers: Type.Array(text),
  host_routes: Type.Array(Type.Object({ destination: text, nexthop: text })),
});
const portShape = Type.Object({
  id: text,
  name: text,
  network_id: text,
  project_id: text,
  mac_address: text,
  status: text,
  device_id: text,
  device_owner: text,
  'binding:host_id': Type.Optional(text),
  'binding:vif_type': Type.Optional(text),
  'binding:vif_details': Type.Optional(
    Type.Object({
      bridge_name: Type.Optional(text),
      ovs_hybrid_plug: Type.Optional(Type.Boolean()),
      datapath_type: Type.Optional(text),
    }),
  ),
  fixed_ips: Type.Array(Type.Object({ subnet_id: text, ip_address: text })),
  security_groups: Type.Array(text),
  tags: Type.Optional(Type.Array(text)),
  revision_number: Type.Optional(Type.Integer()),
});
const groupShape = Type.Object({ id: text, name: text, project_id: text });
const ruleShape = Type.Object({ object_id: text, action: text });
const problemShape = Compile(Type.Object({ NeutronError: Type.Object({ type: text, message: text }) }));

/** Of networks that say nothing: Ethernet's. */
const usualMtu = 1500;

/** What Neutron's errors mean to us, by their type. */
const meanings: Readonly<Record<string, ErrorCode>> = {
  OverQuota: 'QUOTA_EXCEEDED',
  IpAddressGenerationFailure: 'ADDRESSES_EXHAUSTED',
  IpAddressAlreadyAllocated: 'NAME_IN_USE',
  IpAddressInUse: 'NAME_IN_USE',
  InvalidIpForNetwork: 'INVALID_VALUE',
  InvalidIpForSubnet: 'INVALID_VALUE',
  NetworkNotFound: 'NETWORK_NOT_FOUND',
  PortNotFound: 'PORT_NOT_FOUND',
  SecurityGroupNotFound: 'SECURITY_GROUP_NOT_FOUND',
  RevisionNumberConstraintFailed: 'PORT_IN_USE',
  TagNotFound: 'NOT_FOUND',
};

const networkOf = (each: Static<typeof networkShape>): NeutronNetwork => ({
  id: each.id,
  name: each.name,
  projectId: each.project_id,
  isShared: each.shared,
  isExternal: each['router:external'] ?? false,
  mtu: each.mtu ?? usualMtu,
  status: each.status,
  createdAt: each.created_at ?? '',
});

const subnetOf = (each: Static<typeof subnetShape>): NeutronSubnet => ({
  id: each.id,
  version: each.ip_version,
  cidr: each.cidr,
  gateway: each.gateway_ip,
  nameservers: each.dns_nameservers,
  routes: each.host_routes.map(({ destination, nexthop }) => ({ destination, via: nexthop })),
});

const portOf = (each: Static<typeof portShape>): NeutronPort => ({
  id: each.id,
  name: each.name,
  networkId: each.network_id,
  projectId: each.project_id,
  mac: each.mac_address,
  status: each.status,
  deviceId: each.device_id,
  deviceOwner: each.device_owner,
  hostId: each['binding:host_id'] ?? '',
  vifType: each['binding:vif_type'] ?? '',
  vif: {
    bridge: each['binding:vif_details']?.bridge_name ?? null,
    isHybrid: each['binding:vif_details']?.ovs_hybrid_plug ?? false,
    isUserspace: each['binding:vif_details']?.datapath_type === 'netdev',
  },
  fixedIps: each.fixed_ips.map(({ subnet_id, ip_address }) => ({
    subnetId: subnet_id,
    address: ip_address,
  })),
  securityGroups: each.security_groups,
  tags: each.tags ?? [],
  revision: each.revision_number ?? 0,
});

const groupOf = ({ id, name, project_id }: Static<typeof groupShape>): NeutronSecurityGroup => ({
  id,
  name,
  projectId: project_id,
});

const changesOf = ({ name, deviceId, deviceOwner, hostId, securityGroups }: PortChange): object => ({
  ...(name === undefined ? {} : { name }),
  ...(deviceId === undefined ? {} : { device_id: deviceId }),
  ...(deviceOwner === undefined ? {} : { device_owner: deviceOwner }),
  ...(hostId === undefined ? {} : { 'binding:host_id': hostId }),
  ...(securityGroups === undefined ? {} : { security_groups: securityGroups }),
});

const wishOf = ({ networkId, projectId, description, mac, fixedAddresses, ...rest }: PortWish): object => ({
  network_id: networkId,
  project_id: projectId,
  description,
  mac_address: mac,
  ...(fixedAddresses.length > 0
    ? { fixed_ips: fixedAddresses.map((address) => ({ ip_address: address })) }
    : {}),
  ...changesOf(rest),
});

export function createNeutron(session: CloudSession): Neutron {
  const send = async (
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    operation: string,
    { body, revision }: { readonly body?: object; readonly revision?: number } = {},
  ): Promise<CloudAnswer> => {
    const answer = await session.send({
      service: 'Neutron',
      operation,
      type: 'network',
      method,
      path: `/v2.0${path}`,
      ...(body === undefined ? {} : { body }),
      ...(revision === undefined ? {} : { headers: { 'if-match': `revision_number=${revision}` } }),
      repeatable: method !== 'POST',
    });
    if (answer.status < 300) return answer;
    throw refusal(answer, `${method} ${path.split('?')[0]}`);
  };

  const listOf = async <T extends TSchema>(
    key: string,
    shape: T,
    path: string,
    query: Readonly<Record<string, string | readonly string[] | undefined>>,
  ): Promise<readonly Static<T>[]> => {
    const given = Object.entries(query).flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value]).flatMap((each) =>
        each === undefined ? [] : [[name, each] as [string, string]],
      ),
    );
    const { body } = await send('GET', `/${path}?${new URLSearchParams(given)}`, `list ${path}`);
    if (!Compile(Type.Object({ [key]: Type.Array(shape) })).Check(body)) throw odd(`no list of ${path}`);
    return (body as unknown as Record<string, readonly Static<T>[]>)[key]!;
  };

  const portIn = ({ body }: CloudAnswer): NeutronPort => {
    if (!portAnswer.Check(body)) throw odd('no port');
    return portOf(body.port);
  };

  return {
    async networks({ id, name, projectId, shared }) {
      const query = {
        id,
        name,
        project_id: projectId,
        shared: shared === undefined ? undefined : String(shared),
      };
      return (await listOf('networks', networkShape, 'networks', query)).map(networkOf);
    },
    async networksSharedWith(projectId) {
      const rules = await listOf('rbac_policies', ruleShape, 'rbac-policies', {
        object_type: 'network',
        target_tenant: projectId,
        action: 'access_as_shared',
      });
      return rules.map(({ object_id }) => object_id);
    },
    subnets: async (networkId) =>
      (await listOf('subnets', subnetShape, 'subnets', { network_id: networkId })).map(subnetOf),
    async ports({ id, name, networkId, projectId, mac, address, description, hostId, tag }: PortQuery) {
      const query = {
        id,
        name,
        network_id: networkId,
        project_id: projectId,
        mac_address: mac,
        fixed_ips: address === undefined ? undefined : `ip_address=${address}`,
        description,
        'binding:host_id': hostId,
        tags: tag,
      };
      return (await listOf('ports', portShape, 'ports', query)).map(portOf);
    },
    async port(id) {
      const [port] = await listOf('ports', portShape, 'ports', { id });
      return port ? portOf(port) : null;
    },
    async createPort(wish) {
      try {
        return portIn(await send('POST', '/ports', 'create port', { body: { port: wishOf(wish) } }));
      } catch (error) {
        if (error instanceof TroupeError && error.details['type'] === 'MacAddressInUse') return null;
        throw error;
      }
    },
    updatePort: async (id, change, revision) =>
      portIn(
        await send('PUT', `/ports/${id}`, 'update port', {
          body: { port: changesOf(change) },
          ...(revision === undefined ? {} : { revision }),
        }),
      ),
    async deletePort(id) {
      await unlessGone(send('DELETE', `/ports/${id}`, 'delete port'));
    },
    async addTags(portId, tags) {
      for (const tag of tags)
        await send('PUT', `/ports/${portId}/tags/${encodeURIComponent(tag)}`, 'tag port');
    },
    async setTags(portId, tags) {
      await send('PUT', `/ports/${portId}/tags`, 'tag port', { body: { tags } });
    },
    async removeTags(portId, tags) {
      for (const tag of tags)
        await unlessGone(send('DELETE', `/ports/${portId}/tags/${encodeURIComponent(tag)}`, 'untag port'));
    },
    securityGroups: async (projectId, description) =>
      (
        await listOf('security_groups', groupShape, 'security-groups', {
          project_id: projectId ?? undefined,
          description,
        })
      ).map(groupOf),
    async createSecurityGroup({ projectId, name, description }) {
      const body = { security_group: { project_id: projectId, name, description } };
      const answer = await send('POST', '/security-groups', 'create security group', { body });
      if (!groupAnswer.Check(answer.body)) throw odd('no security group');
      return groupOf(answer.body.security_group);
    },
    async letIn(groupId, projectId, { protocol, containerPort }) {
      for (const [ethertype, everywhere] of [
        ['IPv4', '0.0.0.0/0'],
        ['IPv6', '::/0'],
      ]) {
        const rule = {
          security_group_id: groupId,
          project_id: projectId,
          direction: 'ingress',
          ethertype,
          protocol,
          port_range_min: containerPort,
          port_range_max: containerPort,
          remote_ip_prefix: everywhere,
        };
        try {
          await send('POST', '/security-group-rules', 'create rule', { body: { security_group_rule: rule } });
        } catch (error) {
          if (!(error instanceof TroupeError) || error.details['type'] !== 'SecurityGroupRuleExists')
            throw error;
        }
      }
    },
    async deleteSecurityGroup(id) {
      try {
        await unlessGone(send('DELETE', `/security-groups/${id}`, 'delete security group'));
        return true;
      } catch (error) {
        if (error instanceof TroupeError && error.details['type'] === 'SecurityGroupInUse') return false;
        throw error;
      }
    },
  };
}

const portAnswer = Compile(Type.Object({ port: portShape }));
const groupAnswer = Compile(Type.Object({ security_group: groupShape }));

async function unlessGone(sent: Promise<unknown>): Promise<void> {
  try {
    await sent;
  } catch (error) {
    if (!(error instanceof TroupeError) || error.kind !== 'not-found') throw error;
  }
}

const odd = (what: string): TroupeError =>
  new TroupeError('CLOUD_UNAVAILABLE', `Neutron answers with something that is ${what}`);

/** Its own words, which name what it is about. */
function refusal({ status, body }: CloudAnswer, asked: string): TroupeError {
  const { type, message } = problemShape.Check(body) ? body.NeutronError : { type: '', message: '' };
  const code = meanings[type] ?? (status === 404 ? 'NOT_FOUND' : 'CLOUD_REFUSED');
  const words = message.replace(/\.$/, '');
  if (code === 'CLOUD_REFUSED')
    return new TroupeError(
      code,
      `Neutron refuses ${asked} (${status})${words ? `: ${words}` : ''}` +
        (status === 403 ? '; Troupe’s own user needs the role "admin" there' : ''),
      { details: { type } },
    );
  return new TroupeError(code, `Neutron: ${words || `${asked} is answered with ${status}`}`, {
    // Whoever changed it since it was looked at may have left it free.
    ...(type === 'RevisionNumberConstraintFailed' && { retryable: true }),
    details: { type },
  });
}
