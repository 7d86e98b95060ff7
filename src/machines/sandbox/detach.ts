/** One network less; the address is given back once it is unplugged. */
import { untilReleased } from '../retry-policy.ts';
import type { SandboxContext } from './context.ts';
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
    ...untilReleased({
      description: 'The host unplugs it.',
      releases: null,
      deadlineId: 'unplug.deadline',
      overdue: 'waiting',
      id: 'unplugPort',
      src: 'unplugPort',
      input: ({ context }: { readonly context: SandboxContext }) =>
        hostInput(context, context.deadlines.removeMs),
      onDone: [
        { guard: 'isPortLeaving', target: 'givingBack' },
        { target: '#sandbox.claimed', actions: ['releaseLeaving', 'tellChanged'] },
      ],
      onError: { target: 'waiting', actions: 'recordFailure' },
      backoff: { id: 'unplug.backoff', description: 'It could not be unplugged; it will be tried again.' },
    }),
    givingBack,
  },
});
