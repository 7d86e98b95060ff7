/** The contract of `src/drivers/network/network-driver.ts`, sentence by sentence, for any driver on any host. */
import type { Test } from 'tap';
import { networkDriverLife } from './network-driver-life.ts';
import { networkDriverPublish } from './network-driver-publish.ts';
import { networkDriverReach } from './network-driver-reach.ts';
import { networkDriverRefusals } from './network-driver-refusals.ts';
import type { NetworkUnderTest } from './network-driver-stage.ts';

/** What depends on the kernel and on who else is at its rules. */
export const onAnyHost = [networkDriverReach, networkDriverPublish] as const;
/** And what is the driver's alone. */
export const onOneHost = [...onAnyHost, networkDriverLife, networkDriverRefusals] as const;

export async function networkDriverContract(
  t: Test,
  name: string,
  start: () => Promise<NetworkUnderTest>,
  parts: readonly ((t: Test, under: NetworkUnderTest) => Promise<void>)[],
): Promise<void> {
  await t.test(name, async (t) => {
    const under = await start();
    const before = await under.on.state(under.worldId);
    t.teardown(() => under.on.stop());
    for (const part of parts) await part(t, under);
    await t.test('nothing is left of it', async (t) => {
      t.equal(await under.on.state(under.worldId), before);
      const signal = AbortSignal.timeout(60_000);
      const isOurs = ({ worldId }: { worldId: string | null }) => worldId === under.worldId;
      t.strictSame((await under.driver.listNetworks(signal)).filter(isOurs), []);
      t.strictSame((await under.driver.listPorts(signal)).filter(isOurs), []);
      t.strictSame(await under.driver.listPublished(under.worldId, signal), []);
    });
  });
}
