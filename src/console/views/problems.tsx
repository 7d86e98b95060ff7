import { clock } from '../browser.ts';
import { ageMs, type Item } from '../live/world.ts';
import { linkTo } from '../router.ts';
import { toneOf } from '../tone.ts';
import { age } from '../words.ts';
import { Status } from './status.tsx';

/** What has been on its way for longer than this may be stuck. */
const longMs = 15_000;
const shownMost = 8;

/** What is wrong, the newest first; then what waits, the longest first. */
export function Problems({ items }: { items: readonly Item[] }) {
  const at = clock.value;
  const wrong = items
    .filter(({ status }) => toneOf(status) === 'bad' || toneOf(status) === 'warn')
    .toSorted((a, b) => rank(a) - rank(b) || b.since - a.since);
  const waiting = items
    .filter((item) => isOnItsWay(item) && ageMs(item.since, at) > longMs)
    .toSorted((a, b) => a.since - b.since);
  const all = [...wrong, ...waiting];
  return (
    <section class="card problems" aria-labelledby="problems-title">
      <h2 id="problems-title">
        Needs a look <span class={`count ${wrong.length > 0 ? 'bad' : 'good'}`}>{all.length}</span>
      </h2>
      {all.length === 0 && <p class="all-well">Nothing is wrong, and nothing waits for long.</p>}
      <ul>
        {all.slice(0, shownMost).map((item) => (
          <li key={`${item.kind}/${item.id}`}>
            <a href={linkTo([item.kind, item.id])} class={toneOf(item.status)}>
              <span class="problem-head">
                <Status status={item.status} />
                <b class="name">{item.name}</b>
                <span class="soft">
                  {item.kind === 'container' ? '' : `${item.kind} `}
                  {age(ageMs(item.since, at))}
                </span>
              </span>
              <span class="reason">{item.reason ?? item.statePaths.join(' + ')}</span>
            </a>
          </li>
        ))}
      </ul>
      {all.length > shownMost && <p class="soft more">and {all.length - shownMost} more in the list</p>}
    </section>
  );
}

const isOnItsWay = ({ status, taskState }: Item): boolean =>
  toneOf(status) === 'moving' || (taskState !== null && toneOf(status) !== 'bad');
const rank = ({ status, kind }: Item): number => (kind === 'host' ? 0 : toneOf(status) === 'bad' ? 1 : 2);
