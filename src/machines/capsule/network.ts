/** Its sandbox: made before any member is called, and made again when a member finds it gone. */
import { askingForSandbox } from '../own-sandbox.ts';
import { pauseBefore } from '../retry-policy.ts';
import { whenFound } from './news.ts';
import { capsuleSetup } from './setup.ts';

export const opening = capsuleSetup.createStateConfig({
  tags: 'transient',
  meta: { status: 'Creating' },
  entry: 'beginStep',
  invoke: {
    id: 'sandbox.deadline',
    src: 'deadline',
    input: ({ context }) => ({ ms: context.deadlines.sandboxMs }),
    onDone: {
      target: '#capsule.failed',
      actions: { type: 'sayOverdue', params: { step: 'making its network' } },
    },
    onError: '#capsule.failed',
  },
  on: { 'capsule.found': whenFound },
  initial: 'asking',
  states: {
    asking: askingForSandbox(
      'The sandbox that its members share is being made.',
      { target: '#capsule.initialising', actions: ['recordSandbox', 'grantMembers'] },
      '#capsule.failed',
    ),
    waiting: pauseBefore(
      'asking',
      'sandbox.backoff',
      'Its network could not be made; it will be tried again.',
    ),
  },
});

/** What its sandbox and its members say to each other through it, wherever it is. */
export const sandboxTraffic = {
  'sandbox.claim': [
    { guard: 'isServed', actions: 'grantMember' },
    { guard: 'isSandboxHeld', actions: ['awaitSandbox', 'claimSandboxAgain'] },
    { actions: ['awaitSandbox', 'openSandbox'] },
  ],
  'sandbox.granted': [
    { guard: 'isFromItsSandbox', actions: ['recordSandbox', 'grantMembers'] },
    { actions: 'returnLateSandbox' },
  ],
  'sandbox.refused': {
    guard: 'isFromItsSandbox',
    actions: [
      {
        type: 'refuseMembers',
        params: ({ event }: { event: { readonly reason: string } }) => ({ reason: event.reason }),
      },
      'forgetSandbox',
    ],
  },
  'sandbox.broken': { guard: 'isFromItsSandbox', actions: ['recordBreach', 'tellBroken'] },
  'sandbox.changed': {},
  'message.undeliverable': {
    guard: 'isSandboxBounced',
    actions: [
      { type: 'refuseMembers', params: { reason: 'Its capsule’s network is no longer there' } },
      'forgetSandbox',
    ],
  },
} as const;
