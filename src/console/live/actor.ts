/** One actor as its page follows it: where it is, what would move it, how it got there. */
import { useEffect, useState } from 'preact/hooks';
import type { JournalRecord } from '../../model/journal.ts';
import type { OfferedLifecycle } from '../../model/lifecycle.ts';
import { ApiError, readHistory } from './api.ts';
import { call, session } from './session.ts';
import { itemOf, keyOf, onChange, type Item } from './world.ts';

export interface Actor {
  /** Null before it was told, and once the actor has ended. */
  readonly lifecycle: OfferedLifecycle | null;
  /** As the watch has it, which is sooner than the lifecycle. */
  readonly item: Item | null;
  readonly history: readonly JournalRecord[];
  readonly isLoaded: boolean;
  /** In words; what was told before stays. */
  readonly problem: string | null;
}

/** Where the API says it otherwise than with an s. */
const plurals: Readonly<Record<string, string>> = { sandbox: 'sandboxes', registry: 'registries' };

const nothing: Actor = { lifecycle: null, item: null, history: [], isLoaded: false, problem: null };

/** Where the API keeps an actor of a kind. */
export const pathOfActor = (kind: string, id: string): string =>
  `/v1/${plurals[kind] ?? `${kind}s`}/${encodeURIComponent(id)}`;

/** Kind and id as pages go by them, of an address. */
export function partsOf(address: string): { readonly kind: string; readonly id: string } {
  const [kind = '', ...rest] = address.split('/');
  return { kind, id: kind === 'pool' ? rest.join('/') : (rest.at(-1) ?? '') };
}

export function useActor(kind: string, id: string): Actor {
  const [actor, setActor] = useState<Actor>(nothing);
  useEffect(() => {
    const path = pathOfActor(kind, id);
    const token = session.value?.token ?? '';
    let isOver = false;
    let isReading = false;
    let isStale = false;
    let history: readonly JournalRecord[] = [];

    const read = async (): Promise<void> => {
      const lifecycle = await call<OfferedLifecycle>('GET', `${path}/lifecycle`).catch((error: unknown) => {
        if (error instanceof ApiError && error.status === 404) return null;
        throw error;
      });
      const more = await readHistory(token, path, history.at(-1)?.revision ?? 0).catch((error: unknown) => {
        // Neither here nor remembered, or not ours to see.
        if (lifecycle === null && error instanceof ApiError && error.status === 404) return [];
        throw error;
      });
      if (more.length > 0) history = [...history, ...more];
      if (!isOver)
        setActor({ lifecycle, item: itemOf(kind, id) ?? null, history, isLoaded: true, problem: null });
    };
    /** One reading at a time; what changed meanwhile is read after it. */
    const refresh = async (): Promise<void> => {
      isStale = true;
      if (isReading) return;
      isReading = true;
      while (isStale && !isOver) {
        isStale = false;
        await read().catch((error: unknown) => {
          if (!isOver)
            setActor((before) => ({ ...before, isLoaded: true, problem: (error as Error).message }));
        });
      }
      isReading = false;
    };
    const stop = onChange((key) => {
      if (key !== null && key !== keyOf(kind, id)) return;
      setActor((before) => ({ ...before, item: itemOf(kind, id) ?? null }));
      void refresh();
    });
    void refresh();
    return () => {
      isOver = true;
      stop();
    };
  }, [kind, id]);
  return actor;
}
