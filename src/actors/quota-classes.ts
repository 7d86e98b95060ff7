/**
 * Limits of classes of projects, durable beside the actors. What holds for a
 * project is in its tenant's chart, which is told of each change of `default`.
 */
import type { Amounts } from '../model/container.ts';
import type { Store } from './stores/store.ts';

/** What every project has that has no limits of its own. */
export const siteClass = 'default';

const prefix = 'quota-class/';

export interface QuotaClasses {
  of(name: string): Amounts;
  /** Changes are written one after the other. @throws TroupeError STORE_UNAVAILABLE, STALE_OWNER */
  set(name: string, limits: Partial<Amounts>): Promise<void>;
}

/** @param configured what the site's configuration says, for what nobody set */
export async function createQuotaClasses(
  store: Pick<Store, 'putSetting' | 'settings'>,
  configured: Amounts,
): Promise<QuotaClasses> {
  const classes = new Map(
    Object.entries(await store.settings(prefix)).map(
      ([key, text]) => [key.slice(prefix.length), JSON.parse(text) as Partial<Amounts>] as const,
    ),
  );
  let last: Promise<unknown> = Promise.resolve();
  return {
    of: (name) => ({ ...configured, ...classes.get(name) }),
    set(name, limits) {
      const written = last.then(async () => {
        const next = { ...classes.get(name), ...limits };
        await store.putSetting(`${prefix}${name}`, JSON.stringify(next));
        classes.set(name, next);
      });
      last = written.catch(() => {});
      return written;
    },
  };
}
