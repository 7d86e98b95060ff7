/** Before it is known to be made: its host knows better what it has. */
export const restored = {
  'sandbox.found': { guard: 'isFoundOtherwise', target: '#sandbox.allocating', actions: 'recordFound' },
  'sandbox.displaced': { guard: 'isItsAddress', target: '#sandbox.allocating', actions: 'dropAddress' },
} as const;
