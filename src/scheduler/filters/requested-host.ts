import type { Filter } from '../filter.ts';

export const requestedHost: Filter = {
  name: 'requested host',
  applies: (request) => request.requestedHost !== null,
  check: ({ id, hostname }, { requestedHost: asked }) => asked === id || asked === hostname,
  explain: (_, { requestedHost: asked }) =>
    `only host "${asked}" was asked for; leave the host out to allow others`,
};
