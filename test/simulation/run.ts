/** `npm run sim -- --seeds N --from K [--capsules N] [--volumes SHARE] [--trace] [--crash-points] [--disasters]` */
import { parseArgs } from 'node:util';
import { runCrashPoints } from './crash-points.ts';
import { runSeed } from './seed.ts';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    capsules: { type: 'string', default: '0' },
    volumes: { type: 'string' },
    trace: { type: 'boolean', default: false },
    'crash-points': { type: 'boolean', default: false },
    disasters: { type: 'boolean', default: false },
  },
});

const began = performance.now();
let failed = 0;
if (values['crash-points']) {
  for (const life of ['plain', 'volumes'] as const) {
    const { points, wrong } = await runCrashPoints(life, (line) => console.log(line));
    console.log(`${points} crash points, ${wrong.length} do not converge`);
    for (const each of wrong) console.log(`  ${each}`);
    failed += wrong.length;
  }
} else {
  const first = Number(values.from);
  for (let seed = first; seed < first + Number(values.seeds); seed += 1) {
    const { wrong, hash, lines, accepted, virtualMs } = await runSeed(seed, {
      keepLines: values.trace,
      disasters: values.disasters,
      capsules: Number(values.capsules),
      ...(values.volumes !== undefined && { volumes: Number(values.volumes) }),
    });
    if (values.trace) console.log(lines.join('\n'));
    console.log(
      `seed ${seed} ${hash} ${accepted} accepted, ${Math.round(virtualMs / 1000)} s of virtual time: ${wrong.length === 0 ? 'holds' : 'BROKEN'}`,
    );
    for (const each of wrong) console.log(`  ${each}`);
    if (wrong.length > 0) failed += 1;
    if (wrong.length > 0)
      console.log(
        `  again with: npm run sim -- --seeds 1 --from ${seed} --trace${values.disasters ? ' --disasters' : ''}`,
      );
  }
}
console.log(`${((performance.now() - began) / 1000).toFixed(1)} s`);
process.exitCode = failed > 0 ? 1 : 0;
