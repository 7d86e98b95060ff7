import type { Weigher } from '../weigher.ts';

/** What was asked for outright weighs more than neighbours and load. */
const step = 16;
/** Beyond so many members a host is as bad as another. */
const membersMost = 8;

/** Soft group policies: with the others, or where they are fewest. */
export const group: Weigher = {
  name: 'group',
  applies: ({ terms }) =>
    terms.group?.policy === 'soft-affinity' || terms.group?.policy === 'soft-anti-affinity',
  weigh: ({ groups }, { groupKey, terms }) => {
    const members = groupKey !== null && Object.hasOwn(groups, groupKey) ? groups[groupKey]!.members : 0;
    if (terms.group?.policy === 'soft-affinity') return members > 0 ? 0 : step;
    return Math.min(members, membersMost) * step;
  },
};
