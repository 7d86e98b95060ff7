import type { AddressPool } from '../../model/address-pool.ts';
import type { Failure } from '../../model/failure.ts';
import type { NetworkInput } from '../../model/network-events.ts';
import type { NetworkDefinition } from '../../model/network.ts';

/** An address that is asked for while the network is being made. */
export interface PendingPort {
  readonly portId: string;
  readonly sandboxId: string;
  readonly fixedAddress: string | null;
}

export interface NetworkContext extends NetworkInput {
  /** As its host made it; null before. It stays when the bridge goes. */
  readonly definition: NetworkDefinition | null;
  /** Which addresses are given away: bits, never a list of who has them. */
  readonly addresses: AddressPool | null;
  readonly ports: number;
  /** Bounded, and answered once it is made. */
  readonly pending: readonly PendingPort[];
  readonly tries: number;
  readonly failure: Failure | null;
  readonly reason: string | null;
}
