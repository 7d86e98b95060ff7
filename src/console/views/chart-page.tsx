/** A kind's chart with how many actors are in each of its states. */
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Marks } from '../../chart/picture.ts';
import type { ChartDocument } from '../live/api.ts';
import { currentChart, idsOf } from '../live/charts.ts';
import { allItems, worldRevision } from '../live/world.ts';
import { linkTo } from '../router.ts';
import { ChartView } from './chart-view.tsx';

const nowhere: ReadonlySet<string> = new Set();

export function ChartPage({ kind }: { kind: string }) {
  const [chart, setChart] = useState<ChartDocument | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    currentChart(kind).then(setChart, (error: unknown) => setProblem((error as Error).message));
  }, [kind]);
  const revision = worldRevision.value;
  const { marks, kinds, total } = useMemo(() => lookOver(kind), [kind, revision]);
  return (
    <main id="main" class="actor" tabIndex={-1}>
      <div class="actor-head">
        <h1>
          <span class="kind">chart</span> <span class="name">{kind}</span>
        </h1>
        <span class="soft">
          {total} {total === 1 ? 'actor' : 'actors'}
          {chart && `, version ${chart.version}`}
        </span>
        <nav class="chips" aria-label="Kinds">
          {kinds.map((each) => (
            <a
              key={each}
              class="chip"
              href={linkTo(['chart', each])}
              {...(each === kind ? { 'aria-current': 'page' as const } : {})}
            >
              {each}
            </a>
          ))}
        </nav>
      </div>
      <section class="card chart-card tall" aria-label={`Chart of a ${kind}`}>
        {chart ? (
          <ChartView chart={chart.definition} marks={marks} isStill />
        ) : (
          <p class="soft loading">{problem ?? 'Loading the chart…'}</p>
        )}
      </section>
    </main>
  );
}

function lookOver(kind: string): { marks: Marks; kinds: readonly string[]; total: number } {
  const counts = new Map<string, number>();
  const kinds = new Set<string>([kind]);
  let total = 0;
  for (const item of allItems()) {
    kinds.add(item.kind);
    if (item.kind !== kind) continue;
    total += 1;
    for (const id of idsOf(kind, item.statePaths)) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return { marks: { active: nowhere, next: nowhere, counts }, kinds: [...kinds].sort(), total };
}
