import t from 'tap';
import type { ImageContext } from '../../src/machines/image/context.ts';
import type { NetworkContext } from '../../src/machines/network/context.ts';
import type { PoolContext } from '../../src/machines/pool/context.ts';
import type { VolumeContext } from '../../src/machines/volume/context.ts';
import { common } from './common-proofs.ts';
import { explore, proofs, releasesEverything, type Holding, type ProofEvent } from './proofs.ts';
import { imageSubject } from './image-space.ts';
import { registrySubject } from './registry-space.ts';
import { networkSubject } from './network-space.ts';
import { boundPool, poolSubject } from './pool-space.ts';
import { poolChart } from '../../src/machines/pool.machine.ts';
import { sandboxChart } from '../../src/machines/sandbox.machine.ts';
import { walk } from './walk.ts';
import { sandboxHoldings, sandboxSubject } from './sandbox-space.ts';
import { volumeSubject } from './volume-space.ts';

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

t.test('a pool whose host has no memory for more makes none before its window ends', async (t) => {
  const pool = walk(poolChart, poolSubject.inputs[0]).send({ type: 'pool.used', ahead: false });
  pool.done('quiet').done('fillPool', { begun: 1, short: null }).send({ type: 'pool.joined' });
  t.same(pool.paths, ['keeping']);
  pool.send({ type: 'pool.bounded' }).send({ type: 'pool.left', wasReady: true });
  t.same(pool.paths, ['bounded']);
  t.match(pool.reason, /memory .* is used up/);
  t.same(pool.active, ['bounded.window'], 'what the host let go is not made again at once');
  pool.done('bounded.window');
  t.same(pool.paths, ['filling'], 'it was used, so it is tried again');
  pool
    .done('fillPool', { begun: 1, short: null })
    .send({ type: 'pool.joined' })
    .send({ type: 'pool.bounded' });
  pool.send({ type: 'pool.left', wasReady: true }).done('bounded.window');
  t.same(pool.paths, ['empty'], 'without use it gives up');
  t.equal(pool.reason, null);
});

t.test('a pool on a network of Neutron keeps nothing ahead before its second use', async (t) => {
  const pool = walk(poolChart, boundPool).send({ type: 'pool.used', ahead: false }).done('quiet');
  t.same(pool.paths, ['empty']);
  pool.send({ type: 'pool.used', ahead: false }).done('quiet');
  t.same(pool.paths, ['filling']);
  pool
    .done('fillPool', { begun: 2, short: null })
    .send({ type: 'pool.joined' })
    .send({ type: 'pool.joined' });
  t.same(pool.paths, ['keeping']);
  pool.done('window').done('window');
  t.same(pool.paths, ['shrinking'], 'without use they go');
});

t.test('a pool that gets no more ports waits for its window, and says whose are used up', async (t) => {
  const pool = walk(poolChart, boundPool).send({ type: 'pool.used', ahead: false });
  pool.send({ type: 'pool.used', ahead: false }).done('quiet');
  pool.done('fillPool', { begun: 1, short: 'project' });
  t.same(pool.paths, ['bounded']);
  t.match(pool.reason, /poolPortsPerProject/);
  pool.send({ type: 'pool.joined' });
  t.same(pool.active, ['bounded.window'], 'what was begun joins, and no more is asked for');
  pool.send({ type: 'pool.used', ahead: true }).send({ type: 'pool.used', ahead: true });
  pool.done('bounded.window');
  t.same(pool.paths, ['filling'], 'it was used, so it is tried again');
  pool.done('fillPool', { begun: 0, short: 'site' });
  t.match(pool.reason, /site\.poolPorts\)/);
});

t.test('a sandbox of version 2 lives on: none had ports that do not say whose they are', async (t) => {
  const migrate = (value: unknown) =>
    sandboxChart.migrations[2]!({ value, context: { id: 's1' }, chartVersion: 2 });
  const context = { id: 's1', marksOwed: false };
  t.match(migrate('claimed'), { value: { claimed: 'settled' }, context });
  t.match(migrate({ wiring: 'waiting' }), { value: { wiring: 'waiting' }, context });
});

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

const isHostGone = ({ type }: ProofEvent): boolean => type === 'host.lost' || type === 'host.removed';

const volumeHolding: Holding = {
  resource: 'volume',
  acquired: ({ to }) => to.invokes.has('ensureVolume'),
  released: ({ event }) => event.type === 'xstate.done.actor.removeVolume',
  abandoned: ({ event, to }) => isHostGone(event) && to.snapshot.status === 'done',
};

/** Of a volume of Cinder's: what its host has of it, and what Cinder has. */
const cinderHoldings: readonly Holding[] = [
  {
    resource: 'connection',
    acquired: ({ to }) => to.invokes.has('connectVolume'),
    released: ({ event }) => event.type === 'xstate.done.actor.disconnectVolume',
    // With the host that had it.
    abandoned: ({ event }) => event.type === 'host.removed',
  },
  {
    resource: 'volume of Cinder',
    acquired: ({ to }) => to.invokes.has('promise.deadline'),
    released: ({ event }) => event.type === 'xstate.done.actor.discardPromised',
    // It is who is to mount it that sees to it then.
    abandoned: ({ event, to }) => event.type === 'volume.keep' && to.snapshot.status === 'done',
  },
  {
    resource: 'attachment',
    acquired: ({ to }) => to.invokes.has('attachVolume'),
    released: ({ event }) => event.type === 'xstate.done.actor.detachVolume',
    abandoned: () => false,
  },
];

t.test('the volume chart', async (t) => {
  const space = explore(volumeSubject);
  common(t, 'volume', space);
  t.same(proofs.theEndIsInReach(space), [], 'from everywhere there is a way to gone');
  t.same(
    releasesEverything(space, [volumeHolding, ...cinderHoldings], []),
    [],
    'what was made is removed, and what was attached is let go of',
  );
  const early = space.steps.filter(
    ({ to, from }) => to.invokes.has('detachVolume') && (from.snapshot.context as VolumeContext).isConnected,
  );
  t.same(
    early
      .filter(
        ({ event: { type } }) => type !== 'xstate.done.actor.disconnectVolume' && type !== 'host.removed',
      )
      .map(({ event }) => event),
    [],
    'Cinder ends no attachment before its host has let go of it',
  );
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

const imageHolding: Holding = {
  resource: 'image',
  acquired: ({ to }) => to.invokes.has('pullImage') || to.invokes.has('commitContainer'),
  // Given to Glance it has lost its name there.
  released: ({ event }) =>
    event.type === 'xstate.done.actor.removeImage' || event.type === 'xstate.done.actor.storeImage',
  abandoned: ({ event, to }) =>
    (isHostGone(event) || event.type === 'image.missing') && to.snapshot.status === 'done',
};

const isDiscarding = ({ paths }: { readonly paths: readonly string[] }): boolean =>
  paths[0]?.startsWith('discarding') ?? false;

const storedHolding: Holding = {
  resource: 'stored image',
  acquired: ({ to }) => to.invokes.has('storeImage'),
  released: ({ event }) => event.type === 'xstate.done.actor.discardImage',
  // Whole it is its project's; half made, and not to be taken away, the ledger shows it.
  abandoned: ({ event, from, to }) =>
    event.type === 'xstate.done.actor.storeImage' || (isDiscarding(from) && !isDiscarding(to)),
};

t.test('the image chart', async (t) => {
  const space = explore(imageSubject);
  common(t, 'image', space);
  t.same(proofs.theEndIsInReach(space), [], 'from everywhere there is a way to gone');
  t.same(
    proofs.isAnsweredEverywhere(space, ({ type }) => type === 'image.delete'),
    [],
    'delete is accepted everywhere',
  );
  t.same(
    releasesEverything(space, [imageHolding, storedHolding], []),
    [],
    'what was pulled or made is removed',
  );
  t.same(
    proofs.projectionIsTotal(
      space,
      ['pulling', 'committing', 'storing', 'discarding', 'stored', 'present', 'error', 'deleting', 'deleted'],
      (status) => status === 'error',
    ),
    [],
    'what could not be had says why',
  );
  const unchecked = space.steps.filter(
    ({ from, to }) =>
      to.invokes.has('removeImage') &&
      !from.invokes.has('removeImage') &&
      !from.invokes.has('findImageUsers') &&
      !from.paths[0]?.startsWith('removing'),
  );
  t.same(unchecked, [], 'nothing is removed before its users were looked for');
  const lost = space.steps.filter(
    ({ from, event, to }) =>
      event.type === 'image.commit' &&
      from.snapshot.status === 'active' &&
      (to.snapshot.context as ImageContext).origin.kind !== 'commit',
  );
  t.same(lost, [], 'no commit is lost, whatever the image does');
});

t.test('the registry chart', async (t) => {
  const space = explore(registrySubject);
  common(t, 'registry', space);
  t.same(proofs.theEndIsInReach(space), [], 'from everywhere there is a way to deleted');
  t.same(
    proofs.projectionIsTotal(space, ['active', 'deleted'], () => false),
    [],
  );
});
