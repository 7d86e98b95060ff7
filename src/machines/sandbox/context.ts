import { capsuleAddress, containerAddress, type Address } from '../../model/address.ts';
import type { Failure } from '../../model/failure.ts';
import type { PoolTerms, SandboxInput } from '../../model/network-events.ts';
import type { GroupChange, NetworkRequest, Port } from '../../model/network.ts';

/** Durable before Neutron is asked, so that what comes of it is found again. */
export interface PortIntent {
  /** A UUID of its own, of which its name and its MAC are made. */
  readonly key: string;
  readonly request: NetworkRequest;
}

export interface SandboxContext {
  readonly id: string;
  readonly tenant: string;
  readonly hostId: string;
  readonly hostname: string | null;
  readonly deadlines: SandboxInput['deadlines'];
  /** The pool it counts for; null for one with wishes of its own. */
  readonly pool: PoolTerms | null;
  /** Networks it is to be plugged into, the first with the default route. */
  readonly networks: readonly NetworkRequest[];
  /** Its ports that are reachable at its host. */
  readonly published: SandboxInput['published'];
  /** The same with the host's ports as they are, once it is made; absent while that was never told. */
  readonly bound?: SandboxInput['published'];
  /** Addresses it holds; more only while it is made or attached. */
  readonly ports: readonly Port[];
  /** A port that is being given up, still plugged. */
  readonly leaving: Port | null;
  /** Counts ports ever asked for, so that no two of them share a name. */
  readonly portsAsked: number;
  /** A port of Neutron that may be there, though nobody has said so yet; null when all are known. */
  readonly portIntent: PortIntent | null;
  /** Its ports of Neutron may still be named and marked as those of one made ahead. */
  readonly marksOwed: boolean;
  /** A change of its ports' security groups that is under way. */
  readonly regroup: GroupChange | null;
  /** Its container or capsule, for its whole life: a namespace is never handed on. */
  readonly claimedBy: string | null;
  /** `claimedBy` is a capsule. */
  readonly isOfCapsule: boolean;
  /** The engine's id of what holds the namespace; null where a path does. */
  readonly engineId: string | null;
  /** Failed attempts of the step in progress; sets its back-off. Bounded. */
  readonly tries: number;
  readonly failure: Failure | null;
  readonly reason: string | null;
}

/** Its container, or the capsule whose members live in it. */
export const holderOf = (
  { tenant, isOfCapsule }: Pick<SandboxContext, 'tenant' | 'isOfCapsule'>,
  claimedBy: string,
): Address => (isOfCapsule ? capsuleAddress : containerAddress)(tenant, claimedBy);
