/** Admission: whether the host takes new containers. A region of its own, so that a cordon outlives a lost link. */
import { and, not, stateIn } from 'xstate';
import { hostSetup } from './setup.ts';

const isOnline = stateIn('#host.link.online');

/** What is there may grow, though nothing new comes. */
const reclaim = [
  { guard: and([isOnline, 'isRoomFor']), actions: 'grantMore' },
  { actions: { type: 'refuseMore', params: { reason: null } } },
] as const;

export const admission = hostSetup.createStateConfig({
  initial: 'open',
  states: {
    open: {
      description: 'It takes new containers.',
      tags: 'settled',
      on: {
        'host.cordon': { target: 'cordoned', actions: 'recordCordon' },
        'host.uncordon': { actions: { type: 'refuse', params: { reason: 'It is open already' } } },
        'host.drain': 'draining',
        'host.maintain': [{ guard: 'isEmpty', target: 'maintenance' }, { actions: 'refuseWhileHeld' }],
        'host.claim': [
          { guard: and([isOnline, 'isClaimable']), actions: 'grant' },
          { actions: { type: 'refuseClaim', params: { reason: null } } },
        ],
        'host.reclaim': reclaim,
      },
    },
    cordoned: {
      description: 'It takes no new containers; those it has go on.',
      tags: 'settled',
      meta: { taskState: 'cordoned' },
      on: {
        'host.cordon': { actions: { type: 'refuse', params: { reason: 'It is cordoned already' } } },
        'host.uncordon': { target: 'open', actions: 'forgetCordon' },
        'host.drain': 'draining',
        'host.maintain': [{ guard: 'isEmpty', target: 'maintenance' }, { actions: 'refuseWhileHeld' }],
        'host.claim': { actions: { type: 'refuseClaim', params: { reason: 'it is cordoned' } } },
        'host.reclaim': reclaim,
      },
    },
    draining: {
      description: 'It takes no new containers, and waits for those it has to leave.',
      tags: 'settled',
      meta: { taskState: 'draining' },
      always: { guard: 'isEmpty', target: 'maintenance' },
      on: {
        'host.cordon': { target: 'cordoned', actions: 'recordCordon' },
        'host.uncordon': { target: 'open', actions: 'forgetCordon' },
        'host.drain': { actions: { type: 'refuse', params: { reason: 'It is being drained already' } } },
        'host.maintain': { actions: 'refuseWhileHeld' },
        'host.claim': { actions: { type: 'refuseClaim', params: { reason: 'it is being drained' } } },
        'host.reclaim': { actions: { type: 'refuseMore', params: { reason: 'it is being drained' } } },
      },
    },
    maintenance: {
      description: 'Nothing is on it, and nothing comes.',
      tags: 'settled',
      meta: { taskState: 'maintenance' },
      // What a recount found to be here after all has still to leave.
      always: { guard: not('isEmpty'), target: 'draining' },
      on: {
        'host.cordon': { target: 'cordoned', actions: 'recordCordon' },
        'host.uncordon': { target: 'open', actions: 'forgetCordon' },
        'host.drain': {
          actions: { type: 'refuse', params: { reason: 'It is in maintenance, and nothing is on it' } },
        },
        'host.maintain': {
          actions: { type: 'refuse', params: { reason: 'It is in maintenance already' } },
        },
        'host.claim': { actions: { type: 'refuseClaim', params: { reason: 'it is in maintenance' } } },
        'host.reclaim': { actions: { type: 'refuseMore', params: { reason: 'it is in maintenance' } } },
      },
    },
    removed: { description: 'It is no host any more.', type: 'final', tags: 'settled' },
  },
});
