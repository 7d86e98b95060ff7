/**
 * What hosts keep of the actors that are placed on them, so that a store which
 * lost its tail can be told what it forgot. Sealed whole with the site's key:
 * a host can neither read one nor make one up, and gives back what it was given.
 */
import type { Chart } from '../machines/chart.ts';
import type { HostEffectName } from '../link/protocol.ts';
import type { CapsuleContext } from '../machines/capsule/context.ts';
import type { ContainerContext } from '../machines/container/context.ts';
import type { SandboxContext } from '../machines/sandbox/context.ts';
import { capsuleAddress, containerAddress, kindOf, type ActorKind, type Address } from '../model/address.ts';
import { migrate } from './migrate.ts';
import type { Sealer } from './documents.ts';
import type { Specs } from './specs.ts';

/** An actor as it was when an operation of it was sent last. */
export interface Keepsake {
  readonly address: Address;
  readonly context: unknown;
  /** The stored document of a container's spec, or a capsule's. */
  readonly document: string | null;
  /** With a capsule's sandbox, and with each member: the capsule, which has nothing on a host by itself, then its other members. */
  readonly others: readonly Keepsake[];
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

/** As it is sealed; an earlier release knew of no others. */
interface Kept extends Pick<Keepsake, 'address' | 'context' | 'document'> {
  readonly chartVersion: number;
  readonly others?: readonly Kept[];
}

/** @param contextOf the context of another actor, as it was last committed; null where there is none */
export function createKeepsakes(
  sealer: Sealer,
  charts: Readonly<Record<ActorKind, Chart>>,
  specs: Pick<Specs, 'document'>,
  contextOf: (address: Address) => unknown,
): Keepsakes {
  const kept = (address: Address, context: unknown, operation: HostEffectName): Kept => ({
    address,
    context: kindOf(address) === 'container' ? lasting(context as ContainerContext, operation) : context,
    document: specs.document(address)?.body ?? null,
    chartVersion: charts[kindOf(address)].version,
  });
  /** The capsule that a sandbox was made for, or that a container is a member of. */
  const capsuleOf = (address: Address, context: unknown): Address | null => {
    if (kindOf(address) === 'sandbox') {
      const { tenant, isOfCapsule, claimedBy } = context as SandboxContext;
      return isOfCapsule ? capsuleAddress(tenant, claimedBy ?? '') : null;
    }
    if (kindOf(address) !== 'container') return null;
    const { tenant, capsuleId } = context as ContainerContext;
    return capsuleId === null ? null : capsuleAddress(tenant, capsuleId);
  };
  const othersOf = (of: Address, context: unknown, operation: HostEffectName): readonly Kept[] => {
    const address = capsuleOf(of, context);
    const capsule = address && (contextOf(address) as CapsuleContext | null);
    if (!capsule) return [];
    const members = capsule.members.flatMap(({ containerId }) => {
      const member = containerAddress(capsule.tenant, containerId);
      const known = member === of ? null : contextOf(member);
      return known === null ? [] : [kept(member, known, operation)];
    });
    return [kept(address, capsule, operation), ...members];
  };
  const opened = ({ address, context, document, chartVersion, others = [] }: Kept): Keepsake => {
    const chart = charts[kindOf(address)];
    const { context: current } = migrate(chart, { value: {}, context, chartVersion });
    return { address, context: current, document, others: others.map(opened) };
  };

  return {
    of: (address, context, operation) =>
      sealer.seal(
        JSON.stringify({
          ...kept(address, context, operation),
          others: othersOf(address, context, operation),
        }),
      ),
    open(sealed) {
      try {
        return opened(JSON.parse(sealer.open(sealed)) as Kept);
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
