/** Where it is now, and what it waits for. */
import { clock } from '../browser.ts';
import type { OfferedLifecycle, WaitingFor } from '../../model/lifecycle.ts';
import { ageMs, type Item } from '../live/world.ts';
import { clockTime, duration, statesInWords } from '../words.ts';

export function Now({ lifecycle, item }: { lifecycle: OfferedLifecycle; item: Item | null }) {
  const { statePaths, reason, since, waitingFor, lastError } = lifecycle;
  const fresher = item && item.revision > lifecycle.revision ? item : null;
  const at = clock.value;
  const deadlines = waitingFor.filter(({ deadlineAt }) => deadlineAt !== null);
  const effects = waitingFor.filter(({ deadlineAt }) => deadlineAt === null);
  return (
    <section class="card now" aria-labelledby="now-title">
      <h2 id="now-title">Now</h2>
      <p class="state-line">
        <code data-now>{statesInWords(fresher?.statePaths ?? statePaths)}</code>
        <span class="soft">
          {' '}
          for {duration(ageMs(fresher?.since ?? since, at))}, since {clockTime(fresher?.since ?? since)}
        </span>
      </p>
      {(fresher ? fresher.reason : reason) !== null && <p class="why">{fresher ? fresher.reason : reason}</p>}
      {lastError?.message !== undefined && lastError.message !== reason && (
        <p class="last-error">
          <b>Last error</b> {lastError.message}
          {lastError.code !== undefined && <code> {lastError.code}</code>}
        </p>
      )}
      <h3>Waits for</h3>
      {waitingFor.length === 0 && <p class="soft">Nothing: it stays so until something happens.</p>}
      <ul class="waiting">
        {effects.map((each) => (
          <Effect key={each.invokeId} waiting={each} at={at} />
        ))}
        {deadlines.map((each) => (
          <Deadline key={each.invokeId} waiting={each} at={at} />
        ))}
      </ul>
    </section>
  );
}

const Effect = ({ waiting, at }: { waiting: WaitingFor; at: number }) => (
  <li>
    <span class="spinner" aria-hidden="true" />
    <div>
      {waiting.description}
      <span class="soft small-line">
        for {duration(ageMs(waiting.startedAt, at))}
        {waiting.attempt > 1 && <b> · attempt {waiting.attempt}</b>}
        {waiting.requestId !== null && <> · {waiting.requestId.slice(0, 12)}</>}
      </span>
    </div>
  </li>
);

function Deadline({ waiting, at }: { waiting: WaitingFor; at: number }) {
  const end = waiting.deadlineAt ?? at;
  const left = Math.max(0, end - at);
  const share = Math.min(1, left / Math.max(1, end - waiting.startedAt));
  return (
    <li>
      <span class="clock" aria-hidden="true">
        ◔
      </span>
      <div>
        {waiting.description}
        <span class="soft small-line">
          {left === 0 ? 'due now' : `${duration(Math.ceil(left / 1000) * 1000)} left`}
          {waiting.attempt > 1 && <b> · attempt {waiting.attempt}</b>}
        </span>
        <span class="countdown" aria-hidden="true">
          <span style={{ width: `${share * 100}%` }} />
        </span>
      </div>
    </li>
  );
}
