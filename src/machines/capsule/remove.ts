/** Removing: its members first, then what they shared. */
import { capsuleSetup, graceMs } from './setup.ts';

/** Between askings once a member is known not to go. */
const stuckPauseMs = 15_000;

export const removing = capsuleSetup.createStateConfig({
  tags: 'transient',
  meta: { status: 'Deleting' },
  on: {
    'capsule.delete': { actions: { type: 'queue', params: { reason: 'It is being deleted already' } } },
    'member.became': [
      // It was written down only now.
      { guard: 'isWaiting', actions: ['recordMember', 'deleteMember'] },
      { target: '.members', actions: 'recordMember' },
    ],
    'message.undeliverable': { guard: 'isMemberBounced', target: '.members', actions: 'recordAbsence' },
    'sandbox.claim': {
      actions: { type: 'refuseMember', params: { reason: 'Its capsule is being deleted' } },
    },
  },
  initial: 'asking',
  states: {
    asking: { tags: 'transient', entry: 'deleteMembers', always: 'members' },
    members: {
      description: 'Its members are stopped and removed.',
      tags: 'transient',
      always: { guard: 'isEverybodyGone', target: '#capsule.deleted' },
      invoke: {
        id: 'members.deadline',
        src: 'deadline',
        input: ({ context }) => ({
          ms: graceMs + context.deadlines.stopMs + context.deadlines.removeMs,
        }),
        onDone: 'stuck',
        onError: 'stuck',
      },
    },
    stuck: {
      description: 'A member does not go. The quota is given back, the room on the host is not.',
      tags: 'transient',
      entry: ['giveBackReservation', 'explainStuck'],
      invoke: {
        id: 'stuck.pause',
        src: 'deadline',
        input: { ms: stuckPauseMs },
        onDone: 'asking',
        onError: 'asking',
      },
    },
  },
});

export const deleted = capsuleSetup.createStateConfig({
  description: 'Nothing of it is left. Its history is kept for a while.',
  type: 'final',
  tags: 'settled',
  meta: { status: 'Deleted', releases: 'claim' },
  entry: ['releaseSandbox', 'giveBackClaim', 'giveBackReservation'],
});
