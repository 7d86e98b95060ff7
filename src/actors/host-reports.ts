/**
 * What agents report, as turns of actors. A host may speak only of containers
 * that are placed on it; an inventory is held against what the actors believe.
 */
import { TroupeError, toFailure } from '../errors/errors.ts';
import type { ContainerContext } from '../machines/container/context.ts';
import type { ImageContext } from '../machines/image/context.ts';
import {
  containerAddress,
  hostAddress,
  kindOf,
  ownedAddress,
  parseAddress,
  type Address,
} from '../model/address.ts';
import type { Environment } from '../model/environment.ts';
import type { Observation } from '../model/container.ts';
import type { SandboxContext } from '../machines/sandbox/context.ts';
import type { HostInput } from '../model/events.ts';
import type { Cause } from '../model/journal.ts';
import type { HostLinkEvents } from '../link/host-links.ts';
import {
  imagesMost,
  type InventoryResource,
  type InventoryResult,
  type SubjectKind,
  type UpRecord,
} from '../link/protocol.ts';
import type { Cell } from './cell.ts';
import type { Enrolment } from './enrolment.ts';
import type { Findings } from './findings.ts';
import { homeOf } from './home.ts';
import type { HostDirectory } from './host-directory.ts';
import type { LeftPorts } from './left-ports.ts';
import type { Recount } from './recount.ts';
import type { Runtime } from './runtime.ts';
import type { World } from './stores/store.ts';
import type { Source, TurnAnswer, TurnEvent } from './turn.ts';

export interface HostReportsOptions {
  readonly environment: Environment;
  readonly runtime: () => Runtime;
  readonly enrolment: Enrolment;
  readonly hosts: HostDirectory;
  readonly findings: Pick<Findings, 'take' | 'lookAgain'>;
  readonly recount: Recount;
  /** Null where the site has no Neutron. */
  readonly leftPorts: Pick<LeftPorts, 'giveBackAt'> | null;
  readonly world: () => World;
  /** Takes an epoch above one that an agent has seen. */
  readonly raiseEpoch: (epoch: number) => Promise<World>;
  readonly hostInput: (hostId: string, hostname: string) => HostInput;
  readonly isUnreadable: (address: Address) => boolean;
}

export function createHostReports(options: HostReportsOptions): HostLinkEvents {
  const { environment, runtime, enrolment, hosts, world } = options;
  /** Hosts that were begun again, and have not told yet what they have. */
  const forgotten = new Set<string>();

  /** Resolves once the turn is durable or was not wanted; an agent's record is never refused for good. */
  const tell = (address: Address, event: TurnEvent, cause: Cause, source: Source): Promise<void> =>
    new Promise((resolve) => {
      const delivered = runtime().deliver(address, {
        event,
        cause,
        source,
        settled: () => resolve(),
        gone: resolve,
        failed: () => resolve(),
      });
      if (!delivered) resolve();
    });

  const fact = (hostId: string, sequence: number, address: Address, event: TurnEvent): Promise<void> =>
    tell(address, event, { kind: 'agent', hostId, sequence }, { kind: 'fact' });

  const hostFact = (hostId: string, event: TurnEvent): Promise<TurnAnswer> =>
    runtime().ask(hostAddress(hostId), event, { kind: 'agent', hostId, sequence: 0 }, 'fact');

  /** @throws TroupeError LINK_REFUSED */
  const turnAwayRemoved = (hostId: string): void => {
    if (runtime().tombstones.has(hostAddress(hostId)))
      throw refusedForGood(`Host "${hostId}" was removed; join it again with a new token`);
  };

  /** The actor a host speaks of, if it is placed there. */
  const placedOn = (hostId: string, subject: SubjectKind, tenant: string, id: string): Cell | null => {
    const cell = runtime().cell(ownedAddress(subject, tenant, id));
    const context = cell?.committed?.record.context as { readonly hostId: string | null } | undefined;
    return cell && context?.hostId === hostId ? cell : null;
  };

  const result = async (
    hostId: string,
    sequence: number,
    record: Extract<UpRecord, { kind: 'result' }>,
  ): Promise<void> => {
    const cell = placedOn(hostId, record.subject, record.tenant, record.containerId);
    const operations = Object.entries(cell?.committed?.record.operations ?? {});
    const [invokeId, operation] = operations.find(([, { opId }]) => opId === record.opId) ?? [];
    if (!cell) {
      // Done for an actor that the store forgot meanwhile, or forgot to have placed there.
      const address = ownedAddress(record.subject, record.tenant, record.containerId);
      if (record.outcome.ok && !runtime().tombstones.has(address)) options.findings.lookAgain(hostId);
      return;
    }
    const { outcome, opId } = record;
    if (invokeId === undefined || !operation) {
      // Nobody waits for it any more; what it says of the container is true all the same.
      const { observation } = ((outcome.ok && outcome.output) || {}) as { observation?: Observation };
      const event = observation && factOf(hostId, observation, opId);
      if (event) await fact(hostId, sequence, cell.address, event);
      return;
    }
    await tell(
      cell.address,
      outcome.ok
        ? { type: `xstate.done.actor.${invokeId}`, actorId: invokeId, output: outcome.output }
        : { type: `xstate.error.actor.${invokeId}`, actorId: invokeId, error: outcome.failure },
      { kind: 'operation', opId, src: operation.src, requestId: operation.requestId },
      { kind: 'result', invokeId, opId },
    );
  };

  /** Sandboxes, networks and volumes, held against their actors; what must not be. */
  const ofResources = async (
    hostId: string,
    resources: readonly InventoryResource[],
  ): Promise<InventoryResult['remove']> => {
    const facts: Promise<void>[] = [];
    const said = new Set<Address>();
    const seen: InventoryResult['remove'][number][] = [];
    const mustNotBe = ({ subject, containerId, tenant }: InventoryResult['remove'][number]): boolean => {
      const address = ownedAddress(subject, tenant, containerId);
      return (
        runtime().tombstones.has(address) || (subject === 'sandbox' && isElsewhere(runtime().cell(address)))
      );
    };
    /** The store forgot it here, and it was made there. */
    const isElsewhere = (cell: Cell | undefined): boolean => {
      const context = cell?.committed?.record.context as SandboxContext | undefined;
      return context !== undefined && context.hostId !== hostId;
    };
    const say = (address: Address, event: TurnEvent): void => {
      said.add(address);
      facts.push(fact(hostId, 0, address, event));
    };
    const died = (address: Address, reason: string): void =>
      say(address, { type: 'sandbox.died', hostId, reason });
    for (const resource of resources) {
      const { subject, id, tenant } = resource;
      if (resource.worldId !== world().worldId) continue;
      const address = tenant === null ? null : ownedAddress(subject, tenant, id);
      const cell = address && runtime().cell(address);
      if (address === null || tenant === null) continue;
      seen.push({ subject, containerId: id, tenant, generation: 1 });
      if (!cell || !placedOn(hostId, subject, tenant, id)) continue;
      if (resource.alive) say(address, { type: 'resource.seen', hostId });
      else if (subject === 'sandbox') died(address, 'Its network namespace is gone');
    }
    for (const { address } of runtime().placedOn(hostId)) {
      if (said.has(address)) continue;
      if (kindOf(address) === 'sandbox') died(address, 'It is no longer on its host');
      // Not mounted, or let go of, which the store forgot.
      if (kindOf(address) === 'volume') say(address, { type: 'volume.unmounted', hostId });
    }
    await Promise.all(facts);
    // An end that was on its way when we looked is durable now.
    return seen.filter(mustNotBe);
  };

  /** Images that its engine was believed to have: what has come there since the list was made is told behind it. */
  const missingImages = async (hostId: string, references: readonly string[]): Promise<void> => {
    const there = new Set(references);
    // A list that was cut short says nothing of what is not on it.
    if (there.size >= imagesMost) return;
    const missing = [...runtime().placedOn(hostId)].filter(({ address, committed }) => {
      if (kindOf(address) !== 'image' || committed?.projection.status !== 'present') return false;
      return !there.has((committed.record.context as ImageContext).reference);
    });
    await Promise.all(
      missing.map(({ address }) => fact(hostId, 0, address, { type: 'image.missing', hostId })),
    );
  };

  const beginHost = (hostId: string, hostname: string, cause: Cause, event?: TurnEvent): Promise<unknown> =>
    runtime().begin(hostAddress(hostId), options.hostInput(hostId, hostname), cause, null, event);

  return {
    async enrol(joinToken, hostname) {
      const { hostId, credential } = await enrolment.enrol(joinToken);
      turnAwayRemoved(hostId);
      if (runtime().cell(hostAddress(hostId))?.committed) return { hostId, credential };
      await beginHost(hostId, hostname, { kind: 'runtime', reason: `host "${hostname}" has joined` });
      return { hostId, credential };
    },
    async authenticate(hostId, credential) {
      turnAwayRemoved(hostId);
      await enrolment.authenticate(hostId, credential);
      if (runtime().cell(hostAddress(hostId))) return;
      if (options.isUnreadable(hostAddress(hostId)))
        throw new TroupeError('LINK_REFUSED', `Host "${hostId}" is quarantined; an operator must look at it`);
      // It has joined, and the store lost that: what it is called, and what it has, it says next.
      forgotten.add(hostId);
      await beginHost(
        hostId,
        hostId,
        { kind: 'agent', hostId, sequence: 0 },
        {
          type: 'store.rewound',
          hostId,
          reason: 'The store had lost it; it has the credential that it was given when it joined',
        },
      );
    },
    world: async (agentEpoch) => (agentEpoch > world().epoch ? options.raiseEpoch(agentEpoch) : world()),
    async connected(hostId, session, fingerprint) {
      const { answer, reason } = await hostFact(hostId, { type: 'link.connected', session, fingerprint });
      if (answer === 'refused') throw refusedForGood(`Host "${hostId}" is not let in: ${reason ?? ''}`);
    },
    async inventory(hostId, _session, items, images, resources) {
      hosts.setImages(hostId, images);
      await missingImages(hostId, images);
      await options.findings.take(hostId, items, resources);
      options.leftPorts?.giveBackAt(hostId, resources);
      if (forgotten.delete(hostId))
        void options.recount([hostAddress(hostId)], 'recounted, since the store had lost the host');
      const remove: InventoryResult['remove'][number][] = [];
      const facts: Promise<void>[] = [];
      const seen = new Set<Address>();
      for (const item of items) {
        const { containerId, tenant, generation } = item.observation;
        if (item.worldId !== world().worldId) continue;
        const address = containerAddress(tenant, containerId);
        const cell = runtime().cell(address);
        const context = cell?.committed?.record.context as ContainerContext | undefined;
        if (!cell || !context) {
          if (runtime().tombstones.has(address))
            remove.push({ subject: 'container', containerId, tenant, generation });
        } else if (generation < context.generation || (homeOf(runtime(), context) ?? hostId) !== hostId) {
          remove.push({ subject: 'container', containerId, tenant, generation });
        } else if (context.hostId === hostId) {
          seen.add(address);
          const event = factOf(hostId, item.observation, null);
          if (event) facts.push(fact(hostId, 0, address, event));
        }
      }
      for (const cell of runtime().placedOn(hostId)) {
        if (kindOf(cell.address) !== 'container' || seen.has(cell.address)) continue;
        const context = cell.committed!.record.context as ContainerContext;
        facts.push(
          fact(hostId, 0, cell.address, {
            type: 'runtime.gone',
            hostId,
            generation: context.generation,
            opId: null,
          }),
        );
      }
      const [others] = await Promise.all([ofResources(hostId, resources), ...facts]);
      remove.push(...others);
      // An end that was on its way when we looked is durable now.
      for (const address of seen) {
        const { id, tenant } = parseAddress(address);
        const end = runtime().tombstones.get(address);
        if (end)
          remove.push({
            subject: 'container',
            containerId: id,
            tenant: tenant ?? '',
            generation: end.generation,
          });
      }
      return { remove };
    },
    async synced(hostId, session) {
      await hostFact(hostId, { type: 'link.synced', session });
    },
    async record(hostId, sequence, record) {
      if (record.kind === 'result') return result(hostId, sequence, record);
      const said = record.fact;
      if (said.type === 'host.fingerprinted') return fact(hostId, sequence, hostAddress(hostId), { ...said });
      if (said.type === 'sandbox.died') {
        const cell = placedOn(hostId, 'sandbox', said.tenant, said.sandboxId);
        return cell ? fact(hostId, sequence, cell.address, { ...said, hostId }) : undefined;
      }
      const { containerId, tenant } = said.type === 'runtime.gone' ? said : said.observation;
      const cell = placedOn(hostId, 'container', tenant, containerId);
      if (!cell) return;
      await fact(hostId, sequence, cell.address, { ...said, hostId });
    },
    refused(hostId, opId, failure) {
      for (const cell of runtime().placedOn(hostId)) {
        const found = Object.entries(cell.committed?.record.operations ?? {}).find(
          ([, operation]) => operation.opId === opId,
        );
        if (!found) continue;
        const [invokeId, { src, requestId }] = found;
        environment.log.warn(
          { actor: cell.address, host_id: hostId, opId, failure },
          'agent refused an operation',
        );
        void tell(
          cell.address,
          { type: `xstate.error.actor.${invokeId}`, actorId: invokeId, error: toFailure(failure) },
          { kind: 'operation', opId, src, requestId },
          { kind: 'result', invokeId, opId },
        );
        return;
      }
    },
    images: (hostId, images) => hosts.setImages(hostId, images),
    async closed(hostId, session, reason) {
      await hostFact(hostId, { type: 'link.closed', session, reason });
    },
  };
}

/** The agent gives up, and says why. */
const refusedForGood = (message: string): TroupeError =>
  new TroupeError('LINK_REFUSED', message, { details: { fatal: true } });

/** What an observation says to the chart; null while the engine removes it. */
function factOf(hostId: string, observation: Observation, opId: string | null): TurnEvent | null {
  const { state, startedAt } = observation;
  const fact = { hostId, observation, opId };
  switch (state) {
    case 'removing':
      return null;
    case 'created':
      return { type: 'runtime.created', ...fact };
    case 'exited':
    case 'dead':
      return startedAt === null
        ? { type: 'runtime.created', ...fact }
        : { type: 'runtime.exited', ...fact, stoppedOutside: false };
    case 'running':
    case 'paused':
    case 'restarting':
      return { type: 'runtime.started', ...fact, byAgent: false };
  }
}
