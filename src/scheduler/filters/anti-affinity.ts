import { groupConflict } from '../../model/placement.ts';
import { hostnames, type Filter } from '../filter.ts';

/** Apart from the members of its group; also when it is they who want to be. */
export const antiAffinity: Filter = {
  name: 'group anti-affinity',
  applies: ({ terms }) => terms.group !== null,
  check: (host, { groupKey, terms }) =>
    groupKey === null || terms.group === null || !groupConflict(host, groupKey, terms.group.policy),
  explain: (hosts, { terms }) =>
    `${hostnames(hosts)} has a member of the group "${terms.group?.name}", which wants to be apart; add a host, or ask for soft-anti-affinity`,
};
