/** Everything at once, what needs a hand first. */
import { useMemo } from 'preact/hooks';
import { hosts, session, tenants } from '../live/session.ts';
import { allItems, worldRevision, type Item } from '../live/world.ts';
import { Capsules } from './bound.tsx';
import { Containers } from './containers.tsx';
import { HostCards, TenantCards } from './figures.tsx';
import { Problems } from './problems.tsx';

export function Overview() {
  const revision = worldRevision.value;
  const items = useMemo<readonly Item[]>(() => [...allItems()], [revision]);
  const isAdmin = session.value?.identity.admin === true;
  return (
    <main id="main" class="overview" tabIndex={-1}>
      <h1 class="unseen">Overview</h1>
      <div class="aside">
        <Problems items={items} />
        {isAdmin && <HostCards hosts={hosts.value} />}
        <TenantCards tenants={tenants.value} />
        <Capsules items={items} />
      </div>
      <Containers items={items} showProject={isAdmin} />
    </main>
  );
}
