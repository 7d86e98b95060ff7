/** What it hears in many of its states. */

/** None goes but with its capsule, whose end goes on where the store forgot that it had begun. */
export const whenGone = { guard: 'isGone', target: '#capsule.removing', actions: 'recordMember' } as const;

export const became = {
  'member.became': [whenGone, { target: '.counting', actions: 'recordMember' }],
} as const;

/** Before it is known to have been placed. */
export const whenFound = { target: '#capsule.found', actions: 'recordFound' } as const;
