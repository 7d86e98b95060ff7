/** Ports of Neutron, asked for by the control plane: no answer of it comes too late for whoever gives them back. */
import t from 'tap';
import type { EffectRun } from '../../src/actors/effects/effect.ts';
import { neutronPorts } from '../../src/actors/effects/neutron-ports.ts';
import type { Runtime } from '../../src/actors/runtime.ts';
import type { SandboxContext } from '../../src/machines/sandbox/context.ts';
import { TroupeError } from '../../src/errors/errors.ts';
import type { Neutron, NeutronPort, PortWish } from '../../src/model/neutron.ts';
import { createTestEnvironment } from '../support/test-environment.ts';

t.test(
  'a port that is still being made when the rest has failed is there before it is given back',
  async (t) => {
    const ports: NeutronPort[] = [];
    let [make, isMade] = [() => {}, () => {}];
    const asked = new Promise<void>((resolve) => (make = resolve));
    const made = new Promise<void>((resolve) => (isMade = resolve));
    const neutron = {
      async createPort({ name, mac }: PortWish) {
        await asked;
        ports.push({ id: 'port-1', name, mac, tags: [] as readonly string[] } as NeutronPort);
        isMade();
        return ports[0];
      },
      setTags: () => Promise.resolve(),
      networks: () => Promise.reject(new TroupeError('CLOUD_UNAVAILABLE', 'Neutron answers with 503')),
      subnets: () => Promise.resolve([]),
      ports: () => Promise.resolve([...ports]),
      deletePort: (id: string) =>
        Promise.resolve(
          void ports.splice(
            ports.findIndex((port) => port.id === id),
            1,
          ),
        ),
    } as unknown as Neutron;
    const effects = neutronPorts({
      environment: createTestEnvironment(),
      neutron,
      runtime: () => ({ cell: () => undefined }) as unknown as Runtime,
      worldId: () => 'world-1',
    });
    const context = {
    id: 's1', tenant: 'p1', hostId: 'h1', claimedBy: 'c1', ports: [], leaving: null, networks: [], portsAsked: 1,
    portIntent: { key: '9839b0a0-e4ce-5380-b4e5-e6ca624b0b25', request: { networkId: 'n1', neutron: { portId: null } } },
  } as unknown as SandboxContext; // prettier-ignore
    const run = (src: 'ensurePort' | 'returnPorts', input: object): Promise<unknown> =>
      new Promise((resolve) => {
        effects[src]!({
          address: 'sandbox/p1/s1',
          context,
          operation: { input },
          done: resolve,
          failed: resolve,
        } as unknown as EffectRun);
      });

    const ensured = run('ensurePort', {});
    const returned = run('returnPorts', { all: true });
    setImmediate(make);
    t.match(await ensured, { code: 'CLOUD_UNAVAILABLE' });
    t.equal(await returned, null);
    await made;
    t.same(ports, [], 'nothing is left in Neutron');
  },
);
