import { grouped, hostnames, type Filter } from '../filter.ts';

/** Whether the host makes networks of its own, for what can't do with the engine's. */
export const networks: Filter = {
  name: 'networks',
  applies: ({ needsNetworks }) => needsNetworks,
  check: ({ networks: { able } }) => able,
  explain: (hosts) =>
    [...grouped(hosts, (host) => host.networks.problem ?? 'it is not able to')]
      .map(([problem, those]) => `no networks are made on ${hostnames(those)}: ${problem}`)
      .join('; '),
};
