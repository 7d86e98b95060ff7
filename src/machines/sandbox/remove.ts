/** Its removal: its host takes the namespace away, however long that takes. */
import { pauseBefore } from '../retry-policy.ts';
import { hostInput, sandboxSetup } from './setup.ts';

/** How long one attempt may take once the host is known to hang, and between attempts then. */
const stuckAttemptMs = 30_000;
const stuckPauseMs = 15_000;

export const draining = sandboxSetup.createStateConfig({
  tags: 'transient',
  meta: { status: 'draining' },
  entry: 'beginStep',
  on: {
    'sandbox.release': {},
    'sandbox.displaced': { guard: 'isItsAddress', actions: 'dropAddress' },
    'sandbox.claim': { actions: { type: 'refuseClaim', params: { reason: 'It is being removed' } } },
    'host.lost': { guard: 'isOnItsHost', target: '#sandbox.releasing' },
    'message.undeliverable': {},
  },
  initial: 'attempting',
  states: {
    attempting: {
      description: 'The host removes its namespace.',
      tags: 'transient',
      meta: { releases: 'namespace' },
      invoke: [
        {
          id: 'remove.deadline',
          src: 'deadline',
          input: ({ context }) => ({ ms: context.deadlines.removeMs }),
          onDone: {
            target: 'stuck',
            actions: { type: 'say', params: { reason: 'Its host does not remove it' } },
          },
          onError: 'stuck',
        },
        {
          id: 'removeSandbox',
          src: 'removeSandbox',
          input: ({ context }) => hostInput(context, context.deadlines.removeMs),
          onDone: '#sandbox.releasing',
          onError: { target: 'waiting', actions: 'recordFailure' },
        },
      ],
    },
    waiting: pauseBefore('attempting', 'remove.backoff', 'It could not be removed; it will be tried again.'),
    stuck: {
      description: 'Its host does not answer; it is asked again.',
      tags: 'transient',
      invoke: {
        id: 'stuck.pause',
        src: 'deadline',
        input: { ms: stuckPauseMs },
        onDone: 'again',
        onError: 'again',
      },
    },
    again: {
      description: 'The host is asked again to remove its namespace.',
      tags: 'transient',
      meta: { releases: 'namespace' },
      invoke: [
        {
          id: 'stuck.deadline',
          src: 'deadline',
          input: { ms: stuckAttemptMs },
          onDone: 'stuck',
          onError: 'stuck',
        },
        {
          id: 'stuck.removeSandbox',
          src: 'removeSandbox',
          input: ({ context }) => hostInput(context, stuckAttemptMs),
          onDone: '#sandbox.releasing',
          onError: { target: 'stuck', actions: 'recordFailure' },
        },
      ],
    },
  },
});
