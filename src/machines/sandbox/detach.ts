/** One network less; the address is given back once it is unplugged. */
import { pauseBefore } from '../retry-policy.ts';
import { givingBack } from './neutron.ts';
import { hostInput, sandboxSetup } from './setup.ts';

export const detaching = sandboxSetup.createStateConfig({
  tags: 'transient',
  meta: { status: 'changing' },
  initial: 'deciding',
  states: {
    deciding: {
      tags: 'transient',
      always: [
        { guard: 'isLeavingPlugged', target: 'attempting' },
        // It was never plugged.
        { guard: 'isPortLeaving', target: 'givingBack' },
        { target: '#sandbox.claimed', actions: 'tellChanged' },
      ],
    },
    attempting: {
      description: 'The host unplugs it.',
      tags: 'transient',
      invoke: [
        {
          id: 'unplug.deadline',
          src: 'deadline',
          input: ({ context }) => ({ ms: context.deadlines.removeMs }),
          onDone: 'waiting',
          onError: 'waiting',
        },
        {
          id: 'unplugPort',
          src: 'unplugPort',
          input: ({ context }) => hostInput(context, context.deadlines.removeMs),
          onDone: [
            { guard: 'isPortLeaving', target: 'givingBack' },
            { target: '#sandbox.claimed', actions: ['releaseLeaving', 'tellChanged'] },
          ],
          onError: { target: 'waiting', actions: 'recordFailure' },
        },
      ],
    },
    waiting: pauseBefore(
      'attempting',
      'unplug.backoff',
      'It could not be unplugged; it will be tried again.',
    ),
    givingBack,
  },
});
