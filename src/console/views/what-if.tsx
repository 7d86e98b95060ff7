/** What events would do, tried out on copies: nothing of this page sends anything but questions. */
import { useMemo, useState } from 'preact/hooks';
import { pathOfActor } from '../live/actor.ts';
import {
  commandOf,
  type Command,
  type Lifecycle,
  type Trial,
  type WhatIf,
  type WhatIfActor,
  type WhatIfStep,
} from '../live/api.ts';
import { useAnswer } from '../live/asking.ts';
import { call } from '../live/session.ts';
import { allItems, itemOf, keyOf, worldRevision } from '../live/world.ts';
import { asked, choose, linkTo } from '../router.ts';
import { commandInWords, eventOf } from '../words.ts';
import { Status } from './status.tsx';
import { ActorLink, Move, Steps } from './steps.tsx';

/** Where what would follow from events is shown. */
export const linkToWhatIf = (trials: readonly Trial[], passes = false): string =>
  linkTo(['what-if'], { ask: JSON.stringify(trials), deadlines: passes ? 'pass' : null });

/** A host that is not heard any more: nobody sends that, and it can be tried out. */
export const hostLoss: Command = { type: 'link.closed' };

function trialsIn(text: string | null): readonly Trial[] {
  try {
    const parsed = JSON.parse(text ?? '[]') as readonly Trial[];
    return Array.isArray(parsed) ? parsed : [];
  } catch {
    return [];
  }
}

export function WhatIfPage() {
  const ask = asked('ask');
  const trials = useMemo(() => trialsIn(ask), [ask]);
  // Names come with the watch.
  void worldRevision.value;
  const [effects, deadlines] = [asked('effects') ?? 'succeed', asked('deadlines') ?? 'wait'];
  const askFor = (next: readonly Trial[]): void => choose({ ask: JSON.stringify(next) });
  return (
    <main id="main" class="actor" tabIndex={-1}>
      <div class="actor-head">
        <h1>
          <span class="kind">what if</span>{' '}
          <span class="name">
            {trials.length === 1 ? inWords(trials[0]!) : `${trials.length} events, one after the other`}
          </span>
        </h1>
        <span class="soft">tried out on copies; nothing is sent</span>
      </div>
      <div class="what-if-grid">
        <div class="side">
          <section class="card" aria-labelledby="asked-title">
            <h2 id="asked-title">What if</h2>
            <ol class="trials">
              {trials.map((trial, index) => (
                <li key={index}>
                  <span>{inWords(trial)}</span>
                  <button
                    class="quiet"
                    aria-label={`Leave out: ${inWords(trial)}`}
                    onClick={() => askFor(trials.filter((_, at) => at !== index))}
                  >
                    ✕
                  </button>
                </li>
              ))}
            </ol>
            <Add onAdd={(trial) => askFor([...trials, trial])} />
          </section>
          <section class="card" aria-labelledby="assumed-title">
            <h2 id="assumed-title">Taken for granted</h2>
            <label class="choice">
              <input
                type="checkbox"
                checked={effects === 'succeed'}
                onChange={(event) => choose({ effects: event.currentTarget.checked ? null : 'wait' })}
              />
              what is set off goes well
            </label>
            <label class="choice">
              <input
                type="checkbox"
                checked={deadlines === 'pass'}
                onChange={(event) => choose({ deadlines: event.currentTarget.checked ? 'pass' : null })}
              />
              time passes: deadlines come
            </label>
          </section>
        </div>
        {trials.length > 0 && <Outcome trials={trials} effects={effects} deadlines={deadlines} />}
      </div>
    </main>
  );
}

function Outcome({
  trials,
  effects,
  deadlines,
}: {
  trials: readonly Trial[];
  effects: string;
  deadlines: string;
}) {
  const path = `/v1/what-if?${new URLSearchParams({ effects, deadlines }).toString()}`;
  const { answer, problem } = useAnswer(
    `${path} ${JSON.stringify(trials)}`,
    () => call<WhatIf>('POST', path, { events: trials }),
    // What was taken for granted has changed.
    (key) => key === null || trials.some(({ kind, id }) => keyOf(kind, id) === key),
  );
  return (
    <div class="outcome">
      {problem !== null && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {!answer && problem === null && <p class="soft loading">The charts decide…</p>}
      {answer && (
        <>
          <section class="card" aria-labelledby="then-title">
            <h2 id="then-title">
              Then <span class="count">{answer.actors.length}</span>
            </h2>
            {answer.actors.length === 0 && <p class="soft">Nothing would move.</p>}
            <ul class="outcomes">
              {answer.actors.map((actor) => (
                <Then key={actor.address} actor={actor} />
              ))}
            </ul>
          </section>
          <section class="card" aria-labelledby="path-title">
            <h2 id="path-title">
              The way there <span class="count">{answer.steps.length}</span>
            </h2>
            <Steps
              label="Steps, each below what would lead to it"
              steps={answer.steps}
              row={(step) => <Row step={step} actors={answer.actors} />}
            />
            {answer.isCut && <p class="soft more">More would follow than is tried out at once.</p>}
          </section>
        </>
      )}
    </div>
  );
}

function Then({ actor }: { actor: WhatIfActor }) {
  const { address, name, from, to, statusBefore, status, reason, begins, ends, waitsFor } = actor;
  const after = ends ? 'ended' : status;
  return (
    <li>
      <ActorLink address={address} name={name} />
      <span class="change">
        {begins ? <span class="soft">would begin</span> : <Status status={statusBefore ?? ''} />}
        {after !== statusBefore && (
          <>
            {' '}
            → <Status status={after} />
          </>
        )}
      </span>
      <span class="small-line">
        <Move from={from} to={to} />
        {reason !== null && !ends && <span class="soft"> {reason}</span>}
      </span>
      {waitsFor.map(({ invokeId, description }) => (
        <span key={invokeId} class="soft small-line">
          would wait for {description}
        </span>
      ))}
    </li>
  );
}

const kinds: Readonly<Record<WhatIfStep['kind'], string>> = {
  asked: 'what if',
  message: 'told',
  effect: 'if it goes well',
  deadline: 'if time passes',
};

function Row({ step, actors }: { step: WhatIfStep; actors: readonly WhatIfActor[] }) {
  const { kind, address, answer, reason, from, to, starts } = step;
  const name = actors.find((each) => each.address === address)?.name ?? null;
  return (
    <>
      <span class={`step-time soft ${kind}`}>{kinds[kind]}</span>
      <span class="step-what">
        <ActorLink address={address} name={name} /> <b>{eventOf(step)}</b>{' '}
        {answer === 'accepted' ? (
          <Move from={from} to={to} />
        ) : (
          <span class={`tag ${answer === 'refused' ? 'bad' : 'warn'}`}>
            {answer}: {reason}
          </span>
        )}
        {starts.length > 0 && (
          <span class="soft small-line">
            sets off: {starts.map(({ description }) => description).join('; ')}
          </span>
        )}
      </span>
    </>
  );
}

function inWords({ kind, id, event }: Trial): string {
  const verb = event.type === hostLoss.type ? 'is lost' : commandInWords(event);
  return `${kind} ${itemOf(kind, id)?.name ?? id}: ${verb}`;
}

/** One more event: of whom, and which of those that it takes. */
function Add({ onAdd }: { onAdd: (trial: Trial) => void }) {
  const [search, setSearch] = useState('');
  const [offered, setOffered] = useState<{ of: string; trials: readonly Trial[] } | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const revision = worldRevision.value;
  const names = useMemo(
    () =>
      [...allItems()]
        .filter(({ kind }) => kind !== 'sandbox')
        .slice(0, 2_000)
        .map(({ kind, name }) => `${kind} ${name}`),
    [revision],
  );
  const look = async (text: string): Promise<void> => {
    setSearch(text);
    const item = [...allItems()].find(({ kind, name }) => `${kind} ${name}` === text);
    if (!item) return setOffered(null);
    try {
      setProblem(null);
      const { kind, id } = item;
      const { allowedEvents } = await call<Lifecycle>('GET', `${pathOfActor(kind, id)}/lifecycle`);
      const events = allowedEvents.map(commandOf);
      if (kind === 'host') events.push(hostLoss);
      setOffered({ of: text, trials: events.map((event) => ({ kind, id, event })) });
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  return (
    <div class="add-trial">
      <label>
        <span class="soft small-line">and then</span>
        <input
          type="search"
          list="what-if-actors"
          placeholder="container or host, by name"
          value={search}
          onInput={(event) => void look(event.currentTarget.value)}
        />
      </label>
      <datalist id="what-if-actors">
        {names.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      {problem !== null && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {offered?.of === search && (
        <div class="chips" role="group" aria-label={`What ${search} takes`}>
          {offered.trials.map((trial) => (
            <button
              key={JSON.stringify(trial.event)}
              class="chip"
              onClick={() => {
                onAdd(trial);
                setSearch('');
              }}
            >
              {trial.event.type === hostLoss.type ? 'is lost' : commandInWords(trial.event)}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
