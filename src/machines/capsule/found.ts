/** On its host, though the store forgot: taken up with its sandbox, and with its members as they are. */
import { becameOrGone } from './news.ts';
import { capsuleSetup } from './setup.ts';

export const found = capsuleSetup.createStateConfig({
  description: 'It is on its host, though the store forgot. Its members have yet to tell how they are.',
  tags: 'settled',
  meta: { status: 'Unknown' },
  entry: 'takeUp',
  on: {
    ...becameOrGone,
    // They ask for what it has asked for itself.
    'sandbox.claim': [{ guard: 'isServed', actions: 'grantMember' }, { actions: 'awaitSandbox' }],
    'sandbox.granted': [
      { guard: 'isFromItsSandbox', target: '.counting', actions: ['recordSandbox', 'grantAwaiting'] },
      { actions: 'returnLateSandbox' },
    ],
    'sandbox.refused': { guard: 'isFromItsSandbox', target: '.counting', actions: 'forgetSandbox' },
    'sandbox.broken': { guard: 'isFromItsSandbox', target: '.counting', actions: 'forgetSandbox' },
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
