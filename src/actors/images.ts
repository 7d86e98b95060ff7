/**
 * Images at the hosts' engines: what is there is asked of the engines, what is
 * done about it is an image's actor's. One that is only seen has no actor.
 */
import { TroupeError, fromFailure } from '../errors/errors.ts';
import type { HostLinks } from '../link/host-links.ts';
import type { ImageContext } from '../machines/image/context.ts';
import { imageAddress, type Address } from '../model/address.ts';
import type { Caller, CommandAnswer } from '../model/caller.ts';
import type { ContainerView } from '../model/container-view.ts';
import type { ContainerSpec } from '../model/container.ts';
import type { Environment } from '../model/environment.ts';
import type { ContainerDeadlines } from '../model/events.ts';
import type { HostDetail } from '../model/host.ts';
import type { ImageHit, ImageView } from '../model/image-view.ts';
import { committedImage, imageIdOf, isCommitted, splitImage, taggedImage } from '../model/image.ts';
import type { ImageInput } from '../model/image-events.ts';
import type { Awaited } from './awaited.ts';
import { causeOf } from './cause-of.ts';
import type { Cell } from './cell.ts';
import type { HostDirectory } from './host-directory.ts';
import { canonicalUuid } from './read-model.ts';
import type { Runtime } from './runtime.ts';
import type { TurnEvent } from './turn.ts';

export interface Images {
  /** What the engines of all hosts have now; of a host that does not answer, what it had last. */
  list(): Promise<readonly ImageView[]>;
  /**
   * By UUID or `repo:tag`: of all hosts, or (`tenant`) of those that the project pulled or made.
   * @throws TroupeError IMAGE_UNKNOWN, NAME_AMBIGUOUS
   */
  find(tenant: string | null, idOrName: string): Promise<ImageView>;
  /** Resolves once that is durable. @throws TroupeError INVALID_VALUE for a host there is not, IMAGE_EXISTS */
  pull(
    asked: {
      readonly host: string;
      readonly image: string;
      readonly policy: ContainerSpec['imagePullPolicy'];
      readonly registryId: string | null;
    },
    caller: Caller,
  ): Promise<ImageView>;
  /**
   * Makes an image of what the container is now, for its project alone, as its chart permits it: on its host, or in Glance, as the
   * site has it. Resolves once that is durable; in Glance, `imageId` is what the image's id is there.
   */
  commit(
    container: ContainerView,
    name: { readonly repository: string; readonly tag: string },
    caller: Caller,
  ): Promise<CommandAnswer & { readonly imageId: string }>;
  /** Resolves once its host has it no more, or the caller has waited long enough. @throws TroupeError IMAGE_IN_USE, and what its engine answered */
  remove(image: ImageView, caller: Caller): Promise<void>;
  /** @throws TroupeError HOST_UNREACHABLE, REGISTRY_UNAVAILABLE, TIMED_OUT */
  search(term: string): Promise<readonly ImageHit[]>;
  /** The host that has an image of the project's own; null when none has. */
  committedOn(tenant: string, reference: string): string | null;
  /** What engines call an image that the project has made and calls so; null when there is none. */
  own(tenant: string, image: string): string | null;
}

export interface ImagesOptions {
  readonly environment: Environment;
  readonly runtime: () => Runtime;
  readonly hosts: HostDirectory;
  readonly links: () => HostLinks;
  readonly deadlines: ContainerDeadlines;
  /** Where images that are made of containers are kept. */
  readonly commitsTo: CommitsTo;
  /** For callers of a removal, until it has ended, and of a commit, until it has begun. */
  readonly until: Awaited['until'];
  /** @throws TroupeError QUARANTINED, STORE_UNAVAILABLE, COMMIT_UNKNOWN */
  readonly ask: (address: Address, event: TurnEvent, caller: Caller) => Promise<CommandAnswer>;
}

/** `layers`: in Glance, with layers that a project's images share. */
export type CommitsTo = 'host' | 'glance' | 'layers';

/** For an engine to list what it has, and to search a registry. */
const listMs = 5_000;
const searchMs = 20_000;

/** As agents answer: see `ImageDetails` of the runtime drivers. */
interface Listed {
  readonly imageId: string;
  readonly references: readonly string[];
  readonly sizeBytes: number;
}

const contextOf = ({ committed }: Cell): ImageContext => committed!.record.context as ImageContext;
const isIn = ({ committed }: Cell, state: string): boolean =>
  committed!.paths.some((path) => path.split('.')[0] === state);

export function createImages(options: ImagesOptions): Images {
  const { environment, runtime, hosts, links, deadlines, ask, until } = options;
  /** Being begun, by host and reference: two requests at once must not both begin one. */
  const taking = new Set<string>();

  const cells = (): readonly Cell[] =>
    [...runtime().cellsOf('image').values()].filter(
      ({ committed }) => committed !== null && committed.record.endedAt === null,
    );
  const cellFor = (hostId: string, reference: string): Cell | undefined =>
    cells().find((cell) => contextOf(cell).hostId === hostId && contextOf(cell).reference === reference);
  const hostnameOf = (hostId: string): string | null =>
    hosts.list().find(({ id }) => id === hostId)?.hostname ?? null;

  const actorView = (cell: Cell, listed: Listed | null): ImageView => {
    const { id, tenant, hostId, reference, name, imageId, failure } = contextOf(cell);
    const { status, reason } = cell.committed!.projection;
    return {
      address: cell.address, id, tenant, hostId, hostname: hostnameOf(hostId), reference, ...splitImage(name),
      imageId: listed?.imageId ?? imageId, sizeBytes: listed?.sizeBytes ?? null, status, reason, failure,
    }; // prettier-ignore
  };

  const seenView = (
    { id: hostId, hostname }: HostDetail,
    reference: string,
    listed: Listed | null,
  ): ImageView => ({
    address: null,
    id: imageIdOf(hostId, reference),
    tenant: null,
    hostId,
    hostname,
    reference,
    ...splitImage(reference),
    imageId: listed?.imageId ?? null,
    sizeBytes: listed?.sizeBytes ?? null,
    status: 'present',
    reason: null,
    failure: null,
  });

  /** By reference; null where the host does not answer, and what it had last must do. */
  const listedOn = async ({
    id,
    online,
    engineUp,
  }: HostDetail): Promise<ReadonlyMap<string, Listed> | null> => {
    if (!online || !engineUp) return null;
    try {
      const all = (await links().ask(id, { kind: 'images' }, listMs)) as readonly Listed[];
      return new Map(all.flatMap((each) => each.references.map((reference) => [reference, each] as const)));
    } catch (error) {
      environment.log.warn({ host_id: id, err: error }, 'a host does not tell its images');
      return null;
    }
  };

  const viewsOn = async (host: HostDetail): Promise<readonly ImageView[]> => {
    const began = environment.now();
    const listed = await listedOn(host);
    const mine = cells().filter((cell) => contextOf(cell).hostId === host.id);
    const known = new Set(mine.map((cell) => contextOf(cell).reference));
    const gone = (cell: Cell): boolean =>
      listed !== null &&
      !listed.has(contextOf(cell).reference) &&
      isIn(cell, 'present') &&
      cell.committed!.record.updatedAt < began;
    for (const cell of mine.filter(gone))
      cell.deliver({
        event: { type: 'image.missing', hostId: host.id },
        cause: { kind: 'runtime', reason: 'its host, asked for its images, has no such image' },
        source: { kind: 'fact' },
      });
    const references = [...(listed?.keys() ?? host.images)].filter((reference) => !known.has(reference));
    return [
      ...mine
        .filter((cell) => !gone(cell))
        .map((cell) => actorView(cell, listed?.get(contextOf(cell).reference) ?? null)),
      ...references.map((reference) => seenView(host, reference, listed?.get(reference) ?? null)),
    ];
  };

  const list = async (): Promise<readonly ImageView[]> => {
    const views = (await Promise.all(hosts.list().map(viewsOn))).flat();
    const key = ({ hostname, reference }: ImageView): string => `${hostname ?? ''} ${reference}`;
    return views.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
  };

  /** Of one host where it is known which has the image, else of all. */
  const seenBy = (uuid: string | null): Promise<readonly ImageView[]> => {
    const cell = cells().find((each) => contextOf(each).id === uuid);
    const host = cell && hosts.list().find(({ id }) => id === contextOf(cell).hostId);
    return host ? viewsOn(host) : list();
  };

  /** Begins an actor, unless somebody else is just doing so. */
  const begin = async (
    input: Omit<ImageInput, 'id' | 'deadlines' | 'storedId'>,
    caller: Caller,
  ): Promise<Cell> => {
    const key = `${input.hostId} ${input.reference}`;
    if (taking.has(key)) throw exists(input.name);
    taking.add(key);
    try {
      const id = environment.id();
      const { imageMs: makeMs, removeMs } = deadlines;
      const address = imageAddress(input.tenant, id);
      await runtime().begin(
        address,
        { ...input, id, storedId: null, deadlines: { makeMs, removeMs } },
        causeOf(caller),
        null,
      );
      return runtime().cell(address)!;
    } finally {
      taking.delete(key);
    }
  };

  const isRemoving = (address: Address): boolean => {
    const cell = runtime().cell(address);
    return cell?.committed != null && isIn(cell, 'removing');
  };

  const committedOn = (tenant: string, reference: string): string | null => {
    if (!isCommitted(reference)) return null;
    const [newest] = cells()
      .filter((cell) => {
        const context = contextOf(cell);
        return context.tenant === tenant && context.reference === reference && isIn(cell, 'present');
      })
      .toSorted((a, b) => b.committed!.record.updatedAt - a.committed!.record.updatedAt);
    return newest ? contextOf(newest).hostId : null;
  };

  return {
    list,
    async find(tenant, idOrName) {
      const uuid = canonicalUuid(idOrName);
      const all = tenant === null ? await seenBy(uuid) : cells().map((cell) => actorView(cell, null));
      const mine = all.filter((each) => tenant === null || each.tenant === tenant);
      const found = mine.find(
        ({ id, hostId, reference }) =>
          id === uuid || (uuid !== null && imageIdOf(hostId, reference) === uuid),
      );
      if (found) return found;
      const { repo, tag } = splitImage(idOrName);
      const [first, ...others] = mine.filter((each) => each.repo === repo && each.tag === tag);
      if (others.length > 0)
        throw new TroupeError('NAME_AMBIGUOUS', `Several hosts have an image "${idOrName}"; use the uuid`);
      if (!first) throw new TroupeError('IMAGE_UNKNOWN', `Image ${idOrName} could not be found.`);
      return first;
    },
    async pull({ host: asked, image, policy, registryId }, caller) {
      const host = hosts.list().find(({ id, hostname }) => id === asked || hostname === asked);
      if (!host) throw new TroupeError('INVALID_VALUE', `The host ${asked} does not exist.`);
      const reference = taggedImage(image);
      const known = cellFor(host.id, reference);
      if (!known) {
        const origin = { kind: 'pull', policy, registryId } as const;
        const input = { tenant: caller.projectId, hostId: host.id, reference, name: reference, origin };
        return actorView(await begin(input, caller), null);
      }
      const event = { type: 'image.pull', policy, registryId } as const;
      const { answer, reason } = await ask(known.address, event, caller);
      if (answer === 'refused') throw exists(reference, reason);
      return actorView(known, null);
    },
    async commit(container, { repository, tag }, caller) {
      const { address, tenant, hostId } = container;
      const isStored = options.commitsTo !== 'host';
      // One for Glance is a new image there each time, whatever it is called.
      const known = isStored ? undefined : cellFor(hostId ?? '', committedImage(tenant, repository, tag));
      const imageId = known ? contextOf(known).id : environment.id();
      const commitId = environment.id();
      const event = { type: 'container.commit', commitId, imageId, repository, tag, isStored } as const;
      const answer = await ask(address, event, caller);
      const image = imageAddress(tenant, imageId);
      if (answer.answer !== 'refused') await until(image, () => runtime().cell(image)?.committed != null);
      return { ...answer, imageId };
    },
    async remove({ address, hostId, reference, repo, tag }, caller) {
      let mine = address;
      if (mine !== null) await ask(mine, { type: 'image.delete' }, caller);
      else {
        const input = {
          tenant: caller.projectId,
          hostId,
          reference,
          name: `${repo}:${tag}`,
          origin: { kind: 'seen' },
        } as const;
        mine = (await begin(input, caller)).address;
      }
      const asked = mine;
      await until(asked, () => !isRemoving(asked));
      const cell = runtime().cell(asked);
      const failure = cell?.committed && !isRemoving(asked) ? contextOf(cell).failure : null;
      if (failure) throw fromFailure(failure);
    },
    async search(term) {
      const host = hosts.list().find(({ online, engineUp }) => online && engineUp);
      if (!host)
        throw new TroupeError('HOST_UNREACHABLE', 'No host is online to search for images; try again later');
      return (await links().ask(host.id, { kind: 'searchImages', term }, searchMs)) as readonly ImageHit[];
    },
    own(tenant, image) {
      const { repo, tag } = splitImage(image);
      const reference = committedImage(tenant, repo, tag);
      return committedOn(tenant, reference) === null ? null : reference;
    },
    committedOn,
  };
}

const exists = (name: string, reason: string | null = null): TroupeError =>
  new TroupeError(
    'IMAGE_EXISTS',
    `Image "${name}" can't be pulled there: ${reason ?? 'it is being pulled already'}`,
  );
