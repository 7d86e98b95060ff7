/** What the journal says of one moment: what happened, what it waited for, what changed. */
import type { JournalRecord } from '../../model/journal.ts';
import { differences, indexAt, pendingAt } from '../live/travel.ts';
import { asked, choose, linkTo } from '../router.ts';
import { causeInWords, clockTime, dateTime, duration, eventOf, statesInWords } from '../words.ts';

export function Moment({ records, index }: { records: readonly JournalRecord[]; index: number }) {
  const record = records[index]!;
  const cause = causeInWords(record);
  const pending = pendingAt(records, index);
  const start = asked('from');
  const from = start === null ? index - 1 : Math.min(index, indexAt(records, Number(start)));
  const changed = differences(records, from, index);
  const payload = Object.entries(record.event).filter(([field]) => field !== 'type');
  return (
    <>
      <section class="card now" aria-labelledby="then-title">
        <h2 id="then-title">Then</h2>
        <p class="state-line">
          <code data-now>{statesInWords(record.to)}</code>
          <span class="soft"> {dateTime(record.at)}</span>
        </p>
        <p>
          <b>{eventOf(record)}</b>, {cause.text}
          {cause.actor && (
            <>
              {' '}
              <a href={linkTo([cause.actor.kind, cause.actor.id], { at: cause.actor.at })}>
                {cause.actor.id.slice(0, 8)}
              </a>
            </>
          )}
          {cause.requestId !== null && (
            <span class="soft small-line">
              request{' '}
              <a href={linkTo(['incident'], { request: cause.requestId })}>
                <code>{cause.requestId}</code>
              </a>
            </span>
          )}
        </p>
        {record.refused !== null && <p class="problem">Refused: {record.refused}</p>}
        <h3>Waited for</h3>
        {pending.length === 0 && <p class="soft">Nothing that the journal knows of.</p>}
        <ul class="waiting">
          {pending.map(({ id, src, startedAt }) => (
            <li key={id}>
              <div>
                <code>{id}</code> {src !== id && src !== 'deadline' && <span class="soft">{src}</span>}
                <span class="soft small-line">
                  since {clockTime(startedAt)}, {duration(record.at - startedAt)} then
                </span>
              </div>
            </li>
          ))}
        </ul>
      </section>
      {payload.length > 0 && (
        <section class="card" aria-labelledby="event-title">
          <h2 id="event-title">The event</h2>
          <pre tabIndex={0}>{JSON.stringify(Object.fromEntries(payload), null, 2)}</pre>
        </section>
      )}
      <section class="card" aria-labelledby="changed-title">
        <h2 id="changed-title">What changed {start === null ? 'with it' : `since revision ${start}`}</h2>
        {changed.length === 0 && <p class="soft">Nothing of its context.</p>}
        <dl class="differences">
          {changed.map(({ path, before, after }) => (
            <div key={path}>
              <dt>{path}</dt>
              <dd>
                {before !== undefined && <del>{JSON.stringify(before)}</del>}
                {after !== undefined && <ins>{JSON.stringify(after)}</ins>}
              </dd>
            </div>
          ))}
        </dl>
        {start === null ? (
          <button class="quiet" onClick={() => choose({ from: String(record.revision) })}>
            Compare others with this moment
          </button>
        ) : (
          <button class="quiet" onClick={() => choose({ from: null })}>
            Compare with the one before
          </button>
        )}
      </section>
    </>
  );
}
