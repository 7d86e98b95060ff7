/** Its members: written down, init containers one after the other, then the others side by side. */
import { became, whenFound, whenGone } from './news.ts';
import { capsuleSetup } from './setup.ts';

/** For an admission to write down what it has promised. */
const gatheringMs = 60_000;

export const gathering = capsuleSetup.createStateConfig({
  description: 'Its members are being written down.',
  tags: 'transient',
  meta: { status: 'Creating' },
  invoke: {
    id: 'gathering.deadline',
    src: 'deadline',
    input: { ms: gatheringMs },
    // Whoever asked for it has been told that it was not taken.
    onDone: {
      target: '#capsule.removing',
      actions: { type: 'say', params: { reason: 'It was not taken in full, so it is not taken at all' } },
    },
    onError: '#capsule.removing',
  },
  on: { ...became, 'capsule.found': whenFound },
  initial: 'counting',
  states: {
    counting: {
      tags: 'transient',
      always: [
        { guard: 'isOnHost', target: '#capsule.found' },
        { guard: 'isMemberUnknown', target: 'awaiting' },
        { target: '#capsule.placing' },
      ],
    },
    awaiting: { tags: 'transient' },
  },
});

export const initialising = capsuleSetup.createStateConfig({
  description: 'Its init containers run to their ends, one after the other.',
  // However long these run: that is theirs to say.
  tags: 'settled',
  meta: { status: 'Creating' },
  on: became,
  initial: 'counting',
  states: {
    counting: {
      tags: 'settled',
      always: [
        { guard: 'hasInitFailed', target: '#capsule.failed', actions: 'explainInit' },
        { guard: 'isInitUnheard', target: 'unheard' },
        { guard: 'isInitUnderWay', target: 'awaiting' },
        { guard: 'isInitLeft', target: 'counting', reenter: true, actions: 'callNext' },
        { target: '#capsule.active' },
      ],
    },
    awaiting: { description: 'An init container is on its way, or runs.', tags: 'settled' },
    unheard: {
      description: 'Its host is not heard. Whether the init container runs is not known.',
      tags: 'settled',
      meta: { status: 'Unknown' },
    },
  },
});

export const active = capsuleSetup.createStateConfig({
  tags: ['settled', 'active'],
  entry: 'beginStep',
  on: became,
  initial: 'counting',
  states: {
    counting: {
      tags: 'settled',
      always: [
        { guard: 'isMemberLeft', target: 'counting', reenter: true, actions: 'callMembers' },
        { guard: 'hasMemberFailed', target: 'ailing' },
        { guard: 'isMemberUnheard', target: 'unheard' },
        { guard: 'isMemberToCome', target: 'starting' },
        { guard: 'isNoneAlive', target: 'ended' },
        { guard: 'areAllRunning', target: 'up' },
        { target: 'partly' },
      ],
    },
    starting: {
      description: 'Its members are being created and started.',
      tags: 'settled',
      meta: { status: 'Creating' },
    },
    up: { description: 'All its members run.', tags: 'settled', meta: { status: 'Running' } },
    partly: {
      description: 'Some of its members run; others have ended, or are between two runs.',
      tags: 'settled',
      meta: { status: 'Running' },
    },
    ended: {
      description: 'None of its members runs any more.',
      tags: 'settled',
      meta: { status: 'Stopped' },
    },
    ailing: {
      description: 'A member failed and stays as it is until somebody acts.',
      tags: 'settled',
      meta: { status: 'Error' },
    },
    unheard: {
      description: 'Its host is not heard. Whether its members run is not known.',
      tags: 'settled',
      meta: { status: 'Unknown' },
    },
  },
});

export const failed = capsuleSetup.createStateConfig({
  description: 'It could not be brought up. It stays as it is until it is deleted.',
  tags: 'settled',
  meta: { status: 'Error' },
  entry: 'failWaiting',
  on: {
    'member.became': [
      whenGone,
      { guard: 'isWaiting', actions: ['recordMember', 'failMember'] },
      { actions: 'recordMember' },
    ],
  },
});
