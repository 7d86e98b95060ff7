import { neighbourConflict } from '../../model/placement.ts';
import { grouped, hostnames, type Filter } from '../filter.ts';

/**
 * One tenant only on a host, where a tenant enforces that: it goes to hosts
 * that are empty or its own, and nobody else goes there. Other tenants are
 * counted in words, never named.
 */
export const neighbours: Filter = {
  name: 'neighbours',
  applies: () => true,
  check: (host, { tenant, terms }) => neighbourConflict(host, tenant, terms.neighbours) === null,
  explain: (refused, { tenant, terms }) => {
    const by = grouped(refused, (host) => neighbourConflict(host, tenant, terms.neighbours));
    const theirs = by.get('theirs');
    const ours = by.get('ours');
    const said = [
      ...(theirs ? [`${hostnames(theirs)} kept for the one tenant that is there`] : []),
      ...(ours ? [`other tenants' containers on ${hostnames(ours)}, and yours wants none beside it`] : []),
    ];
    return `${said.join('; ')}; add a host${ours ? ", empty one, or loosen your tenant's neighbours" : ''}`;
  },
};
