import type { AnyMachineSnapshot } from 'xstate';
import { poolChart } from '../../src/machines/pool.machine.ts';
import type { PoolContext } from '../../src/machines/pool/context.ts';
import type { PoolInput } from '../../src/model/network-events.ts';
import type { ProofSubject } from './proofs.ts';

const failures = [
  { code: 'ENGINE_ERROR', message: 'It failed', retryable: false },
  { code: 'ENGINE_UNAVAILABLE', message: 'The engine is down', retryable: true },
];

const input: PoolInput = {
  id: 'h1.n1',
  tenant: 'p1',
  hostId: 'h1',
  networks: [],
  ceiling: 3,
  windowMs: 30_000,
  deadlines: { allocateMs: 1, makeMs: 1, removeMs: 1, idleMs: 1 },
};

/** On a network of Neutron. */
export const boundPool: PoolInput = {
  ...input,
  networks: [
    {
      networkId: 'n1',
      isDefault: false,
      fixedAddress: null,
      neutron: { portId: null, fixedAddress6: null, securityGroups: ['g'] },
    },
  ],
};

export const poolSubject: ProofSubject = {
  chart: poolChart,
  inputs: [input, boundPool],
  events: () => [
    { type: 'pool.used', ahead: true },
    { type: 'pool.used', ahead: false },
    { type: 'pool.joined' },
    { type: 'pool.left', wasReady: true },
    { type: 'pool.left', wasReady: false },
    { type: 'pool.bounded' },
    { type: 'pool.flush' },
    { type: 'host.removed', hostId: 'h1' },
    { type: 'host.removed', hostId: 'h2' },
    { type: 'pool.juggle' },
    { type: 'message.undeliverable', to: 'host/h1', gone: true, message: { type: 'pool.shrink' } },
    { type: 'actor.restored' },
  ],
  results: (invokeId, src, snapshot: AnyMachineSnapshot) => {
    const { target, making, ready } = snapshot.context as PoolContext;
    const done = (output: object) => ({ type: `xstate.done.actor.${invokeId}`, output });
    return [
      ...(src === 'fillPool'
        ? [
            done({ begun: Math.min(2 - making, target - making - ready), short: null }),
            done({ begun: 0, short: 'project' }),
            done({ begun: 0, short: 'site' }),
          ]
        : [done({ at: 0 })]),
      { type: `xstate.error.actor.${invokeId}`, error: failures[0] },
    ];
  },
  project: (context) => {
    const { target, making, ready, used, networks } = context as PoolContext;
    return [networks.length, target, making, Math.min(ready, 5), Math.min(used, 4)];
  },
};
