/** The sandbox chart as a subject of proof. */
import type { AnyMachineSnapshot } from 'xstate';
import { sandboxChart } from '../../src/machines/sandbox.machine.ts';
import type { SandboxContext } from '../../src/machines/sandbox/context.ts';
import { portName } from '../../src/machines/sandbox/setup.ts';
import type { SandboxInput } from '../../src/model/network-events.ts';
import type { Configuration, Holding, ProofEvent, ProofSubject, Step } from './proofs.ts';

const deadlines = { allocateMs: 10_000, makeMs: 60_000, removeMs: 60_000, idleMs: 60_000 };
const ahead: SandboxInput = {
  id: 's1',
  tenant: 'p1',
  hostId: 'h1',
  hostname: null,
  networks: [{ networkId: 'n1', isDefault: true, fixedAddress: null }],
  published: [],
  claimedBy: null,
  isOfCapsule: false,
  pool: { id: 'h1.n1', ceiling: 8, windowMs: 30_000 },
  deadlines,
};

const contextOf = (snapshot: AnyMachineSnapshot): SandboxContext => snapshot.context as SandboxContext;
const network = (networkId: string) => ({
  networkId,
  subnet: '10.64.0.0/24',
  gateway: '10.64.0.1',
  mtu: 1500,
});

const port = (networkId: string, address: string) => ({
  portId: `found on ${networkId}`,
  network: network(networkId),
  mac: '02:00:00:00:00:06',
  address,
  interfaceName: 'eth0',
});
/** On a network of Neutron. */
const bound = (networkId: string, isUsers: boolean) => ({
  ...port(networkId, '10.77.0.5'),
  portId: `of Neutron on ${networkId}`,
  interfaceName: '',
  neutron: {
    addresses: [{ address: '10.77.0.5', prefix: 24, version: 4, subnetId: 's' }],
    gateways: ['10.77.0.1'],
    routes: [],
    nameservers: [],
    securityGroups: ['g'],
    isUsers,
  },
});
const ofNeutron = (networkId: string, portId: string | null) => ({
  networkId,
  isDefault: false,
  fixedAddress: null,
  neutron: { portId, fixedAddress6: null, securityGroups: ['g'] },
});
const found = { networks: ahead.networks, ports: [port('n1', '10.64.0.6')], portsAsked: 1 };

const foundBound = {
  networks: [ofNeutron('m1', null)],
  ports: [{ ...bound('m1', false), interfaceName: 'eth0' }],
  portsAsked: 100,
};

function events(snapshot: AnyMachineSnapshot): readonly ProofEvent[] {
  const context = contextOf(snapshot);
  const asked = portName(context);
  const isOfNeutron = context.networks.some(({ neutron }) => neutron) || context.portsAsked === 100;
  const lacking =
    context.networks.find(
      ({ networkId }) => !context.ports.some((port) => port.network.networkId === networkId),
    )?.networkId ?? 'n1';
  const allocated = (portId: string): ProofEvent => ({
    type: 'network.allocated',
    portId,
    network: network(lacking),
    address: '10.64.0.5',
    mac: '02:00:00:00:00:05',
  });
  return [
    { type: 'sandbox.claim', containerId: 'c1', isSuspect: false },
    { type: 'sandbox.claim', containerId: 'c1', isSuspect: true },
    { type: 'sandbox.claim', containerId: 'c2', isSuspect: false },
    { type: 'sandbox.release', containerId: 'c1' },
    { type: 'sandbox.release', containerId: 'c2' },
    { type: 'sandbox.dismiss' },
    // A site has networks of its hosts, or of Neutron.
    {
      type: 'sandbox.attach',
      containerId: 'c1',
      request: isOfNeutron
        ? ofNeutron('m2', 'the user’s own')
        : { networkId: 'n2', isDefault: false, fixedAddress: null },
    },
    {
      type: 'sandbox.attach',
      containerId: 'c2',
      request: { networkId: 'n2', isDefault: false, fixedAddress: null },
    },
    { type: 'sandbox.detach', containerId: 'c1', networkId: isOfNeutron ? 'm1' : 'n1' },
    { type: 'sandbox.detach', containerId: 'c1', networkId: isOfNeutron ? 'm2' : 'n2' },
    { type: 'sandbox.regroup', containerId: 'c1', change: { groupId: 'g1', isAdded: true } },
    { type: 'sandbox.regroup', containerId: 'c2', change: { groupId: 'g1', isAdded: true } },
    { type: 'sandbox.died', hostId: 'h1', reason: 'Its process has ended' },
    { type: 'sandbox.died', hostId: 'h2', reason: 'Its process has ended' },
    allocated(asked),
    allocated('an older one'),
    { type: 'network.refused', portId: asked, reason: 'No address is left' },
    { type: 'network.refused', portId: 'an older one', reason: 'No address is left' },
    { type: 'host.lost', hostId: 'h1' },
    { type: 'host.lost', hostId: 'h2' },
    { type: 'host.removed', hostId: 'h1' },
    { type: 'host.removed', hostId: 'h2' },
    {
      type: 'message.undeliverable',
      to: 'network/p1/n1',
      gone: true,
      message: { type: 'network.allocate', portId: asked },
    },
    {
      type: 'message.undeliverable',
      to: 'container/p1/c1',
      gone: true,
      message: { type: 'sandbox.granted' },
    },
    {
      type: 'message.undeliverable',
      to: 'capsule/p1/c1',
      gone: true,
      message: { type: 'sandbox.granted' },
    },
    { type: 'message.undeliverable', to: 'host/h1', gone: true, message: { type: 'sandbox.ready' } },
    { type: 'sandbox.found', hostId: 'h1', ...(isOfNeutron ? foundBound : found) },
    { type: 'sandbox.found', hostId: 'h2', ...(isOfNeutron ? foundBound : found) },
    { type: 'sandbox.displaced', networkId: 'n1', address: '10.64.0.5' },
    { type: 'sandbox.displaced', networkId: 'n1', address: '10.64.0.7' },
    { type: 'resource.seen', hostId: 'h1' },
    { type: 'actor.restored' },
  ];
}

const failures = [
  { code: 'ENGINE_ERROR', message: 'It failed', retryable: false },
  { code: 'ENGINE_UNAVAILABLE', message: 'The engine is down', retryable: true },
  { code: 'QUOTA_EXCEEDED', message: 'No port is left', retryable: false },
  { code: 'PORT_UNBOUND', message: 'Its agent does not live', retryable: false },
];

function outputOf(src: string, { portIntent }: SandboxContext): unknown {
  if (src === 'makeSandbox') return { engineId: 'e1' };
  if (src === 'deadline') return { at: 0 };
  if (src === 'regroupPorts') return {};
  if (src === 'makeWay') return { gone: 1 };
  if (src !== 'ensurePort') return null;
  const { networkId, neutron } = portIntent!.request;
  return bound(networkId, neutron?.portId !== null);
}

export const sandboxSubject: ProofSubject = {
  chart: sandboxChart,
  inputs: [
    ahead,
    { ...ahead, claimedBy: 'c1' },
    { ...ahead, claimedBy: 'c1', pool: null, networks: [] },
    // The store forgot it.
    { ...ahead, claimedBy: 'c1', pool: null, found },
    { ...ahead, pool: null, found },
    { ...ahead, claimedBy: 'c1', isOfCapsule: true, pool: null },
    { ...ahead, claimedBy: 'c1', pool: null, networks: [ofNeutron('m1', null)] },
    { ...ahead, claimedBy: 'c1', pool: null, found: foundBound },
    { ...ahead, networks: [ofNeutron('m1', null)] },
  ],
  events,
  results: (invokeId, src, snapshot) => [
    { type: `xstate.done.actor.${invokeId}`, output: outputOf(src, contextOf(snapshot)) },
    ...(src === 'makeWay' ? [{ type: `xstate.done.actor.${invokeId}`, output: { gone: 0 } }] : []),
    ...failures.map((error) => ({ type: `xstate.error.actor.${invokeId}`, error })),
  ],
  project: (context) => {
    const c = context as SandboxContext;
    return [
      c.claimedBy,
      c.isOfCapsule,
      c.pool !== null,
      c.networks.map(({ networkId }) => networkId),
      c.ports.map((port) => [port.network.networkId, port.interfaceName, port.address]),
      c.leaving?.network.networkId,
      c.portIntent?.request.networkId,
      c.marksOwed,
    ];
  },
};

const messages = (step: Step, type: string) =>
  step.emitted.flatMap((each) => (each.type === 'message' && each.event.type === type ? [each] : []));

const isPluggedInto = (networkId: string, { snapshot }: Configuration): boolean =>
  contextOf(snapshot).ports.some((port) => port.network.networkId === networkId);

/** How many addresses it holds, with the one that it is about to give back. */
const placesOf = ({ snapshot }: Configuration): number =>
  contextOf(snapshot).ports.length + (contextOf(snapshot).leaving ? 1 : 0);

/** Each network's address, and the namespace. */
export const sandboxHoldings: readonly Holding[] = [
  ...['n1', 'n2'].map((networkId): Holding => ({
    resource: `address of ${networkId}`,
    heldAtFirst: (first) => isPluggedInto(networkId, first),
    acquired: ({ from, to }) => isPluggedInto(networkId, to) && !isPluggedInto(networkId, from),
    // One that came too late is given back in the turn that takes it: it was never held. One that is not what it is
    // plugged with is given back for that.
    released: (step) =>
      step.event.type !== 'network.allocated' &&
      !(step.event.type === 'sandbox.found' && isPluggedInto(networkId, step.to)) &&
      messages(step, 'network.release').some(({ to }) => to.endsWith(`/${networkId}`)),
    // It is another's.
    abandoned: ({ event, from, to }) =>
      event.type === 'sandbox.displaced' && event['networkId'] === networkId && placesOf(from) > placesOf(to),
  })),
  {
    resource: 'ports of Neutron',
    // Asked for: it may be there whatever is told of it.
    acquired: ({ to }) => to.invokes.has('ensurePort') || to.invokes.has('attach.ensurePort'),
    released: ({ event, to }) =>
      event.type === 'xstate.done.actor.returnPorts' ||
      (event.type === 'xstate.done.actor.giveBack' &&
        contextOf(to.snapshot).ports.every(({ neutron }) => !neutron)),
    heldAtFirst: ({ snapshot }) => contextOf(snapshot).ports.some(({ neutron }) => neutron),
    // One that its host was not told of is in the ledger.
    abandoned: ({ event }) => event.type === 'sandbox.found',
  },
  {
    resource: 'namespace',
    heldAtFirst: ({ snapshot }) => contextOf(snapshot).ports.length > 0,
    acquired: ({ to }) => to.invokes.has('makeSandbox'),
    released: ({ event }) =>
      event.type === 'xstate.done.actor.removeSandbox' ||
      event.type === 'xstate.done.actor.stuck.removeSandbox',
    // Its host removes what is left of it when it returns, by the tombstone.
    abandoned: ({ event, to }) =>
      (event.type === 'host.lost' || event.type === 'host.removed') &&
      (to.snapshot.status === 'done' || to.paths[0]?.startsWith('releasing') === true),
  },
];
