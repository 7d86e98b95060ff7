/**
 * What kuryr-libnetwork is to Docker, on ports of a Neutron that is a list: a
 * remote driver of networks and of addresses. Its answers are those that the
 * real one (its veth driver, its script "bridge", Neutron Zed) was seen to give
 * to Docker 20.10; what it refuses, the real one or its Neutron refuses.
 *
 * @see moby/moby:libnetwork/docs/remote.md, libnetwork/docs/ipam.md; openstack/kuryr-libnetwork:kuryr_libnetwork/controllers.py
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fastify from 'fastify';
import { program } from './run-program.ts';

/** Where Docker looks for sockets of plugins. @see https://docs.docker.com/engine/extend/plugin_api/ */
const folder = '/run/docker/plugins';

export interface KuryrPort {
  readonly id: string;
  readonly networkId: string;
  readonly mac: string;
  /** IPv4 first, where it has both. */
  readonly addresses: readonly string[];
}

export interface TestKuryr {
  /** As Docker calls it. */
  readonly plugin: string;
  /** Those that Neutron has. */
  readonly ports: KuryrPort[];
  /** The pools of subnets it keeps, by what their tag says. */
  pools(): readonly string[];
  /** The ids of the ports that are bound. */
  bound(): readonly string[];
  /** Refuses to bind ports, with these words; null = binds them again. */
  refuse(words: string | null): void;
  /** Ends it, with the bridges that it made. */
  stop(): Promise<void>;
}

interface Asked {
  readonly NetworkID: string;
  readonly EndpointID: string;
  readonly PoolID: string;
  readonly Pool: string;
  readonly Address: string;
  readonly V6: boolean;
  readonly Options?: Readonly<Record<string, unknown>> | null;
  readonly Interface?: {
    readonly Address: string;
    readonly AddressIPv6: string;
    readonly MacAddress: string;
  };
}

type Answer = (asked: Asked) => object | Promise<object>;

const bridgeOf = (networkId: string): string => `brq${networkId.slice(0, 11)}`;

/** A name that Docker knows no plugin by, until one is started as that. */
export const freePlugin = (): string => `kuryr-${randomBytes(4).toString('hex')}`;

/** @param gateway of IPv4, which its bridges hold: there is no router behind them */
export async function startKuryr(gateway: string, plugin = freePlugin()): Promise<TestKuryr> {
  const socket = join(folder, `${plugin}.sock`);
  const ports: KuryrPort[] = [];
  const pools = new Map<string, { readonly cidr: string; readonly tag: string }>();
  /** Of Neutron, by Docker's. */
  const networks = new Map<string, string>();
  const endpoints = new Map<string, KuryrPort>();
  const bridges = new Set<string>();
  let refusal: string | null = null;

  const poolOf = (id: string): { readonly cidr: string } => {
    const pool = pools.get(id);
    if (!pool) throw new Error(`No subnetpools with {'id': '${id}'} is found.`);
    return pool;
  };
  const networkOf = (id: string): string => {
    const network = networks.get(id);
    if (network === undefined) throw new Error(`Neutron net associated with identifier ${id} doesn't exist.`);
    return network;
  };
  const portOf = (endpointId: string): KuryrPort => {
    const port = endpoints.get(endpointId);
    if (!port) throw new Error(`The port doesn't exist for the identifier ${endpointId}`);
    return port;
  };

  /** As the script does it, and its Linux bridge agent. */
  const bind = async ({ id, networkId, mac }: KuryrPort): Promise<void> => {
    const bridge = bridgeOf(networkId);
    if (!bridges.has(bridge)) {
      bridges.add(bridge);
      await program('ip', 'link', 'add', 'name', bridge, 'type', 'bridge', 'forward_delay', '0');
      await program('ip', 'address', 'add', gateway, 'dev', bridge);
      await program('ip', 'link', 'set', bridge, 'up');
    }
    const [tap, end] = [`tap${id}`.slice(0, 14), `t_c${id}`.slice(0, 14)];
    await program('ip', 'link', 'add', tap, 'type', 'veth', 'peer', 'name', end);
    await program('ip', 'link', 'set', end, 'address', mac, 'up');
    await program('ip', 'link', 'set', tap, 'master', bridge, 'up');
  };

  const answers: Readonly<Record<string, Answer>> = {
    'Plugin.Activate': () => ({ Implements: ['NetworkDriver', 'IpamDriver'] }),
    'NetworkDriver.GetCapabilities': () => ({ Scope: 'local' }),
    'IpamDriver.GetCapabilities': () => ({ RequiresMACAddress: true }),
    'IpamDriver.GetDefaultAddressSpaces': () => ({
      LocalDefaultAddressSpace: 'no_address_space',
      GlobalDefaultAddressSpace: 'no_address_space',
    }),
    'IpamDriver.RequestPool': ({ Pool, V6, Options }) => {
      const tag = String(Options?.[V6 ? 'neutron.subnet.v6.uuid' : 'neutron.subnet.uuid']);
      const [known] = [...pools].find(([, pool]) => pool.cidr === Pool && pool.tag === tag) ?? [];
      const id = known ?? randomUUID();
      pools.set(id, { cidr: Pool, tag });
      return { PoolID: id, Pool };
    },
    'IpamDriver.RequestAddress': ({ PoolID, Address }) => ({
      Address: `${Address}/${poolOf(PoolID).cidr.split('/')[1]}`,
    }),
    'IpamDriver.ReleaseAddress': ({ PoolID }) => poolOf(PoolID) && {},
    'IpamDriver.ReleasePool': ({ PoolID }) => {
      pools.delete(PoolID);
      return {};
    },
    'NetworkDriver.CreateNetwork': ({ NetworkID, Options }) => {
      const generic = Options?.['com.docker.network.generic'] as Record<string, string>;
      const id = generic['neutron.net.uuid']!;
      if (!ports.some(({ networkId }) => networkId === id))
        throw new Error(`Specified network id/name(${id}) does not exist.`);
      if (generic['neutron.net.shared'] !== 'False')
        throw new Error(`Network ${id} had option shared=False, conflict with the given option shared=True`);
      networks.set(NetworkID, id);
      return {};
    },
    'NetworkDriver.DeleteNetwork': async ({ NetworkID }) => {
      const bridge = bridgeOf(networkOf(NetworkID));
      networks.delete(NetworkID);
      // The agent's to do; all of them have one range, and so one route of the host's.
      if (bridges.delete(bridge)) await program('ip', 'link', 'delete', bridge);
      return {};
    },
    'NetworkDriver.CreateEndpoint': async ({ NetworkID, EndpointID, Interface }) => {
      if (refusal !== null) throw new Error(refusal);
      const network = networkOf(NetworkID);
      const asked = [Interface!.Address, Interface!.AddressIPv6].filter((each) => each !== '');
      const port = ports.find(
        ({ networkId, addresses }) =>
          networkId === network && asked.every((each) => addresses.includes(each.replace(/\/.*/, ''))),
      );
      if (!port) throw new Error(`No port of network ${network} has ${asked.join(' and ')}`);
      if (Interface!.MacAddress !== port.mac)
        throw new Error(
          `Unable to complete operation on port ${port.id}, port is already bound, port type: bridge, old_mac ${port.mac}, new_mac ${Interface!.MacAddress}.`,
        );
      await bind(port);
      endpoints.set(EndpointID, port);
      return { Interface: {} };
    },
    'NetworkDriver.Join': ({ NetworkID, EndpointID }) => ({
      InterfaceName: { SrcName: `t_c${portOf(EndpointID).id}`.slice(0, 14), DstPrefix: 'eth' },
      StaticRoutes: [],
      DisableGatewayService: true,
      ...(networkOf(NetworkID) !== '' && { Gateway: gateway.replace(/\/.*/, '') }),
    }),
    'NetworkDriver.ProgramExternalConnectivity': () => ({}),
    'NetworkDriver.RevokeExternalConnectivity': () => ({}),
    'NetworkDriver.EndpointOperInfo': () => ({ Value: { status: 'DOWN' } }),
    'NetworkDriver.Leave': () => ({}),
    'NetworkDriver.DeleteEndpoint': async ({ EndpointID }) => {
      const tap = `tap${portOf(EndpointID).id}`.slice(0, 14);
      endpoints.delete(EndpointID);
      // It may have gone with the namespace that the other end was in.
      await program('ip', 'link', 'delete', tap).catch(() => {});
      return {};
    },
  };

  const app = fastify();
  // Docker names no type of its own.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_, body, done) =>
    done(null, JSON.parse(String(body) || '{}')),
  );
  app.setErrorHandler((error: Error, _, reply) => reply.status(500).send({ Err: error.message }));
  for (const [name, answer] of Object.entries(answers))
    app.post(`/${name}`, async (request) => answer((request.body ?? {}) as Asked));
  mkdirSync(folder, { recursive: true });
  await app.listen({ path: socket });

  return {
    plugin,
    ports,
    pools: () => [...pools.values()].map(({ tag }) => tag),
    bound: () => [...endpoints.values()].map(({ id }) => id),
    refuse(words) {
      refusal = words;
    },
    async stop() {
      await app.close();
      rmSync(socket, { force: true });
      for (const bridge of bridges) await program('ip', 'link', 'delete', bridge);
    },
  };
}
