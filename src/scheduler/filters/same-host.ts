import { quoted, type Filter } from '../filter.ts';
import type { Reference } from '../request.ts';

const ids = (references: readonly Reference[]): string =>
  quoted(references.map(({ containerId }) => containerId));

export const sameHost: Filter = {
  name: 'same host',
  applies: (request) => request.sameHost.length > 0,
  check: ({ id }, { sameHost: wanted }) => wanted.some(({ hostId }) => hostId === id),
  explain: (_, { sameHost: wanted }) => {
    const placed = wanted.filter(({ hostId }) => hostId !== null);
    if (placed.length > 0)
      return `only the host of ${ids(placed)} will do; make room there, or leave the hint same_host out`;
    const coming = wanted.filter(({ alive }) => alive);
    return coming.length > 0
      ? `${ids(coming)} is on no host yet; it has to be placed first`
      : `${ids(wanted)} is no longer there; leave the hint same_host out`;
  },
  mayPass: (_, { sameHost: wanted }) => wanted.some(({ hostId, alive }) => alive && hostId === null),
};
