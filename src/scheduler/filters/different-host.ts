import { hostnames, quoted, type Filter } from '../filter.ts';

export const differentHost: Filter = {
  name: 'different host',
  applies: (request) => request.differentHost.length > 0,
  check: ({ id }, { differentHost: shunned }) => !shunned.some(({ hostId }) => hostId === id),
  explain: (hosts, { differentHost: shunned }) => {
    const there = shunned.filter(({ hostId }) => hosts.some(({ id }) => id === hostId));
    return `${hostnames(hosts)} has ${quoted(there.map(({ containerId }) => containerId))}; add a host, or leave the hint different_host out`;
  },
};
