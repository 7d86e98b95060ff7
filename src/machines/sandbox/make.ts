/** Its namespace, which its host makes and plugs. */
import { pauseBefore } from '../retry-policy.ts';
import { restored } from './restored.ts';
import { hostInput, sandboxSetup } from './setup.ts';

export const making = sandboxSetup.createStateConfig({
  tags: 'transient',
  meta: { status: 'making', acquires: 'namespace' },
  entry: 'beginStep',
  on: restored,
  invoke: {
    id: 'make.deadline',
    src: 'deadline',
    input: ({ context }) => ({ ms: context.deadlines.makeMs }),
    onDone: {
      target: 'failed',
      actions: { type: 'say', params: { reason: 'Its network namespace could not be made in time' } },
    },
    onError: 'failed',
  },
  initial: 'attempting',
  states: {
    attempting: {
      description: 'The host makes its namespace and plugs it.',
      tags: 'transient',
      invoke: {
        id: 'makeSandbox',
        src: 'makeSandbox',
        input: ({ context }) => hostInput(context, context.deadlines.makeMs),
        onDone: [
          { guard: 'hasNeutronPort', target: '#sandbox.wiring', actions: 'recordMade' },
          { target: '#sandbox.made', actions: 'recordMade' },
        ],
        onError: [
          { guard: 'isRetryable', target: 'waiting', actions: 'recordFailure' },
          { target: '#sandbox.failed', actions: 'recordFailure' },
        ],
      },
    },
    waiting: pauseBefore(
      'attempting',
      'make.backoff',
      'Its namespace could not be made; it will be tried again.',
    ),
  },
});
