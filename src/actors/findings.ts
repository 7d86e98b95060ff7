/**
 * What a host has and no actor knows of, since the store lost its tail: its
 * actors are begun again from what the host keeps of them, or, where they were
 * only set back, told. It happens within the host's inventory, before anything
 * new can be placed there.
 *
 * D1. Nothing is believed that was not sealed here for this very host.
 * D2. What has a tombstone, is quarantined, or is known in another generation
 *     is left to the inventory and the ledger.
 * D3. Sandboxes before capsules, these before containers, and each begun durably
 *     before who needs it; no address of the host's is given away again before
 *     all is counted.
 * D4. A capsule has nothing on the host by itself: its sandbox's keepsake has it,
 *     or that of a member where the sandbox is gone, with its members.
 */
import type { HostLinks } from '../link/host-links.ts';
import type { InventoryItem, InventoryResource, Recalled, SubjectKind } from '../link/protocol.ts';
import type { CapsuleContext } from '../machines/capsule/context.ts';
import type { ContainerContext } from '../machines/container/context.ts';
import type { HostContext } from '../machines/host/context.ts';
import type { NetworkContext } from '../machines/network/context.ts';
import { holderOf, type SandboxContext } from '../machines/sandbox/context.ts';
import type { VolumeContext } from '../machines/volume/context.ts';
import {
  capsuleAddress,
  containerAddress,
  hostAddress,
  kindOf,
  ownedAddress,
  parseAddress,
  tenantAddress,
  type Address,
} from '../model/address.ts';
import type { Environment } from '../model/environment.ts';
import type { Cause } from '../model/journal.ts';
import {
  capsuleInputOf,
  containerInputOf,
  containerMismatch,
  foundCapsule,
  foundContainer,
  foundSandbox,
  mismatchOf,
  networkInputOf,
  sandboxInputOf,
  volumeInputOf,
  type Finder,
} from './found.ts';
import type { Cell } from './cell.ts';
import { homeOf } from './home.ts';
import type { Keepsake, Keepsakes } from './keepsakes.ts';
import type { Recount } from './recount.ts';
import type { Runtime } from './runtime.ts';
import type { Specs } from './specs.ts';
import type { TurnEvent } from './turn.ts';

export interface FindingsOptions {
  readonly environment: Environment;
  readonly runtime: () => Runtime;
  readonly links: () => Pick<HostLinks, 'recall' | 'inventory'>;
  readonly epoch: () => number;
  readonly worldId: () => string;
  readonly keepsakes: Pick<Keepsakes, 'open'>;
  readonly specs: Pick<Specs, 'load' | 'document'>;
  readonly recount: Recount;
  /** The tenant's actor, made with the site's limits where the store forgot it. */
  readonly tenant: (projectId: string, cause: Cause) => Promise<Address>;
  readonly isUnreadable: (address: Address) => boolean;
}

export interface Findings {
  /**
   * Resolves once what the host has, and can be given an actor, has one.
   * @throws TroupeError HOST_UNREACHABLE, TIMED_OUT, STORE_UNAVAILABLE: it is tried again with the next inventory
   */
  take(
    hostId: string,
    items: readonly InventoryItem[],
    resources: readonly InventoryResource[],
  ): Promise<void>;
  /** The host has told of something that no actor asked for: it is asked in a moment what it has now. */
  lookAgain(hostId: string): void;
  /** Why something of this host that has no actor was given none, in words; null for what was not told of. */
  refusal(hostId: string, address: Address): string | null;
}

/** Something of the host that its actor does not know of, if there is one. */
interface Stray {
  readonly address: Address;
  readonly subject: SubjectKind;
  readonly id: string;
  readonly kept: boolean;
  /** Its actor is there, and was set back. */
  readonly isKnown: boolean;
  /** Of a container. */
  readonly item: InventoryItem | null;
  readonly isAlive: boolean;
}

/** A stray and what its host keeps of it. */
interface Found<C> {
  readonly stray: Stray;
  readonly context: C;
  readonly keepsake: Keepsake;
  readonly desired: Recalled['desired'];
}

/** Before a host is asked: what else was under way there may have ended, too. */
const lookAgainMs = 1_000;

export function createFindings(options: FindingsOptions): Findings {
  const { environment, runtime, specs } = options;
  /** By host, of its last inventory. */
  const refusals = new Map<string, Map<Address, string>>();
  /** Hosts that are asked in a moment. */
  const looking = new Set<string>();

  const isOurs = (worldId: string, address: Address): boolean =>
    worldId === options.worldId() && !runtime().tombstones.has(address) && !options.isUnreadable(address);

  /** The sandbox of a capsule that was taken up before all its members were: we died in between. */
  const isOfIncomplete = ({ committed }: Cell): boolean => {
    const sandbox = committed?.record.context as SandboxContext | undefined;
    if (!sandbox?.isOfCapsule) return false;
    const capsule = runtime().cell(holderOf(sandbox, sandbox.claimedBy ?? ''))?.committed?.record.context;
    return (capsule as CapsuleContext | undefined)?.members.some(({ is }) => is === 'absent') ?? false;
  };

  const strays = (
    hostId: string,
    items: readonly InventoryItem[],
    resources: readonly InventoryResource[],
  ): readonly Stray[] => [
    ...items.flatMap((item): readonly Stray[] => {
      const { containerId: id, tenant, generation } = item.observation;
      const address = containerAddress(tenant, id);
      const cell = runtime().cell(address);
      if (!isOurs(item.worldId, address)) return [];
      const stray = {
        address,
        subject: 'container',
        id,
        kept: item.kept ?? false,
        item,
        isAlive: true,
      } as const;
      if (!cell) return [{ ...stray, isKnown: false }];
      const context = cell.committed?.record.context as ContainerContext | undefined;
      if (!context || context.containerHeld || context.generation !== generation) return [];
      const isElsewhere = (homeOf(runtime(), context) ?? hostId) !== hostId;
      return isElsewhere || !stray.kept ? [] : [{ ...stray, isKnown: true }];
    }),
    ...resources.flatMap((resource): readonly Stray[] => {
      const { subject, id, tenant, alive: isAlive, kept = false } = resource;
      if (tenant === null) return [];
      const address = ownedAddress(subject, tenant, id);
      const cell = runtime().cell(address);
      if (!isOurs(resource.worldId, address)) return [];
      const stray = { address, subject, id, kept, item: null, isAlive };
      if (!cell) return [{ ...stray, isKnown: false }];
      if (subject !== 'sandbox' || !isAlive || !kept) return [];
      const isSetBack = cell.committed?.projection.status === 'making';
      return isSetBack || isOfIncomplete(cell) ? [{ ...stray, isKnown: true }] : [];
    }),
  ];

  const findings: Findings = {
    lookAgain(hostId) {
      if (looking.has(hostId)) return;
      looking.add(hostId);
      environment.schedule(lookAgainMs, () => {
        looking.delete(hostId);
        options
          .links()
          .inventory(hostId)
          .then(({ items, resources }) => findings.take(hostId, items, resources))
          // It tells all it has when it is heard again.
          .catch((error: unknown) =>
            environment.log.warn({ host_id: hostId, err: error }, 'a host could not be looked at again'),
          );
      });
    },
    refusal: (hostId, address) => refusals.get(hostId)?.get(address) ?? null,
    async take(hostId, items, resources) {
      const host = runtime().cell(hostAddress(hostId))?.committed?.record.context as HostContext | undefined;
      const finder: Finder = { hostId, hostname: host?.hostname ?? hostId };
      const cause: Cause = { kind: 'agent', hostId, sequence: 0 };
      const event: TurnEvent = {
        type: 'store.rewound',
        hostId,
        reason: `The store had lost it; host "${finder.hostname}" has it, and what was kept of it`,
      };
      const refused = new Map<Address, string>();
      refusals.set(hostId, refused);
      const all = strays(hostId, items, resources);
      if (all.length === 0) return;

      const refuse = ({ address, isKnown }: Stray, why: string): void => {
        if (isKnown) return;
        refused.set(address, why);
        environment.log.warn({ actor: address, host_id: hostId, reason: why }, 'found, and not taken up');
      };
      const recalled = new Map(
        (
          await options.links().recall(
            hostId,
            all.filter(({ kept }) => kept).map(({ id }) => id),
          )
        ).map((each) => [each.id, each]),
      );
      const found = new Map<Address, Found<unknown>>();
      for (const stray of all) {
        const mine = recalled.get(stray.id);
        const keepsake = mine && options.keepsakes.open(mine.keepsake);
        const problem = !keepsake
          ? 'its host keeps nothing of it: it was removed, an earlier release made it, or the agent lost its state'
          : 'problem' in keepsake
            ? keepsake.problem
            : stray.item
              ? containerMismatch(keepsake, stray.address, hostId, stray.item, options.epoch())
              : mismatchOf(keepsake, stray.address, hostId);
        if (problem !== null) refuse(stray, problem);
        else if (keepsake && !('problem' in keepsake))
          found.set(stray.address, { stray, keepsake, context: keepsake.context, desired: mine!.desired });
      }
      const ofKind = <C>(subject: SubjectKind): readonly Found<C>[] =>
        [...found.values()].filter(({ stray }) => stray.subject === subject) as readonly Found<C>[];

      const begin = async (address: Address, input: unknown, document: string | null) => {
        // Meanwhile somebody else may have begun it, such as a message that brought its input.
        if (runtime().cell(address)) return;
        if (document !== null) specs.load(address, 1, document);
        await runtime().begin(
          address,
          input,
          cause,
          document === null ? null : specs.document(address),
          event,
        );
      };
      const tell = (address: Address, fact: TurnEvent): Promise<void> =>
        new Promise((resolve) => {
          const settled = (): void => resolve();
          const delivery = {
            event: fact,
            cause,
            source: { kind: 'fact' },
            settled,
            gone: settled,
            failed: settled,
          } as const;
          if (!runtime().deliver(address, delivery)) resolve();
        });

      const capsuleAt = (address: Address): CapsuleContext | undefined =>
        runtime().cell(address)?.committed?.record.context as CapsuleContext | undefined;
      // A sandbox knows best; where it is gone, a member does.
      const keepers = [...ofKind('container'), ...ofKind('sandbox')];
      const capsules = capsulesOf(keepers, hostId).filter(({ address, context }) => {
        const known = capsuleAt(address);
        const isOlder = known !== undefined && known.sandboxesAsked > context.sandboxesAsked;
        return isOurs(options.worldId(), address) && !isOlder && (known?.hostId ?? hostId) === hostId;
      });

      /** Who lives in a capsule's sandbox: the capsule that has it, or that asks for it. */
      const capsuleIn = (
        { address }: Stray,
        context: SandboxContext,
      ): { readonly id: string | null } | { readonly problem: string } => {
        const id = context.claimedBy ?? '';
        const capsule = holderOf(context, id);
        const known = capsuleAt(capsule);
        const sandboxId = capsules.find((each) => each.address === capsule)?.context.sandboxId;
        const mine = parseAddress(address).id;
        if (sandboxId === mine || (sandboxId === undefined && known?.sandboxId === mine)) return { id };
        const isEmpty = items.every((each) => each.sandboxId !== mine);
        if (isEmpty) return { id: null };
        return {
          problem: `capsule "${id}" is in it, ${known ? 'whose actor knows of another' : 'which has no actor'}`,
        };
      };

      /** Who lives in a sandbox, by the engine's word and then by its actor's; why it can't be told, in words. */
      const claimantOf = (sandbox: Stray): { readonly id: string | null } | { readonly problem: string } => {
        const { tenant } = parseAddress(sandbox.address);
        const inside = items.find(({ sandboxId }) => sandboxId === sandbox.id);
        if (inside) {
          const { containerId: id } = inside.observation;
          const address = containerAddress(tenant ?? '', id);
          if (found.has(address)) return { id };
          const context = runtime().cell(address)?.committed?.record.context as ContainerContext | undefined;
          if (context?.sandboxId === sandbox.id) return { id };
          return {
            problem: `container "${id}" is in it, ${context ? 'whose actor knows of another' : 'which has no actor'}`,
          };
        }
        for (const { committed } of runtime().cellsOf('container').values()) {
          const context = committed?.record.context as ContainerContext | undefined;
          if (context?.sandboxId === sandbox.id) return { id: context.id };
        }
        return { id: null };
      };

      const tenants = new Set(
        [...found.values()].map(({ stray }) => parseAddress(stray.address).tenant ?? ''),
      );
      await Promise.all([...tenants].map((id) => options.tenant(id, cause)));
      await Promise.all([
        ...ofKind<VolumeContext>('volume').map(({ stray, context }) =>
          begin(stray.address, volumeInputOf(context), null),
        ),
        ...ofKind<NetworkContext>('network').map(({ stray, context }) =>
          begin(stray.address, networkInputOf(context), null),
        ),
      ]);
      await Promise.all(
        ofKind<SandboxContext>('sandbox').map(({ stray, context }) => {
          if (stray.isKnown)
            return tell(stray.address, { type: 'sandbox.found', hostId, ...foundSandbox(context) });
          // What is dead holds nobody's network any more.
          const claimantIn = context.isOfCapsule ? capsuleIn : claimantOf;
          const claimant = stray.isAlive ? claimantIn(stray, context) : { id: null };
          if ('problem' in claimant) return refuse(stray, claimant.problem);
          return begin(stray.address, sandboxInputOf(context, claimant.id), null);
        }),
      );
      await Promise.all(
        capsules.map(({ address, context, document }) => {
          const there = foundCapsule(context, finder);
          const known = capsuleAt(address);
          if (!known) return begin(address, capsuleInputOf(context, there), document);
          const isSetBack = known.hostId === null || known.sandboxesAsked < there.sandboxesAsked;
          return isSetBack ? tell(address, { type: 'capsule.found', ...there }) : undefined;
        }),
      );
      await Promise.all(
        ofKind<ContainerContext>('container').map(({ stray, context, keepsake, desired }) => {
          const { tenant, capsuleId } = context;
          if (capsuleId !== null && !runtime().cell(capsuleAddress(tenant, capsuleId)))
            return refuse(stray, `capsule "${capsuleId}", whose member it is, has no actor`);
          const there = foundContainer(context, stray.item!, desired, finder);
          if (stray.isKnown) return tell(stray.address, { type: 'runtime.found', ...there });
          return begin(stray.address, containerInputOf(context, there), keepsake.document);
        }),
      );
      // Members that were never here, or are no longer.
      const here = new Set(items.map(({ observation }) => observation.containerId));
      await Promise.all(
        capsules
          .flatMap(({ members }) => members)
          .filter(({ address }) => !here.has(parseAddress(address).id) && isOurs(options.worldId(), address))
          .map(({ address, context, document }) =>
            begin(address, containerInputOf(context as ContainerContext, null), document),
          ),
      );
      environment.log.error(
        { host_id: hostId, found: [...found.keys()], not_taken_up: [...refused.keys()] },
        'the store lost what this host has',
      );
      const networks = [...runtime().cellsOf('network').values()].flatMap(({ address, committed }) =>
        (committed?.record.context as NetworkContext | undefined)?.hostId === hostId ? [address] : [],
      );
      const reason = `recounted after what host "${finder.hostname}" was found to have`;
      void options.recount([hostAddress(hostId), ...[...tenants].map(tenantAddress)], reason);
      const plugged = new Set([...found.keys()].filter((address) => kindOf(address) === 'sandbox'));
      await options.recount(networks, reason, plugged);
    },
  };
  return findings;
}

/** A capsule as the keepsake has it that knows of the last sandbox that it asked for. */
interface FoundWithin {
  readonly address: Address;
  readonly context: CapsuleContext;
  readonly document: string | null;
  readonly members: readonly Keepsake[];
}

function capsulesOf(keepers: readonly Found<unknown>[], hostId: string): readonly FoundWithin[] {
  const latest = new Map<Address, FoundWithin>();
  for (const { keepsake } of keepers) {
    const [capsule, ...members] = keepsake.others;
    if (!capsule || mismatchOf(capsule, capsule.address, hostId) !== null) continue;
    const { address, document } = capsule;
    const context = capsule.context as CapsuleContext;
    const before = latest.get(address);
    if (before && before.context.sandboxesAsked > context.sandboxesAsked) continue;
    latest.set(address, { address, context, document, members });
  }
  return [...latest.values()];
}
