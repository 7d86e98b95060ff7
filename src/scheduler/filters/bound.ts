import type { Filter } from '../filter.ts';

/** Networks, volumes and images of a project's own are of one host: a container goes to where those are that it names. */
export const bound: Filter = {
  name: 'networks and volumes',
  applies: ({ bound: all }) => all.length > 0,
  check: ({ id }, { bound: all }) => all.every(({ hostId }) => hostId === id),
  explain: (_, { bound: all }) => {
    const hosts = new Set(all.map(({ hostId }) => hostId));
    const what = all.map((each) => each.what).join(', ');
    return hosts.size > 1
      ? `${what} are on different hosts; name those of one host`
      : `${what} ${all.length > 1 ? 'are' : 'is'} on another host`;
  },
};
