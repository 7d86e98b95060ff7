/** The sandbox chart's vocabulary. */
import { assign, emit, enqueueActions, setup } from 'xstate';
import { containerAddress, hostAddress, networkAddress, poolAddress } from '../../model/address.ts';
import type { Emitted } from '../../model/events.ts';
import type {
  NetworkEffectResults,
  NetworkInput,
  PoolInput,
  PoolMessage,
  SandboxAnswer,
  SandboxEvent,
  SandboxInput,
} from '../../model/network-events.ts';
import { regrouped, type NetworkRequest, type Port } from '../../model/network.ts';
import { namedUuid } from '../../model/named-uuid.ts';
import { unbound } from '../unbound.ts';
import { holderOf, type SandboxContext } from './context.ts';
import { failedAttempt, failureOf, noAttempt } from '../retry-policy.ts';

/** What each host effect is given: ids and numbers only. */
export interface SandboxEffectInput {
  readonly hostId: string;
  readonly deadlineMs: number;
}

export const hostInput = ({ hostId }: SandboxContext, deadlineMs: number): SandboxEffectInput => ({
  hostId,
  deadlineMs,
});

const isOf = (context: SandboxContext, event: SandboxEvent): boolean =>
  'containerId' in event && event.containerId === context.claimedBy;

/** The next network that has no address yet. */
const lacking = ({ networks, ports }: SandboxContext): NetworkRequest | undefined =>
  networks.find(({ networkId }) => !ports.some(({ network }) => network.networkId === networkId));

/** What is scarce is had again once others let go of it. */
const scarcities: ReadonlySet<string> = new Set(['QUOTA_EXCEEDED', 'ADDRESSES_EXHAUSTED']);

/** With the pauses between them about eight seconds: an agent tells of itself every few. */
const bindTriesMost = 4;

const isNeutronPort = (port: Port | null): boolean => port?.neutron !== undefined;

/** A UUID, the same each time it is asked for. */
export const portName = ({ id, portsAsked }: SandboxContext): string => namedUuid(`port/${id}/${portsAsked}`);

const defaultNetwork = (
  { tenant, hostId, deadlines }: SandboxContext,
  { networkId }: NetworkRequest,
): NetworkInput => ({
  id: networkId,
  tenant,
  name: 'default',
  hostId,
  subnet: null,
  isDefault: true,
  idleMs: deadlines.idleMs,
  deadlines,
});

const toHolder = (context: SandboxContext, event: SandboxAnswer) => ({
  type: 'message' as const,
  to: holderOf(context, context.claimedBy ?? ''),
  event,
});

/** Begins the pool when it is the first that it hears of. */
const toPool = ({ pool, tenant, hostId, networks, deadlines }: SandboxContext, event: PoolMessage) => {
  if (pool === null) return null;
  const begin: PoolInput = { ...pool, tenant, hostId, networks, deadlines };
  return { type: 'message' as const, to: poolAddress(tenant, pool.id), event, begin };
};

const interfaceName = (ports: readonly Port[]): string => {
  for (let at = 0; ; at += 1) if (!ports.some((port) => port.interfaceName === `eth${at}`)) return `eth${at}`;
};

interface Place {
  readonly networkId: string;
  readonly address: string;
}

const isAt = ({ network, address }: Port, place: Place): boolean =>
  network.networkId === place.networkId && address === place.address;

const isSamePort = (one: Port, other: Port): boolean =>
  one.portId === other.portId && isAt(one, { networkId: other.network.networkId, address: other.address });

/** To the network that gave the address; Neutron is told otherwise. */
const releaseOf = ({ tenant }: SandboxContext, { portId, network, address, neutron }: Port) =>
  neutron
    ? []
    : [
        {
          type: 'message' as const,
          to: networkAddress(tenant, network.networkId),
          event: { type: 'network.release', portId, address },
        },
      ];

export const sandboxSetup = setup({
  types: {
    input: {} as SandboxInput,
    context: {} as SandboxContext,
    events: {} as SandboxEvent,
    emitted: {} as Emitted,
    tags: {} as 'transient' | 'settled',
    meta: {} as { readonly status?: string; readonly acquires?: string; readonly releases?: string },
  },
  actors: {
    deadline: unbound<NetworkEffectResults['deadline'], { readonly ms: number }>('deadline'),
    makeSandbox: unbound<NetworkEffectResults['makeSandbox'], SandboxEffectInput>('makeSandbox'),
    unplugPort: unbound<NetworkEffectResults['unplugPort'], SandboxEffectInput>('unplugPort'),
    removeSandbox: unbound<NetworkEffectResults['removeSandbox'], SandboxEffectInput>('removeSandbox'),
    // The control plane's own, of Neutron.
    ensurePort: unbound<NetworkEffectResults['ensurePort'], undefined>('ensurePort'),
    awaitPorts: unbound<NetworkEffectResults['awaitPorts'], undefined>('awaitPorts'),
    markPorts: unbound<NetworkEffectResults['markPorts'], undefined>('markPorts'),
    makeWay: unbound<NetworkEffectResults['makeWay'], undefined>('makeWay'),
    returnPorts: unbound<NetworkEffectResults['returnPorts'], { readonly all: boolean }>('returnPorts'),
    regroupPorts: unbound<NetworkEffectResults['regroupPorts'], undefined>('regroupPorts'),
  },
  guards: {
    /** Found on its host, where no container lives in it: whether one did, nobody knows. */
    isOfNobody: ({ context }) => context.claimedBy === null && context.pool === null,
    isFoundOtherwise: ({ context, event }) =>
      event.type === 'sandbox.found' &&
      event.hostId === context.hostId &&
      !(
        event.ports.length === context.ports.length &&
        event.ports.every((port) => context.ports.some((own) => isSamePort(own, port)))
      ),
    isItsAddress: ({ context, event }) =>
      event.type === 'sandbox.displaced' &&
      [...context.ports, ...(context.leaving ? [context.leaving] : [])].some((port) => isAt(port, event)),
    isAddressLacking: ({ context }) => lacking(context) !== undefined,
    isPortLacking: ({ context }) => lacking(context)?.neutron !== undefined,
    hasNeutronPort: ({ context }) => context.ports.some(isNeutronPort),
    areMarksOwed: ({ context }) => context.marksOwed && context.ports.some(isNeutronPort),
    /** A Neutron that was just started takes its agents for dead until it hears them. */
    mayBindYet: ({ context, event }) =>
      failureOf(event).code === 'PORT_UNBOUND' && context.tries < bindTriesMost,
    /** Who was promised a port comes before what nobody uses yet. */
    isShortForIts: ({ context, event }) =>
      context.claimedBy !== null && scarcities.has(failureOf(event).code),
    hasWayBeenMade: ({ event }) =>
      (event as unknown as { output: NetworkEffectResults['makeWay'] }).output.gone > 0,
    isLeavingPlugged: ({ context }) => context.leaving !== null,
    isPortLeaving: ({ context }) => isNeutronPort(context.leaving) || context.portIntent !== null,
    isPortHeld: ({ context }) =>
      context.ports.some(isNeutronPort) || isNeutronPort(context.leaving) || context.portIntent !== null,
    isClaimed: ({ context }) => context.claimedBy !== null,
    isAskedPort: ({ context, event }) => 'portId' in event && event.portId === portName(context),
    isBounceOfAllocation: ({ context, event }) =>
      event.type === 'message.undeliverable' &&
      event.message.type === 'network.allocate' &&
      event.message['portId'] === portName(context),
    isContainerGone: ({ event }) =>
      event.type === 'message.undeliverable' &&
      (event.to.startsWith('container/') || event.to.startsWith('capsule/')) &&
      event.message.type.startsWith('sandbox.'),
    isItsContainer: ({ context, event }) => isOf(context, event),
    isSuspectedByIts: ({ context, event }) =>
      event.type === 'sandbox.claim' && event.isSuspect && isOf(context, event),
    isAttachedAlready: ({ context, event }) =>
      event.type === 'sandbox.attach' &&
      context.networks.some(({ networkId }) => networkId === event.request.networkId),
    isAttached: ({ context, event }) =>
      event.type === 'sandbox.detach' &&
      context.ports.some(({ network }) => network.networkId === event.networkId),
    isOnItsHost: ({ context, event }) => 'hostId' in event && event.hostId === context.hostId,
    isRetryable: ({ event }) => failureOf(event).retryable,
  },
  actions: {
    beginStep: assign(noAttempt),
    recordFailure: assign(({ context, event }) => failedAttempt(context.tries, event)),
    say: assign({ reason: (_, params: { readonly reason: string }) => params.reason }),
    sayOverdue: assign({
      reason: ({ context }, params: { readonly what: string }) =>
        `${params.what}${context.failure ? `: ${context.failure.message}` : ''}`,
    }),
    settle: assign({ failure: null, reason: null }),
    /** One that is not known to have come to anything yet is asked for again. */
    intendPort: assign(({ context }) => {
      const request = lacking(context);
      if (!request || context.portIntent?.request.networkId === request.networkId) return {};
      const portsAsked = context.portsAsked + 1;
      return { portsAsked, portIntent: { key: portName({ ...context, portsAsked }), request } };
    }),
    recordBound: assign(({ context, event }) => {
      const { output } = event as unknown as { output: NetworkEffectResults['ensurePort'] };
      const port = { ...output, interfaceName: interfaceName(context.ports) };
      return { ports: [...context.ports, port], portIntent: null, failure: null, reason: null };
    }),
    forgetMarks: assign({ marksOwed: false, failure: null, reason: null }),
    forgetIntent: assign({ portIntent: null }),
    recordRegroup: assign({
      regroup: ({ context, event }) => (event.type === 'sandbox.regroup' ? event.change : context.regroup),
    }),
    forgetRegroup: assign({ regroup: null }),
    recordGroups: assign(({ context, event }) => {
      const { output } = event as unknown as { output: NetworkEffectResults['regroupPorts'] };
      const ports = context.ports.map((port) => regrouped(port, output[port.portId]));
      const groupsOn = (id: string) =>
        ports.find(({ network }) => network.networkId === id)?.neutron?.securityGroups;
      return {
        ports,
        networks: context.networks.map((request) => {
          const securityGroups = groupsOn(request.networkId);
          if (!request.neutron || !securityGroups) return request;
          return { ...request, neutron: { ...request.neutron, securityGroups } };
        }),
        regroup: null,
        failure: null,
        reason: null,
      };
    }),
    askAddress: enqueueActions(({ enqueue, context }) => {
      const request = lacking(context);
      if (!request) return;
      const portsAsked = context.portsAsked + 1;
      enqueue.assign({ portsAsked });
      enqueue.emit({
        type: 'message',
        to: networkAddress(context.tenant, request.networkId),
        event: {
          type: 'network.allocate',
          portId: portName({ ...context, portsAsked }),
          sandboxId: context.id,
          tenant: context.tenant,
          fixedAddress: request.fixedAddress,
        },
        ...(request.isDefault && { begin: defaultNetwork(context, request) }),
      });
    }),
    recordPort: assign({
      ports: ({ context, event }) =>
        event.type === 'network.allocated'
          ? [
              ...context.ports,
              {
                portId: event.portId,
                network: event.network,
                mac: event.mac,
                address: event.address,
                interfaceName: interfaceName(context.ports),
              },
            ]
          : context.ports,
    }),
    /** An address that came after it was given up. */
    returnLatePort: emit(({ context, event }) => ({
      type: 'message' as const,
      to: networkAddress(context.tenant, event.type === 'network.allocated' ? event.network.networkId : ''),
      event: {
        type: 'network.release',
        portId: 'portId' in event ? event.portId : '',
        address: event.type === 'network.allocated' ? event.address : '',
      },
    })),
    recordMade: assign(({ event }) => {
      const { output } = event as unknown as { output: NetworkEffectResults['makeSandbox'] };
      const { engineId, published } = output;
      return { engineId, failure: null, reason: null, ...(published?.length ? { bound: published } : {}) };
    }),
    /** Addresses that it has got since are not those that it is plugged with. */
    recordFound: enqueueActions(({ enqueue, context, event }) => {
      if (event.type !== 'sandbox.found') return;
      const { networks, ports } = event;
      for (const own of context.ports) {
        const place = { networkId: own.network.networkId, address: own.address };
        if (ports.some((port) => isAt(port, place))) continue;
        for (const message of releaseOf(context, own)) enqueue.emit(message);
      }
      const isIntended = ports.some(
        ({ network }) => network.networkId === context.portIntent?.request.networkId,
      );
      enqueue.assign({
        networks,
        ports,
        portsAsked: Math.max(context.portsAsked, event.portsAsked),
        portIntent: isIntended ? null : context.portIntent,
      });
    }),
    /** It is not given back: it is another's. */
    dropAddress: assign(({ context, event }) => {
      if (event.type !== 'sandbox.displaced') return {};
      const { ports, leaving } = context;
      return {
        ports: ports.filter((port) => !isAt(port, event)),
        leaving: leaving && isAt(leaving, event) ? null : leaving,
      };
    }),
    recordClaim: assign({
      claimedBy: ({ event }) => ('containerId' in event ? event.containerId : null),
    }),
    recordDeath: assign({ reason: ({ event }) => ('reason' in event ? event.reason : null) }),
    recordAttach: assign({
      networks: ({ context, event }) =>
        event.type === 'sandbox.attach' ? [...context.networks, event.request] : context.networks,
    }),
    recordDetach: assign(({ context, event }) => {
      if (event.type !== 'sandbox.detach') return {};
      const isIt = ({ network }: Port): boolean => network.networkId === event.networkId;
      return {
        networks: context.networks.filter(({ networkId }) => networkId !== event.networkId),
        ports: context.ports.filter((port) => !isIt(port)),
        leaving: context.ports.find(isIt) ?? null,
      };
    }),
    /** What was to be attached last is not, and whatever it holds is to be unplugged. */
    giveUpAttach: assign(({ context }) => {
      const last = context.networks.at(-1);
      const isIt = ({ network }: Port): boolean => network.networkId === last?.networkId;
      return {
        networks: context.networks.slice(0, -1),
        ports: context.ports.filter((port) => !isIt(port)),
        leaving: context.ports.find(isIt) ?? null,
      };
    }),
    releaseLeaving: enqueueActions(({ enqueue, context }) => {
      const { leaving } = context;
      if (!leaving) return;
      for (const message of releaseOf(context, leaving)) enqueue.emit(message);
      enqueue.assign({ leaving: null });
    }),
    releasePorts: enqueueActions(({ enqueue, context }) => {
      for (const message of context.ports.flatMap((port) => releaseOf(context, port))) enqueue.emit(message);
      enqueue.assign({ ports: [] });
    }),
    grant: emit(({ context }) =>
      toHolder(context, {
        type: 'sandbox.granted',
        sandboxId: context.id,
        engineId: context.engineId,
        ports: context.ports,
      }),
    ),
    tellBroken: emit(({ context, event }) =>
      toHolder(context, {
        type: 'sandbox.broken',
        sandboxId: context.id,
        reason: 'reason' in event && event.reason !== null ? event.reason : 'Its network namespace is gone',
      }),
    ),
    tellChanged: emit(({ context }) =>
      toHolder(context, {
        type: 'sandbox.changed',
        sandboxId: context.id,
        ports: context.ports,
        reason: context.reason,
      }),
    ),
    refuseChange: emit(({ context }, params: { readonly reason: string }) =>
      toHolder(context, {
        type: 'sandbox.changed',
        sandboxId: context.id,
        ports: context.ports,
        reason: params.reason,
      }),
    ),
    tellFailed: enqueueActions(({ enqueue, context }) => {
      if (context.claimedBy === null) return;
      enqueue.emit(
        toHolder(context, {
          type: 'sandbox.refused',
          sandboxId: context.id,
          reason: context.reason ?? 'Its network could not be made',
          retryable: context.failure?.retryable ?? false,
        }),
      );
    }),
    refuseClaim: emit(({ context, event }, params: { readonly reason: string }) => ({
      type: 'message' as const,
      to: containerAddress(context.tenant, 'containerId' in event ? event.containerId : ''),
      event: {
        type: 'sandbox.refused',
        sandboxId: context.id,
        reason: params.reason,
        retryable: true,
      },
    })),
    offer: emit(({ context }) => ({
      type: 'message' as const,
      to: hostAddress(context.hostId),
      event: {
        type: 'sandbox.ready',
        sandboxId: context.id,
        tenant: context.tenant,
        poolId: context.pool?.id ?? null,
      },
    })),
    withdraw: emit(({ context }) => ({
      type: 'message' as const,
      to: hostAddress(context.hostId),
      event: {
        type: 'sandbox.withdrawn',
        sandboxId: context.id,
        tenant: context.tenant,
        poolId: context.pool?.id ?? null,
      },
    })),
    tellPool: enqueueActions(({ enqueue, context }, params: PoolMessage) => {
      const message = toPool(context, params);
      if (message) enqueue.emit(message);
    }),
    /** One that was made for its container, since none was ready. */
    tellUseFromStart: enqueueActions(({ enqueue, context }) => {
      const message = toPool(context, { type: 'pool.used', ahead: false });
      if (message && context.claimedBy !== null) enqueue.emit(message);
    }),
  },
});
