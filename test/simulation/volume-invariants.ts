/** Volumes of Cinder once faults have ended: V2 to V5 of `invariants.ts`. */
import type { Runtime } from '../../src/actors/runtime.ts';
import type { ContainerContext } from '../../src/machines/container/context.ts';
import type { VolumeContext } from '../../src/machines/volume/context.ts';
import { hostAddress } from '../../src/model/address.ts';
import type { HostContext } from '../../src/machines/host/context.ts';
import { pathOf } from './host-volumes.ts';
import type { SimulatedWorld } from './world.ts';

/** Statuses of Cinder's in which nothing is under way. */
const settled: ReadonlySet<string> = new Set(['available', 'in-use', 'error']);

export function volumesOf(world: SimulatedWorld, runtime: Runtime): readonly string[] {
  if (world.hostVolumes.length === 0) return [];
  return [...atCinder(world, runtime), ...atHosts(world, runtime), ...inContainers(world, runtime)];
}

const hostnameOf = (runtime: Runtime, hostId: string): string | null =>
  (runtime.cell(hostAddress(hostId))?.committed?.record.context as HostContext | undefined)?.hostname ?? null;

const contextsOf = (runtime: Runtime) =>
  [...runtime.cellsOf('volume').values()].map(({ address, committed }) => ({
    address,
    status: committed!.projection.status,
    context: committed!.record.context as VolumeContext,
  }));

function atCinder(
  { cinder, hostVolumes, standing, lostAt }: SimulatedWorld,
  runtime: Runtime,
): readonly string[] {
  const wrong: string[] = [];
  const known = new Map(
    contextsOf(runtime)
      .filter(({ status }) => status === 'available')
      .map((each) => [each.context.attachmentId, each] as const),
  );
  // Whose making failed is let go of with its container; how far it had come nobody was told.
  const failed = new Set(
    contextsOf(runtime).flatMap(({ status, context: { cinder: wish } }) =>
      status === 'error' && wish ? [`${wish.volumeId} ${wish.holderId}`] : [],
    ),
  );
  /** The store forgot who asked for it, before any host had it. */
  const isForgotten = (id: string): boolean =>
    lostAt.size > 0 &&
    !hostVolumes.some(({ written }) => [...written.values()].some(({ cinderId }) => cinderId === id));
  const unfinished = new Set<string>();
  for (const { id, volumeId, containerId, status, host } of cinder.attachments.values()) {
    const actor = known.get(id);
    if (failed.has(`${volumeId} ${containerId}`) || (!actor && isForgotten(volumeId)))
      unfinished.add(volumeId);
    else if (!actor)
      wrong.push(`V2: Cinder has attachment ${id} of volume ${volumeId} to ${containerId}, which nobody has`);
    else if (status !== 'attached' || host !== hostnameOf(runtime, actor.context.hostId))
      wrong.push(
        `V2: attachment ${id} is ${status} at ${host}, not attached at the host of ${actor.address}`,
      );
  }
  const pairs = [...cinder.attachments.values()].map(
    ({ volumeId, containerId }) => `${volumeId} ${containerId}`,
  );
  if (new Set(pairs).size < pairs.length)
    wrong.push('V2: Cinder has two attachments of one volume to one container');
  for (const [id, { address }] of known)
    if (!cinder.attachments.has(id ?? ''))
      wrong.push(`V2: Cinder has no attachment ${id}, which ${address} has`);
  const mounted = new Set(
    [...runtime.cellsOf('container').values()].flatMap(({ committed }) =>
      (committed!.record.context as ContainerContext).mounts.map(({ made }) => made?.cinder?.volumeId),
    ),
  );
  for (const volume of cinder.volumes.values()) {
    const { id, status, metadata } = volume;
    if (!settled.has(status) && !unfinished.has(id)) wrong.push(`V2: volume ${id} is ${status}`);
    const isOurs = 'troupe_world' in metadata;
    if (isOurs && !mounted.has(id) && lostAt.size === 0)
      wrong.push(`V5: volume ${id} was made for a container, and nobody has it`);
  }
  for (const id of standing) if (!cinder.volumes.has(id)) wrong.push(`V5: volume ${id} has been deleted`);
  return wrong;
}

function atHosts({ engines, hostVolumes, cinder }: SimulatedWorld, runtime: Runtime): readonly string[] {
  const wrong: string[] = [];
  const actors = contextsOf(runtime);
  for (const [index, { written, devices, mounts }] of hostVolumes.entries()) {
    const { host } = engines[index]!;
    const here = actors.filter(({ context }) => hostnameOf(runtime, context.hostId) === host);
    for (const cinderId of devices)
      if (![...cinder.attachments.values()].some((each) => each.volumeId === cinderId && each.host === host))
        wrong.push(`V3: volume ${cinderId} is connected at ${host}, without an attachment`);
    for (const volumeId of written.keys())
      if (!here.some(({ context }) => context.id === volumeId))
        wrong.push(`V3: ${host} has volume ${volumeId}, of no actor`);
    for (const { address, status, context } of here)
      if (status === 'available' && !mounts.has(pathOf(context.id)))
        wrong.push(`V3: ${address} is not mounted at ${host}`);
  }
  return wrong;
}

function inContainers({ engines, hostVolumes }: SimulatedWorld, runtime: Runtime): readonly string[] {
  const wrong: string[] = [];
  for (const { address, committed } of runtime.cellsOf('container').values()) {
    const { id, hostname, mounts } = committed!.record.context as ContainerContext;
    const index = engines.findIndex(({ host }) => host === hostname);
    const container = engines[index]?.containers.get(id);
    if (committed!.projection.status !== 'Running' || container?.state !== 'running') continue;
    const own = [...container.mounts, ...container.mountedInto.values()].map(({ source }) => source);
    const wanted = mounts.filter(({ leaving }) => !leaving).map(({ volumeId }) => pathOf(volumeId));
    if (own.toSorted().join() !== wanted.toSorted().join())
      wrong.push(
        `V4: ${address} runs with ${own.join() || 'no volume'} instead of ${wanted.join() || 'none'}`,
      );
    for (const path of own)
      if (!hostVolumes[index]!.mounts.has(path))
        wrong.push(`V4: ${address} runs with ${path}, which is not mounted`);
  }
  return wrong;
}
