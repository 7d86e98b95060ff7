/** Killed at each command of making, plugging and publishing, and within each batch: done again, it comes to the same end. */
import t from 'tap';
import type { DriverCall } from './driver-process.ts';
import { ensure, everything, here, killEverywhere, undo } from './crash-scene.ts';

t.test('killed while it makes, plugs and publishes', async (t) => {
  for (const [index, call] of ensure.entries())
    await killEverywhere(
      t,
      [call],
      async () => {
        await here(undo);
        await here(ensure.slice(0, index));
      },
      await after(ensure.slice(0, index + 1)),
    );
});

async function after(calls: readonly DriverCall[]): Promise<string> {
  await here(undo);
  await here(calls);
  return everything();
}
