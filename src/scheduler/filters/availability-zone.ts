import { quoted, type Filter } from '../filter.ts';

export const availabilityZone: Filter = {
  name: 'availability zone',
  applies: (request) => request.availabilityZone !== null,
  check: (host, { availabilityZone: asked }) => host.availabilityZone === asked,
  explain: (hosts, { availabilityZone: asked }) =>
    `not in zone "${asked}" but in ${quoted(hosts.map((host) => host.availabilityZone))}; ask for a zone that has hosts`,
};
