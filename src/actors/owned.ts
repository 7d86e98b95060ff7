/** Actors by their ids, be they alive, unreadable, or ended. */
import { TroupeError } from '../errors/errors.ts';
import { addressParts, type Address, type OwnedKind } from '../model/address.ts';
import type { ControlPlane } from './index.ts';
import { canonicalUuid } from './read-model.ts';
import type { Runtime } from './runtime.ts';
import type { Unreadable } from './unreadable.ts';

export function createOwned(
  runtime: Runtime,
  unreadable: () => readonly Unreadable[],
): Pick<ControlPlane, 'ended' | 'owned'> {
  return {
    ended: (kind, tenant, id) => matching(runtime.tombstones.keys(), kind, tenant, id)[0] ?? null,
    owned(kind, tenant, id) {
      const alive = [...runtime.cellsOf(kind).values()].filter(({ committed }) => committed !== null);
      const [found, ...others] = matching(
        [...alive.map(({ address }) => address), ...unreadable().map(({ address }) => address as Address)],
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
