/** Everything on this host that is ours, for the control plane to hold against what it believes. */
import type { RuntimeDriver } from '../drivers/runtime/runtime-driver.ts';
import {
  imagesMost,
  maxFrameBytes,
  type AgentMethods,
  type InventoryItem,
  type InventoryResource,
  type InventoryResult,
  type Recalled,
} from '../link/protocol.ts';
import type { Peer } from '../link/json-rpc.ts';
import type { Environment } from '../model/environment.ts';
import type { Lanes } from './lanes.ts';
import type { Sandboxes } from './sandboxes.ts';
import type { Lane, LaneEntry } from './state.ts';
import { within } from './time-limit.ts';
import type { Volumes } from './volumes.ts';

export interface InventoryOptions {
  readonly environment: Environment;
  readonly driver: RuntimeDriver;
  readonly sandboxes: Sandboxes | null;
  readonly volumes: Volumes | null;
  readonly lanes: Lanes;
  readonly epoch: () => number;
}

export interface Inventory {
  /** @throws TroupeError ENGINE_UNAVAILABLE */
  take(signal: AbortSignal): Promise<readonly InventoryItem[]>;
  /** Sandboxes, networks and volumes of this host. @throws TroupeError ENGINE_UNAVAILABLE */
  resources(signal: AbortSignal): Promise<readonly InventoryResource[]>;
  /** What is kept of these subjects: of the first of them, as many as fit into a frame, and nothing of others. */
  recall(ids: readonly string[]): readonly Recalled[];
  /** Images on this host, as many as anyone needs to know. @throws TroupeError ENGINE_UNAVAILABLE */
  images(signal: AbortSignal): Promise<readonly string[]>;
  /** Tells all of it over `peer`, and removes what must not be before it resolves. @param engineUp false tells that nothing is known */
  send(peer: Peer<AgentMethods>, engineUp: boolean, signal: AbortSignal): Promise<void>;
}

const engineMs = 15_000;
const answerMs = 60_000;
/** Of one frame of items; the rest is for names and images. */
const pageBytes = maxFrameBytes / 8;
/** Before a removal that failed is tried again. */
const firstRetryMs = 1_000;
const longestRetryMs = 60_000;

type Removal = InventoryResult['remove'][number];

export function createInventory({
  environment,
  driver,
  sandboxes,
  volumes,
  lanes,
  epoch,
}: InventoryOptions): Inventory {
  /** By container and generation: the last order of its lane when the verdict came. */
  const purging = new Map<string, string | null>();

  /** What was removed is not to come back; a removal that has yet to succeed is kept with the rest, to go on. */
  const keptOf = (id: string): Recalled | null => {
    const { keepsake, slots: last, desired = null } = lanes.lane(id) ?? {};
    if (keepsake === undefined || isRemoved(last?.runtime)) return null;
    return { id, keepsake, desired };
  };
  const isKept = (id: string): boolean => keptOf(id) !== null;

  const take = async (signal: AbortSignal): Promise<readonly InventoryItem[]> => {
    const before = lanes.all();
    const [listed, others] = await Promise.all([
      within(environment, engineMs, driver.list(signal)),
      resources(signal),
    ]);
    const present = [
      ...listed.map(({ observation }) => observation.containerId),
      ...others.map(({ id }) => id),
    ];
    lanes.sweep(before, new Set(present));
    return listed.map(({ observation, opId, worldId, epoch: madeIn, sandboxId }) => {
      const last = newest(lanes.lane(observation.containerId));
      return {
        observation,
        worldId,
        lastOpId: last?.opId ?? opId,
        lastRevision: last?.revision ?? 0,
        epoch: madeIn,
        sandboxId,
        kept: isKept(observation.containerId),
      };
    });
  };

  const resources = async (signal: AbortSignal): Promise<readonly InventoryResource[]> => {
    const [plugged, kept] = await Promise.all([
      sandboxes ? within(environment, engineMs, sandboxes.list(signal)) : [],
      volumes ? within(environment, engineMs, volumes.list(signal)) : [],
    ]);
    return [...plugged, ...kept].map((each) => ({ ...each, kept: isKept(each.id) }));
  };

  const images = async (signal: AbortSignal): Promise<readonly string[]> =>
    (await within(environment, engineMs, driver.images(signal))).slice(0, imagesMost);

  /** Resolves after the first attempt; one that failed goes on behind it, and so does what waits in its lane. */
  const purge = async (verdict: Removal, signal: AbortSignal): Promise<void> => {
    const { subject, containerId, tenant, generation } = verdict;
    const key = `${containerId}/${generation}`;
    const lastOrder = (): string | null => newest(lanes.lane(containerId))?.opId ?? null;
    const isUnderway = purging.has(key);
    purging.set(key, lastOrder());
    if (isUnderway) return;
    environment.log.warn({ container_id: containerId, generation }, 'removing a container that must not be');
    await lanes.letGo(containerId, generation);
    const attempt = async (retryMs: number): Promise<void> => {
      // A newer order for this container overrules the verdict.
      if (lastOrder() !== purging.get(key)) return void purging.delete(key);
      try {
        await lanes.purge(subject, containerId, tenant, generation, epoch());
        purging.delete(key);
      } catch (error) {
        if (signal.aborted) return;
        environment.log.error(
          { container_id: containerId, generation, err: error },
          'a container that must not be is still there; its removal is tried again',
        );
        environment.schedule(retryMs, () => void attempt(Math.min(retryMs * 2, longestRetryMs)));
      }
    };
    await attempt(firstRetryMs);
  };

  return {
    take,
    resources,
    recall(ids) {
      return pagesOf(ids.flatMap((id) => keptOf(id) ?? []))[0]!;
    },
    images,
    async send(peer, engineUp, signal) {
      const pages = pagesOf(engineUp ? await take(signal) : []);
      const here = engineUp ? await images(signal) : [];
      const others = engineUp ? await resources(signal) : [];
      for (const [index, items] of pages.entries()) {
        const complete = index === pages.length - 1;
        const { remove } = await peer.call(
          'inventory',
          {
            items,
            resources: complete ? others : [],
            images: complete ? here : [],
            engineUp,
            complete,
          },
          answerMs,
        );
        await Promise.all(remove.map((verdict) => purge(verdict, signal)));
      }
    },
  };
}

/** At least one, the last of which is complete. */
function pagesOf<T>(items: readonly T[]): T[][] {
  const pages: T[][] = [[]];
  let size = 0;
  for (const item of items) {
    const length = JSON.stringify(item).length;
    if (size + length > pageBytes && size > 0) {
      pages.push([]);
      size = 0;
    }
    pages.at(-1)!.push(item);
    size += length;
  }
  return pages;
}

const isRemoved = (last: LaneEntry | undefined): boolean =>
  last?.kind === 'removeContainer' && (last.outcome?.ok ?? false);

/** The last operation taken for the container. */
function newest(lane: Lane | null): LaneEntry | null {
  let last: LaneEntry | null = null;
  for (const entry of Object.values(lane?.slots ?? {})) {
    if (!last || entry.epoch > last.epoch || (entry.epoch === last.epoch && entry.revision > last.revision))
      last = entry;
  }
  return last;
}
