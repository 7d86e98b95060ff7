/**
 * The composition of the control plane's actors: built by `main/` with
 * everything it needs as arguments, started once, stopped once.
 */
import { TroupeError } from '../errors/errors.ts';
import type { HostLinkEvents, HostLinks } from '../link/host-links.ts';
import type { Chart } from '../machines/chart.ts';
import {
  actorKinds,
  kindOf,
  parseAddress,
  perKind,
  tenantAddress,
  type ActorKind,
  type Address,
} from '../model/address.ts';
import type { Amounts } from '../model/container.ts';
import type { Cinder } from '../model/cinder.ts';
import type { Environment } from '../model/environment.ts';
import type { ContainerDeadlines, SandboxMode } from '../model/events.ts';
import type { HostPolicy } from '../model/host.ts';
import type { RelatedActor } from '../model/lifecycle.ts';
import type { Neutron } from '../model/neutron.ts';
import type { Neighbours } from '../model/placement.ts';
import type { Strategy } from '../scheduler/request.ts';
import { createAsks } from './asks.ts';
import { audit } from './audit.ts';
import { createAwaited } from './awaited.ts';
import { boot } from './boot.ts';
import { actionsOf } from './container-actions.ts';
import { createContainerServices } from './container-services.ts';
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
import { fillPoolEffect, type ReadyPortBounds } from './effects/fill-pool.ts';
import { makeWayEffect } from './effects/make-way.ts';
import { discardImageEffect, lookAtStoredEffect } from './effects/stored-images.ts';
import { findImageUsersEffect } from './effects/find-image-users.ts';
import { findResidentsEffect } from './effects/find-residents.ts';
import { hostOperations } from './effects/host-operations.ts';
import { neutronPorts } from './effects/neutron-ports.ts';
import { rankHostsEffect } from './effects/rank-hosts.ts';
import { tellContainersEffect } from './effects/tell-containers.ts';
import { tellHostsEffect } from './effects/tell-hosts.ts';
import { createChartVersions } from './chart-versions.ts';
import { createEnrolment } from './enrolment.ts';
import { createFindings } from './findings.ts';
import { auditHosts } from './host-audit.ts';
import { createHostCommands } from './host-commands.ts';
import { createHostDirectory } from './host-directory.ts';
import { createHostReports } from './host-reports.ts';
import { findIncident } from './incident.ts';
import type { ControlPlane, Readiness } from './index.ts';
import { lifecycleOf } from './lifecycle.ts';
import { createKeepsakes } from './keepsakes.ts';
import { createLeftImages } from './left-images.ts';
import { createLeftPorts } from './left-ports.ts';
import { auditPorts } from './neutron-audit.ts';
import { auditImages } from './image-audit.ts';
import type { ImageStore } from './image-store.ts';
import { createImageTransfers } from './image-transfers.ts';
import { createImages, type CommitsTo } from './images.ts';
import { createLocalResources } from './local-resources.ts';
import { createOwned } from './owned.ts';
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
import { configure, tellRestored } from './start.ts';
import type { OwnerInfo, Store, World } from './stores/store.ts';
import { createTenants } from './tenants.ts';
import { createUnreadableActors } from './unreadable.ts';
import { createVolumePromises } from './volume-promises.ts';
import { createWatchHub } from './watch-hub.ts';
import { whatIf } from './what-if.ts';

/** Records of one actor that are read for its actions. */
const journalMost = 10_000;

export interface ControlPlaneConfig {
  readonly deadlines: ContainerDeadlines;
  /** Site's default quota; -1 = without limit. */
  readonly limits: Amounts;
  readonly reservationMs: number;
  /** For a request to come to its end that has a volume made in Cinder. */
  readonly promisedMs: number;
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
    ask: (address, event, caller) => asks.command(address, event, caller),
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
    ask: (address, event, caller, revise) => asks.command(address, event, caller, revise),
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
      rankHosts: rankHostsEffect(environment, rollCall, placement, (address) => specs.get(address)),
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
  const asks = createAsks({
    environment,
    runtime,
    problem: (address) => unreadable.problem(address),
    isStopping: () => stopping,
    answerMs: config.answerMs,
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
  tellRestored(runtime, restored.migrated);
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

  const related = ({ address, committed }: Cell): readonly RelatedActor[] =>
    relatedTo(address, committed?.record.context).flatMap((each) => {
      const known = runtime.cell(each)?.committed?.projection;
      if (!known) return [];
      const { status, reason } = known;
      return [{ address: each, name: readModel.label(each).name, status, reason }];
    });

  const tenants = createTenants({
    runtime,
    asks,
    quotaClasses,
    begin: admission.tenant,
    neighbours: config.neighbours,
  });

  const local = createLocalResources({
    environment,
    runtime: () => runtime,
    hosts,
    deadlines: config.deadlines,
    ask: (address, event, cause) => asks.within(address, runtime.ask(address, event, cause, 'command')),
  });

  const volumePromises = createVolumePromises({
    environment,
    runtime: () => runtime,
    deadlines: config.deadlines,
    promisedMs: config.promisedMs,
    until: awaited.until,
    taken: asks.taken,
  });

  const capsules = createCapsules({
    environment,
    runtime,
    specs,
    admission,
    placement,
    deadlines: config.deadlines,
    check: asks.check,
    turnAway: (tenant, id) => unreadable.turnAway('capsule', tenant, id),
    within: asks.within,
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
    volumePromises,
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
      asks.check(tenantAddress(request.caller.projectId));
      const address = admission.address(request);
      asks.check(address);
      await asks.within(address, admission.create(request, address));
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
      unreadable.turnAway('container', tenant, canonicalUuid(idOrName));
      return readModel.container(tenant, idOrName);
    },
    containers: (query) => readModel.containers(query),
    ...createOwned(runtime, () => unreadable.all),
    command: asks.command,
    resize: (address, limits, caller) =>
      asks.taken(address, () => resizeContainer(environment, runtime, address, limits, causeOf(caller))),
    ...createContainerServices(runtime, links, (address) => unreadable.problem(address)),
    actions: async (address) =>
      actionsOf(await store.journal(address, { after: 0, limit: journalMost }), charts.container.machine),
    ...createHostCommands(runtime, awaited, asks),
    ...tenants,
    send(address, event, caller) {
      if (runtime.cell(address) || unreadable.has(address)) return asks.command(address, event, caller);
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

function depth(runtime: Runtime): number {
  let total = 0;
  for (const kind of actorKinds) {
    for (const cell of runtime.cellsOf(kind).values()) total += cell.depth;
  }
  return total;
}
