/**
 * What hosts keep of the actors that are placed on them, so that a store which
 * lost its tail can be told what it forgot. Sealed whole with the site's key:
 * a host can neither read one nor make one up, and gives back what it was given.
 */
import type { Chart } from '../machines/chart.ts';
import type { HostEffectName } from '../link/protocol.ts';
import type { ContainerContext } from '../machines/container/context.ts';
import { kindOf, type ActorKind, type Address } from '../model/address.ts';
import { migrate } from './migrate.ts';
import type { Sealer } from './documents.ts';
import type { Specs } from './specs.ts';

/** An actor as it was when an operation of it was sent last. */
export interface Keepsake {
  readonly address: Address;
  readonly context: unknown;
  /** The stored document of a container's spec. */
  readonly document: string | null;
}

export interface Keepsakes {
  /**
   * @param context of the actor, as it is once the operation has succeeded
   * @param operation it goes with
   */
  of(address: Address, context: unknown, operation: HostEffectName): string;
  /** Or why it can't be opened: sealed with another key, altered, or of a later release. */
  open(sealed: string): Keepsake | { readonly problem: string };
}

export function createKeepsakes(
  sealer: Sealer,
  charts: Readonly<Record<ActorKind, Chart>>,
  specs: Pick<Specs, 'document'>,
): Keepsakes {
  return {
    of(address, context, operation) {
      const isContainer = kindOf(address) === 'container';
      return sealer.seal(
        JSON.stringify({
          address,
          context: isContainer ? lasting(context as ContainerContext, operation) : context,
          document: isContainer ? (specs.document(address)?.body ?? null) : null,
          chartVersion: charts[kindOf(address)].version,
        }),
      );
    },
    open(sealed) {
      try {
        const { address, context, document, chartVersion } = JSON.parse(sealer.open(sealed)) as Keepsake & {
          readonly chartVersion: number;
        };
        const chart = charts[kindOf(address)];
        const { context: current } = migrate(chart, { value: {}, context, chartVersion });
        return { address, context: current, document };
      } catch (error) {
        return { problem: `what its host keeps of it can't be read here: ${(error as Error).message}` };
      }
    },
  };
}

/** Without what only the moment needs; its host sees for itself how it is. */
const lasting = (context: ContainerContext, operation: HostEffectName): ContainerContext => ({
  ...context,
  // Once the old one is gone, what is made is only made.
  rebuilding: context.rebuilding && operation === 'removeContainer',
  amounts: context.resize?.to ?? context.amounts,
  resize: null,
  observation: null,
  candidates: [],
  refusals: [],
  refusedBy: [],
});
