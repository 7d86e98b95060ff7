/**
 * What is left in Glance of images is removed: layers that no image of their project names any more, and what was
 * begun and no actor works on. Looked for from time to time.
 *
 * L1. A project's layers are left alone while a commit of it is under way: that may count on any of them, and names
 *     them last. Whether some are there is asked in turn with their removal.
 * L2. Nothing younger than the time between two looks is removed.
 * L3. Only the owner of the store removes: another knows nothing of the commits that are under way. What is to go is
 *     durable before it goes.
 */
import { toFailure } from '../errors/errors.ts';
import type { AuditEntry } from '../model/audit-entry.ts';
import type { Environment } from '../model/environment.ts';
import { oneAtATime, type OneAtATime } from '../model/one-at-a-time.ts';
import { imagesUnderway } from './image-audit.ts';
import type { ImageStore } from './image-store.ts';
import type { Runtime } from './runtime.ts';
import type { Store } from './stores/store.ts';

export interface LeftImagesOptions {
  readonly environment: Environment;
  readonly runtime: () => Runtime;
  readonly store: ImageStore;
  readonly settings: Pick<Store, 'putSetting'>;
  /** Between two looks. */
  readonly everyMs: number;
}

export interface LeftImages {
  /** As the store given, for whoever makes layers (L1). */
  readonly store: ImageStore;
  start(): void;
  stop(): void;
  /** What could not be removed at the last look. */
  audit(): readonly AuditEntry[];
}

/** Of what is being removed, as {@link Store.putSetting} has it. */
const intentKey = 'left-images';

export function createLeftImages({
  environment,
  runtime,
  store,
  settings,
  everyMs,
}: LeftImagesOptions): LeftImages {
  /** By project. */
  const inTurn: OneAtATime = oneAtATime();
  let isStopped = false;
  let cancel = (): void => {};
  let problems: readonly AuditEntry[] = [];

  const isOld = ({ createdAt }: { readonly createdAt: number }): boolean =>
    createdAt <= environment.now() - everyMs;

  /** @returns what could not be removed */
  const remove = async (
    things: readonly { readonly id: string; readonly name: string }[],
  ): Promise<readonly AuditEntry[]> => {
    const failed: AuditEntry[] = [];
    if (things.length === 0) return failed;
    await settings.putSetting(intentKey, JSON.stringify(things.map(({ id }) => id)));
    for (const { id, name } of things)
      try {
        await store.remove(id);
        environment.log.info({ image: id, name }, 'what was left in Glance is removed');
      } catch (error) {
        const detail = `"${name}" (${id}) is left in Glance and could not be removed: ${toFailure(error).message}`;
        failed.push({ problem: 'left-image', address: null, hostId: null, detail });
      }
    await settings.putSetting(intentKey, null);
    return failed;
  };

  const look = async (): Promise<readonly AuditEntry[]> => {
    const begun = (await store.unfinished()).filter(isOld);
    const unfinished = begun.filter(({ imageId }) => !imagesUnderway(runtime()).has(imageId));
    const failed = [...(await remove(unfinished))];
    const tenants = new Set((await store.leftLayers(null)).filter(isOld).map(({ tenant }) => tenant));
    for (const tenant of tenants)
      failed.push(
        ...(await inTurn(tenant, async () => {
          if ([...imagesUnderway(runtime()).values()].includes(tenant)) return [];
          return remove((await store.leftLayers(tenant)).filter(isOld));
        })),
      );
    return failed;
  };

  const again = (): void => {
    if (isStopped) return;
    cancel = environment.schedule(everyMs, () => {
      look()
        .then(
          (failed) => (problems = failed),
          (error: unknown) =>
            environment.log.warn({ err: error }, 'what is left in Glance could not be looked for'),
        )
        .finally(again);
    });
  };

  return {
    store: {
      ...store,
      absentLayers: (tenant, layers) => inTurn(tenant, () => store.absentLayers(tenant, layers)),
    },
    start: again,
    stop() {
      isStopped = true;
      cancel();
    },
    audit: () => problems,
  };
}
