/** A journal that was opened from a file. */
import { useMemo } from 'preact/hooks';
import type { JournalFile } from '../live/journal-file.ts';
import { idsOf } from '../live/charts.ts';
import { indexAt } from '../live/travel.ts';
import { asked } from '../router.ts';
import { dateTime } from '../words.ts';
import { ChartView } from './chart-view.tsx';
import { History } from './history.tsx';
import { Moment } from './moment.tsx';

const nowhere: ReadonlySet<string> = new Set();

export function JournalPage({ journal }: { journal: JournalFile }) {
  const { kind, id, name, history, charts } = journal;
  const moment = asked('at');
  const index = moment === null ? history.length - 1 : Math.max(0, indexAt(history, Number(moment)));
  const record = history[index]!;
  const marks = useMemo(() => ({ active: idsOf(kind, record.to), next: nowhere }), [kind, record]);
  return (
    <main id="main" class="actor" tabIndex={-1}>
      <div class="actor-head">
        <h1>
          <span class="kind">{kind}</span> <span class="name">{name}</span>
        </h1>
        <span class="soft">
          {id}, exported {dateTime(Date.parse(journal.exported_at))}
        </span>
      </div>
      <div class="travelling" role="status">
        <b>From a file.</b> Nothing here is asked of a server.
      </div>
      <div class="actor-grid">
        <section class="card chart-card" aria-label="Chart as it was">
          <ChartView chart={charts[record.chartVersion]!} marks={marks} />
        </section>
        <div class="side">
          <Moment records={history} index={index} />
        </div>
      </div>
      <History records={history} index={index} isLive={false} />
    </main>
  );
}
