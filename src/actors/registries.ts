/**
 * Registries of projects, and what their credentials are shown for.
 *
 * G1. A credential goes to the registry of its domain, host and port, and to
 *     no other: whoever names it with an image of elsewhere is refused.
 * G2. A project uses its own only.
 * G3. An image of a registry that any project logs in at is asked for there
 *     each time, so that nobody gets from a host's cache what the registry
 *     would not give.
 */
import { TroupeError } from '../errors/errors.ts';
import type { RegistryContext } from '../machines/registry.machine.ts';
import { registryAddress, type Address } from '../model/address.ts';
import type { Caller, CommandAnswer } from '../model/caller.ts';
import type { Environment } from '../model/environment.ts';
import type { ImageName } from '../model/image-view.ts';
import { isCommitted, isStored, registryOf } from '../model/image.ts';
import type { RegistryCredential, RegistryView, RegistryWish } from '../model/registry.ts';
import type { RegistryChanges } from '../model/registry-events.ts';
import { causeOf } from './cause-of.ts';
import type { Cell } from './cell.ts';
import type { Images } from './images.ts';
import { canonicalUuid } from './read-model.ts';
import type { RegistrySecret, RegistrySecrets } from './registry-secrets.ts';
import type { Runtime } from './runtime.ts';
import type { Revision, TurnEvent } from './turn.ts';

/** `tenant` null = all of them. */
export interface Registries {
  list(tenant: string | null): readonly RegistryView[];
  /** By UUID, else by name. @throws TroupeError REGISTRY_NOT_FOUND, NAME_AMBIGUOUS */
  find(tenant: string | null, idOrName: string): RegistryView;
  create(tenant: string, wish: RegistryWish, caller: Caller): Promise<RegistryView>;
  update(registry: RegistryView, changes: Partial<RegistryWish>, caller: Caller): Promise<RegistryView>;
  remove(registry: RegistryView, caller: Caller): Promise<void>;
  /**
   * @param registry UUID or name of one of the project's, whose credentials are to be used; null = none
   * @throws TroupeError INVALID_VALUE for an image that can't be named so, or is of another registry; REGISTRY_NOT_FOUND
   */
  nameImage(tenant: string, image: string, registry: string | null): ImageName;
}

export interface RegistriesOptions {
  readonly environment: Environment;
  readonly runtime: () => Runtime;
  readonly secrets: RegistrySecrets;
  readonly images: Pick<Images, 'own'>;
  readonly ask: (
    address: Address,
    event: TurnEvent,
    caller: Caller,
    revise?: Revision,
  ) => Promise<CommandAnswer>;
}

export interface RegistryDesk extends Registries {
  /** What is shown to the registry of `image`; null when it asks for no login. @throws TroupeError REGISTRY_NOT_FOUND, FORBIDDEN */
  credential(tenant: string, registryId: string, image: string): RegistryCredential | null;
}

export function createRegistries({
  environment,
  runtime,
  secrets,
  images,
  ask,
}: RegistriesOptions): RegistryDesk {
  const cells = (tenant: string | null): readonly Cell[] =>
    [...runtime().cellsOf('registry').values()].filter(
      ({ committed }) =>
        committed !== null &&
        committed.record.endedAt === null &&
        (tenant === null || (committed.record.context as RegistryContext).tenant === tenant),
    );

  const view = ({ address, committed }: Cell): RegistryView => ({
    ...(committed!.record.context as RegistryContext),
    address,
    createdAt: committed!.record.createdAt,
  });

  const list = (tenant: string | null): readonly RegistryView[] =>
    cells(tenant)
      .map(view)
      .toSorted((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));

  const find = (tenant: string | null, idOrName: string): RegistryView => {
    const all = list(tenant);
    const uuid = canonicalUuid(idOrName);
    const found = all.find(({ id }) => id === uuid);
    if (found) return found;
    const [first, ...others] = all.filter(({ name }) => name === idOrName);
    if (others.length > 0)
      throw new TroupeError('NAME_AMBIGUOUS', `Several registries are called "${idOrName}"; use the uuid`);
    if (!first) throw new TroupeError('REGISTRY_NOT_FOUND', `Registry ${idOrName} could not be found.`);
    return first;
  };

  const isGuarded = (domain: string | null): boolean =>
    domain !== null && list(null).some((each) => each.domain === domain && each.username !== null);

  return {
    list,
    find,
    async create(tenant, { password, ...asked }, caller) {
      const id = environment.id();
      const address = registryAddress(tenant, id);
      const input = { ...asked, id, tenant, userId: caller.userId, hasPassword: password !== null };
      const body = secrets.put(address, 1, { password }, '');
      await runtime().begin(address, input, causeOf(caller), { generation: 1, body });
      return view(runtime().cell(address)!);
    },
    async update({ address }, { password, ...asked }, caller) {
      const changes: RegistryChanges = {
        ...asked,
        ...(password === undefined ? {} : { hasPassword: password !== null }),
      };
      const revise =
        password === undefined
          ? undefined
          : (secret: RegistrySecret): RegistrySecret => ({ ...secret, password });
      await ask(address, { type: 'registry.update', changes }, caller, revise);
      return view(runtime().cell(address)!);
    },
    async remove({ address }, caller) {
      await ask(address, { type: 'registry.delete' }, caller);
    },
    nameImage(tenant, image, idOrName) {
      if (/^sha256:/i.test(image) || isCommitted(image) || isStored(image))
        throw new TroupeError('INVALID_VALUE', `Image "${image}" must be named by its repository and tag`);
      if (idOrName === null) {
        const own = images.own(tenant, image);
        if (own !== null) return { image, imageReference: own, registryId: null, isGuarded: false };
        return { image, imageReference: null, registryId: null, isGuarded: isGuarded(registryOf(image)) };
      }
      const { id, domain } = find(tenant, idOrName);
      const named = registryOf(image);
      if (named !== null && named !== domain)
        throw new TroupeError(
          'INVALID_VALUE',
          `Image "${image}" is of the registry "${named}", and the registry "${idOrName}" is "${domain}": its login is shown nowhere else`,
        );
      const imageReference = named === null ? `${domain}/${image}` : null;
      return { image, imageReference, registryId: id, isGuarded: isGuarded(domain) };
    },
    credential(tenant, registryId, image) {
      const cell = runtime().cell(registryAddress(tenant, registryId));
      if (!cell?.committed || cell.committed.record.endedAt !== null)
        throw new TroupeError(
          'REGISTRY_NOT_FOUND',
          `Image "${image}" can't be pulled: the registry "${registryId}", with whose login it was asked for, has been deleted`,
        );
      const { domain, username } = cell.committed.record.context as RegistryContext;
      if (registryOf(image) !== domain)
        throw new TroupeError(
          'FORBIDDEN',
          `Image "${image}" can't be pulled with the login of "${domain}": it is of another registry`,
        );
      if (username === null) return null;
      return { domain, username, password: secrets.get(cell.address).password ?? '' };
    },
  };
}
