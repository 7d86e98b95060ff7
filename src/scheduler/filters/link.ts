import { hostnames, type Filter } from '../filter.ts';

export const link: Filter = {
  name: 'link',
  applies: () => true,
  check: ({ online }) => online,
  explain: (hosts) => `${hostnames(hosts)} not connected; start the agent there`,
  mayPass: ({ expected }) => expected,
};
