import { hostnames, type Filter } from '../filter.ts';

export const engine: Filter = {
  name: 'engine',
  applies: () => true,
  check: ({ engineUp }) => engineUp,
  explain: (hosts) => `the container engine does not answer on ${hostnames(hosts)}; start it there`,
  mayPass: () => true,
};
