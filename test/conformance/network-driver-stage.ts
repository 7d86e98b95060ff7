/** What the contract of network drivers needs of a driver, and what each of its tests stands on. */
import { randomUUID } from 'node:crypto';
import type { Test } from 'tap';
import type {
  NetworkDriver,
  NetworkSpec,
  PlugSpec,
  PublishedPort,
  PublishSpec,
} from '../../src/drivers/network/network-driver.ts';
import { macOfAddress } from '../../src/model/mac-address.ts';
import { addressAt, chooseSubnet } from '../../src/model/subnet.ts';
import { makeNamespace, type TestNamespace } from '../support/namespaces.ts';
import type { NetworkHost } from '../support/network-host.ts';
import { lazyTalker, type Talker } from '../support/talker.ts';

export interface NetworkUnderTest {
  readonly driver: NetworkDriver;
  readonly worldId: string;
  readonly on: NetworkHost;
  /** Another driver on the same host, as after a crash of the agent. */
  again(): NetworkDriver;
  /** How many packets and frames the rules of these worlds have dropped so far. */
  dropped(...worldIds: readonly string[]): Promise<number>;
}

export interface Container extends Talker {
  readonly namespace: TestNamespace;
  readonly spec: PlugSpec;
  /** Of its first interface. */
  readonly address: string;
}

export interface NetworkStage extends NetworkUnderTest {
  readonly signal: AbortSignal;
  /** A network of this world, or of another; removed with the test. */
  network(changes?: Partial<NetworkSpec>): Promise<NetworkSpec>;
  /** One more container of the network; unplugged with the test. */
  container(network: NetworkSpec, changes?: Partial<PlugSpec>): Promise<Container>;
  /** A namespace with nothing in it; gone with the test. */
  sandbox(): Promise<TestNamespace>;
  /** For the next free address of the network. */
  plugSpec(network: NetworkSpec, sandbox: TestNamespace, changes?: Partial<PlugSpec>): PlugSpec;
  publishSpec(container: Container, ...ports: readonly Partial<PublishedPort>[]): PublishSpec;
  /** Nothing comes through, and the rules of one of the worlds (this one, by default) say that they dropped it. */
  isDropped(from: Talker, address: string, port: number, worldIds?: readonly string[]): Promise<boolean>;
}

/** How long nothing must come through; what is dropped is counted as well. */
export const silenceMs = 300;

const pool = { cidr: '10.208.0.0/12', prefix: 24 };
const taken: string[] = [];
const given = new Map<string, number>();

export async function onNetworkStage(t: Test, under: NetworkUnderTest): Promise<NetworkStage> {
  const { driver, worldId } = under;
  const signal = AbortSignal.timeout(120_000);
  const endings: (() => Promise<unknown>)[] = [];
  t.teardown(async () => {
    for (const end of endings.toReversed()) await end();
  });
  const { subnetsInUse } = await driver.probe(signal);
  const stage: NetworkStage = {
    ...under,
    signal,
    async network(changes = {}) {
      const subnet = changes.subnet ?? chooseSubnet(pool, [...subnetsInUse, ...taken]);
      if (subnet === null) throw new Error('This machine has routes to everywhere');
      taken.push(subnet);
      const spec: NetworkSpec = {
        worldId,
        networkId: randomUUID(),
        tenant: 'p1',
        subnet,
        gateway: addressAt(subnet, 1),
        ipv6: null,
        mtu: 1450,
        ...changes,
      };
      endings.push(() => driver.removeNetwork(spec, AbortSignal.timeout(60_000)));
      await driver.ensureNetwork(spec, signal);
      return spec;
    },
    async sandbox() {
      const namespace = await makeNamespace();
      endings.push(() => namespace.remove());
      return namespace;
    },
    plugSpec(network, sandbox, changes = {}) {
      const portId = randomUUID();
      const index = (given.get(network.networkId) ?? 1) + 1;
      given.set(network.networkId, index);
      const own = `${addressAt(network.subnet, index)}/${network.subnet.split('/')[1]}`;
      return {
        worldId: network.worldId,
        portId,
        networkId: network.networkId,
        of: 'us',
        netnsPath: sandbox.path,
        mac: macOfAddress((changes.addresses?.[0] ?? own).replace(/\/.*/, '')),
        addresses: [
          own,
          ...(network.ipv6 ? [`${network.ipv6.subnet.replace(/\/.*/, '')}${index.toString(16)}/64`] : []),
        ],
        gateway: network.gateway,
        routes: [],
        mtu: network.mtu,
        interfaceName: 'eth0',
        ...changes,
      };
    },
    async container(network, changes = {}) {
      const namespace = await stage.sandbox();
      const spec = stage.plugSpec(network, namespace, changes);
      const address = spec.addresses[0]!.replace(/\/.*/, '');
      endings.push(() => driver.unplug(spec, AbortSignal.timeout(60_000)));
      await driver.plug(spec, signal);
      const talker = lazyTalker(address, namespace.path);
      endings.push(() => talker.stop());
      return { ...talker, namespace, spec, address };
    },
    publishSpec: ({ spec, address }, ...ports) => ({
      worldId: spec.worldId,
      portId: spec.portId,
      address,
      ports: ports.map((port) => ({
        protocol: 'tcp',
        hostPort: 18_080,
        containerPort: 80,
        hostAddress: null,
        ...port,
      })),
    }),
    async isDropped(from, address, port, worldIds = [worldId]) {
      const before = await under.dropped(...worldIds);
      const answer = await from.dial(address, port, silenceMs);
      return answer === 'silence' && (await under.dropped(...worldIds)) > before;
    },
  };
  return stage;
}
