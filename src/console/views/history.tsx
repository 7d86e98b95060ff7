/** Every transition, with its cause and how long it stayed there; a slider goes through them. */
import { useEffect, useRef } from 'preact/hooks';
import { clock } from '../browser.ts';
import type { JournalRecord } from '../../model/journal.ts';
import { ageMs } from '../live/world.ts';
import { choose, linkTo } from '../router.ts';
import { causeInWords, clockTime, dateTime, duration, eventOf, statesInWords } from '../words.ts';

export interface HistoryProps {
  readonly records: readonly JournalRecord[];
  /** Of the record that is looked at; null = now. */
  readonly index: number | null;
  /** More may come. */
  readonly isLive: boolean;
}

/** The newest ones; the slider reaches all. */
const rowsMost = 300;

export function History({ records, index, isLive }: HistoryProps) {
  const last = records.length - 1;
  const at = index ?? last;
  const record = records[at];
  const goTo = (next: number): void => {
    const wanted = records[Math.min(last, Math.max(0, next))];
    // The end of a living one's slider is now.
    if (wanted) choose({ at: isLive && next >= last ? null : String(wanted.revision) });
  };
  if (!record) return null;
  return (
    <section class="card history" aria-labelledby="history-title">
      <div class="history-head">
        <h2 id="history-title">
          History <span class="count">{records.length}</span>
        </h2>
        <div class="travel">
          <button class="quiet" onClick={() => goTo(at - 1)} disabled={at <= 0} aria-label="One step back">
            ◂
          </button>
          <input
            type="range"
            min={0}
            max={last}
            value={at}
            aria-label="Moment"
            aria-valuetext={`${dateTime(record.at)}: ${statesInWords(record.to)}`}
            onInput={(event) => goTo(Number(event.currentTarget.value))}
          />
          <button class="quiet" onClick={() => goTo(at + 1)} disabled={at >= last} aria-label="One step on">
            ▸
          </button>
          <span class="soft travel-words">{index === null && isLive ? 'now' : dateTime(record.at)}</span>
        </div>
      </div>
      <Transitions records={records} index={index} />
    </section>
  );
}

function Transitions({ records, index }: Pick<HistoryProps, 'records' | 'index'>) {
  const list = useRef<HTMLOListElement>(null);
  const first = Math.max(0, Math.min(records.length - rowsMost, (index ?? records.length) - rowsMost / 2));
  useEffect(() => {
    const row = list.current?.querySelector<HTMLElement>('[aria-current]');
    if (!list.current || !row) return;
    const [above, below] = [row.offsetTop, row.offsetTop + row.offsetHeight - list.current.clientHeight];
    if (list.current.scrollTop > above) list.current.scrollTop = above;
    else if (list.current.scrollTop < below) list.current.scrollTop = below;
  }, [index]);
  const shown = records.slice(first, first + rowsMost);
  return (
    <ol class="transitions" ref={list} tabIndex={0} aria-label="Transitions, the newest first">
      {shown
        .map((record, offset) => (
          <Transition
            key={record.revision}
            record={record}
            until={records[first + offset + 1]?.at ?? null}
            isShown={first + offset === index}
          />
        ))
        .reverse()}
    </ol>
  );
}

interface TransitionProps {
  readonly record: JournalRecord;
  /** When the next came; null for the last. */
  readonly until: number | null;
  readonly isShown: boolean;
}

function Transition({ record, until, isShown }: TransitionProps) {
  const { revision, at, from, to, refused } = record;
  const cause = causeInWords(record);
  const hasMoved = from.join() !== to.join();
  return (
    <li class={hasMoved ? 'moved' : 'stayed'} {...(isShown ? { 'aria-current': 'step' as const } : {})}>
      <button
        class="moment"
        onClick={() => choose({ at: String(revision) })}
        title={`Revision ${revision}: show the chart then`}
      >
        {clockTime(at)}
      </button>
      <span class="event">
        <b>{eventOf(record)}</b>
        {refused !== null && <span class="tag bad">refused: {refused}</span>}
      </span>
      <span class="move">
        {hasMoved ? (
          <>
            <code class="soft">{from.join(' + ') || '·'}</code> → <code>{statesInWords(to)}</code>
          </>
        ) : (
          <span class="soft">stayed</span>
        )}
      </span>
      <span class="cause soft">
        {cause.text}
        {cause.actor && (
          <>
            {' '}
            <a href={linkTo([cause.actor.kind, cause.actor.id], { at: cause.actor.at })}>
              {cause.actor.id.slice(0, 8)}
            </a>
          </>
        )}
        {cause.requestId !== null && (
          <>
            {' '}
            <a href={linkTo(['incident'], { request: cause.requestId })} title={cause.requestId}>
              <code>{cause.requestId.slice(0, 12)}…</code>
            </a>
          </>
        )}
      </span>
      <span class="lasted soft">{until === null ? <StillThere since={at} /> : duration(until - at)}</span>
    </li>
  );
}

/** The one place in the table that changes with the clock. */
const StillThere = ({ since }: { since: number }) => <>{duration(ageMs(since, clock.value))}</>;
