/**
 * A Neutron in memory: slow, away for a while, and forgetful of its answers, but
 * never of what it did. A port is ACTIVE a moment after it is plugged where it
 * is bound.
 */
import { TroupeError } from '../../src/errors/errors.ts';
import type { Neutron, NeutronPort, NeutronSecurityGroup } from '../../src/model/neutron.ts';
import type { SimulatedEngine } from './engine.ts';
import type { Kernel, SimulatedProcess } from './kernel.ts';
import { serviceCalls, type ServiceFaults } from './service-calls.ts';

export interface SimulatedNeutron {
  readonly ports: ReadonlyMap<string, NeutronPort>;
  readonly faults: ServiceFaults;
  client(process: SimulatedProcess): Neutron;
}

/** Of the one network that there is, which all projects share. */
export const neutronNetwork = '00000000-0000-4000-8000-00000000007e';

/** A port and what is only asked for, never told. */
type StoredPort = NeutronPort & { readonly description: string };

export function createNeutron(kernel: Kernel, engines: readonly SimulatedEngine[]): SimulatedNeutron {
  const ports = new Map<string, StoredPort>();
  const groups = new Map<string, NeutronSecurityGroup & { readonly description: string }>();
  const faults = { lostAnswer: 0, unavailable: 0, slow: 0 };
  let last = 1;

  const callBy = serviceCalls(kernel, 'Neutron', faults);

  const isWired = ({ id, hostId }: NeutronPort): boolean =>
    engines.some((engine) => engine.host === hostId && engine.ports.has(id));
  const seen = (port: NeutronPort): NeutronPort => ({ ...port, status: isWired(port) ? 'ACTIVE' : 'DOWN' });
  const must = (id: string): StoredPort => {
    const port = ports.get(id);
    if (!port) throw new TroupeError('PORT_NOT_FOUND', `Port ${id} could not be found`);
    return port;
  };
  const change = (id: string, changes: Partial<NeutronPort>): NeutronPort => {
    const port = { ...must(id), ...changes, revision: must(id).revision + 1 };
    ports.set(id, port);
    return seen(port);
  };

  return {
    ports,
    faults,
    client(process) {
      const call = callBy(process);
      return {
        networks: () =>
          call('networks', () => [
            {
              id: neutronNetwork, name: 'shared', projectId: 'cloud', isShared: true, isExternal: false, mtu: 1500,
              status: 'ACTIVE', createdAt: '',
            },
          ]), // prettier-ignore
        networksSharedWith: () => call('rules', () => []),
        subnets: () =>
          call('subnets', () => [
            { id: 's', version: 4, cidr: '10.77.0.0/16', gateway: '10.77.0.1', nameservers: [], routes: [] },
          ]),
        ports: ({ id, name, mac, description, hostId, tag }) =>
          call('ports', () =>
            [...ports.values()]
              .filter(
                (port) =>
                  (!id || id.includes(port.id)) &&
                  (name === undefined || port.name === name) &&
                  (mac === undefined || port.mac === mac) &&
                  (description === undefined || port.description === description) &&
                  (hostId === undefined || port.hostId === hostId) &&
                  (tag === undefined || port.tags.includes(tag)),
              )
              .map(seen),
          ),
        port: (id) => call('port', () => (ports.has(id) ? seen(must(id)) : null)),
        createPort: (wish) =>
          call('create', () => {
            if ([...ports.values()].some(({ mac }) => mac === wish.mac)) return null;
            last += 1;
            const port = {
              id: kernel.id(),
              name: wish.name,
              description: wish.description,
              networkId: wish.networkId,
              projectId: wish.projectId,
              mac: wish.mac,
              status: 'DOWN',
              deviceId: wish.deviceId,
              deviceOwner: wish.deviceOwner,
              hostId: wish.hostId,
              vifType: 'bridge',
              vif: { bridge: null, isHybrid: false, isUserspace: false },
              fixedIps: [{ subnetId: 's', address: `10.77.${last >> 8}.${last & 255}` }],
              securityGroups: wish.securityGroups,
              tags: [],
              revision: 1,
            };
            ports.set(port.id, port);
            return seen(port);
          }),
        updatePort: (id, changes) => call('update', () => change(id, changes)),
        deletePort: (id) => call('delete', () => void ports.delete(id)),
        addTags: (id, tags) =>
          call('tag', () => void change(id, { tags: [...new Set([...must(id).tags, ...tags])] })),
        setTags: (id, tags) => call('tag', () => void change(id, { tags })),
        removeTags: (id, tags) =>
          call('untag', () => {
            if (ports.has(id)) change(id, { tags: must(id).tags.filter((tag) => !tags.includes(tag)) });
          }),
        securityGroups: (projectId, description) =>
          call('groups', () => [
            ...(description === undefined && projectId !== null
              ? [{ id: 'g', name: 'default', projectId }]
              : []),
            ...[...groups.values()].filter(
              (group) =>
                (projectId === null || group.projectId === projectId) &&
                (description === undefined || group.description === description),
            ),
          ]),
        createSecurityGroup: (wish) =>
          call('create group', () => {
            const group = { ...wish, id: kernel.id() };
            groups.set(group.id, group);
            return group;
          }),
        letIn: () => call('rule', () => {}),
        deleteSecurityGroup: (id) =>
          call('delete group', () => {
            const isUsed = [...ports.values()].some((port) => port.securityGroups.includes(id));
            if (!isUsed) groups.delete(id);
            return !isUsed;
          }),
      };
    },
  };
}
