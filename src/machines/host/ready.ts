/**
 * Sandboxes made ahead that wait on this host for their containers, by pool.
 * Bounded by one memory budget for all; each is handed out once.
 */
import { poolAddress, sandboxAddress } from '../../model/address.ts';
import type { Emitted } from '../../model/events.ts';

/** `<tenant>/<pool>` → ids, oldest first. */
export type ReadySandboxes = Readonly<Record<string, readonly string[]>>;

export const readyKey = (tenant: string, poolId: string): string => `${tenant}/${poolId}`;

export const countReady = (ready: ReadySandboxes): number =>
  Object.values(ready).reduce((sum, { length }) => sum + length, 0);

/** The oldest of the pool, and what is left; null when there is none. */
export function takeReady(
  ready: ReadySandboxes,
  key: string,
): { readonly sandboxId: string; readonly left: ReadySandboxes } | null {
  const [sandboxId, ...rest] = (Object.hasOwn(ready, key) && ready[key]) || [];
  return sandboxId === undefined ? null : { sandboxId, left: withPool(ready, key, rest) };
}

/** The same when it is there already: an id that were listed twice would be handed out twice. */
export function withReady(ready: ReadySandboxes, key: string, sandboxId: string): ReadySandboxes {
  const all = (Object.hasOwn(ready, key) && ready[key]) || [];
  return all.includes(sandboxId) ? ready : withPool(ready, key, [...all, sandboxId]);
}

export const withoutReady = (ready: ReadySandboxes, key: string, sandboxId: string): ReadySandboxes =>
  withPool(
    ready,
    key,
    ((Object.hasOwn(ready, key) && ready[key]) || []).filter((id) => id !== sandboxId),
  );

/** Keeps the youngest `keep` of a pool. */
export function shrunkTo(
  ready: ReadySandboxes,
  key: string,
  keep: number,
): { readonly gone: readonly string[]; readonly left: ReadySandboxes } {
  const all = (Object.hasOwn(ready, key) && ready[key]) || [];
  const surplus = Math.max(0, all.length - keep);
  return { gone: all.slice(0, surplus), left: withPool(ready, key, all.slice(surplus)) };
}

/** Its pool asks for more than the host has memory for. */
export const bounded = (tenant: string, poolId: string): Extract<Emitted, { type: 'message' }> => ({
  type: 'message',
  to: poolAddress(tenant, poolId),
  event: { type: 'pool.bounded' },
});

/** It is not needed, and goes. */
export const dismissal = (tenant: string, sandboxId: string): Extract<Emitted, { type: 'message' }> => ({
  type: 'message',
  to: sandboxAddress(tenant, sandboxId),
  event: { type: 'sandbox.dismiss' },
});

function withPool(ready: ReadySandboxes, key: string, ids: readonly string[]): ReadySandboxes {
  if (ids.length > 0) return { ...ready, [key]: ids };
  return Object.fromEntries(Object.entries(ready).filter(([each]) => each !== key));
}
