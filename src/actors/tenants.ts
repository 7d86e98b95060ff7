/** Tenants as the APIs see them, and what is set of them: of one, or by quota class of all that have nothing of their own. */
import { noAmounts } from '../machines/amounts.ts';
import { neighboursOf, tenantLimits, type TenantContext } from '../machines/tenant/context.ts';
import { parseAddress, tenantAddress, type Address } from '../model/address.ts';
import type { Cause } from '../model/journal.ts';
import type { Neighbours } from '../model/placement.ts';
import type { TenantView } from '../model/tenant.ts';
import type { Asks } from './asks.ts';
import { causeOf } from './cause-of.ts';
import type { ControlPlane } from './index.ts';
import { siteClass, type QuotaClasses } from './quota-classes.ts';
import type { Runtime } from './runtime.ts';

export interface TenantsOptions {
  readonly runtime: Runtime;
  readonly asks: Asks;
  readonly quotaClasses: QuotaClasses;
  /** Its actor, begun where it never was. */
  readonly begin: (id: string, cause: Cause) => Promise<Address>;
  /** The site's. */
  readonly neighbours: Neighbours;
}

type Tenants = Pick<
  ControlPlane,
  'tenant' | 'tenants' | 'setLimits' | 'isolate' | 'quotaClass' | 'setQuotaClass'
>;

export function createTenants({ runtime, asks, quotaClasses, begin, neighbours }: TenantsOptions): Tenants {
  const tenant = (id: string): TenantView => {
    const address = tenantAddress(id);
    const context = runtime.cell(address)?.committed?.record.context as TenantContext | undefined;
    return {
      address,
      id,
      limits: context ? tenantLimits(context) : quotaClasses.of(siteClass),
      used: context?.totals ?? noAmounts,
      reserved: Object.keys(context?.reservations ?? {}).length,
      neighbours: context ? neighboursOf(context) : neighbours,
    };
  };

  /** Of what the site's limits are now. One that can't be told now is told at the next start. */
  const tellTenants = async (cause: Cause): Promise<void> => {
    const event = { type: 'tenant.configured', neighbours, limits: quotaClasses.of(siteClass) } as const;
    await Promise.allSettled(
      [...runtime.cellsOf('tenant').values()]
        .filter(({ quarantined }) => quarantined === null)
        .map(({ address }) => runtime.ask(address, event, cause, 'fact')),
    );
  };

  return {
    tenant,
    tenants: () =>
      [...runtime.cellsOf('tenant').keys()]
        .map((address) => tenant(parseAddress(address).id))
        .toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    async setLimits(id, limits, caller) {
      const address = await begin(id, causeOf(caller));
      return asks.command(address, { type: 'tenant.limit', limits }, caller);
    },
    async isolate(id, wanted, caller) {
      const address = await begin(id, causeOf(caller));
      return asks.command(address, { type: 'tenant.isolate', neighbours: wanted }, caller);
    },
    quotaClass: (name) => quotaClasses.of(name),
    setQuotaClass: (name, limits, caller) =>
      asks.withinTime(
        name,
        quotaClasses
          .set(name, limits)
          .then(() => (name === siteClass ? tellTenants(causeOf(caller)) : undefined)),
      ),
  };
}
