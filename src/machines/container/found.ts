/** On its host, though the store forgot: taken up as it is there. What runs is left as it is; its removal goes on. */
import { and } from 'xstate';
import { containerSetup } from './setup.ts';

export const found = containerSetup.createStateConfig({
  tags: 'transient',
  entry: 'takeUp',
  always: [
    { guard: 'isDeletionWanted', target: '#container.removing' },
    { guard: 'isRebuilding', target: '#container.rebuilding.removing' },
    { guard: 'isObservedPaused', target: '#container.paused' },
    { guard: 'isObservedRunning', target: '#container.running' },
    { guard: and(['isNeverStarted', 'isRunningWanted']), target: '#container.readying' },
    { guard: 'isNeverStarted', target: '#container.created' },
    { guard: 'isRunningWanted', target: '#container.exited' },
    { target: '#container.stopped' },
  ],
});
