/** From what an older chart has written to what ours reads. */
import type { Chart, Envelope } from '../machines/chart.ts';

/** @throws Error when it was written by a newer release, or no migration leads here */
export function migrate(chart: Chart, stored: Envelope): Envelope {
  let envelope = stored;
  if (envelope.chartVersion > chart.version) {
    throw new Error(
      `It was written by chart version ${envelope.chartVersion}; this release has ${chart.version}`,
    );
  }
  while (envelope.chartVersion < chart.version) {
    const step = chart.migrations[envelope.chartVersion];
    if (!step) throw new Error(`No migration leads from chart version ${envelope.chartVersion}`);
    envelope = { ...step(envelope), chartVersion: envelope.chartVersion + 1 };
  }
  return envelope;
}
