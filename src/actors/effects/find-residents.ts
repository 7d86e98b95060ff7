/**
 * What holds a host that is to be removed: what people made there, and images
 * that Glance does not have whole. All else goes with it. Read from the actors,
 * since a host keeps no list of them.
 */
import type { NetworkContext } from '../../machines/network/context.ts';
import { kindOf, parseAddress, type ActorKind, type Address } from '../../model/address.ts';
import type { Environment } from '../../model/environment.ts';
import type { Cell } from '../cell.ts';
import type { Runtime } from '../runtime.ts';
import type { Effect } from './effect.ts';

export const findResidentsEffect =
  (
    environment: Pick<Environment, 'defer'>,
    runtime: () => Runtime,
    nameOf: (address: Address) => string | null,
  ): Effect =>
  ({ address, done }) => {
    const residents = residentsOf(runtime().placedOn(parseAddress(address).id), nameOf);
    environment.defer(() => done({ residents }));
    return () => {};
  };

/** Of what is placed there, in words such as `volume "data" of project p1`. */
export const residentsOf = (
  placed: Iterable<Cell>,
  nameOf: (address: Address) => string | null,
): readonly string[] =>
  [...placed]
    .filter(isHolding)
    .map(({ address }) => {
      const { kind, id, tenant } = parseAddress(address);
      return `${kind} "${nameOf(address) ?? id}" of project ${tenant ?? ''}`;
    })
    .sort();

/** By its kind and the status that its chart gives it. */
const holding: Readonly<Partial<Record<ActorKind, (status: string, context: unknown) => boolean>>> = {
  container: () => true,
  capsule: () => true,
  volume: (status) => status !== 'deleting',
  network: (status, context) => !(context as NetworkContext).isDefault && status !== 'deleting',
  image: (status) => status === 'storing' || status === 'discarding',
};

/** One that was given up can't take note of anything. */
function isHolding({ address, committed, quarantined }: Cell): boolean {
  if (!committed || quarantined) return quarantined !== null;
  const { projection, record } = committed;
  return holding[kindOf(address)]?.(projection.status, record.context) ?? false;
}
