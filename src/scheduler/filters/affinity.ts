import type { Filter } from '../filter.ts';

/** With the members of its group; the first goes anywhere. */
export const affinity: Filter = {
  name: 'group affinity',
  applies: ({ terms }) => terms.group?.policy === 'affinity',
  check: ({ groups }, { groupKey, groupStarted }) =>
    !groupStarted || (groupKey !== null && Object.hasOwn(groups, groupKey)),
  explain: (_, { terms }) =>
    `the group "${terms.group?.name}" is elsewhere; make room beside it, or ask for soft-affinity`,
};
