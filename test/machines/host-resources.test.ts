import t from 'tap';
import type { AnyMachineSnapshot } from 'xstate';
import { countFree, take } from '../../src/model/address-pool.ts';
import { networkChart } from '../../src/machines/network.machine.ts';
import type { NetworkContext } from '../../src/machines/network/context.ts';
import { poolChart } from '../../src/machines/pool.machine.ts';
import type { PoolContext } from '../../src/machines/pool/context.ts';
import { volumeChart } from '../../src/machines/volume.machine.ts';
import type { VolumeContext } from '../../src/machines/volume/context.ts';
import { common } from './common-proofs.ts';
import { explore, proofs, releasesEverything, type Holding, type ProofSubject } from './proofs.ts';
import { sandboxHoldings, sandboxSubject } from './sandbox-space.ts';

const failures = [
  { code: 'ENGINE_ERROR', message: 'It failed', retryable: false },
  { code: 'ENGINE_UNAVAILABLE', message: 'The engine is down', retryable: true },
];

t.test('the sandbox chart', async (t) => {
  const space = explore(sandboxSubject);
  common(t, 'sandbox', space);
  t.same(proofs.theEndIsInReach(space), [], 'from everywhere there is a way to gone');
  t.same(
    releasesEverything(space, sandboxHoldings, ['address of n1', 'address of n2']),
    [],
    'whatever was acquired is released, each address once',
  );
  t.same(
    proofs.projectionIsTotal(
      space,
      ['making', 'ready', 'claimed', 'changing', 'broken', 'draining', 'gone'],
      (status) => status === 'broken',
    ),
    [],
  );
  const handedOn = space.steps.filter(({ from, to }) => {
    const claimedBy = (each: typeof from) =>
      (each.snapshot.context as { claimedBy: string | null }).claimedBy;
    return claimedBy(from) !== null && claimedBy(to) !== claimedBy(from);
  });
  t.same(handedOn, [], 'a namespace that one container had is never another’s');
  const granted = space.steps.filter(({ from, emitted }) =>
    emitted.some(
      (each) =>
        each.type === 'message' &&
        each.event.type === 'sandbox.granted' &&
        from.snapshot.context.ports.length < from.snapshot.context.networks.length &&
        !from.paths[0]?.startsWith('making'),
    ),
  );
  t.same(granted, [], 'no sandbox is granted before it has all its addresses');
});

const poolSubject: ProofSubject = {
  chart: poolChart,
  inputs: [
    {
      id: 'h1.n1',
      tenant: 'p1',
      hostId: 'h1',
      networks: [],
      ceiling: 3,
      windowMs: 30_000,
      deadlines: { allocateMs: 1, makeMs: 1, removeMs: 1 },
    },
  ],
  events: () => [
    { type: 'pool.used', ahead: true },
    { type: 'pool.used', ahead: false },
    { type: 'pool.joined' },
    { type: 'pool.left', wasReady: true },
    { type: 'pool.left', wasReady: false },
    { type: 'pool.flush' },
    { type: 'pool.juggle' },
    { type: 'message.undeliverable', to: 'host/h1', gone: true, message: { type: 'pool.shrink' } },
    { type: 'actor.restored' },
  ],
  results: (invokeId, src, snapshot: AnyMachineSnapshot) => {
    const { target, making, ready } = snapshot.context as PoolContext;
    return [
      {
        type: `xstate.done.actor.${invokeId}`,
        output: src === 'fillPool' ? { begun: Math.min(2 - making, target - making - ready) } : { at: 0 },
      },
      { type: `xstate.error.actor.${invokeId}`, error: failures[0] },
    ];
  },
  project: (context) => {
    const { target, making, ready, used } = context as PoolContext;
    return [target, making, Math.min(ready, 5), Math.min(used, 4)];
  },
};

t.test('the pool chart', async (t) => {
  const space = explore(poolSubject);
  common(t, 'pool', space);
  const over = [...space.configurations.values()].filter(
    ({ snapshot }) => (snapshot.context as PoolContext).target > 3,
  );
  t.same(over, [], 'no more is wanted ahead than the ceiling');
  const greedy = space.steps.filter(
    ({ from, to }) =>
      to.invokes.has('fillPool') &&
      !from.invokes.has('fillPool') &&
      (to.snapshot.context as PoolContext).making >= 2,
  );
  t.same(greedy, [], 'no more are made at once than two');
});

const networkSubject: ProofSubject = {
  chart: networkChart,
  inputs: [false, true].map((isDefault) => ({
    id: 'n1',
    tenant: 'p1',
    name: 'net',
    hostId: 'h1',
    subnet: null,
    isDefault,
    idleMs: 300_000,
    deadlines: { allocateMs: 10_000, makeMs: 60_000, removeMs: 60_000 },
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

t.test('the network chart', async (t) => {
  const space = explore(networkSubject);
  common(t, 'network', space);
  t.same(
    proofs.projectionIsTotal(
      space,
      ['creating', 'active', 'dormant', 'error', 'deleting', 'deleted'],
      (status) => status === 'error',
    ),
    [],
  );
  const asks = space.steps.filter(({ event }) => event.type === 'network.allocate');
  t.ok(asks.length > 0);
  t.same(
    asks.filter(({ from, to, emitted }) => {
      const waits =
        (to.snapshot.context as NetworkContext).pending.length >
        (from.snapshot.context as NetworkContext).pending.length;
      return !waits && emitted.length !== 1;
    }),
    [],
    'whoever asks for an address is answered, or waits to be',
  );
  const inUse = space.steps.filter(
    ({ from, event, to }) =>
      event.type === 'network.delete' &&
      (from.snapshot.context as NetworkContext).ports > 0 &&
      to.paths[0]?.startsWith('deleting') &&
      !from.paths[0]?.startsWith('deleting'),
  );
  t.same(inUse, [], 'no network is deleted under its containers');
});

const volumeSubject: ProofSubject = {
  chart: volumeChart,
  inputs: [false, true].map((isEphemeral) => ({
    id: 'v1',
    tenant: 'p1',
    name: isEphemeral ? null : 'data',
    hostId: 'h1',
    sizeGib: 1,
    isEphemeral,
    deadlines: { makeMs: 60_000, removeMs: 60_000 },
  })),
  events: (snapshot) => {
    // As many as there may be stand for all.
    const { attached } = snapshot.context as VolumeContext;
    const crowd = attached.length;
    return [
      { type: 'volume.detach', containerId: attached.at(-1) ?? 'c3' },
      ...['c1', 'c2'].flatMap((containerId) => [
        { type: 'volume.attach', containerId },
        { type: 'volume.detach', containerId },
      ]),
      ...(crowd > 0 && crowd < 64 ? [{ type: 'volume.attach', containerId: `more${crowd}` }] : []),
      { type: 'volume.delete' },
      { type: 'volume.juggle' },
      { type: 'host.lost', hostId: 'h1' },
      { type: 'host.lost', hostId: 'h2' },
      {
        type: 'message.undeliverable',
        to: 'container/p1/c1',
        gone: true,
        message: { type: 'volume.granted' },
      },
      {
        type: 'message.undeliverable',
        to: 'container/p1/c1',
        gone: true,
        message: { type: 'volume.refused' },
      },
      { type: 'actor.restored' },
    ];
  },
  results: (invokeId, src) => [
    { type: `xstate.done.actor.${invokeId}`, output: src === 'deadline' ? { at: 0 } : null },
    ...failures.map((error) => ({ type: `xstate.error.actor.${invokeId}`, error })),
  ],
  project: (context) => {
    const { attached, isEphemeral } = context as VolumeContext;
    return [isEphemeral, attached.includes('c1'), attached.includes('c2'), attached.length];
  },
};

const volumeHolding: Holding = {
  resource: 'volume',
  acquired: ({ to }) => to.invokes.has('ensureVolume'),
  released: ({ event }) => event.type === 'xstate.done.actor.removeVolume',
  abandoned: ({ event, to }) => event.type === 'host.lost' && to.snapshot.status === 'done',
};

t.test('the volume chart', async (t) => {
  const space = explore(volumeSubject);
  common(t, 'volume', space);
  t.same(proofs.theEndIsInReach(space), [], 'from everywhere there is a way to gone');
  t.same(releasesEverything(space, [volumeHolding], []), [], 'what was made is removed');
  t.same(
    proofs.projectionIsTotal(
      space,
      ['creating', 'available', 'error', 'deleting', 'deleted'],
      (status) => status === 'error',
    ),
    [],
  );
  const lost = space.steps.filter(
    ({ from, event, to }) =>
      to.paths[0]?.startsWith('deleting') &&
      !from.paths[0]?.startsWith('deleting') &&
      event.type !== 'volume.delete' &&
      !(from.snapshot.context as VolumeContext).isEphemeral,
  );
  t.same(lost, [], 'data of a named volume goes by a delete only');
  const pulled = space.steps.filter(
    ({ from, event, to }) =>
      event.type === 'volume.delete' &&
      from.paths[0] === 'available' &&
      (from.snapshot.context as VolumeContext).attached.length > 0 &&
      to.paths[0] !== 'available',
  );
  t.same(pulled, [], 'no container loses its data under itself');
});
