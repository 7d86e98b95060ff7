/** Networks and security groups that it gets or loses while it lives. */
import { sandboxAddress } from '../../../model/address.ts';
import type { ContainerCommand } from '../../../model/events.ts';
import {
  defaultNetworkId,
  requestOf,
  type NetworkRequest,
  type NeutronRequest,
} from '../../../model/network.ts';
import { assign, emit, type Guards } from './types.ts';

const groupedAs = (known: NetworkRequest | undefined, now: NeutronRequest): NeutronRequest => ({
  ...now,
  ...known?.neutron,
  securityGroups: now.securityGroups,
});

export const networkGuards = {
  isAttachedTo: ({ context, event }) =>
    'networkId' in event && context.networks.some(({ networkId }) => networkId === event.networkId),
  isOnAskedNetwork: ({ context, event }) =>
    event.type === 'container.attachNetwork' &&
    context.networks.some(({ networkId }) => networkId === event.request.networkId),
  isInGroup: ({ context, event }) =>
    'groupId' in event &&
    context.ports.every(({ neutron }) => !neutron || neutron.securityGroups.includes(event.groupId)),
  isInNoGroup: ({ context, event }) =>
    'groupId' in event &&
    !context.ports.some(({ neutron }) => neutron?.securityGroups.includes(event.groupId)),
} satisfies Guards;

export const networkActions = {
  askAttach: emit(({ context, event }) => ({
    type: 'message' as const,
    to: sandboxAddress(context.tenant, context.sandboxId ?? ''),
    event: {
      type: 'sandbox.attach',
      containerId: context.id,
      request: (event as Extract<ContainerCommand, { type: 'container.attachNetwork' }>).request,
    },
  })),
  askDetach: emit(({ context, event }) => ({
    type: 'message' as const,
    to: sandboxAddress(context.tenant, context.sandboxId ?? ''),
    event: {
      type: 'sandbox.detach',
      containerId: context.id,
      networkId: (event as Extract<ContainerCommand, { type: 'container.detachNetwork' }>).networkId,
    },
  })),
  askRegroup: emit(({ context, event }) => ({
    type: 'message' as const,
    to: sandboxAddress(context.tenant, context.sandboxId ?? ''),
    event: {
      type: 'sandbox.regroup',
      containerId: context.id,
      change: {
        groupId: 'groupId' in event ? event.groupId : '',
        isAdded: event.type === 'container.addSecurityGroup',
      },
    },
  })),
  recordPorts: assign(({ context, event }) => {
    if (event.type !== 'sandbox.changed') return {};
    return {
      ports: event.ports,
      networks: event.ports.map((port) => {
        const { networkId } = port.network;
        const known = context.networks.find((each) => each.networkId === networkId);
        const request = requestOf(port);
        const isDefault = networkId === defaultNetworkId(context.tenant, context.hostId ?? '');
        // Addresses of the user's choice stay, security groups are those it has now.
        return {
          ...request,
          isDefault,
          ...known,
          ...(request.neutron && { neutron: groupedAs(known, request.neutron) }),
        };
      }),
      reason: event.reason,
    };
  }),
};
