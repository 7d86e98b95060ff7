/**
 * What `nets` came to a moment ago holds again where sandboxes wait on just that, so that a start into one of them waits for
 * no Neutron: nobody can delete or take back there what their ports stand on. It is asked again behind the answer.
 */
import { LRUCache } from 'lru-cache';
import { TroupeError } from '../../errors/errors.ts';
import type { Environment } from '../../model/environment.ts';
import { isLikeOthers, networksKey, type NetworkRequest } from '../../model/network.ts';
import type { NeutronDesk } from './neutron-desk.ts';

export interface KnownNetworksOptions {
  readonly environment: Pick<Environment, 'monotonic'>;
  readonly requests: NeutronDesk['requests'];
  /** Sandboxes wait for this project on these networks. @param networks as `networksKey` */
  readonly isMadeAhead: (tenant: string, networks: string) => boolean;
}

interface Known {
  readonly askedAt: number;
  readonly requests: readonly NetworkRequest[];
}

const knownMost = 10_000;
/** Since it was asked last. */
const knownMs = 300_000;
/** It is not asked again behind an answer before. */
const recentMs = 5_000;

/** As `NeutronDesk.requests`. */
export function createKnownNetworks({
  environment,
  requests,
  isMadeAhead,
}: KnownNetworksOptions): NeutronDesk['requests'] {
  const known = new LRUCache<string, Known>({ max: knownMost });
  const underway = new Map<string, Promise<readonly NetworkRequest[]>>();

  const ask = async (
    key: string,
    ...question: Parameters<NeutronDesk['requests']>
  ): Promise<readonly NetworkRequest[]> => {
    const askedAt = environment.monotonic();
    try {
      const found = await requests(...question);
      // An address or a port of one's own is looked at each time.
      if (found.every(isLikeOthers)) known.set(key, { askedAt, requests: found });
      return found;
    } catch (error) {
      // What Neutron could not say is no other answer.
      if (!(error instanceof TroupeError && error.code === 'CLOUD_UNAVAILABLE')) known.delete(key);
      throw error;
    }
  };

  /** Behind an answer that was given. */
  const askAgain = (key: string, ...question: Parameters<NeutronDesk['requests']>): void => {
    if (underway.has(key)) return;
    const asked = ask(key, ...question);
    underway.set(key, asked);
    const end = (): void => void underway.delete(key);
    asked.then(end, end);
  };

  return async (asking, wishes, names) => {
    const { tenant, may, everywhere } = asking;
    const key = JSON.stringify([
      tenant,
      may('network:attach_external_network'),
      everywhere ?? false,
      wishes,
      names,
    ]);
    const before = known.get(key);
    const age = before ? environment.monotonic() - before.askedAt : Infinity;
    if (!before || age > knownMs || !isMadeAhead(tenant, networksKey(before.requests)))
      return ask(key, asking, wishes, names);
    if (age > recentMs) askAgain(key, asking, wishes, names);
    return before.requests;
  };
}
