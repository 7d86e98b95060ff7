import type { Weigher } from '../weigher.ts';

/** More than any load weighs: hosts that are the tenant's alone, then empty ones, then those with others on them. */
const step = 4;

/** A tenant that wants no neighbours fills its own hosts before it takes another from everybody. */
export const neighbours: Weigher = {
  name: 'neighbours',
  applies: ({ terms }) => terms.neighbours !== 'off',
  weigh: ({ tenants, tenantCount }, { tenant }) => {
    if (tenantCount === 0) return step;
    return tenantCount === 1 && Object.hasOwn(tenants, tenant) ? 0 : 2 * step;
  },
};
