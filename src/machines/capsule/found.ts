/** On its host, though the store forgot: taken up with its sandbox, and with its members as they are. */
import { and } from 'xstate';
import { became } from './news.ts';
import { capsuleSetup } from './setup.ts';

export const found = capsuleSetup.createStateConfig({
  description: 'It is on its host, though the store forgot. Its members have yet to tell how they are.',
  tags: 'settled',
  meta: { status: 'Unknown' },
  entry: ['takeUp', 'claimSandbox'],
  on: {
    ...became,
    // They ask for what it has asked for itself.
    'sandbox.claim': [{ guard: 'isServed', actions: 'grantMember' }, { actions: 'awaitSandbox' }],
    'sandbox.granted': [
      {
        guard: and(['isFromItsSandbox', 'isSandboxBroken']),
        target: '.counting',
        actions: ['recordSandbox', 'grantMembers'],
      },
      { guard: 'isFromItsSandbox', target: '.counting', actions: ['recordSandbox', 'grantAwaiting'] },
      { actions: 'returnLateSandbox' },
    ],
    'sandbox.refused': { guard: 'isFromItsSandbox', target: '.counting', actions: 'forgetSandbox' },
    'sandbox.broken': { guard: 'isFromItsSandbox', actions: ['recordBreach', 'tellBroken', 'claimSandbox'] },
    'message.undeliverable': { guard: 'isSandboxBounced', target: '.counting', actions: 'forgetSandbox' },
  },
  initial: 'counting',
  states: {
    counting: {
      tags: 'settled',
      always: [
        { guard: 'isMemberUnknown', target: 'awaiting' },
        { guard: 'isSandboxSound', target: '#capsule.initialising' },
        { guard: 'isSandboxHeld', target: 'awaiting' },
        { target: '#capsule.opening' },
      ],
    },
    awaiting: { tags: 'settled' },
  },
});
