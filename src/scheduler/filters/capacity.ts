import type { HostView } from '../../model/host.ts';
import { hasRoom, inWords, isShort, resources, type Room } from '../../model/placement.ts';
import type { Filter } from '../filter.ts';

type Resource = (typeof resources)[number];

const free = ({ allocatable, used }: HostView, resource: Resource): number =>
  Math.max(0, allocatable[resource] - used[resource]);

const isShortOf = (host: HostView, resource: Resource, asked: Room): boolean =>
  isShort(resource, host.allocatable, host.used, asked);

/** CPU, memory and disk, over-committed as the site and the host want it, without what is reserved. */
export const capacity: Filter = {
  name: 'capacity',
  applies: () => true,
  check: ({ allocatable, used }, { amounts }) => hasRoom(allocatable, used, amounts),
  explain: (refused, { amounts }) => {
    const said = resources.flatMap((resource) => {
      const short = refused.filter((host) => isShortOf(host, resource, amounts));
      if (short.length === 0) return [];
      const best = short.reduce((one, other) => (free(other, resource) > free(one, resource) ? other : one));
      return [
        `${inWords(resource, amounts[resource])} asked, the most free is ${inWords(resource, free(best, resource))} on "${best.hostname}"`,
      ];
    });
    return `${said.join('; ')}; ${advice(refused, amounts)}`;
  },
};

/** What the host that comes nearest could take as a whole: dimension by dimension, no host might. */
function advice(refused: readonly HostView[], asked: Room): string {
  const missing = (host: HostView): number =>
    Math.max(
      ...resources.map((each) => (asked[each] > 0 ? (asked[each] - free(host, each)) / asked[each] : 0)),
    );
  const nearest = refused.reduce((one, other) => (missing(other) < missing(one) ? other : one));
  const wanting = resources.filter((resource) => isShortOf(nearest, resource, asked));
  // Nothing free of a resource that can't be asked as nothing leaves only room to be made.
  if (wanting.some((resource) => free(nearest, resource) === 0)) return 'make room';
  return `make room, or ask for ${wanting.map((each) => inWords(each, free(nearest, each))).join(' and ')}`;
}
