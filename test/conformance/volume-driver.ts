/** The contract of `src/drivers/volume/volume-driver.ts`, sentence by sentence, for any way to keep a size. */
import type { Test } from 'tap';
import { volumeDriverLife } from './volume-driver-life.ts';
import { volumeDriverRemove } from './volume-driver-remove.ts';
import { remains, type VolumesUnderTest } from './volume-driver-stage.ts';

export async function volumeDriverContract(
  t: Test,
  name: string,
  start: () => Promise<VolumesUnderTest>,
): Promise<void> {
  await t.test(name, async (t) => {
    const under = await start();
    t.teardown(() => under.stop());
    const before = await remains(under);
    await volumeDriverLife(t, under);
    await volumeDriverRemove(t, under);
    await t.test('nothing is left of it', async (t) => t.strictSame(await remains(under), before));
  });
}
