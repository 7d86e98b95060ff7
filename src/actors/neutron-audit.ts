/**
 * Ports of Neutron in the ledger, and security groups that were made for them. A port with our world's tag is a leak only if
 * no sandbox explained it before Neutron was asked and none does now.
 * @see left-ports.ts for what is given back of them
 */
import { toFailure } from '../errors/errors.ts';
import type { SandboxContext } from '../machines/sandbox/context.ts';
import { sandboxAddress, type Address } from '../model/address.ts';
import type { AuditEntry } from '../model/audit-entry.ts';
import type { Neutron, NeutronPort, NeutronSecurityGroup } from '../model/neutron.ts';
import { holderOfGroup } from './effects/exposed-ports.ts';
import { keyOf, sandboxOf, worldTag } from './effects/neutron-ports.ts';
import type { Runtime } from './runtime.ts';

export interface PortAuditOptions {
  readonly neutron: Neutron;
  readonly runtime: Runtime;
  readonly worldId: string;
}

/** What a sandbox believes of its ports. */
interface Belief {
  readonly address: Address;
  readonly hostId: string;
  /** Who lives in it; null for one that waits. */
  readonly holderId: string | null;
  /** Ids of those it has, and of the intents of those that may be there. */
  readonly explains: ReadonlySet<string>;
  /** Those that are there when nothing is under way. */
  readonly rests: readonly string[];
  readonly revision: number;
}

export async function auditPorts(options: PortAuditOptions): Promise<readonly AuditEntry[]> {
  const { neutron, runtime, worldId } = options;
  const before = beliefsOf(runtime);
  let found: readonly NeutronPort[];
  let groups: readonly NeutronSecurityGroup[];
  try {
    [found, groups] = await Promise.all([
      portsOf(neutron, worldId),
      neutron.securityGroups(null, worldTag(worldId)),
    ]);
  } catch (error) {
    const detail = `What ports Neutron has is not known: ${toFailure(error).message}`;
    return [{ problem: 'cloud-silent', address: null, hostId: null, detail }];
  }
  const after = beliefsOf(runtime);
  const holders = new Set([...before.values(), ...after.values()].map(({ holderId }) => holderId));
  const there = new Set(found.map(({ id }) => id));
  const explained = new Set([...before.values(), ...after.values()].flatMap(({ explains }) => [...explains]));
  return [
    ...found.flatMap((port): readonly AuditEntry[] => {
      if (explained.has(port.id) || explained.has(keyOf(port) ?? port.id)) return [];
      const sandboxId = sandboxOf(port);
      const address = sandboxId === '' ? null : sandboxAddress(port.projectId, sandboxId);
      const hasEnded = address !== null && runtime.tombstones.has(address);
      const why = hasEnded ? 'its actor has ended' : 'it has no actor';
      const detail = `port "${port.id}" of network "${port.networkId}" is there: ${why}`;
      return [{ problem: 'port-without-actor', address, hostId: null, detail }];
    }),
    ...groups.flatMap((group): readonly AuditEntry[] => {
      if (holders.has(holderOfGroup(group))) return [];
      const detail = `security group "${group.name}" (${group.id}) was made for a container that is gone; ports that somebody gave it to may have it still`;
      return [{ problem: 'group-without-actor', address: null, hostId: null, detail }];
    }),
    ...[...before].flatMap(([id, { address, hostId, rests, revision }]): readonly AuditEntry[] =>
      after.get(id)?.revision === revision
        ? rests
            .filter((portId) => !there.has(portId))
            .map((portId) => ({
              problem: 'actor-without-port',
              address,
              hostId,
              detail: `Its actor believes to have port "${portId}", and Neutron has no such port of ours`,
            }))
        : [],
    ),
  ];
}

/** Those with our tag, and those that we have made and not tagged yet: whoever did may have died in between. */
async function portsOf(neutron: Neutron, worldId: string): Promise<readonly NeutronPort[]> {
  const [tagged, made] = await Promise.all([
    neutron.ports({ tag: worldTag(worldId) }),
    neutron.ports({ description: worldTag(worldId) }),
  ]);
  return [...tagged, ...made.filter(({ tags }) => !tags.includes(worldTag(worldId)))];
}

/** By the sandbox's id. */
function beliefsOf(runtime: Runtime): ReadonlyMap<string, Belief> {
  const beliefs = new Map<string, Belief>();
  for (const { address, committed } of runtime.cellsOf('sandbox').values()) {
    if (!committed) continue;
    const { id, hostId, claimedBy, ports, leaving, portIntent } = committed.record.context as SandboxContext;
    const ids = ports.filter(({ neutron }) => neutron).map(({ portId }) => portId);
    const isResting = ['ready', 'claimed'].includes(committed.projection.status);
    beliefs.set(id, {
      address,
      hostId,
      holderId: claimedBy,
      explains: new Set([
        ...ids,
        ...(leaving ? [leaving.portId] : []),
        ...(portIntent ? [portIntent.key, portIntent.request.neutron?.portId ?? ''] : []),
      ]),
      rests: isResting && Object.keys(committed.record.operations).length === 0 ? ids : [],
      revision: committed.record.revision,
    });
  }
  return beliefs;
}
