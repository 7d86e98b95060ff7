/** Names of what the Redis store keeps. Braces hold the Cluster's hash tag. @see redis-scripts.ts for what hangs below a shard */
import { shardOf, type Address, type Shard } from '../../model/address.ts';

/** Record, journal, outbox, inbox, documents of one actor. */
export const actorParts = ['a', 'j', 'o', 'i', 'd'] as const;

export interface RedisKeys {
  readonly prefix: string;
  /** Hash: world id, epoch, and the mark of a copy that is not finished. */
  readonly world: string;
  /** Hash: settings by name. */
  readonly settings: string;
  /** Sorted set of their names, so that those that begin alike are found without looking at all. */
  readonly settingNames: string;
  /** Set of all shards with actors. */
  readonly shards: string;
  readonly base: (shard: Shard) => string;
  readonly of: (address: Address, part: (typeof actorParts)[number]) => string;
}

export function redisKeys(prefix: string): RedisKeys {
  const base = (shard: Shard): string => `${prefix}{${shard}}`;
  return {
    prefix,
    world: `${prefix}{world}`,
    settings: `${prefix}{world}:settings`,
    settingNames: `${prefix}{world}:settings:names`,
    shards: `${prefix}{world}:shards`,
    base,
    of: (address, part) => `${base(shardOf(address))}:${part}:${address}`,
  };
}
