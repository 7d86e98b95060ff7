/** Its addresses: each of its networks is asked for one, Neutron for a port. */
import { binding } from './neutron.ts';
import { restored } from './restored.ts';
import { sandboxSetup } from './setup.ts';

export const allocating = sandboxSetup.createStateConfig({
  description: 'Its networks are asked for addresses, one after the other.',
  tags: 'transient',
  meta: { status: 'making', acquires: 'address' },
  on: restored,
  initial: 'deciding',
  states: {
    deciding: {
      tags: 'transient',
      always: [
        { guard: 'isOfNobody', target: '#sandbox.draining' },
        { guard: 'isPortLacking', target: 'binding' },
        { guard: 'isAddressLacking', target: 'asking' },
        { target: '#sandbox.making' },
      ],
    },
    asking: {
      tags: 'transient',
      entry: 'askAddress',
      invoke: {
        id: 'allocate.deadline',
        src: 'deadline',
        input: ({ context }) => ({ ms: context.deadlines.allocateMs }),
        onDone: {
          target: '#sandbox.failed',
          actions: { type: 'say', params: { reason: 'Its network gave no address in time' } },
        },
        onError: '#sandbox.failed',
      },
      on: {
        'network.allocated': { guard: 'isAskedPort', target: 'deciding', actions: 'recordPort' },
        'network.refused': {
          guard: 'isAskedPort',
          target: '#sandbox.failed',
          actions: { type: 'say', params: ({ event }) => ({ reason: event.reason }) },
        },
        'message.undeliverable': {
          guard: 'isBounceOfAllocation',
          target: '#sandbox.failed',
          actions: { type: 'say', params: { reason: 'Its network is no longer there' } },
        },
      },
    },
    binding,
  },
});
