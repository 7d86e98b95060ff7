import { hostnames, type Filter } from '../filter.ts';

/** Hosts that were asked for this very placement already, and knew better than their views. */
export const refused: Filter = {
  name: 'refused',
  applies: ({ exclude }) => exclude.size > 0,
  check: ({ id }, { exclude }) => !exclude.has(id),
  explain: (hosts) => `${hostnames(hosts)} refused the claim; see what they said, or start it again`,
};
