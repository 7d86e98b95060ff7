/** The contract of `src/drivers/runtime/runtime-driver.ts`, sentence by sentence, for any driver. */
import type { Test } from 'tap';
import { runtimeDriverArchive } from './runtime-driver-archive.ts';
import { runtimeDriverEvents } from './runtime-driver-events.ts';
import { runtimeDriverExec } from './runtime-driver-exec.ts';
import { runtimeDriverLife } from './runtime-driver-life.ts';
import { runtimeDriverLogs } from './runtime-driver-logs.ts';
import { runtimeDriverSpecs } from './runtime-driver-specs.ts';
import { runtimeDriverSandboxes } from './runtime-driver-sandboxes.ts';
import { runtimeDriverVerbs } from './runtime-driver-verbs.ts';
import type { DriverUnderTest } from './runtime-driver-stage.ts';

export async function runtimeDriverContract(
  t: Test,
  name: string,
  start: () => Promise<DriverUnderTest>,
): Promise<void> {
  await t.test(name, async (t) => {
    const under = await start();
    t.teardown(() => under.stop());
    await runtimeDriverLife(t, under);
    await runtimeDriverSpecs(t, under);
    await runtimeDriverSandboxes(t, under);
    await runtimeDriverVerbs(t, under);
    await runtimeDriverExec(t, under);
    await runtimeDriverArchive(t, under);
    await runtimeDriverEvents(t, under);
    await runtimeDriverLogs(t, under);
  });
}
