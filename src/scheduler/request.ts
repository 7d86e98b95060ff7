/** What a placement asks for. */
import type { Amounts } from '../model/container.ts';
import { groupKey, type PlacementTerms } from '../model/placement.ts';

/** Emptiest hosts first, or fullest first. */
export type Strategy = 'spread' | 'pack';

/** A container that a hint names, and where it is. */
export interface Reference {
  readonly containerId: string;
  /** Null while it is on no host. */
  readonly hostId: string | null;
  /** It exists, so that it may come onto one. */
  readonly alive: boolean;
}

/** Something that is on one host only. */
export interface Binding {
  /** In words, e.g. `network "web"`. */
  readonly what: string;
  readonly hostId: string;
}

export interface PlacementRequest {
  readonly tenant: string;
  readonly amounts: Amounts;
  readonly image: string;
  readonly runtime: string | null;
  readonly availabilityZone: string | null;
  /** It can't do with the engine's network. */
  readonly needsNetworks: boolean;
  /** Networks and volumes of one host that it names. */
  readonly bound: readonly Binding[];
  /** Hostname or id. */
  readonly requestedHost: string | null;
  /** Labels that the host must have. */
  readonly labels: readonly (readonly [name: string, value: string])[];
  /** On a host of one of these; empty = anywhere. */
  readonly sameHost: readonly Reference[];
  /** On the host of none of these. */
  readonly differentHost: readonly Reference[];
  readonly terms: PlacementTerms;
  /** Hosts that refused the claim already. */
  readonly exclude: ReadonlySet<string>;
  readonly strategy: Strategy;
  /** A whole number of 32 bits; the same seed and the same views give the same answer. */
  readonly seed: number;
  /** Placements ranked of late whose claims these views may not show yet. */
  readonly inFlight: number;
}

/** A request with what is worked out once for all hosts. */
export interface Question extends PlacementRequest {
  /** Of its group; null without one. */
  readonly groupKey: string | null;
  /** A member of its group is on some host already. */
  readonly groupStarted: boolean;
}

export const keyOf = ({ tenant, terms }: PlacementRequest): string | null =>
  terms.group && groupKey(tenant, terms.group.name);
