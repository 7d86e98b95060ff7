/**
 * What is on the hosts now, held against the actors. Hosts are asked afresh,
 * since the inventory of a link's beginning says nothing of what came after.
 *
 * A container, sandbox, network or volume is a leak only if no actor explained
 * it before its host was asked and none does now: one that was just created, or
 * is just going, is none.
 */
import { TroupeError, toFailure } from '../errors/errors.ts';
import type { HostLinks } from '../link/host-links.ts';
import type { InventoryItem, InventoryResource } from '../link/protocol.ts';
import type { ContainerContext } from '../machines/container/context.ts';
import type { SandboxContext } from '../machines/sandbox/context.ts';
import { containerAddress, hostAddress, ownedAddress, parseAddress, type Address } from '../model/address.ts';
import type { AuditEntry } from '../model/audit-entry.ts';
import type { Environment } from '../model/environment.ts';
import type { Runtime } from './runtime.ts';
import type { World } from './stores/store.ts';

export interface HostAuditOptions {
  readonly environment: Environment;
  readonly runtime: Runtime;
  readonly links: HostLinks;
  readonly world: World;
  /** Its actor is in quarantine, which is told already. */
  readonly isUnreadable: (address: string) => boolean;
  /** Why what a host told of, and has no actor, was given none. */
  readonly unfound: (hostId: string, address: Address) => string | null;
}

/** What an actor believes of its place. */
interface Belief {
  readonly hostId: string | null;
  readonly generation: number;
  /** It has what it is about there, and nothing is under way. */
  readonly rests: boolean;
  readonly revision: number;
}

/** For a host to tell what it has. */
const answerMs = 5_000;

export async function auditHosts(options: HostAuditOptions): Promise<readonly AuditEntry[]> {
  const { runtime, links } = options;
  const online = links.online();
  const before = beliefsOf(runtime);
  const answers = await Promise.all(
    [...runtime.cellsOf('host').keys()].map(async (address) => {
      const hostId = parseAddress(address).id;
      try {
        if (!online.has(hostId)) throw new TroupeError('HOST_UNREACHABLE', 'It is not connected');
        return { hostId, found: await asked(options, hostId) };
      } catch (error) {
        return { hostId, silent: toFailure(error).message };
      }
    }),
  );
  const after = beliefsOf(runtime);
  const atHome = networksAtHome(answers, after);
  return answers.flatMap(({ hostId, found, silent }): readonly AuditEntry[] =>
    found
      ? [
          ...strangersOn(options, hostId, found.items, [before, after]),
          ...unownedOn(options, hostId, found.resources, [before, after], atHome),
          ...missingOn(hostId, thereOf(found), before, after),
        ]
      : [
          {
            problem: 'host-silent',
            address: hostAddress(hostId),
            hostId,
            detail: `What it has is not known: ${silent}`,
          },
        ],
  );
}

/** Seen by the host of their actor. Another that sees them too is an agent on the same machine, whose links it shares. */
function networksAtHome(
  answers: readonly { readonly hostId: string; readonly found?: Found }[],
  beliefs: ReadonlyMap<Address, Belief>,
): ReadonlySet<Address> {
  return new Set(
    answers.flatMap(({ hostId, found }) =>
      (found?.resources ?? []).flatMap(({ subject, id, tenant }) => {
        if (subject !== 'network' || tenant === null) return [];
        const address = ownedAddress(subject, tenant, id);
        return beliefs.get(address)?.hostId === hostId ? [address] : [];
      }),
    ),
  );
}

interface Found {
  readonly items: readonly InventoryItem[];
  readonly resources: readonly InventoryResource[];
}

function asked({ environment, links }: HostAuditOptions, hostId: string): Promise<Found> {
  return new Promise((resolve, reject) => {
    const cancel = environment.schedule(answerMs, () =>
      reject(new TroupeError('TIMED_OUT', `It did not answer within ${answerMs / 1000} s`)),
    );
    links.inventory(hostId).then(resolve, reject).finally(cancel);
  });
}

function beliefsOf(runtime: Runtime): ReadonlyMap<Address, Belief> {
  const beliefs = new Map<Address, Belief>();
  for (const { address, committed } of runtime.cellsOf('container').values()) {
    if (!committed) continue;
    const { hostId, generation, containerHeld } = committed.record.context as ContainerContext;
    const rests = containerHeld && Object.keys(committed.record.operations).length === 0;
    beliefs.set(address, { hostId, generation, rests, revision: committed.record.revision });
  }
  // A bridge comes with the first sandbox that is plugged into it, also after its machine was started anew.
  const lived = new Set(
    [...runtime.cellsOf('sandbox').values()].flatMap(({ committed }) =>
      committed && restingIn.sandbox.includes(committed.projection.status)
        ? (committed.record.context as SandboxContext).ports.map(({ network }) => network.networkId)
        : [],
    ),
  );
  for (const kind of resourceKinds) {
    for (const { address, committed } of runtime.cellsOf(kind).values()) {
      if (!committed) continue;
      const { hostId } = committed.record.context as { readonly hostId: string };
      const rests =
        restingIn[kind].includes(committed.projection.status) &&
        Object.keys(committed.record.operations).length === 0 &&
        (kind !== 'network' || lived.has(parseAddress(address).id));
      beliefs.set(address, { hostId, generation: 1, rests, revision: committed.record.revision });
    }
  }
  return beliefs;
}

const resourceKinds = ['sandbox', 'network', 'volume'] as const;

/** Statuses in which there is something on the host. */
const restingIn: Readonly<Record<(typeof resourceKinds)[number], readonly string[]>> = {
  sandbox: ['ready', 'claimed'],
  network: ['active'],
  volume: ['available'],
};

function unownedOn(
  { runtime, world, isUnreadable, unfound }: HostAuditOptions,
  hostId: string,
  resources: readonly InventoryResource[],
  beliefs: readonly ReadonlyMap<Address, Belief>[],
  atHome: ReadonlySet<Address>,
): readonly AuditEntry[] {
  return resources.flatMap(({ subject, id, tenant, worldId }): readonly AuditEntry[] => {
    const address = tenant === null ? null : ownedAddress(subject, tenant, id);
    if (worldId !== world.worldId) {
      const detail = `${subject} "${id}", of world "${worldId}"`;
      return [{ problem: 'of-another-world', address, hostId, detail }];
    }
    if (address === null)
      return [
        { problem: `${subject}-without-actor`, address, hostId, detail: `"${id}": nobody knows whose it is` },
      ];
    if (beliefs.some((each) => each.get(address)?.hostId === hostId) || isUnreadable(address)) return [];
    if (atHome.has(address)) return [];
    const belief = beliefs.at(-1)?.get(address);
    const why = runtime.tombstones.has(address)
      ? 'its actor has ended'
      : belief
        ? `its actor is on ${belief.hostId === null ? 'no host' : `host "${belief.hostId}"`}`
        : withoutActor(unfound(hostId, address));
    return [{ problem: `${subject}-without-actor`, address, hostId, detail: `"${id}" is there: ${why}` }];
  });
}

const withoutActor = (why: string | null): string =>
  `it has no actor${why === null ? ', and its host has not told of it yet' : `: ${why}`}`;

function strangersOn(
  { runtime, world, isUnreadable, unfound }: HostAuditOptions,
  hostId: string,
  items: readonly InventoryItem[],
  beliefs: readonly ReadonlyMap<Address, Belief>[],
): readonly AuditEntry[] {
  return items.flatMap(({ observation, worldId }): readonly AuditEntry[] => {
    const { containerId, tenant, generation, state, engineId } = observation;
    const address = containerAddress(tenant, containerId);
    const what = `${state} there as "${engineId.slice(0, 12)}", generation ${generation}`;
    if (worldId !== world.worldId) {
      return [{ problem: 'of-another-world', address, hostId, detail: `${what}, of world "${worldId}"` }];
    }
    const isExplained = beliefs.some((each) => {
      const belief = each.get(address);
      return belief?.generation === generation && belief.hostId === hostId;
    });
    if (isExplained || isUnreadable(address)) return [];
    const belief = beliefs.at(-1)?.get(address);
    const why = runtime.tombstones.has(address)
      ? 'its actor has ended'
      : belief
        ? `its actor has generation ${belief.generation} on ${belief.hostId === null ? 'no host' : `host "${belief.hostId}"`}`
        : withoutActor(unfound(hostId, address));
    return [{ problem: 'container-without-actor', address, hostId, detail: `${what}: ${why}` }];
  });
}

function thereOf({ items, resources }: Found): ReadonlySet<string> {
  return new Set([
    ...items.map(({ observation: { tenant, containerId, generation } }) =>
      key(containerAddress(tenant, containerId), generation),
    ),
    ...resources.flatMap(({ subject, id, tenant, alive }) =>
      tenant !== null && alive ? [key(ownedAddress(subject, tenant, id), 1)] : [],
    ),
  ]);
}

function missingOn(
  hostId: string,
  there: ReadonlySet<string>,
  before: ReadonlyMap<Address, Belief>,
  after: ReadonlyMap<Address, Belief>,
): readonly AuditEntry[] {
  return [...before].flatMap(([address, belief]): readonly AuditEntry[] => {
    if (belief.hostId !== hostId || !belief.rests || there.has(key(address, belief.generation))) return [];
    if (after.get(address)?.revision !== belief.revision) return [];
    const { kind } = parseAddress(address);
    const detail = `Its actor believes it to be there, and the host has no such ${kind}`;
    return [{ problem: `actor-without-${kind}`, address, hostId, detail }];
  });
}

const key = (address: Address, generation: number): string => `${address}/${generation}`;
