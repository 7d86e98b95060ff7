import { countFree, take } from '../../src/model/address-pool.ts';
import { networkChart } from '../../src/machines/network.machine.ts';
import type { NetworkContext } from '../../src/machines/network/context.ts';
import type { ProofSubject } from './proofs.ts';

const failures = [
  { code: 'ENGINE_ERROR', message: 'It failed', retryable: false },
  { code: 'ENGINE_UNAVAILABLE', message: 'The engine is down', retryable: true },
];

export const networkSubject: ProofSubject = {
  chart: networkChart,
  inputs: [false, true].map((isDefault) => ({
    id: 'n1',
    tenant: 'p1',
    name: 'net',
    hostId: 'h1',
    subnet: null,
    isDefault,
    idleMs: 300_000,
    deadlines: { allocateMs: 10_000, makeMs: 60_000, removeMs: 60_000, idleMs: 60_000 },
  })),
  events: (snapshot) => {
    const { pending, addresses } = snapshot.context as NetworkContext;
    const asked = (fixedAddress: string | null) => ({
      type: 'network.allocate',
      portId: `0000000${pending.length % 10}-0000-4000-8000-000000000000`,
      sandboxId: 's1',
      tenant: 'p1',
      fixedAddress,
    });
    // A crowd that waits is told apart by its size alone.
    if (pending.length > 2) return [asked(null)];
    const given = ['10.64.0.2', '10.64.0.3'].filter(
      (address) => addresses && take(addresses, address) === 'in-use',
    );
    return [
      asked(null),
      asked('10.64.0.3'),
      asked('10.99.0.3'),
      ...given.map((address) => ({ type: 'network.release', portId: 'p', address })),
      { type: 'network.delete' },
      { type: 'network.juggle' },
      { type: 'host.lost', hostId: 'h1' },
      { type: 'host.lost', hostId: 'h2' },
      { type: 'host.removed', hostId: 'h1' },
      { type: 'host.removed', hostId: 'h2' },
      {
        type: 'message.undeliverable',
        to: 'sandbox/p1/s1',
        gone: true,
        message: { type: 'network.allocated', address: given[0] ?? '10.64.0.9' },
      },
      {
        type: 'message.undeliverable',
        to: 'sandbox/p1/s1',
        gone: true,
        message: { type: 'network.refused' },
      },
      ...[given, ['10.64.0.2']].map((held) => ({
        type: 'network.found',
        definition: { networkId: 'n1', subnet: '10.64.0.0/29', gateway: '10.64.0.1', mtu: 1500 },
        addresses: held,
      })),
      { type: 'resource.seen', hostId: 'h1' },
      { type: 'actor.restored' },
    ];
  },
  results: (invokeId, src) => [
    {
      type: `xstate.done.actor.${invokeId}`,
      output:
        src === 'ensureNetwork'
          ? { networkId: 'n1', subnet: '10.64.0.0/29', gateway: '10.64.0.1', mtu: 1500 }
          : { at: 0 },
    },
    ...failures.map((error) => ({ type: `xstate.error.actor.${invokeId}`, error })),
  ],
  // How many wait tells apart none, some and too many.
  project: (context) => {
    const { isDefault, addresses, ports, pending } = context as NetworkContext;
    if (pending.length > 2) return [isDefault, pending.length];
    return [
      isDefault,
      addresses && [countFree(addresses), take(addresses, '10.64.0.3') === 'in-use'],
      ports,
      pending.length,
      pending.some(({ fixedAddress }) => fixedAddress !== null),
    ];
  },
};
