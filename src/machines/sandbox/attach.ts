/** One more network, on the living namespace. */
import { pauseBefore } from '../retry-policy.ts';
import { attachBinding, attachWiring } from './neutron.ts';
import { hostInput, sandboxSetup } from './setup.ts';

export const attaching = sandboxSetup.createStateConfig({
  tags: 'transient',
  meta: { status: 'changing' },
  entry: ['beginStep', 'recordAttach'],
  invoke: {
    id: 'attach.deadline',
    src: 'deadline',
    input: ({ context }) => ({ ms: context.deadlines.allocateMs + context.deadlines.makeMs }),
    onDone: {
      target: 'detaching',
      actions: [{ type: 'say', params: { reason: 'The network was not attached in time' } }, 'giveUpAttach'],
    },
    onError: { target: 'detaching', actions: 'giveUpAttach' },
  },
  initial: 'deciding',
  states: {
    deciding: {
      tags: 'transient',
      always: [{ guard: 'isPortLacking', target: 'binding' }, { target: 'asking' }],
    },
    binding: attachBinding,
    asking: {
      description: 'The network is asked for an address.',
      tags: 'transient',
      entry: 'askAddress',
      on: {
        'network.allocated': { guard: 'isAskedPort', target: 'plugging', actions: 'recordPort' },
        'network.refused': {
          guard: 'isAskedPort',
          target: '#sandbox.detaching',
          actions: [{ type: 'say', params: ({ event }) => ({ reason: event.reason }) }, 'giveUpAttach'],
        },
        'message.undeliverable': {
          guard: 'isBounceOfAllocation',
          target: '#sandbox.detaching',
          actions: [{ type: 'say', params: { reason: 'The network is no longer there' } }, 'giveUpAttach'],
        },
      },
    },
    plugging: {
      description: 'The host plugs it.',
      tags: 'transient',
      invoke: {
        id: 'plugPort',
        src: 'makeSandbox',
        input: ({ context }) => hostInput(context, context.deadlines.makeMs),
        onDone: [
          { guard: 'hasNeutronPort', target: 'wiring', actions: 'recordMade' },
          { target: '#sandbox.claimed', actions: ['recordMade', 'tellChanged'] },
        ],
        onError: [
          { guard: 'isRetryable', target: 'waiting', actions: 'recordFailure' },
          { target: '#sandbox.detaching', actions: ['recordFailure', 'giveUpAttach'] },
        ],
      },
    },
    waiting: pauseBefore('plugging', 'plug.backoff', 'It could not be plugged; it will be tried again.'),
    wiring: attachWiring,
  },
});
