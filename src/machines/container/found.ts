/** On its host, though the store forgot: taken up as it is there. What runs is left as it is. */
import { and } from 'xstate';
import { containerSetup } from './setup.ts';

export const found = containerSetup.createStateConfig({
  tags: 'transient',
  entry: 'takeUp',
  always: [
    { guard: 'isObservedPaused', target: '#container.paused' },
    { guard: 'isObservedRunning', target: '#container.running' },
    { guard: and(['isNeverStarted', 'isRunningWanted']), target: '#container.readying' },
    { guard: 'isNeverStarted', target: '#container.created' },
    { guard: 'isRunningWanted', target: '#container.exited' },
    { target: '#container.stopped' },
  ],
});
