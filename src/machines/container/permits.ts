/**
 * What may be asked of a container where it is, by Zun's table of actions and
 * states (zun-api 3.4). Services change nothing, so they are declared and no more.
 */

const services = {
  logs: { 'container.logs': {} },
  archive: { 'container.archive': {} },
  process: {
    'container.execute': {},
    'container.attach': {},
    'container.top': {},
    'container.stats': {},
  },
} as const;

/** Its amounts are counted with its capsule's. */
const resize = {
  'container.resize': [
    {
      guard: 'isMember',
      actions: {
        type: 'refuse',
        params: { reason: 'It belongs to a capsule, whose limits stay as they are' },
      },
    },
    { target: '#container.resizing', actions: 'beginResize' },
  ],
} as const;

const rebuild = {
  'container.rebuild': { target: '#container.rebuilding', actions: 'recordRebuild' },
} as const;

/** The image's actor does it; the container goes on. */
const commit = { 'container.commit': { actions: 'askCommit' } } as const;

const ofCapsule = {
  guard: 'isMember',
  actions: { type: 'refuse', params: { reason: 'Its network is its capsule’s; it can’t be changed' } },
} as const;

const rewire = {
  'container.attachNetwork': [
    ofCapsule,
    {
      guard: 'isOnAskedNetwork',
      actions: { type: 'refuse', params: { reason: 'It is attached to that network already' } },
    },
    { guard: 'hasOwnSandbox', target: '#container.rewiring.attaching', actions: 'askAttach' },
    {
      actions: { type: 'refuse', params: { reason: 'Its network is the engine’s own; it can’t be changed' } },
    },
  ],
  'container.addSecurityGroup': [
    {
      guard: 'isInGroup',
      actions: {
        type: 'refuse',
        params: { reason: 'It is in that group already, or has no port of Neutron' },
      },
    },
    { target: '#container.rewiring.grouping', actions: 'askRegroup' },
  ],
  'container.removeSecurityGroup': [
    { guard: 'isInNoGroup', actions: { type: 'refuse', params: { reason: 'It is not in that group' } } },
    { target: '#container.rewiring.ungrouping', actions: 'askRegroup' },
  ],
  'container.detachNetwork': [
    ofCapsule,
    { guard: 'isAttachedTo', target: '#container.rewiring.detaching', actions: 'askDetach' },
    { actions: { type: 'refuse', params: { reason: 'It is not attached to that network' } } },
  ],
} as const;

const remount = {
  'container.attachVolume': [
    {
      guard: 'isMember',
      actions: { type: 'refuse', params: { reason: 'Its volumes are its capsule’s; they can’t be changed' } },
    },
    {
      guard: 'isMountedThere',
      actions: { type: 'refuse', params: { reason: 'It has that volume already, or another at that path' } },
    },
    { target: '#container.remounting', actions: 'addMount' },
  ],
  'container.detachVolume': [
    { guard: 'isHotMount', target: '#container.remounting.unmounting', actions: 'sendOut' },
    {
      actions: {
        type: 'refuse',
        params: { reason: 'It was created with that volume, which goes with it; delete it first' },
      },
    },
  ],
} as const;

export const permits = {
  created: {
    ...services.logs,
    ...services.archive,
    ...resize,
    ...rebuild,
    ...rewire,
    ...remount,
    'container.reboot': { target: '#container.readying', actions: 'wantRunning' },
  },
  running: {
    ...services.logs,
    ...services.archive,
    ...commit,
    ...services.process,
    ...resize,
    ...rebuild,
    ...rewire,
    ...remount,
    'container.reboot': { target: '#container.rebooting', actions: ['wantRunning', 'recordGrace'] },
    'container.pause': { target: '#container.pausing' },
    'container.kill': { target: '#container.signalling' },
  },
  paused: { ...services.logs, ...services.archive, ...commit, ...resize, ...rewire, ...remount },
  stopped: {
    ...services.logs,
    ...services.archive,
    ...commit,
    ...resize,
    ...rebuild,
    ...rewire,
    ...remount,
    'container.reboot': { target: '#container.readying', actions: 'wantRunning' },
  },
  error: {
    ...services.logs,
    // One that never got to a host begins there with what it is now.
    'container.rebuild': [
      { guard: 'isPlaced', target: '#container.rebuilding', actions: 'recordRebuild' },
      { target: '#container.resuming', actions: ['recordRebuild', 'beginRebuild'] },
    ],
    'container.reboot': { target: '#container.resuming' },
  },
  elsewhere: services.logs,
} as const;

/** The end of a run that a signal of the user's led to is no crash. */
export const whenEnded = [
  { guard: 'isKilled', target: '#container.stopped', actions: ['recordObservation', 'explainKill'] },
  { guard: 'isCurrentRun', target: '#container.exited', actions: 'recordObservation' },
] as const;

/** A member comes and goes with its capsule. */
export const deletedWithCapsule = {
  guard: 'isMember',
  actions: { type: 'refuse', params: { reason: 'It belongs to a capsule; delete the capsule' } },
} as const;

/** Asked of what does not run. */
export const whenDeleted = [
  deletedWithCapsule,
  { target: '#container.removing', actions: 'recordGrace' },
] as const;

export const whenLost = { guard: 'isFromOurHost', target: '#container.lost' } as const;

export const whenFound = { guard: 'isFound', target: '#container.found', actions: 'recordFound' } as const;
