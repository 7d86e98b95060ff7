/**
 * The composition of the control plane's actors: built by `main/` with
 * everything it needs as arguments, started once, stopped once.
 */
import { isDeepStrictEqual } from 'node:util';
import { TroupeError } from '../errors/errors.ts';
import type { HostLinkEvents, HostLinks } from '../link/host-links.ts';
import { noAmounts } from '../machines/amounts.ts';
import type { Chart, Projection } from '../machines/chart.ts';
import type { CapsuleContext } from '../machines/capsule/context.ts';
import type { ContainerContext } from '../machines/container/context.ts';
import type { HostContext } from '../machines/host/context.ts';
import { neighboursOf, tenantLimits, type TenantContext } from '../machines/tenant/context.ts';
import {
  actorKinds,
  addressParts,
  hostAddress,
  kindOf,
  parseAddress,
  perKind,
  tenantAddress,
  type ActorKind,
  type Address,
  type OwnedKind,
} from '../model/address.ts';
import type { Caller } from '../model/caller.ts';
import type { Amounts } from '../model/container.ts';
import type { Cinder } from '../model/cinder.ts';
import type { Environment } from '../model/environment.ts';
import type { ContainerDeadlines, SandboxMode } from '../model/events.ts';
import type { HostPolicy } from '../model/host.ts';
import type { Cause } from '../model/journal.ts';
import type { Neutron } from '../model/neutron.ts';
import type { Neighbours } from '../model/placement.ts';
import type { Strategy } from '../scheduler/request.ts';
import { getArchive, putArchive } from './archives.ts';
import { audit } from './audit.ts';
import { createAwaited } from './awaited.ts';
import { boot } from './boot.ts';
import { actionsOf } from './container-actions.ts';
import { createCapsules } from './capsules.ts';
import { createAdmission } from './create-container.ts';
import { causeOf } from './cause-of.ts';
import { auditCinder } from './cinder-audit.ts';
import type { Cell } from './cell.ts';
import { createDecider } from './decide.ts';
import { actorDocuments, type Sealer } from './documents.ts';
import { cinderVolumes } from './effects/cinder-volumes.ts';
import { deadlineEffect } from './effects/deadline.ts';
import { dismissHostEffect } from './effects/dismiss-host.ts';
import type { Effect } from './effects/effect.ts';
import { fillPoolEffect, type ReadyPortBounds } from './effects/fill-pool.ts';
import { makeWayEffect } from './effects/make-way.ts';
import { discardImageEffect, lookAtStoredEffect } from './effects/stored-images.ts';
import { findImageUsersEffect } from './effects/find-image-users.ts';
import { findResidentsEffect } from './effects/find-residents.ts';
import { hostOperations } from './effects/host-operations.ts';
import { neutronPorts } from './effects/neutron-ports.ts';
import { tellContainersEffect } from './effects/tell-containers.ts';
import { tellHostsEffect } from './effects/tell-hosts.ts';
import { createChartVersions } from './chart-versions.ts';
import { createEnrolment } from './enrolment.ts';
import { createFindings } from './findings.ts';
import { auditHosts } from './host-audit.ts';
import { createHostDirectory } from './host-directory.ts';
import { createHostReports } from './host-reports.ts';
import { findIncident } from './incident.ts';
import type { ControlPlane, Readiness } from './index.ts';
import type { RelatedActor } from '../model/lifecycle.ts';
import type { TenantView } from '../model/tenant.ts';
import { lifecycleOf, permitOf } from './lifecycle.ts';
import { createKeepsakes } from './keepsakes.ts';
import { createLeftImages } from './left-images.ts';
import { createLeftPorts } from './left-ports.ts';
import { auditPorts } from './neutron-audit.ts';
import { openSession } from './open-session.ts';
import { auditImages } from './image-audit.ts';
import type { ImageStore } from './image-store.ts';
import { createImageTransfers } from './image-transfers.ts';
import { createImages, type CommitsTo } from './images.ts';
import { createLocalResources } from './local-resources.ts';
import { createPlacement } from './placement.ts';
import { createQuotaClasses, siteClass } from './quota-classes.ts';
import { canonicalUuid, createReadModel } from './read-model.ts';
import { createRecount } from './recount.ts';
import { relatedTo } from './related.ts';
import { resizeContainer } from './resize-container.ts';
import { createRegistries } from './registries.ts';
import { createRegistrySecrets } from './registry-secrets.ts';
import { createRollCall } from './roll-call.ts';
import { createRuntime, type Runtime } from './runtime.ts';
import { createSpecs } from './specs.ts';
import type { OwnerInfo, Store, World } from './stores/store.ts';
import type { Revision, TurnAnswer, TurnEvent } from './turn.ts';
import { createUnreadableActors } from './unreadable.ts';
import { createWatchHub } from './watch-hub.ts';
import { whatIf } from './what-if.ts';

/** Records of one actor that are read for its actions. */
const journalMost = 10_000;

export interface ControlPlaneConfig {
  readonly deadlines: ContainerDeadlines;
  /** Site's default quota; -1 = without limit. */
  readonly limits: Amounts;
  readonly reservationMs: number;
  readonly sandbox: SandboxMode;
  /** Sandboxes made ahead, for each host, project and network; null = none. */
  readonly pool: { readonly ceiling: number; readonly windowMs: number } | null;
  /** Of Neutron, over all sandboxes made ahead. */
  readonly readyPorts: ReadyPortBounds;
  readonly strategy: Strategy;
  /** Where images that are made of containers are kept. */
  readonly commitsTo: CommitsTo;
  /** Between looks for what is left in Glance of images; nothing younger is removed. */
  readonly collectMs: number;
  /** Whether tenants bear each other on a host; each may tighten it for itself. */
  readonly neighbours: Neighbours;
  /** Of hosts whose own configuration says nothing else. */
  readonly hostPolicy: HostPolicy;
  /** From a closed link to suspect; from suspect to lost; from connected to synced. Milliseconds. */
  readonly suspectMs: number;
  readonly lostMs: number;
  readonly syncMs: number;
  /** How long a caller waits for a durable answer before it is told that the outcome is not known yet. */
  readonly answerMs: number;
}

export interface ControlPlaneOptions {
  readonly environment: Environment;
  readonly store: Store;
  readonly charts: Readonly<Record<ActorKind, Chart>>;
  readonly sealer: Sealer;
  readonly owner: OwnerInfo;
  readonly config: ControlPlaneConfig;
  /** The cloud's networks; null where containers have those of their hosts. */
  readonly neutron?: Neutron | null;
  /** The cloud's volumes; null where containers have those of their hosts. */
  readonly cinder?: Cinder | null;
  /** Builds the control plane's end of the host links. */
  readonly links: (events: HostLinkEvents) => HostLinks;
  /** What keeps images apart from hosts, for this world. Default nothing. */
  readonly imageStore?: ((worldId: string) => ImageStore) | null;
}

export interface RunningControlPlane extends ControlPlane {
  readonly links: HostLinks;
  readonly world: World;
  /** Resolves with the reason when a newer owner has taken over. */
  readonly fenced: Promise<string>;
  readonly runtime: Runtime;
  stop(): Promise<void>;
}

/**
 * Opens the store, restores all actors, and starts their effects.
 * @throws TroupeError STORE_UNAVAILABLE, INVALID_CONFIG
 */
export async function startControlPlane(options: ControlPlaneOptions): Promise<RunningControlPlane> {
  const { environment, store, charts, config, neutron = null, cinder = null } = options;
  let world = await store.open(options.owner, 0);
  let tellFenced: (reason: string) => void = () => {};
  const fenced = new Promise<string>((resolve) => (tellFenced = resolve));
  const deciders = perKind((kind) => createDecider(charts[kind]));
  const specs = createSpecs(options.sealer);
  const secrets = createRegistrySecrets(options.sealer);
  const documents = actorDocuments((address) => (kindOf(address) === 'registry' ? secrets : specs));
  const keepsakes = createKeepsakes(
    options.sealer,
    charts,
    specs,
    (address) => runtime.cell(address)?.committed?.record.context ?? null,
  );
  const chartVersions = createChartVersions(store, charts);
  const enrolment = createEnrolment(environment, store);
  const hosts = createHostDirectory(() => runtime);
  let unreadable = createUnreadableActors([], specs);
  const readModel = createReadModel(
    () => runtime,
    specs,
    () => unreadable.views,
  );
  const hub = createWatchHub(store, readModel.snapshot, () => world.worldId);
  let stopping = false;

  const awaited = createAwaited(environment, config.answerMs);
  const images = createImages({
    environment,
    runtime: () => runtime,
    hosts,
    links: () => links,
    deadlines: config.deadlines,
    commitsTo: config.commitsTo,
    until: awaited.until,
    ask: (address, event, caller) => command(address, event, caller),
  });

  const glanceStore = options.imageStore?.(world.worldId) ?? null;
  const leftImages =
    glanceStore &&
    createLeftImages({
      environment,
      runtime: () => runtime,
      store: glanceStore,
      settings: store,
      everyMs: config.collectMs,
    });
  const imageStore = leftImages?.store ?? null;
  const transfers = createImageTransfers(environment, () => links, imageStore, config.commitsTo === 'layers');

  const ofCinder = cinderVolumes({ environment, cinder, links: () => links });

  const registries = createRegistries({
    environment,
    runtime: () => runtime,
    secrets,
    images,
    ask: (address, event, caller, revise) => command(address, event, caller, revise),
  });

  const placement = createPlacement({
    environment,
    runtime: () => runtime,
    views: () => hosts.views(),
    committedOn: images.committedOn,
    strategy: config.strategy,
    neighbours: config.neighbours,
  });

  const rollCall = createRollCall(() => hosts.views());

  const rank: Effect = ({ address, context, done }) => {
    const placed = context as ContainerContext | CapsuleContext;
    const sandbox = 'sandbox' in placed ? placed.sandbox : 'own';
    const ranked =
      rollCall.before(address) ??
      placement.rank({ ...placed, sandbox }, specs.get(address), placed.refusedBy);
    environment.defer(() => done(ranked));
    return () => {};
  };

  const runtime: Runtime = createRuntime({
    environment,
    store,
    deciders,
    world: () => world,
    published(record, position) {
      const address = record.address as Address;
      if (kindOf(address) === 'host') hosts.changed(address);
      if (record.event === 'link.synced') rollCall.heard(parseAddress(address).id);
      if (record.event === 'claim.granted') {
        placement.claimed(parseAddress(address).id);
        rollCall.placed(address);
      }
      hub.publish(record, position);
      awaited.moved(address);
    },
    fenced: (reason) => tellFenced(reason),
    born(cell) {
      readModel.add(cell);
      if (kindOf(cell.address) === 'host') hosts.changed(cell.address);
    },
    died(address) {
      readModel.remove(address);
      secrets.forget(address);
    },
    documents,
    isUnreadable: (address) => unreadable.has(address),
    effects: {
      deadline: deadlineEffect(environment),
      rankHosts: rank,
      tellContainers: tellContainersEffect(() => runtime),
      findResidents: findResidentsEffect(
        environment,
        () => runtime,
        (address) => readModel.label(address).name,
      ),
      dismissHost: dismissHostEffect(() => runtime, enrolment),
      fillPool: fillPoolEffect(() => runtime, config.readyPorts),
      makeWay: makeWayEffect({ environment, runtime: () => runtime }),
      tellHosts: tellHostsEffect(() => runtime),
      findImageUsers: findImageUsersEffect(
        environment,
        () => runtime,
        (address) => specs.find(address),
      ),
      discardImage: discardImageEffect(imageStore),
      lookAtStored: lookAtStoredEffect(imageStore),
      ...neutronPorts({
        environment,
        neutron,
        runtime: () => runtime,
        worldId: () => world.worldId,
      }),
      ...ofCinder.effects,
      ...hostOperations({
        links: () => links,
        transfers,
        epoch: () => world.epoch,
        spec: (address) => specs.get(address),
        credential: registries.credential,
        reach: ofCinder.reach,
        defer: (task) => environment.defer(task),
        keepsake: keepsakes.of,
      }),
    },
  });
  const recount = createRecount(
    environment,
    () => runtime,
    () => unreadable.all,
  );
  const quotaClasses = await createQuotaClasses(store, config.limits);
  const siteLimits = (): Amounts => quotaClasses.of(siteClass);
  const admission = createAdmission({
    environment,
    runtime,
    specs,
    placement,
    ...config,
    limits: siteLimits,
  });
  const findings = createFindings({
    environment,
    runtime: () => runtime,
    links: () => links,
    epoch: () => world.epoch,
    worldId: () => world.worldId,
    keepsakes,
    specs,
    recount,
    tenant: admission.tenant,
    isUnreadable: (address) => unreadable.has(address),
  });
  const leftPorts =
    neutron &&
    createLeftPorts({
      environment,
      neutron,
      runtime: () => runtime,
      worldId: () => world.worldId,
      isUnreadable: (address) => unreadable.has(address),
    });
  const reports = createHostReports({
    environment,
    runtime: () => runtime,
    enrolment,
    findings,
    recount,
    leftPorts: leftPorts ?? null,
    hosts,
    world: () => world,
    raiseEpoch: async (epoch) => (world = await store.raiseEpoch(epoch)),
    isUnreadable: (address) => unreadable.has(address),
    hostInput: (id, hostname) => ({
      id,
      hostname,
      policy: config.hostPolicy,
      suspectMs: config.suspectMs,
      lostMs: config.lostMs,
      syncMs: config.syncMs,
    }),
  });
  const links: HostLinks = options.links(reports);

  const restored = await boot(
    environment,
    store,
    runtime,
    { load: documents.load, find: specs.find },
    deciders,
  );
  unreadable = createUnreadableActors(restored.unreadable, specs);
  hub.restore(restored.positions);
  await chartVersions.record();
  for (const kind of ['container', 'capsule'] as const) rollCall.restored(runtime.cellsOf(kind).values());
  runtime.resume(restored.positions, restored.outboxes, restored.wasHandled);
  const atStart = (reason: string): Cause => ({ kind: 'runtime', reason });
  for (const address of restored.migrated) {
    runtime.deliver(address, {
      event: { type: 'actor.restored' },
      cause: atStart('migrated'),
      source: { kind: 'fact' },
    });
  }
  // No link outlives the process that held it: each host is suspect until it is heard again.
  for (const cell of runtime.cellsOf('host').values()) {
    const { session } = cell.committed!.record.context as HostContext;
    if (session === null) continue;
    cell.deliver({
      event: { type: 'link.closed', session, reason: 'the control plane was restarted' },
      cause: atStart('restarted'),
      source: { kind: 'fact' },
    });
  }
  configure(runtime, config, siteLimits());
  leftPorts?.giveBack();
  leftImages?.start();
  void recount(
    [...runtime.cellsOf('tenant').keys(), ...runtime.cellsOf('host').keys()],
    'recounted at start',
  );
  environment.log.info(
    { actors: restored.actors, epoch: world.epoch, world_id: world.worldId },
    'actors restored',
  );

  /** A caller waits only so long: then the outcome is told to be unknown, with the resource's id. */
  const withinTime = <T>(id: string, answer: Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => {
      const cancel = environment.schedule(config.answerMs, () =>
        reject(
          new TroupeError(
            'COMMIT_UNKNOWN',
            `It is not known yet whether the request on "${id}" was taken; look at it again`,
            { details: { id } },
          ),
        ),
      );
      answer.then(resolve, reject).finally(cancel);
    });
  const within = <T>(address: Address, answer: Promise<T>): Promise<T> =>
    withinTime(parseAddress(address).id, answer);

  const taken = async <T>(address: Address, ask: () => Promise<T>): Promise<T> => {
    if (stopping) throw new TroupeError('SHUTTING_DOWN', 'The control plane is stopping; try again');
    const problem = unreadable.problem(address);
    if (problem) throw problem;
    return within(address, ask());
  };
  const command = (
    address: Address,
    event: TurnEvent,
    caller: Caller,
    revise?: Revision,
  ): Promise<TurnAnswer> =>
    taken(address, () => runtime.ask(address, event, causeOf(caller), 'command', revise));

  /** @throws TroupeError CONTAINER_NOT_FOUND, QUARANTINED */
  const cellOf = (address: Address): Cell => {
    const problem = unreadable.problem(address);
    if (problem) throw problem;
    const cell = runtime.cell(address);
    if (cell?.committed) return cell;
    throw new TroupeError('CONTAINER_NOT_FOUND', `Container ${parseAddress(address).id} could not be found.`);
  };

  const commandHost: ControlPlane['commandHost'] = (hostId, event, caller) =>
    runtime.cell(hostAddress(hostId))
      ? command(hostAddress(hostId), event, caller)
      : Promise.reject(new TroupeError('HOST_NOT_FOUND', `Compute host ${hostId} could not be found.`));

  const related = ({ address, committed }: Cell): readonly RelatedActor[] =>
    relatedTo(address, committed?.record.context).flatMap((each) => {
      const known = runtime.cell(each)?.committed?.projection;
      if (!known) return [];
      const { status, reason } = known;
      return [{ address: each, name: readModel.label(each).name, status, reason }];
    });

  /** What can't be read is there all the same: nobody is told that it is gone. */
  const turnAwayFromUnreadable = (kind: ActorKind, tenant: string | null, id: string | null): void => {
    for (const { address, reason } of unreadable.all) {
      const each = addressParts(address);
      // One whose spec can be read is shown.
      if (unreadable.views.some((view) => view.address === address)) continue;
      if (each?.kind !== kind || each.id !== id || (tenant !== null && each.tenant !== tenant)) continue;
      throw new TroupeError(
        'QUARANTINED',
        `"${address}" is quarantined: ${reason}; an operator must look at it`,
      );
    }
  };

  const tenant = (id: string): TenantView => {
    const address = tenantAddress(id);
    const context = runtime.cell(address)?.committed?.record.context as TenantContext | undefined;
    return {
      address,
      id,
      limits: context ? tenantLimits(context) : siteLimits(),
      used: context?.totals ?? noAmounts,
      reserved: Object.keys(context?.reservations ?? {}).length,
      neighbours: context ? neighboursOf(context) : config.neighbours,
    };
  };

  /** Of what the site's limits are now. One that can't be told now is told at the next start. */
  const tellTenants = async (cause: Cause): Promise<void> => {
    const event = { type: 'tenant.configured', neighbours: config.neighbours, limits: siteLimits() } as const;
    await Promise.allSettled(
      [...runtime.cellsOf('tenant').values()]
        .filter(({ quarantined }) => quarantined === null)
        .map(({ address }) => runtime.ask(address, event, cause, 'fact')),
    );
  };

  const local = createLocalResources({
    environment,
    runtime: () => runtime,
    hosts,
    deadlines: config.deadlines,
    until: awaited.until,
    ask: (address, event, cause) => within(address, runtime.ask(address, event, cause, 'command')),
  });

  const capsules = createCapsules({
    environment,
    runtime,
    specs,
    admission,
    placement,
    deadlines: config.deadlines,
    check: (address) => {
      if (stopping) throw new TroupeError('SHUTTING_DOWN', 'The control plane is stopping; try again');
      const problem = unreadable.problem(address);
      if (problem) throw problem;
    },
    turnAway: (tenant, id) => turnAwayFromUnreadable('capsule', tenant, id),
    within,
    container: (cell) => readModel.view(cell),
  });

  const readiness = (): Readiness => {
    const checks = [
      { name: 'store', ok: runtime.readOnly === null, detail: runtime.readOnly ?? 'takes writes' },
      { name: 'owner', ok: runtime.fencedBy === null, detail: runtime.fencedBy ?? `epoch ${world.epoch}` },
      {
        name: 'actors',
        ok: true,
        detail: `${restored.actors} restored, ${unreadable.all.length} unreadable`,
      },
      { name: 'lifecycle', ok: !stopping, detail: stopping ? 'stopping' : 'running' },
    ];
    return { ready: checks.every(({ ok }) => ok), checks };
  };

  return {
    local,
    images,
    registries,
    capsules,
    links,
    get world() {
      return world;
    },
    fenced,
    runtime,
    async createContainer(request) {
      if (stopping) throw new TroupeError('SHUTTING_DOWN', 'The control plane is stopping; try again');
      const address = admission.address(request);
      const problem =
        unreadable.problem(tenantAddress(request.caller.projectId)) ?? unreadable.problem(address);
      if (problem) throw problem;
      await within(address, admission.create(request, address));
      const cell = runtime.cell(address);
      const view = cell && readModel.view(cell);
      if (!view)
        throw new TroupeError(
          'CONTAINER_NOT_FOUND',
          `Container ${parseAddress(address).id} could not be found.`,
        );
      return view;
    },
    container(tenant, idOrName) {
      turnAwayFromUnreadable('container', tenant, canonicalUuid(idOrName));
      return readModel.container(tenant, idOrName);
    },
    containers: (query) => readModel.containers(query),
    ended: (kind, tenant, id) => matching(runtime.tombstones.keys(), kind, tenant, id)[0] ?? null,
    owned(kind, tenant, id) {
      const alive = [...runtime.cellsOf(kind).values()].filter(({ committed }) => committed !== null);
      const [found, ...others] = matching(
        [...alive.map(({ address }) => address), ...unreadable.all.map(({ address }) => address as Address)],
        kind,
        tenant,
        id,
      );
      if (others.length > 0)
        throw new TroupeError(
          'NAME_AMBIGUOUS',
          `Several projects have a ${kind} "${id}"; write project/${id}`,
        );
      if (!found) throw new TroupeError('NOT_FOUND', `The ${kind} "${id}" could not be found`);
      return found;
    },
    command: (address, event, caller, revise) => command(address, event, caller, revise),
    resize: (address, limits, caller) =>
      taken(address, () => resizeContainer(environment, runtime, address, limits, causeOf(caller))),
    permits(address, service) {
      const cell = cellOf(address);
      const { answer, reason } = permitOf(cell, { type: service });
      return { answer, reason, revision: cell.committed!.record.revision };
    },
    async serve(address, service, limitMs) {
      const { id, tenant, generation, hostId } = cellOf(address).committed!.record
        .context as ContainerContext;
      return links.serve(hostId ?? '', { containerId: id, tenant, generation, service }, limitMs);
    },
    async openSession(address, wish, signal) {
      const { answer, reason } = permitOf(cellOf(address), { type: `container.${wish.kind}` });
      if (answer === 'refused')
        throw new TroupeError('INVALID_STATE', reason ?? 'The state of the container does not permit it now');
      const context = cellOf(address).committed!.record.context as ContainerContext;
      return openSession(links, context, wish, signal);
    },
    getArchive: async (address, path, signal) =>
      getArchive(links, cellOf(address).committed!.record.context as ContainerContext, path, signal),
    putArchive: async (address, path, tar, signal) =>
      putArchive(links, cellOf(address).committed!.record.context as ContainerContext, path, tar, signal),
    actions: async (address) =>
      actionsOf(await store.journal(address, { after: 0, limit: journalMost }), charts.container.machine),
    commandHost,
    async removeHost(hostId, caller) {
      const address = hostAddress(hostId);
      const asked = await commandHost(hostId, { type: 'host.remove' }, caller);
      if (asked.answer === 'refused') return asked;
      const state = (): Projection | undefined => runtime.cell(address)?.committed?.projection;
      await awaited.until(address, () => state()?.status !== 'removing');
      const left = state();
      if (left === undefined) return asked;
      return left.status === 'removing'
        ? { ...asked, answer: 'queued', reason: 'It is being removed' }
        : { ...asked, answer: 'refused', reason: left.reason ?? 'It is heard again' };
    },
    async setLimits(tenant, limits, caller) {
      const address = await admission.tenant(tenant, causeOf(caller));
      return command(address, { type: 'tenant.limit', limits }, caller);
    },
    quotaClass: (name) => quotaClasses.of(name),
    setQuotaClass: (name, limits, caller) =>
      withinTime(
        name,
        quotaClasses
          .set(name, limits)
          .then(() => (name === siteClass ? tellTenants(causeOf(caller)) : undefined)),
      ),
    async isolate(tenantId, neighbours, caller) {
      const address = await admission.tenant(tenantId, causeOf(caller));
      return command(address, { type: 'tenant.isolate', neighbours }, caller);
    },
    send(address, event, caller) {
      if (runtime.cell(address) || unreadable.has(address)) return command(address, event, caller);
      const { kind, id } = parseAddress(address);
      return Promise.reject(new TroupeError('NOT_FOUND', `The ${kind} "${id}" could not be found`));
    },
    whatIf(events, whatIfOptions) {
      for (const { address } of events) {
        const problem = unreadable.problem(address);
        if (problem) throw problem;
      }
      return whatIf(
        {
          deciders,
          cell: (address) => runtime.cell(address),
          placedOn: (hostId) => runtime.placedOn(hostId),
          cellsOf: (kind) => runtime.cellsOf(kind),
          hasEnded: (address) => runtime.tombstones.has(address),
          label: (address) => readModel.label(address).name,
          now: () => environment.now(),
        },
        events,
        whatIfOptions,
      );
    },
    hosts: () => hosts.list(),
    tenant,
    tenants: () =>
      [...runtime.cellsOf('tenant').keys()]
        .map((address) => tenant(parseAddress(address).id))
        .toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    label: (address) => readModel.label(address),
    lifecycle(address) {
      const cell = runtime.cell(address);
      const { kind, id } = parseAddress(address);
      const lifecycle = cell
        ? lifecycleOf(cell, deciders[kind], related(cell), transfers.progress)
        : unreadable.lifecycle(address, charts[kind]);
      if (!lifecycle) throw new TroupeError('NOT_FOUND', `The ${kind} "${id}" could not be found`);
      return lifecycle;
    },
    history: (address, range) => store.journal(address, range),
    incident: (query) => findIncident({ store, label: (address) => readModel.label(address).name }, query),
    chart: chartVersions.find,
    watch: (filter, from, handlers) => hub.subscribe(filter, from, handlers),
    async logs(address, logOptions, signal) {
      const { id } = parseAddress(address);
      const state = cellOf(address).committed!;
      const context = state.record.context as ContainerContext;
      if (context.hostId === null || !context.containerHeld) {
        const { status } = state.projection;
        throw new TroupeError(
          'INVALID_STATE',
          `Cannot logs container ${id} in ${status} state: it is not on a host, so it has no log`,
          { details: { state: status } },
        );
      }
      return links.openStream(context.hostId, id, { kind: 'logs', ...logOptions }, signal);
    },
    createJoinToken: (kept) => enrolment.createJoinToken(kept),
    async audit() {
      const onHosts = await auditHosts({
        environment,
        runtime,
        links,
        world,
        isUnreadable: (address) => unreadable.has(address),
        unfound: findings.refusal,
      });
      const inStore = imageStore ? await auditImages(runtime, imageStore) : [];
      const ofCloud = neutron ? await auditPorts({ neutron, runtime, worldId: world.worldId }) : [];
      const ofVolumes = cinder ? await auditCinder({ cinder, runtime, worldId: world.worldId }) : [];
      return [
        ...audit(runtime, environment.now(), unreadable.all),
        ...onHosts,
        ...inStore,
        ...(leftImages?.audit() ?? []),
        ...ofCloud,
        ...ofVolumes,
      ];
    },
    readiness,
    quarantined: () => [
      ...unreadable.all.map(({ address, reason }) => ({ address, reason, event: null })),
      ...actorKinds.flatMap((kind) =>
        [...runtime.cellsOf(kind).values()].flatMap(({ address, quarantined }) =>
          quarantined ? [{ address, ...quarantined }] : [],
        ),
      ),
    ],
    stats: () => ({
      actors: perKind((kind) => runtime.cellsOf(kind).size),
      mailboxDepth: depth(runtime),
      commits: runtime.committer.commits,
      turns: runtime.turns,
      effectsInFlight: runtime.effectsInFlight,
      watchers: hub.watchers,
    }),
    async stop() {
      stopping = true;
      leftImages?.stop();
      // First the actors: a link that we close ourselves says nothing about its host.
      await runtime.stop();
      links.close();
      await store.close();
    },
  };
}

/** Addresses of a kind with an id, in any spelling of a UUID, which may have its project before it. */
function matching(
  addresses: Iterable<Address>,
  kind: OwnedKind,
  tenant: string | null,
  text: string,
): readonly Address[] {
  const at = text.indexOf('/');
  const project = at < 0 ? null : text.slice(0, at);
  const id = canonicalUuid(text.slice(at + 1)) ?? text.slice(at + 1);
  return [...addresses].filter((address) => {
    const parts = addressParts(address);
    return (
      parts?.kind === kind &&
      parts.id === id &&
      (tenant === null || parts.tenant === tenant) &&
      (project === null || parts.tenant === project)
    );
  });
}

/** What the site's configuration says now may differ from what actors were begun with. */
function configure(runtime: Runtime, { hostPolicy, neighbours }: ControlPlaneConfig, limits: Amounts): void {
  const cause: Cause = { kind: 'runtime', reason: 'the configuration has changed' };
  for (const cell of runtime.cellsOf('host').values()) {
    if (isDeepStrictEqual((cell.committed!.record.context as HostContext).policy, hostPolicy)) continue;
    cell.deliver({
      event: { type: 'host.configured', policy: hostPolicy },
      cause,
      source: { kind: 'fact' },
    });
  }
  for (const cell of runtime.cellsOf('tenant').values()) {
    const { siteNeighbours, siteLimits } = cell.committed!.record.context as TenantContext;
    if (siteNeighbours === neighbours && isDeepStrictEqual(siteLimits, limits)) continue;
    const event = { type: 'tenant.configured', neighbours, limits } as const;
    cell.deliver({ event, cause, source: { kind: 'fact' } });
  }
}

function depth(runtime: Runtime): number {
  let total = 0;
  for (const kind of actorKinds) {
    for (const cell of runtime.cellsOf(kind).values()) total += cell.depth;
  }
  return total;
}
